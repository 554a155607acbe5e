"""Links that customers hold: what keeps them, what may revoke them, and what the report then says of each row."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dev.local.api import AirflowApi
from dev.sandbox.server import Sandbox
from tests.e2e.runs import Run, Trigger
from tests.support.factories import living, revocations

HEAD = "organization_id,organization_name,prospect_email,connection_name,domains"
MAILED = "org_mailed00000,Mailed,it@mailed.example,mailed,"


def csv_of(*lines: str) -> str:
    return "\n".join([HEAD, *lines])


def many(rows: int, name: str, domain: str = "a.example") -> str:
    """Return a CSV of so many prospects of one organization, with connections ``{name}-{row}``."""
    lines = (f"org_{name}000000,{name},it{row}@{name}.example,{name}-{row},{domain}" for row in range(1, rows + 1))
    return csv_of(*lines)


@pytest.mark.answers("a row has changed in a way that means nothing, or in its lifetime alone")
def test_runs_day_after_day_with_harmless_changes_revoke_nothing(trigger: Trigger, tenant: Sandbox) -> None:
    tenant.reset()
    (first,) = trigger(prospects_csv=csv_of(f"{MAILED}a.example;b.example"), ttl_sec=86_400).rows
    assert first["status"] == "created"
    before = len(tenant.requests)
    for domains, lifetime in (
        ("b.example;a.example", 86_400),
        ("a.example;b.example;a.example", 86_400),
        ("A.example;b.EXAMPLE", 86_400),
        ("a.example;b.example", 0),
        ("a.example;b.example", 86_400),
    ):
        run = trigger(prospects_csv=csv_of(f"{MAILED}{domains}"), ttl_sec=lifetime)
        (row,) = run.rows
        assert (run.state, row["status"], row["ticket_id"]) == ("success", "reused", first["ticket_id"])
    assert not [seen for seen in tenant.requests[before:] if seen.method == "POST"]
    assert living(tenant) == {first["ticket_id"]}


@pytest.mark.answers("more valid links would be revoked than `replace_limit`")
def test_a_run_that_would_revoke_more_links_than_its_limit_stops_and_lists_them(
    trigger: Trigger, tenant: Sandbox
) -> None:
    tenant.reset()
    mailed = {row["ticket_id"] for row in trigger(prospects_csv=many(11, "limit")).rows}
    changed = many(11, "limit", domain="c.example")
    stopped = trigger(prospects_csv=changed)
    assert stopped.states()["plan_fan_out"] == "failed"
    said = stopped.log("plan_fan_out")
    assert "Valid links, which customers may hold, that would be revoked: 11. replace_limit: 10." in said
    assert all(f"row {row}: it{row}@limit.example has a valid link until" in said for row in range(1, 12))
    assert living(tenant) == mailed

    replaced = trigger(prospects_csv=changed, replace_limit=None)
    assert (replaced.state, replaced.summary["replaced"], revocations(tenant)) == ("success", 11, 11)
    assert {row["ticket_id"] for row in replaced.rows} == living(tenant)


@pytest.mark.answers("a run that reissues is ended, or killed, in between")
def test_a_task_that_is_ended_while_it_reissues_leaves_every_row_true_of_the_tenant(
    trigger: Trigger, airflow: AirflowApi, tenant: Sandbox
) -> None:
    tenant.reset()
    text = many(60, "ended")
    mailed = {row["connection_name"]: row["ticket_id"] for row in trigger(prospects_csv=text).rows}
    run = trigger(prospects_csv=text, on_existing="reissue", wait=False)
    run.wait_for(lambda: revocations(tenant) >= 10)
    path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/create_tickets/0"
    airflow.patch(path, {"new_state": "failed"})
    run.wait()
    assert_true_of(tenant, run, mailed)
    statuses = [row["status"] for row in run.rows]
    assert 10 <= statuses.count("created") < 60, statuses
    assert "failed" not in statuses, "a ticket is revoked and the next one requested together"


def assert_true_of(tenant: Sandbox, run: Run, mailed: dict[str, str]) -> None:
    """Check that a created row has a live link of the tenant, and that one not attempted still has the mailed one."""
    live = {ticket.connection_name: ticket.id for ticket in tenant.tickets if ticket.state == "live"}
    for row in run.rows:
        name = row["connection_name"]
        if row["status"] == "created":
            assert live[name] == row["ticket_id"] != mailed[name]
        elif row["status"] == "not_attempted":
            assert live[name] == mailed[name]
        else:
            assert row["status"] == "failed"
            assert "Its earlier link was revoked" in row["error"]
            assert name not in live or row["duplicate_possible"]


@pytest.mark.answers("somebody changes the XCom of `create_tickets`")
def test_a_link_that_is_written_into_the_xcom_does_not_get_into_the_report(
    trigger: Trigger, airflow: AirflowApi, tenant: Sandbox
) -> None:
    tenant.reset()
    run = trigger(prospects_csv=many(2, "forged"))
    pushed: Any = airflow.xcom(run.dag_id, run.run_id, "create_tickets", map_index=0)
    evil = "https://evil.example/self-service/connections-flow?ticket=stolen"
    pushed[0]["tickets"][0]["ticket_url"] = evil
    entry = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/create_tickets/xcomEntries/return_value"
    airflow.patch(entry, {"value": pushed, "map_index": 0})
    assert evil in json.dumps(airflow.xcom(run.dag_id, run.run_id, "create_tickets", map_index=0))
    airflow.clear(run.dag_id, run.run_id, ["export_report", "check_outcome"])
    assert run.wait().state == "failed"
    assert [row["status"] for row in run.rows] == ["failed", "created"]
    assert "is not the ledger's, so it is left out" in run.rows[0]["error"]
    assert not any(b"evil.example" in file.read_bytes() for file in run.report.iterdir() if file.is_file())
