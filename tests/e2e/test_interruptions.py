"""A task that fails, times out or is cleared in the middle does end, and no ticket is made that isn't known."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from include.local.api import AirflowApi
from include.sandbox.server import Sandbox
from tests.e2e.runs import PACE, Run, Trigger, csv_of, rested


@pytest.mark.answers("Auth0 refuses a row (400)")
def test_a_refused_organization_fails_alone_and_is_not_asked_again(trigger: Trigger, tenant: Sandbox) -> None:
    rested(tenant)
    tenant.fault("fail_match", organization_id="org_refused00001", status=400)
    run = trigger(prospects_csv=csv_of(3, 3, "refused"))
    states = [ti["state"] for ti in run.tasks("create_tickets")]
    assert run.state == "failed"
    assert states == ["success", "failed", "success"]
    assert [row["status"] for row in run.rows] == ["created", "failed", "created"]
    assert sum(seen.status == 400 for seen in tenant.requests) == 1
    assert "1 failed of 3 rows: the report says why" in run.log("check_outcome")


@pytest.mark.answers("a task is cleared while it runs")
def test_a_task_that_is_cleared_in_the_middle_ends_and_its_next_try_finishes(
    trigger: Trigger, connect: Callable[..., None], airflow: AirflowApi, tenant: Sandbox
) -> None:
    rested(tenant)
    connect(extra={"profile_id": tenant.profile_id, **PACE, "timeout": 5})
    tenant.fault("stall", delay=60, count=1, route="create")
    run = trigger(prospects_csv=csv_of(8, 1, "cleared"), wait=False)
    run.wait_for(lambda: tenant.stats().tickets == 8)  # one of them still waits for its answer
    airflow.clear(run.dag_id, run.run_id, [["create_tickets", 0]])
    assert run.wait().state == "success"
    assert all(row["status"] == "created" for row in run.rows)
    assert tenant.stats().tickets == 9
    assert sum(row["duplicate_possible"] for row in run.rows) == 1
    assert_all_known(run, tenant)


def test_a_task_that_times_out_in_the_middle_ends_and_has_told_what_it_did(trigger: Trigger, tenant: Sandbox) -> None:
    rested(tenant)
    planned = trigger(prospects_csv=csv_of(60, 1, "late"), dry_run=True)
    batch = next((planned.report / "plan").glob("batch-*.json"))
    run = trigger("impatient_tickets", batch=str(batch))
    told = run.api.xcom(run.dag_id, run.run_id, "create_tickets")[0]["tickets"]
    assert run.state == "failed"
    assert {ticket["status"] for ticket in told} == {"created", "not_attempted"}
    assert sum(ticket["status"] == "created" for ticket in told) == tenant.stats().tickets > 0
    assert "the task's execution timeout is near" in run.log("create_tickets")


def assert_all_known(run: Run, tenant: Sandbox) -> None:
    """Every ticket that was made is in the report, except as many as the report flags."""
    known = {row["ticket_id"] for row in run.rows}
    unknown = [ticket for ticket in tenant.tickets if ticket.id not in known]
    flagged = sum(row["duplicate_possible"] for row in run.rows)
    assert len(unknown) <= flagged
