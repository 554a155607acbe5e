"""Tickets that are no longer wanted."""

from __future__ import annotations

import csv
from typing import Any, ClassVar

import pytest

from include.local.api import AirflowApi
from include.sandbox.server import Sandbox
from tests.e2e.runs import Run, Trigger, csv_of, rested


def rows_of(run: Run) -> list[dict[str, str]]:
    with (run.report / "revocations.csv").open(newline="") as file:
        return list(csv.DictReader(file))


class TestTheTicketsOfARun:
    """They are revoked, never reused, and never mistaken for those that come after them."""

    story: ClassVar[dict[str, Any]] = {}
    TEXT = csv_of(6, 3, "unwanted")

    def test_a_dry_run_sends_nothing(self, trigger: Trigger, tenant: Sandbox) -> None:
        rested(tenant)
        created = trigger(prospects_csv=self.TEXT)
        planned = trigger("revoke_sso_tickets", report_uri=str(created.report), dry_run=True)
        assert planned.summary["planned"] == 6
        assert tenant.stats().revoked == 0
        self.story.update(created=created, ids={row["ticket_id"] for row in created.rows})

    @pytest.mark.answers("a task of `revoke_sso_tickets` is killed, cleared or tried again")
    def test_a_task_that_is_cleared_in_the_middle_still_tells_of_every_ticket(
        self, trigger: Trigger, airflow: AirflowApi, tenant: Sandbox
    ) -> None:
        tenant.fault("stall", delay=60, count=1, route="revoke")
        report = str(self.story["created"].report)
        run = trigger("revoke_sso_tickets", report_uri=report, max_mapped_tasks=1, wait=False)
        run.wait_for(lambda: tenant.stats().revoked == 6)  # one of them still waits for its answer
        airflow.clear(run.dag_id, run.run_id, [["revoke_tickets", 0]])
        assert run.wait().state == "success"
        rows = rows_of(run)
        assert run.summary["revoked"] == 6
        assert {ticket.state for ticket in tenant.tickets} == {"revoked"}
        assert {row["organization_id"] for row in rows} == {f"org_unwanted{n:05d}" for n in range(3)}
        assert {row["ticket_id"] for row in rows} == self.story["ids"]
        assert {row["revoked_by"] for row in rows} == {f"{run.dag_id}/{run.run_id}"}

    @pytest.mark.answers("a report's links are to be revoked that a later run has replaced")
    def test_links_that_were_issued_since_are_left_alone(self, trigger: Trigger, tenant: Sandbox) -> None:
        again = trigger(prospects_csv=self.TEXT)
        assert again.summary["created"] == 6
        assert again.summary["reused"] == 0
        run = trigger("revoke_sso_tickets", report_uri=str(self.story["created"].report))
        assert run.state == "success"
        assert run.states()["revoke_tickets"] == "skipped"
        assert {(row["status"], row["revoked_at"] != "") for row in rows_of(run)} == {("replaced", True)}
        assert {row["ticket_id"] for row in rows_of(run)} == self.story["ids"]
        assert {row["ticket_id"] for row in again.rows} == {t.id for t in tenant.tickets if t.state == "live"}


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
