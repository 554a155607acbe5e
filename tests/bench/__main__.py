"""``python -m tests.bench [part …]``: compare with other ways, on this machine only."""

from __future__ import annotations

import argparse
import importlib
import sys
import time

from rich.console import Console

from dev.local.airflow import LocalAirflowError
from tests.bench.results.measured import BenchError
from tests.support import commands

# The lightest first: a process's peak memory includes what its parent had when it was started.
PARTS = ("rows", "reports", "pacing", "tasks", "fanout", "pages")
# Needs two minutes and gives the same result on any machine, so it runs only by its name.
NAMED_PARTS = (*PARTS, "simulation")
MAX_SECONDS = 40 * 60


def main() -> int:
    """Measure the parts; return 0 if the project lost nothing and was never refused, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    named = f"one of {', '.join(NAMED_PARTS)}; by default all but simulation"
    parser.add_argument("parts", nargs="*", metavar="part", help=named)
    wanted = parser.parse_args().parts or PARTS
    if unknown := set(wanted) - set(NAMED_PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(NAMED_PARTS)}")
    console = Console(width=None if sys.stdout.isatty() else 140)
    commands.isolate(MAX_SECONDS)
    began = time.monotonic()
    problems: list[str] = []
    for part in (part for part in NAMED_PARTS if part in wanted):
        try:
            problems += importlib.import_module(f"tests.bench.{part}").run(console)
        except (BenchError, LocalAirflowError) as error:
            problems.append(str(error))
    console.print(f"Seconds: {time.monotonic() - began:.0f}")
    for problem in problems:
        console.print(f"[red]{problem}[/]")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
