"""Tasks that are cleared afterwards create no second link and lose none."""

from __future__ import annotations

import pytest

from dev.local.api import AirflowApi
from dev.sandbox.server import Sandbox
from tests.e2e.conftest import FailedRun
from tests.e2e.runs import ADA, BOB, DAN, HEAD, Run, posts


def links(run: Run) -> dict[str, str]:
    return {row["prospect_name"]: row["ticket_id"] for row in run.rows}


def statuses(run: Run) -> dict[str, str]:
    return {row["prospect_name"]: row["status"] for row in run.rows}


@pytest.mark.answers("a task of a run is cleared, green or red")
@pytest.mark.answers("a whole run is cleared")
def test_a_run_that_is_cleared_repeatedly_requests_only_what_is_missing(
    failed_run: FailedRun, airflow: AirflowApi, tenant: Sandbox
) -> None:
    run = failed_run.run
    assert run.state == "failed"
    assert statuses(run) == {"Ada": "created", "Bob": "created", "Cat": "failed"}
    first = links(run)

    airflow.clear(run.dag_id, run.run_id, [["create_tickets", 0], ["create_tickets", 1]])
    assert run.wait().state == "success"
    assert set(statuses(run).values()) == {"created"}
    assert {**links(run), "Cat": ""} == first
    assert posts(tenant) == run.summary["requests"] == 5, (
        "three, one again after a lost response, and the refused one again"
    )
    second = links(run)

    failed_run.file.write_text("\n".join([HEAD, DAN, BOB.replace("Acme", "Acme Corp"), ADA]))
    airflow.clear(run.dag_id, run.run_id, ["load_prospects"])
    assert run.wait().state == "success"
    assert statuses(run) == {"Dan": "created", "Bob": "created", "Ada": "created"}
    assert [row["prospect_name"] for row in run.rows] == ["Dan", "Bob", "Ada"]
    assert posts(tenant) == 6
    assert {**second, **links(run)} == {**links(run), "Cat": second["Cat"]}
    known = {*second.values(), *links(run).values()}
    assert sum(ticket.id not in known for ticket in tenant.tickets) == 1, "the one whose response was lost"
