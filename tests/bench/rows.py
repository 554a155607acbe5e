"""Large inputs: reading, checking and planning them in a process of its own, and what memory that takes.

``python -m tests.bench.rows ROWS FOLDER`` does it once and writes what it measured as JSON.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.measured import HOME, PROJECT, BenchError

SIZES = (10_000, 100_000)
MOST_MEMORY = 2**30
_ROWS_PER_ORGANIZATION = 4
_MOST_TASKS = 128
_SECONDS = 90.0
_TIMES = 3
_HEADER = "organization_id,organization_name,prospect_name,prospect_email,connection_name,display_name,domains,ttl_sec"


def run(console: Console) -> list[str]:
    """Measure all sizes; return what went wrong."""
    times: dict[int, list[dict[str, float]]] = {rows: [] for rows in SIZES}
    for rows in SIZES * _TIMES:
        console.print(f"rows: {rows:,} …")
        times[rows].append(_in_a_process_of_its_own(rows))
    found = {rows: min(all_of_it, key=lambda one: one["check"] + one["plan"]) for rows, all_of_it in times.items()}
    console.print(_table(found))
    return [
        f"rows: {rows:,} rows took {one['memory'] / 2**20:.0f} MiB"
        for rows, one in found.items()
        if one["memory"] > MOST_MEMORY
    ]


def measure(rows: int, folder: Path) -> dict[str, float]:
    """Take the steps of a run up to its plan; return their seconds, and this process's peak memory in bytes."""
    from include import pipeline

    source = folder / "prospects.csv"
    source.write_text(csv_of(rows), encoding="utf-8")
    began = time.perf_counter()
    loaded = pipeline.load(source, "", 0, folder)
    checked = time.perf_counter()
    batches = pipeline.plan(pipeline.read(Path(loaded["manifest"])), _MOST_TASKS, folder)
    planned = time.perf_counter()
    if (loaded["valid"], len(batches)) != (rows, _MOST_TASKS):
        raise BenchError(f"{loaded['invalid']} of {rows} rows are invalid, {len(batches)} tasks are planned")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "check": checked - began,
        "plan": planned - checked,
        "memory": peak if sys.platform == "darwin" else peak * 1024,
    }


def csv_of(rows: int) -> str:
    """Return a CSV with the usual columns filled in."""
    lines = (
        f"org_{row // _ROWS_PER_ORGANIZATION:016d},Organization {row // _ROWS_PER_ORGANIZATION},Desk {row},"
        f"desk{row}@corp{row}.example,corp-{row},Corp {row} single sign-on,"
        f"corp{row}.example;mail.corp{row}.example,86400"
        for row in range(rows)
    )
    return "\n".join([_HEADER, *lines])


def _in_a_process_of_its_own(rows: int) -> dict[str, float]:
    folder = HOME / "rows"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.bench.rows", str(rows), str(folder)]
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise BenchError(f"rows: {rows:,} rows took over {_SECONDS:.0f} s") from None
    finally:
        shutil.rmtree(folder)
    if done.returncode:
        raise BenchError(f"rows: {rows:,}: {done.stderr.strip()}")
    return dict(json.loads(done.stdout))


def _table(found: dict[int, dict[str, float]]) -> Table:
    shown = Table(title=f"rows: read, check, plan; the best of {_TIMES} times", title_justify="left")
    for heading in ("rows", "read and check", "plan", "seconds", "µs a row", "÷ first", "peak MiB", "of 1 GiB"):
        shown.add_column(heading, justify="right")
    per_row = {rows: (one["check"] + one["plan"]) / rows for rows, one in found.items()}
    for rows, one in found.items():
        shown.add_row(
            f"{rows:,}",
            f"{one['check']:.2f}",
            f"{one['plan']:.2f}",
            f"{one['check'] + one['plan']:.2f}",
            f"{per_row[rows] * 1e6:.0f}",
            f"{per_row[rows] / per_row[SIZES[0]]:.2f}",
            f"{one['memory'] / 2**20:.0f}",
            f"{one['memory'] / MOST_MEMORY:.0%}",
        )
    return shown


if __name__ == "__main__":
    json.dump(measure(int(sys.argv[1]), Path(sys.argv[2])), sys.stdout)
