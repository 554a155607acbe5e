"""``python -m tests.bench [fanout] [rows] [pacing]``: measure, side by side in one run, on this machine alone."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time

from rich.console import Console

from include.local.airflow import LocalAirflowError
from tests.bench.measured import BenchError

# The lightest first: a process's peak memory counts what its parent had when it was started.
PARTS = ("rows", "pacing", "fanout")


def main() -> int:
    """Measure the parts; return 0 if the project's own ways lost nothing and were never refused, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"one of {', '.join(PARTS)}; all if none is given")
    wanted = parser.parse_args().parts or PARTS
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    console = Console(width=None if sys.stdout.isatty() else 140)
    # A plain kill is to end what was started here, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    began = time.monotonic()
    complaints: list[str] = []
    for part in (part for part in PARTS if part in wanted):
        try:
            complaints += importlib.import_module(f"tests.bench.{part}").run(console)
        except (BenchError, LocalAirflowError) as error:
            complaints.append(str(error))
    console.print(f"Seconds: {time.monotonic() - began:.0f}")
    for complaint in complaints:
        console.print(f"[red]{complaint}[/]")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
