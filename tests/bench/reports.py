"""The export of a run's report: its seconds and its memory, with links and with problems."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace

from rich.console import Console
from rich.table import Table

from dev.local.background import PROJECT
from tests.bench import rows
from tests.bench.results.measured import HOME, BenchError

MAX_MEMORY = 600 * 2**20
_SECONDS = 180.0


@dataclass(frozen=True)
class Case:
    """
    A run that has ended.

    :param valid: whether each row has a link; otherwise each has ten problems, the most that are shown.
    """

    size: int
    valid: bool = True


CASES = {
    "1,000 links": Case(1_000),
    "10,000 links": Case(10_000),
    "100,000 links": Case(100_000),
    "100,000 rows with ten problems": Case(100_000, valid=False),
}


def run(console: Console) -> list[str]:
    """Measure all cases; return what went wrong."""
    table = Table(title="reports: from the manifest to the written report", title_justify="left")
    for heading in ("run", "seconds", "µs a row", "MiB", "MB written"):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    found = {}
    for name, case in CASES.items():
        console.print(f"reports: {name} …")
        one = found[name] = run_case(name)
        each = one["seconds"] / case.size * 1e6
        memory, size = f"{one['memory'] / 2**20:.0f}", f"{one['size'] / 1e6:.0f}"
        table.add_row(name, f"{one['seconds']:.1f}", f"{each:.0f}", memory, size)
    console.print(table)
    return problems(found)


def problems(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return what is wrong with the measurements: for each case its ``memory`` in bytes."""
    return [
        f"reports: {name} took {one['memory'] / 2**20:.0f} MiB"
        for name, one in found.items()
        if one["memory"] > MAX_MEMORY
    ]


def run_case(name: str) -> dict[str, float]:
    """Prepare a case and measure it, each in a process of its own."""
    folder = HOME / "reports-of-rows"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        _process("prepare", name, folder)
        return dict(json.loads(_process("measure", name, folder)))
    finally:
        shutil.rmtree(folder)


def prepare(case: Case, folder: Path) -> None:
    """Write the manifest of the run."""
    from include import create_tickets
    from tests.support.prospects import run_params

    source = folder / "prospects.csv"
    with source.open("w", encoding="utf-8") as file:
        file.writelines(rows.lines_of(rows.Case(case.size, valid=case.valid, domains=2 if case.valid else 8)))
    loaded = create_tickets.load(source, folder, run_params())
    (folder / "loaded.json").write_text(json.dumps(asdict(loaded)))


def measure(case: Case, folder: Path) -> dict[str, float]:
    """Export the report; return the seconds, and in bytes the peak memory and the size of the files."""
    from auth0_sso.models import Outcome

    from include import create_tickets
    from include.prospects import read_rows

    ended = SimpleNamespace(dag_id="create_sso_tickets", run_id="manual__1", start_date=None)
    loaded = json.loads((folder / "loaded.json").read_text())
    pushed = [
        {"row": row, "status": "created", "ticket_url": f"https://acme.example/self-service?ticket={row:040d}"}
        for row in range(1, case.size * case.valid + 1)
    ]
    plan = create_tickets.PlanForReport()
    began = time.perf_counter()
    rows = read_rows(folder / "manifest.jsonl", loaded["sha256"])
    outcomes = [Outcome.from_dict(one) for one in pushed]
    exported = create_tickets.export(rows, plan, outcomes, [], [], folder / "report", ended)
    seconds = time.perf_counter() - began
    if exported.summary["created" if case.valid else "invalid"] != case.size:
        raise BenchError(f"the report of {case.size} rows is {exported.summary}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": seconds,
        "size": sum(file.stat().st_size for file in (folder / "report").iterdir()),
        "memory": peak if sys.platform == "darwin" else peak * 1024,
    }


def _process(step: str, name: str, folder: Path) -> str:
    command = [sys.executable, "-m", "tests.bench.reports", step, name, str(folder)]
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise BenchError(f"reports: {name} took over {_SECONDS:g} s") from None
    if done.returncode:
        raise BenchError(f"reports: {name}: {done.stderr.strip()[-500:]}")
    return done.stdout


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(CASES[sys.argv[2]], Path(sys.argv[3]))
    else:
        print(json.dumps(measure(CASES[sys.argv[2]], Path(sys.argv[3]))))
