"""What a person clears afterwards makes no second link and loses none."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.local.api import AirflowApi
from include.sandbox.server import Sandbox
from tests.e2e.runs import Run, Trigger, posts, rested

HEAD = "organization_id,organization_name,prospect_name,prospect_email,connection_name"
ADA = "org_rerun000000,Acme,Ada,ada@acme.example,acme"
BOB = "org_rerun000000,Acme,Bob,bob@acme.example,acme-two"
CAT = "org_rerun000001,Globex,Cat,cat@globex.example,globex"
DAN = "org_rerun000002,Initech,Dan,dan@initech.example,initech"


def links(run: Run) -> dict[str, str]:
    return {row["prospect_name"]: row["ticket_id"] for row in run.rows}


def statuses(run: Run) -> dict[str, str]:
    return {row["prospect_name"]: row["status"] for row in run.rows}


@pytest.mark.answers("a task of a run is cleared, green or red")
@pytest.mark.answers("a whole run is cleared")
def test_a_run_that_is_cleared_over_and_over_asks_only_for_what_is_owed(
    trigger: Trigger, airflow: AirflowApi, tenant: Sandbox, tmp_path: Path
) -> None:
    rested(tenant)
    file = tmp_path / "prospects.csv"
    file.write_text("\n".join([HEAD, ADA, BOB, CAT]))
    tenant.fault("fail_match", organization_id="org_rerun000001", status=400)
    run = trigger(prospects_uri=str(file))
    assert run.state == "failed"
    assert statuses(run) == {"Ada": "created", "Bob": "created", "Cat": "failed"}
    first = links(run)

    tenant.clear_faults()
    airflow.clear(run.dag_id, run.run_id, [["create_tickets", 0], ["create_tickets", 1]])
    assert run.wait().state == "success"
    assert set(statuses(run).values()) == {"created"}
    assert {**links(run), "Cat": ""} == first
    assert posts(tenant) == run.summary["requests"] == 4, "three, and one again"
    second = links(run)

    file.write_text("\n".join([HEAD, DAN, BOB.replace("Acme", "Acme Corp"), ADA]))
    airflow.clear(run.dag_id, run.run_id, ["load_prospects"])
    assert run.wait().state == "success"
    assert statuses(run) == {"Dan": "created", "Bob": "created", "Ada": "created"}
    assert [row["prospect_name"] for row in run.rows] == ["Dan", "Bob", "Ada"]
    assert posts(tenant) == 5
    assert {**second, **links(run)} == {**links(run), "Cat": second["Cat"]}
    assert {ticket.id for ticket in tenant.tickets} == {*second.values(), *links(run).values()}
