"""The fan-out on a real Airflow: several organizations a task, one a task, and the DAG ``naive``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console

from dev.local.airflow import POOL, LocalAirflow
from dev.local.api import AirflowApi
from dev.local.tenant import CONNECTION, connection_fields
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import SandboxSettings
from tests.bench.measured import HOME, LATENCY, PLAN, BenchError, Measured, measured, problems, table
from tests.support import commands
from tests.support.prospects import csv_of

OURS = "create_sso_tickets"
NAIVE = "naive"
_RUN_SECONDS = 180.0


@dataclass(frozen=True)
class Case:
    """
    One way to fan out.

    :param organizations: how many, one ticket each
    :param slots: of the pool
    :param extra: of the connection: the pace
    :param dag_id: the DAG whose task ``create_tickets`` is measured
    """

    way: str
    organizations: int
    slots: int
    extra: dict[str, Any]
    max_tasks: int = 128
    dag_id: str = OURS


# Few slots with a large share for batches, many with a small one for short tasks: both 48 at once and 16 a second.
WIDE = {"requests_per_slot": 4, "burst_per_slot": 12}
NARROW = {"requests_per_slot": 1, "burst_per_slot": 3}
CASES = [
    Case("packed, 32 tasks", 300, 4, WIDE, 32),
    Case("packed, 8 tasks", 300, 4, WIDE, 8),
    Case("one organization a task", 100, 16, NARROW),
    Case("naive: requests.post a task", 100, 16, {}, dag_id=NAIVE),
]


def run(console: Console) -> list[str]:
    """Measure all cases on one Airflow; return what went wrong."""
    local = LocalAirflow(HOME, dags=commands.NAIVE_DAGS, env={"SSO_TICKETS_REPORTS": str(HOME / "reports")})
    local.stop()  # one that a killed benchmark has left running
    local.remove()
    found: list[Measured] = []
    failures: list[str] = []
    with Sandbox(SandboxSettings(plan=PLAN, latency=LATENCY)) as tenant:
        console.print("fanout: starting Airflow …")
        with local:
            for number, case in enumerate(CASES):
                console.print(f"fanout: {case.way}, {case.organizations} organizations …")
                try:
                    found.append(_measure(local.api(), tenant, number, case))
                except BenchError as error:
                    failures.append(str(error))
    if found:
        console.print(table("fanout: create_tickets on one Airflow, LocalExecutor, SQLite", found))
    return failures + problems(found)


def _measure(api: AirflowApi, tenant: Sandbox, number: int, case: Case) -> Measured:
    api.set_connection(CONNECTION, **connection_fields(tenant.url, tenant.settings, **case.extra))
    api.set_pool(POOL if case.dag_id == OURS else NAIVE, case.slots)
    tenant.reset()
    tasks = _run(api, case, prefix=f"case{number}x")
    seconds = max(_at(task["end_date"]) for task in tasks) - min(_at(task["start_date"]) for task in tasks)
    return measured(case.way, tenant, case.organizations, seconds, tasks=len(tasks), is_ours=case.dag_id == OURS)


def _run(api: AirflowApi, case: Case, prefix: str) -> list[dict[str, Any]]:
    """Run the case's DAG; return its mapped task instances that ran."""
    run_id = _trigger(api, case, prefix)
    deadline = time.monotonic() + _RUN_SECONDS
    while (state := str(api.run(case.dag_id, run_id)["state"])) not in ("success", "failed"):
        if time.monotonic() > deadline:
            api.end(case.dag_id, run_id)
            raise BenchError(f"{case.way}: still {state} after {_RUN_SECONDS:.0f} s, see {HOME / 'logs'}")
        time.sleep(2)
    tasks = [task for task in api.task_instances(case.dag_id, run_id) if task["task_id"] == "create_tickets"]
    ran = [task for task in tasks if task["start_date"] and task["end_date"]]
    if not ran or (state == "failed" and case.dag_id == OURS):
        raise BenchError(f"{case.way}: the run ended as {state}, see {HOME / 'logs'}")
    return ran


def _trigger(api: AirflowApi, case: Case, prefix: str) -> str:
    if case.dag_id == NAIVE:
        return api.trigger(NAIVE, {"organizations": case.organizations, "prefix": prefix})
    text = csv_of(case.organizations, case.organizations, prefix)
    return api.trigger(OURS, {"prospects_csv": text, "max_mapped_tasks": case.max_tasks})


def _at(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
