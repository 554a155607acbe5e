"""``python -m tests.bench [fanout] [rows] [pacing]``: measure the ways side by side, on this machine alone."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import time

from rich.console import Console

from dev.local.airflow import LocalAirflowError
from tests.bench.measured import BenchError

# The lightest first: a process's peak memory counts what its parent had when it was started.
PARTS = ("rows", "pacing", "fanout")
MOST_SECONDS = 15 * 60


def main() -> int:
    """Measure the parts; return 0 if the project's own ways lost nothing and were never refused, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"one of {', '.join(PARTS)}; all if none is given")
    wanted = parser.parse_args().parts or PARTS
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    console = Console(width=None if sys.stdout.isatty() else 140)
    _be_alone_and_bounded()
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


def _be_alone_and_bounded() -> None:
    # What a developer's shell says must not decide what is measured.
    for name in [name for name in os.environ if name.startswith(("AIRFLOW_", "SSO_TICKETS_"))]:
        del os.environ[name]
    # A plain kill, or taking too long, is to end what was started here, as Ctrl-C does.
    for ending in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(ending, lambda received, _frame: sys.exit(128 + received))
    signal.alarm(MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
