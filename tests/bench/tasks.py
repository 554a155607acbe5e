"""What tasks and the parsing of a DAG cost: a mapped task and a DAG beside empty ones, and the tasks of a large run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from dev.local.airflow import POOL, LocalAirflow
from dev.local.api import AirflowApi
from dev.local.background import PROJECT
from dev.local.tenant import CONNECTION, connection_fields
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import Plan, SandboxSettings
from tests.bench.results.measured import HOME, BenchError, span
from tests.support import commands
from tests.support.prospects import csv_of

FEW, MANY = 10, 50
SLOTS = 4
TIMES = 3
EMPTY, NAIVE, OURS = "empty", "naive", "create_sso_tickets"
STEPS = ("load_prospects", "plan_fan_out", "create_tickets", "export_report", "check_outcome")
SIZES = (1_000, 10_000)
_RUN_SECONDS = 300.0
# In a process of its own, as the DAG processor without this project's listener would do it.
_PARSE = """
import sys, time
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1])
assert bag.dags and not bag.import_errors, bag.import_errors
print(time.process_time())
"""


def run(console: Console) -> list[str]:
    """Measure both; it only reports."""
    console.print(_parsing())
    settings = SandboxSettings(plan=Plan(size=100_000, refill=100_000), latency=(0, 0))
    local = LocalAirflow(HOME, dags=commands.NAIVE_DAGS, env={"SSO_TICKETS_REPORTS": str(HOME / "reports")})
    local.stop()  # one that a killed benchmark has left running
    local.remove()
    with Sandbox(settings) as tenant:
        console.print("tasks: starting Airflow …")
        with local:
            api = local.api()
            extra = {"requests_per_slot": 1000, "burst_per_slot": 1000}
            api.set_connection(CONNECTION, **connection_fields(tenant.url, tenant.settings, **extra))
            for pool in (POOL, "naive"):
                api.set_pool(pool, SLOTS)
            measured: dict[str, list[tuple[float, float]]] = {EMPTY: [], NAIVE: [], OURS: []}
            for number in range(TIMES):
                for dag_id, found in measured.items():
                    console.print(f"tasks: {dag_id} …")
                    found.append(_cost(api, local, dag_id, f"time{number}x"))
            console.print(_table(measured))
            console.print(_steps(api, console))
    return []


def _parsing() -> Table:
    table = Table(title=f"tasks: CPU seconds of a process that parses a DAG, median of {TIMES}", title_justify="left")
    for heading in ("DAG", "seconds", "÷ empty"):
        table.add_column(heading, justify="left" if heading == "DAG" else "right")
    files = [PROJECT / "tests/bench/ways/dags/empty.py", *sorted((PROJECT / "dags").glob("*.py"))]
    seconds: dict[Path, list[float]] = {file: [] for file in files}
    for _ in range(TIMES):
        for file, found in seconds.items():
            found.append(_parse(file))
    first = statistics.median(seconds[files[0]])
    for file, found in seconds.items():
        median = statistics.median(found)
        table.add_row(file.stem, f"{median:.2f}", f"{median / first:.2f}")
    return table


def _parse(file: Path) -> float:
    done = subprocess.run([sys.executable, "-c", _PARSE, str(file)], cwd=PROJECT, capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"tasks: {file.name}: {done.stderr.strip()[-300:]}")
    return float(done.stdout.splitlines()[-1])


def _cost(api: AirflowApi, local: LocalAirflow, dag_id: str, prefix: str) -> tuple[float, float]:
    """
    Return the CPU seconds of a mapped task, all of Airflow's processes together, and its median start to end.

    A run of few tasks is subtracted from a run of many, since both have the other tasks of the DAG.
    """
    few, _ = _run(api, local, dag_id, FEW, f"{prefix}few")
    many, seconds = _run(api, local, dag_id, MANY, f"{prefix}many")
    return (many - few) / (MANY - FEW), seconds


def _run(api: AirflowApi, local: LocalAirflow, dag_id: str, size: int, prefix: str) -> tuple[float, float]:
    conf: Mapping[str, Any] = {"organizations": size} if dag_id == EMPTY else {"organizations": size, "prefix": prefix}
    if dag_id == OURS:
        conf = {"prospects_csv": csv_of(size, size, prefix), "max_mapped_tasks": size}
    began = _cpu_seconds(local)
    _, instances = _end_of(api, dag_id, conf)
    used = _cpu_seconds(local) - began
    tasks = [task for task in instances if task["task_id"] == "create_tickets"]
    if len(tasks) != size:
        raise BenchError(f"tasks: {dag_id} has {len(tasks)} mapped tasks, not {size}")
    return used, statistics.median(span([task]) for task in tasks)


def _steps(api: AirflowApi, console: Console) -> Table:
    """Return how long each task takes in runs with many organizations, at a tenant without a limit."""
    api.set_pool(POOL, SLOTS)
    table = Table(title="tasks: seconds of each task, no limit at the tenant", title_justify="left")
    for heading in ("organizations", *STEPS, "between them", "whole run"):
        table.add_column(heading, justify="right")
    for size in SIZES:
        console.print(f"tasks: a run of {size:,} organizations …")
        run, tasks = _end_of(api, OURS, {"prospects_csv": csv_of(size, size, f"step{size}x")})
        spans = [span([task for task in tasks if task["task_id"] == step]) for step in STEPS]
        whole = span([run])
        table.add_row(f"{size:,}", *(f"{seconds:.1f}" for seconds in (*spans, whole - sum(spans), whole)))
    return table


def _end_of(api: AirflowApi, dag_id: str, conf: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a run that has ended well, and its task instances."""
    run_id = api.trigger(dag_id, dict(conf))
    deadline = time.monotonic() + _RUN_SECONDS
    while (run := api.run(dag_id, run_id))["state"] != "success":
        if run["state"] == "failed" or time.monotonic() > deadline:
            raise BenchError(f"tasks: {dag_id} is {run['state']}, see {HOME / 'logs'}")
        time.sleep(1)
    return run, api.task_instances(dag_id, run_id)


def _cpu_seconds(local: LocalAirflow) -> float:
    """Return what all of Airflow's processes have used, those that have ended too."""
    leader = psutil.Process(int((local.home / "standalone.pid").read_text().split()[0]))
    total = 0.0
    for process in (leader, *leader.children(recursive=True)):
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:  # it is in its parent's sum
            continue
    return total


def _table(measured: Mapping[str, list[tuple[float, float]]]) -> Table:
    title = f"tasks: a mapped task, {SLOTS} at once, median of {TIMES}"
    table = Table(title=title, title_justify="left")
    for heading in ("DAG", "CPU s", "÷ empty", "start to end, s", "÷ empty"):
        table.add_column(heading, justify="left" if heading == "DAG" else "right")
    medians = {
        dag_id: [statistics.median(values) for values in zip(*found, strict=True)] for dag_id, found in measured.items()
    }
    for dag_id, (cpu, seconds) in medians.items():
        table.add_row(
            dag_id,
            f"{cpu:.2f}",
            f"{cpu / medians[EMPTY][0]:.2f}",
            f"{seconds:.2f}",
            f"{seconds / medians[EMPTY][1]:.2f}",
        )
    return table
