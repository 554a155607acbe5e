"""Runs of the DAGs, seen through Airflow's API, logs and reports."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.local.api import AirflowApi
from dev.local.background import PROJECT
from dev.local.tenant import CONNECTION, connection_fields
from dev.sandbox.server import Sandbox
from include import reports
from include.folders import relative_folder

HOME = PROJECT / ".airflow" / "e2e"
ENDED = ("success", "failed")
# Within the tenant's plan: 4 slots, 16 requests a second, and 48 at once of its bucket of 50.
SLOTS = 4
PACE = {"requests_per_slot": 4, "burst_per_slot": 12}

HEAD = "organization_id,organization_name,prospect_name,prospect_email,connection_name"
ADA = "org_rerun000000,Acme,Ada,ada@acme.example,acme"
BOB = "org_rerun000000,Acme,Bob,bob@acme.example,acme-two"
CAT = "org_rerun000001,Globex,Cat,cat@globex.example,globex"
DAN = "org_rerun000002,Initech,Dan,dan@initech.example,initech"

Trigger = Callable[..., "Run"]


@dataclass
class Run:
    """A run of a DAG."""

    api: AirflowApi
    dag_id: str
    run_id: str
    home: Path = HOME

    def wait(self, seconds: float = 300) -> Run:
        """Wait until the run has ended."""
        return self.wait_for(lambda: self.state in ENDED, seconds)

    def wait_for(self, condition: Callable[[], bool], seconds: float = 120) -> Run:
        """Wait until a condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                states = [(ti["task_id"], ti["map_index"], ti["state"]) for ti in self.tasks()]
                raise AssertionError(f"{self.dag_id} {self.run_id} took over {seconds} s: {self.state} {states}")
            time.sleep(0.5)
        return self

    @property
    def state(self) -> str:
        return str(self.api.run(self.dag_id, self.run_id)["state"])

    def tasks(self, task_id: str = "") -> list[dict[str, Any]]:
        """Return the task instances, or those of one task by map index."""
        found = self.api.task_instances(self.dag_id, self.run_id)
        return sorted((ti for ti in found if task_id in ("", ti["task_id"])), key=lambda ti: ti["map_index"])

    def states(self) -> dict[str, str]:
        """Return the states of the tasks that aren't mapped."""
        return {ti["task_id"]: ti["state"] for ti in self.tasks() if ti["map_index"] == -1}

    def has_parked(self, task_id: str, try_number: int = 1) -> bool:
        """
        Return whether a task is waiting for a person and, in that try, its process has ended.

        Airflow 3.3 fails a task that gets its response before its process has ended.
        """
        ended = "Received executor event with state success"
        lines = (self.home / "standalone.log").read_text(errors="replace").splitlines()
        names = (ended, f"run_id='{self.run_id}'", f"task_id='{task_id}'", f"try_number={try_number},")
        parked = any(all(name in line for name in names) for line in lines)
        return parked and self.states().get(task_id) == "awaiting_input"

    def respond(self, option: str, *, try_number: int = 1) -> None:
        """Wait until the task ``approve`` asks, and choose an option."""
        self.wait_for(lambda: self.has_parked("approve", try_number))
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/approve/-1/hitlDetails"
        self.api.patch(path, {"chosen_options": [option]})

    def processes_ended(self, task_id: str) -> int:
        """Return how many of a task's processes have logged, at their end, the statuses of their rows."""
        return self.log(task_id).count('"event": "Rows by status"')

    @property
    def summary(self) -> dict[str, Any]:
        exported = self.api.xcom(self.dag_id, self.run_id, "export_report")
        return dict(exported["summary"])

    @property
    def report(self) -> Path:
        return self.home / "reports" / relative_folder(self.dag_id, self.run_id)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of ``tickets.csv``."""
        return [ticket.as_dict() for ticket in reports.read_tickets(self.report)]

    def log(self, task_id: str) -> str:
        folder = self.home / "logs" / f"dag_id={self.dag_id}" / f"run_id={self.run_id}" / f"task_id={task_id}"
        events = [json.loads(line) for file in sorted(folder.rglob("*.log")) for line in file.read_text().splitlines()]
        return "\n".join(json.dumps(event, ensure_ascii=False) for event in events)


def connect_to(tenant: Sandbox, airflow: AirflowApi, **different: Any) -> None:
    """Make the connection to the tenant; keywords replace fields."""
    airflow.set_connection(CONNECTION, **{**connection_fields(tenant.url, tenant.settings, **PACE), **different})


def refuse_for_now(tenant: Sandbox, connection_name: str) -> None:
    """Respond 429 to each request for this connection's ticket, until the faults are cleared."""
    tenant.fault("fail_match", connection_name=connection_name, status=429, headers={"Retry-After": "1"})


def posts(tenant: Sandbox) -> int:
    """Return how many requests to create or to revoke a ticket the tenant has received."""
    return sum(seen.method == "POST" for seen in tenant.requests)
