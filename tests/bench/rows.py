"""
Large inputs: the time and memory to read, check and plan them, each in a process of its own.

``python -m tests.bench.rows CASE FOLDER`` measures one case and prints it as JSON.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dev.local.background import PROJECT
from tests.bench.results.measured import HOME, BenchError

MAX_MEMORY = 2**30
MAX_GROWTH = 3.0
"""How much more a row of the larger file may cost than one of the smaller; with quadratic growth it would be ten."""

_ROWS_PER_ORGANIZATION = 4
_MAX_TASKS = 128
_SECONDS = 180.0
_COLUMNS = ("organization_id", "organization_name", "prospect_name", "prospect_email", "connection_name",
            "display_name", "domains", "ttl_sec")  # fmt: skip


@dataclass(frozen=True)
class Case:
    """
    An input.

    :param domains: how many each row has
    :param times: how often it is measured; the fastest counts
    """

    rows: int
    valid: bool = True
    domains: int = 2
    times: int = 3


SMALL, LARGE = "10,000 rows", "100,000 rows"
CASES = {
    SMALL: Case(10_000),
    LARGE: Case(100_000),
    "100,000 bad rows": Case(100_000, valid=False, times=1),
    "100 MB": Case(100_000, domains=42, times=1),
}


def run(console: Console) -> list[str]:
    """Measure all cases; return what went wrong."""
    found = {}
    for name, case in CASES.items():
        console.print(f"rows: {name} …")
        each = [run_case(name) for _ in range(case.times)]
        found[name] = min(each, key=lambda one: one["check"] + one["plan"])
    console.print(_table(found))
    return problems(found)


def problems(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """
    Return what is wrong with the measurements.

    :param found: for each case the seconds of ``check`` and ``plan``, and ``memory`` in bytes
    """
    growth = _per_row(LARGE, found[LARGE]) / _per_row(SMALL, found[SMALL])
    too_slow = [f"rows: a row of {LARGE} costs {growth:.1f} times one of {SMALL}"] if growth > MAX_GROWTH else []
    return too_slow + [
        f"rows: {name} took {one['memory'] / 2**20:.0f} MiB"
        for name, one in found.items()
        if one["memory"] > MAX_MEMORY
    ]


def measure(case: Case, folder: Path) -> dict[str, float]:
    """Do what a run does up to its plan; return the seconds, and in bytes the file's size and the peak memory."""
    from include import create_tickets
    from include.fan_out import FanOut
    from tests.support.forecasts import forecast_of
    from tests.support.prospects import run_params

    source = folder / "prospects.csv"
    with source.open("w", encoding="utf-8") as file:
        file.writelines(lines_of(case))
    began = time.perf_counter()
    loaded = create_tickets.load(source, folder, run_params())
    checked = time.perf_counter()
    found = create_tickets.read(Path(loaded.manifest), loaded.sha256)
    batches, _ = create_tickets.plan(found, FanOut(_MAX_TASKS, ""), forecast_of(), folder)
    planned = time.perf_counter()
    expected = (case.rows, 0, _MAX_TASKS) if case.valid else (0, case.rows, 0)
    if (loaded.valid, loaded.invalid, len(batches)) != expected:
        raise BenchError(f"{loaded.invalid} of {case.rows} rows are invalid, {len(batches)} tasks are planned")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "check": checked - began,
        "plan": planned - checked,
        "size": source.stat().st_size,
        "memory": peak if sys.platform == "darwin" else peak * 1024,
    }


def lines_of(case: Case) -> Iterator[str]:
    """Yield the lines of a CSV with the usual columns; a bad row breaks a rule in each column but the names."""
    yield ",".join(_COLUMNS) + "\n"
    for row in range(case.rows):
        organization = row // _ROWS_PER_ORGANIZATION
        organization_id, at, days = (f"org_{organization:016d}", "@", 1) if case.valid else (f"org {row}", " at ", 9)
        domains = ";".join(f"d{number}.corp{row}{at[:-1]}.example" for number in range(case.domains))
        yield (
            f"{organization_id},Organization {organization},Desk {row},desk{row}{at}corp{row}.example,"
            f"corp-{row}{at[:-1]},Corp {row} single sign-on,{domains},{days * 86_400}\n"
        )


def run_case(name: str, seconds: float = _SECONDS) -> dict[str, float]:
    """Measure a case in a process of its own, for at most so many seconds."""
    folder = HOME / "rows"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.bench.rows", name, str(folder)]
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise BenchError(f"rows: {name} took over {seconds:g} s") from None
    finally:
        shutil.rmtree(folder)
    if done.returncode:
        raise BenchError(f"rows: {name}: {done.stderr.strip()}")
    return dict(json.loads(done.stdout))


def _per_row(name: str, one: Mapping[str, float]) -> float:
    return (one["check"] + one["plan"]) / CASES[name].rows


def _table(found: Mapping[str, Mapping[str, float]]) -> Table:
    shown = Table(title="rows: read, check, plan; the fastest measurement of each", title_justify="left")
    for heading in ("input", "MB", "read and check", "plan", "seconds", "µs a row", "÷ first", "peak MiB", "of 1 GiB"):
        shown.add_column(heading, justify="right")
    for name, one in found.items():
        shown.add_row(
            name,
            f"{one['size'] / 1e6:.1f}",
            f"{one['check']:.2f}",
            f"{one['plan']:.2f}",
            f"{one['check'] + one['plan']:.2f}",
            f"{_per_row(name, one) * 1e6:.0f}",
            f"{_per_row(name, one) / _per_row(SMALL, found[SMALL]):.2f}",
            f"{one['memory'] / 2**20:.0f}",
            f"{one['memory'] / MAX_MEMORY:.0%}",
        )
    return shown


if __name__ == "__main__":
    json.dump(measure(CASES[sys.argv[1]], Path(sys.argv[2])), sys.stdout)
