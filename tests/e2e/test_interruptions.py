"""A run is cleared or marked while it runs: nothing that it did is lost, and nobody gets a second link."""

from __future__ import annotations

import pytest

from dev.local.api import AirflowApi
from dev.sandbox.server import Sandbox
from tests.e2e.runs import Run, Trigger, refuse_for_now

# Whether a task that is interrupted still records its last 429 depends on how far it came.
UNDONE = {"failed", "not_attempted"}
HEAD = "organization_id,organization_name,prospect_name,connection_name"


def desks(name: str, organizations: int) -> str:
    """Return a CSV of two prospects an organization, with connections ``{name}-{organization}-{0 or 1}``."""
    each = [(org, desk) for org in range(organizations) for desk in range(2)]
    return "\n".join([HEAD, *(f"org_{name}{org:05d},Org {org},Desk {desk},{name}-{org}-{desk}" for org, desk in each)])


def statuses(run: Run) -> dict[str, list[str]]:
    """Return the rows' statuses by organization."""
    found: dict[str, list[str]] = {}
    for row in run.rows:
        found.setdefault(row["organization_name"], []).append(row["status"])
    return found


@pytest.mark.answers("a task is cleared while it runs")
@pytest.mark.answers("a task is marked failed or success while it runs")
def test_tasks_that_are_cleared_or_marked_while_they_run_are_reported_with_all_they_did(
    trigger: Trigger, airflow: AirflowApi, tenant: Sandbox
) -> None:
    tenant.reset()
    for organization in range(3):
        refuse_for_now(tenant, f"busy-{organization}-1")
    run = trigger(wait=False, prospects_csv=desks("busy", 3))
    run.wait_for(lambda: tenant.stats().tickets == 3)  # the other three are refused every time
    path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/create_tickets"
    airflow.clear(run.dag_id, run.run_id, [["create_tickets", 0]])
    airflow.patch(f"{path}/1", {"new_state": "failed"})
    airflow.patch(f"{path}/2", {"new_state": "success"})
    run.wait_for(lambda: run.processes_ended("create_tickets") == 3)
    tenant.clear_faults()
    assert run.wait().state == "failed"
    found = statuses(run)
    assert found["Org 0"] == ["created", "created"]
    for organization in ("Org 1", "Org 2"):
        assert found[organization][0] == "created"
        assert found[organization][1] in UNDONE
    assert {row["ticket_id"] for row in run.rows if row["ticket_id"]} == {ticket.id for ticket in tenant.tickets}


@pytest.mark.answers("two runs are triggered at once")
@pytest.mark.answers("a whole run is marked failed while it runs")
def test_of_two_runs_at_once_the_first_is_ended_by_hand_and_nobody_gets_two_links(
    trigger: Trigger, airflow: AirflowApi, tenant: Sandbox
) -> None:
    tenant.reset()
    refuse_for_now(tenant, "twice-0-1")
    text = desks("twice", 1)
    first = trigger(prospects_csv=text, wait=False)
    second = trigger(prospects_csv=text, wait=False)
    first.wait_for(lambda: tenant.stats().tickets == 1)
    assert second.state == "queued"
    airflow.end(first.dag_id, first.run_id)
    first.wait_for(lambda: first.processes_ended("create_tickets") == 1)
    tenant.clear_faults()
    assert second.wait().state == "success"
    assert statuses(second) == {"Org 0": ["reused", "created"]}
    assert {row["ticket_id"] for row in second.rows} == {ticket.id for ticket in tenant.tickets}

    assert not first.report.joinpath("tickets.csv").exists()
    airflow.clear(first.dag_id, first.run_id, ["export_report"])
    assert first.wait().states()["check_outcome"] == "failed"
    created, undone = statuses(first)["Org 0"]
    assert created == "created"
    assert undone in UNDONE
