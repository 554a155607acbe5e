"""Whole runs on a real Airflow, at the plans of Auth0 with every parameter at its default; and the DAG ``naive``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from dev.local.airflow import POOL, LocalAirflow
from dev.local.api import AirflowApi
from dev.local.tenant import CONNECTION, connection_fields
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import SandboxSettings
from tests.bench.results.measured import HOME, LATENCY, BenchError, Measured, measured, problems, span, table
from tests.bench.results.plots import plot_requests
from tests.support import commands
from tests.support.prospects import csv_of
from tests.support.services.second_client import SecondClient

OURS = "create_sso_tickets"
NAIVE = "naive"
_RUN_SECONDS = 300.0


@dataclass(frozen=True)
class Case:
    """
    One way to fan out.

    :param organizations: how many, one ticket each
    :param slots: of the pool
    :param requests_per_slot: of the connection, and ``burst_per_slot``
    :param conf: parameters of the run beside the CSV; none are the defaults
    :param others: requests a second of a second client
    :param dag_id: the DAG whose task ``create_tickets`` is measured
    """

    way: str
    organizations: int
    plan: str
    slots: int
    requests_per_slot: float
    burst_per_slot: float
    conf: Mapping[str, Any] = field(default_factory=dict)
    others: float = 0.0
    dag_id: str = OURS


# Pool and connection are what docs/rate-limits.md recommends for the plan.
_RECOMMENDED: dict[str, tuple[int, float, float]] = {
    "free": (2, 1, 1),
    "professional": (2, 1.25, 5),
    "enterprise": (4, 4, 12),
    "private-basic": (4, 12.5, 12),
}
_SIZES = {
    "enterprise": (40, 100, 300, 1000),
    "private-basic": (100, 300, 1000),
    "professional": (100, 300),
    "free": (100, 300),
}
_PLOTTED = (
    "enterprise, 300 organizations",
    "enterprise, 1,000 organizations",
    "enterprise, 300, half of the rate taken",
    "naive: 100, requests.post a task",
)
CASES = [
    *(
        Case(f"{plan}, {size:,} organizations", size, plan, *_RECOMMENDED[plan])
        for plan, sizes in _SIZES.items()
        for size in sizes
    ),
    Case("enterprise, 300, half of the rate taken", 300, "enterprise", *_RECOMMENDED["enterprise"], others=8),
    Case("enterprise, 100, one a task", 100, "enterprise", *_RECOMMENDED["enterprise"], {"max_mapped_tasks": 100}),
    Case("naive: 100, requests.post a task", 100, "enterprise", 16, 1, 1, dag_id=NAIVE),
]


def run(console: Console) -> list[str]:
    """Measure all cases on one Airflow; return what went wrong."""
    local = LocalAirflow(HOME, dags=commands.NAIVE_DAGS, env={"SSO_TICKETS_REPORTS": str(HOME / "reports")})
    local.stop()  # one that a killed benchmark has left running
    local.remove()
    found: list[Measured] = []
    failures: list[str] = []
    console.print("fanout: starting Airflow …")
    with local:
        for number, case in enumerate(CASES):
            console.print(f"fanout: {case.way} …")
            try:
                found.append(_measure(console, local.api(), number, case))
            except BenchError as error:
                failures.append(str(error))
    if found:
        console.print(table("fanout: create_tickets on one Airflow, LocalExecutor, SQLite", found))
        plotted = [one for one in found if one.way in _PLOTTED]
        plot_requests(console, "fanout", "Whole runs, every parameter at its default", plotted)
    return failures + problems(found)


def _measure(console: Console, api: AirflowApi, number: int, case: Case) -> Measured:
    extra = {"requests_per_slot": case.requests_per_slot, "burst_per_slot": case.burst_per_slot}
    with Sandbox(SandboxSettings(plan=case.plan, latency=LATENCY)) as tenant:
        api.set_connection(CONNECTION, **connection_fields(tenant.url, tenant.settings, **extra))
        api.set_pool(POOL if case.dag_id == OURS else NAIVE, case.slots)
        with SecondClient(tenant, case.others) if case.others else nullcontext() as other:
            run, tasks = _run(api, case, prefix=f"case{number}x")
        if other:
            console.print(f"fanout: {case.way}: the second client's answers: {dict(other.answers)}")
        return measured(
            case.way,
            tenant,
            case.organizations,
            span(tasks),
            tasks=len(tasks),
            run_seconds=span([run]),
            is_ours=case.dag_id == OURS,
            other=other,
        )


def _run(api: AirflowApi, case: Case, prefix: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run the case's DAG; return the run, and its mapped task instances that ran."""
    run_id = _trigger(api, case, prefix)
    deadline = time.monotonic() + _RUN_SECONDS
    while (state := (run := api.run(case.dag_id, run_id))["state"]) not in ("success", "failed"):
        if time.monotonic() > deadline:
            api.end(case.dag_id, run_id)
            raise BenchError(f"{case.way}: still {state} after {_RUN_SECONDS:.0f} s, see {HOME / 'logs'}")
        time.sleep(2)
    tasks = [task for task in api.task_instances(case.dag_id, run_id) if task["task_id"] == "create_tickets"]
    ran = [task for task in tasks if task["start_date"] and task["end_date"]]
    if not ran or (state == "failed" and case.dag_id == OURS):
        raise BenchError(f"{case.way}: the run ended as {state}, see {HOME / 'logs'}")
    return run, ran


def _trigger(api: AirflowApi, case: Case, prefix: str) -> str:
    if case.dag_id == NAIVE:
        return api.trigger(NAIVE, {"organizations": case.organizations, "prefix": prefix})
    text = csv_of(case.organizations, case.organizations, prefix)
    return api.trigger(OURS, {"prospects_csv": text, **case.conf})
