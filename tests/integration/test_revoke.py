"""Tickets are revoked, those of later runs are not."""

from __future__ import annotations

import pytest

from dev.sandbox.server import Sandbox
from tests.integration.runs import Trigger
from tests.support.prospects import csv_of


@pytest.mark.answers("a report's links are to be revoked that a later run has replaced")
def test_the_tickets_of_a_run_are_revoked_but_not_those_that_a_later_run_has_issued(
    trigger: Trigger, tenant: Sandbox
) -> None:
    text = csv_of(4, 2, "unwanted")
    created = trigger(prospects_csv=text)
    ids = {row["ticket_id"] for row in created.rows}

    planned = trigger("revoke_sso_tickets", report=str(created.report), dry_run=True)
    assert planned.summary["planned"] == 4
    assert tenant.stats().revoked == 0

    revoked = trigger("revoke_sso_tickets", report=str(created.report), max_mapped_tasks=1)
    assert revoked.summary["revoked"] == 4
    assert revoked.labels("revoke_tickets") == ["4 tickets"]
    assert {row["ticket_id"] for row in revoked.revocations} == ids
    assert {row["revoked_by"] for row in revoked.revocations} == {f"{revoked.dag_id}/{revoked.run_id}"}

    later = trigger(prospects_csv=text)
    assert (later.summary["created"], later.summary["reused"]) == (4, 0)
    again = trigger("revoke_sso_tickets", report=str(created.report))
    assert again.state == "success"
    assert again.states("revoke_tickets") == ["skipped"]
    assert {(row["status"], row["revoked_at"] != "") for row in again.revocations} == {("replaced", True)}
    assert {row["ticket_id"] for row in later.rows} == {t.id for t in tenant.tickets if t.state == "live"}


def test_the_tickets_of_some_organizations_are_revoked(trigger: Trigger, tenant: Sandbox) -> None:
    trigger(prospects_csv=csv_of(4, 4, "some"), max_mapped_tasks=1)
    run = trigger("revoke_sso_tickets", organization_ids=["org_some00001", "org_some00003"])
    assert run.summary["revoked"] == 2
    assert {ticket.organization_ids[0]: ticket.state for ticket in tenant.tickets} == {
        "org_some00000": "live",
        "org_some00001": "revoked",
        "org_some00002": "live",
        "org_some00003": "revoked",
    }
