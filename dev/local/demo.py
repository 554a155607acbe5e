"""The demo: a sandbox tenant and a real Airflow, the sample CSV, a report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Console

from dev.local.airflow import POOL, LocalAirflow
from dev.local.api import AirflowApi
from dev.local.background import PROJECT
from dev.local.tenant import connection_env
from dev.local.terminal.outcome_table import outcome_table
from dev.local.terminal.progress import Display, TicketRate
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import SandboxSettings
from include import reports

DAG = "create_sso_tickets"
# The sandbox's plan is enterprise: a bucket of 50 and 16 requests a second. Four slots keep two cores busy.
SLOTS = 4
PACE: dict[str, Any] = {"requests_per_slot": 4, "burst_per_slot": 12}
_RUN_SECONDS = 180.0


def run_demo(console: Console) -> int:
    """Run the demo; return 0 if every prospect of the sample has a ticket, else 1."""
    began = time.monotonic()
    home = PROJECT / ".airflow" / "demo"
    LocalAirflow(home).remove()
    with Sandbox(SandboxSettings(plan="enterprise")) as tenant:
        env = {"SSO_TICKETS_REPORTS": str(home / "reports"), **connection_env(tenant.url, tenant.settings, **PACE)}
        console.print(f"Sandbox tenant: {tenant.url} (enterprise: 50 at once, 16 a second)")
        display = Display(console)
        airflow = LocalAirflow(home, env=env, on_wait=lambda missing: display.show(f"Waiting for Airflow: {missing}"))
        console.print(f"Starting Airflow, half a minute or so (log: {airflow.log_file.relative_to(PROJECT)}) …")
        with display, airflow:
            api = airflow.api()
            console.print(f"Airflow: {airflow.url}")
            api.set_pool(POOL, SLOTS)
            run_id = api.trigger(DAG)
            state = _watch(display, api, run_id, tenant)
            exported = api.xcom(DAG, run_id, "export_report") if state == "success" else None
            display.show("Stopping Airflow")
        seen = tenant.stats()
    if exported is None:
        console.print(f"[red]The run ended as {state}.[/] See {home.relative_to(PROJECT)}/logs")
        return 1
    rows = reports.read_tickets(exported["report_uri"])
    console.print(outcome_table(exported["summary"], rows))
    console.print(f"The tenant saw {seen.requests} requests, {seen.rate_limited} of them refused (429).")
    console.print(f"Report:  {Path(exported['report_uri']).relative_to(PROJECT)}/report.html", soft_wrap=True)
    console.print(f"Seconds: {time.monotonic() - began:.0f}")
    summary = exported["summary"]
    return 0 if summary["created"] == summary["rows"] == seen.tickets else 1


def _watch(display: Display, api: AirflowApi, run_id: str, tenant: Sandbox) -> str:
    """Show the run's progress until it ends; return its state."""
    rate, total, running = TicketRate(), 0, "load_prospects"
    deadline = time.monotonic() + _RUN_SECONDS
    while time.monotonic() < deadline:
        instances = api.task_instances(DAG, run_id)
        running = ", ".join(sorted({ti["task_id"] for ti in instances if ti["state"] == "running"})) or running
        if not total and ("load_prospects", "success") in {(ti["task_id"], ti["state"]) for ti in instances}:
            total = api.xcom(DAG, run_id, "load_prospects")["valid"]
        seen = tenant.stats()
        detail = rate.detail(time.monotonic(), seen.tickets, total, seen.requests) if total else ""
        display.show(running, seen.tickets, total, detail)
        state = str(api.run(DAG, run_id)["state"])
        if state in ("success", "failed"):
            return state
        time.sleep(0.5)
    return f"still running after {_RUN_SECONDS:.0f} s"
