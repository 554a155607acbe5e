"""Tickets that are no longer wanted."""

from __future__ import annotations

import csv
import json

from include.sandbox.server import Sandbox
from tests.e2e.runs import Trigger, csv_of, rested


def test_the_tickets_of_a_run_are_revoked_and_never_reused(trigger: Trigger, tenant: Sandbox) -> None:
    rested(tenant)
    text = csv_of(6, 3, "unwanted")
    created = trigger(prospects_csv=text)
    planned = trigger("revoke_sso_tickets", report_uri=str(created.report), dry_run=True)
    assert planned.summary["planned"] == 6
    assert tenant.stats().revoked == 0
    revoked = trigger("revoke_sso_tickets", report_uri=str(created.report))
    assert revoked.state == "success"
    assert revoked.summary["revoked"] == 6
    assert {ticket.state for ticket in tenant.tickets} == {"revoked"}
    with (revoked.report / "revocations.csv").open(newline="") as file:
        assert {row["organization_id"] for row in csv.DictReader(file)} == {f"org_unwanted{n:05d}" for n in range(3)}
    again = trigger(prospects_csv=text)
    assert again.summary["created"] == 6
    assert json.loads((again.report / "summary.json").read_text())["reused"] == 0


def test_the_tickets_of_some_organizations_are_revoked(trigger: Trigger, tenant: Sandbox) -> None:
    rested(tenant)
    trigger(prospects_csv=csv_of(4, 4, "some"))
    run = trigger("revoke_sso_tickets", organization_ids=["org_some00001", "org_some00003"])
    assert run.summary["revoked"] == 2
    by_organization = {ticket.organization_ids[0]: ticket.state for ticket in tenant.tickets}
    assert by_organization == {
        "org_some00000": "live",
        "org_some00001": "revoked",
        "org_some00002": "live",
        "org_some00003": "revoked",
    }


def test_a_run_that_selects_nothing_says_what_to_set(trigger: Trigger) -> None:
    run = trigger("revoke_sso_tickets")
    assert run.state == "failed"
    assert "Set report_uri, organization_ids or all_live" in run.log("select_tickets")
