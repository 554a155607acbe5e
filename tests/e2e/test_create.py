"""CSV in, tickets out, on a real scheduler with the LocalExecutor."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import openpyxl
import pytest

from include.local.api import AirflowApi, ApiError
from include.sandbox.server import Sandbox
from tests.e2e.runs import Run, Trigger, csv_of, rested

SIXTY = csv_of(60, 40, "sixty")


def urls_in_xcom(run: Run) -> list[str]:
    values = [
        run.api.xcom(run.dag_id, run.run_id, "create_tickets", map_index=ti["map_index"])
        for ti in run.tasks("create_tickets")
    ]
    return [ticket["ticket_url"] for value in values for org in value for ticket in org["tickets"]]


class TestSixtyProspectsOfFortyOrganizations:
    """One run, and what follows when it is run again."""

    story: ClassVar[dict[str, Run]] = {}

    def test_each_prospect_gets_one_ticket_and_no_call_is_refused(self, trigger: Trigger, tenant: Sandbox) -> None:
        rested(tenant)
        run = trigger(prospects_csv=SIXTY)
        self.story["first"] = run
        seen = tenant.stats()
        assert run.state == "success"
        assert (seen.tickets, seen.rate_limited) == (60, 0)
        assert seen.tokens_issued <= 1  # none, if an earlier run has left one that serves
        assert run.summary["created"] == 60
        assert run.summary["rate_limited"] == 0
        assert len({row["ticket_id"] for row in run.rows}) == 60
        assert {row["ticket_id"] for row in run.rows} == {ticket.id for ticket in tenant.tickets}

    def test_each_organization_is_a_mapped_instance_with_its_name(self) -> None:
        instances = self.story["first"].tasks("create_tickets")
        assert [ti["rendered_map_index"] for ti in instances] == [f"sixty {org}" for org in range(40)]
        assert {ti["pool"] for ti in instances} == {"auth0_management_api"}

    def test_the_urls_are_in_xcom(self) -> None:
        urls = urls_in_xcom(self.story["first"])
        assert len(urls) == 60
        assert set(urls) == {row["ticket_url"] for row in self.story["first"].rows}

    def test_the_report_has_every_row_once_in_all_its_files(self) -> None:
        folder: Path = self.story["first"].report
        with (folder / "tickets.csv").open(newline="") as file:
            assert [int(row["row"]) for row in csv.DictReader(file)] == list(range(1, 61))
        sheet = openpyxl.load_workbook(folder / "tickets.xlsx").active
        assert [row[0] for row in sheet.iter_rows(min_row=2, values_only=True)] == list(range(1, 61))
        assert "60 of 60 prospects have a link" in (folder / "report.html").read_text()
        assert json.loads((folder / "summary.json").read_text())["rows"] == 60

    def test_the_asset_event_carries_the_counts_and_the_report(self, airflow: AirflowApi) -> None:
        run: Run = self.story["first"]
        events = airflow.get(f"/api/v2/assets/events?source_dag_id={run.dag_id}&limit=100")["asset_events"]
        extra = next(event["extra"] for event in events if event["source_run_id"] == run.run_id)
        assert extra["summary"]["created"] == 60
        assert Path(extra["report_uri"]) == run.report
        assert "ticket=" not in json.dumps(extra)

    def test_the_report_page_is_for_those_who_are_logged_in(self, airflow: AirflowApi) -> None:
        run: Run = self.story["first"]
        links = airflow.get(
            f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/create_tickets/links?map_index=0"
        )["extra_links"]
        path = links["Report"].removeprefix(airflow.url)
        assert "ticket=" not in path
        assert "60 of 60 prospects have a link" in airflow.text(path)
        with pytest.raises(ApiError, match="401"):
            airflow.text(path, logged_in=False)

    @pytest.mark.answers("the same run again at once")
    def test_the_same_run_again_reuses_every_ticket(self, trigger: Trigger, tenant: Sandbox) -> None:
        before = tenant.stats()
        run = trigger(prospects_csv=SIXTY)
        assert run.state == "success"
        assert run.summary["reused"] == 60
        assert tenant.stats().tickets == before.tickets
        assert {row["ticket_url"] for row in run.rows} == {row["ticket_url"] for row in self.story["first"].rows}

    @pytest.mark.answers("`on_existing=reissue`")
    def test_reissue_revokes_the_old_and_creates_new(self, trigger: Trigger, tenant: Sandbox) -> None:
        run = trigger(prospects_csv=SIXTY, on_existing="reissue", max_mapped_tasks=8)
        old = {row["ticket_id"] for row in self.story["first"].rows}
        states = {ticket.id: ticket.state for ticket in tenant.tickets}
        assert run.state == "success"
        assert run.summary["created"] == 60
        assert {states[ticket] for ticket in old} == {"revoked"}
        assert sum(state == "live" for state in states.values()) == 60
        assert tenant.stats().rate_limited == 0


def test_three_hundred_organizations_are_packed_and_served_at_the_tenants_limit(
    trigger: Trigger, tenant: Sandbox
) -> None:
    rested(tenant)
    run = trigger(prospects_csv=csv_of(300, 300, "many"), max_mapped_tasks=8)
    instances = run.tasks("create_tickets")
    assert run.state == "success"
    assert run.summary["created"] == tenant.stats().tickets == 300
    assert len(instances) <= 32
    assert tenant.stats().rate_limited == 0
    started = min(datetime.fromisoformat(ti["start_date"]) for ti in instances)
    ended = max(datetime.fromisoformat(ti["end_date"]) for ti in instances)
    print(f"300 organizations in {(ended - started).total_seconds():.1f} s, at best {300 / 16:.1f} s")


class TestBadRows:
    """A CSV with many kinds of bad row among good ones."""

    FILE = Path(__file__).parents[1] / "data" / "bad_rows.csv"
    GOOD = 6

    def test_they_are_skipped_into_the_report_and_the_good_ones_get_tickets(
        self, trigger: Trigger, tenant: Sandbox
    ) -> None:
        rested(tenant)
        run = trigger(prospects_uri=str(self.FILE))
        rows = run.rows
        invalid = [row for row in rows if row["status"] == "invalid"]
        assert run.state == "success"
        assert len(invalid) >= 20
        assert len(rows) - len(invalid) == self.GOOD == tenant.stats().tickets
        for row in invalid:
            assert row["error"].startswith(f"row {row['row']}, column ")
            assert "value '" in row["error"]

    def test_nothing_is_sent_when_they_are_to_fail_the_run(self, trigger: Trigger, tenant: Sandbox) -> None:
        rested(tenant)
        run = trigger(prospects_uri=str(self.FILE), on_invalid_rows="fail")
        assert run.state == "failed"
        assert tenant.stats().requests == 0
        assert "rows are invalid and on_invalid_rows is 'fail'" in run.log("plan_fan_out")
        assert run.summary["not_attempted"] == self.GOOD


def test_a_dry_run_does_everything_but_the_calls(trigger: Trigger, tenant: Sandbox) -> None:
    rested(tenant)
    run = trigger(dry_run=True)
    assert run.state == "success"
    assert run.summary["planned"] == run.summary["rows"] == 12
    assert (tenant.stats().requests, tenant.stats().token_requests) == (0, 0)


class TestApproval:
    """A person looks at the plan first."""

    story: ClassVar[dict[str, Run]] = {}

    @staticmethod
    def answer(run: Run, option: str, try_number: int = 1) -> None:
        run.wait_for(lambda: run.has_parked("approve", try_number))
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/approve/-1/hitlDetails"
        run.api.patch(path, {"chosen_options": [option]})

    def test_after_an_approval_the_tickets_are_made(self, trigger: Trigger, tenant: Sandbox) -> None:
        rested(tenant)
        run = trigger(wait=False, require_approval=True, prospects_csv=csv_of(2, 2, "approved"))
        self.answer(run, "Approve")
        assert run.wait().state == "success"
        assert tenant.stats().tickets == 2
        self.story["approved"] = run

    @pytest.mark.answers("an approved run is cleared")
    def test_a_cleared_plan_is_asked_about_again(self, airflow: AirflowApi, tenant: Sandbox) -> None:
        run = self.story["approved"]
        airflow.clear(run.dag_id, run.run_id, ["plan_fan_out"])
        self.answer(run, "Approve", try_number=2)
        assert run.wait().state == "success"
        assert tenant.stats().tickets == 2

    @pytest.mark.answers("the plan is rejected")
    def test_after_a_rejection_nothing_is_sent_and_the_report_says_so(self, trigger: Trigger, tenant: Sandbox) -> None:
        rested(tenant)
        run = trigger(wait=False, require_approval=True, prospects_csv=csv_of(2, 2, "rejected"))
        self.answer(run, "Reject")
        assert run.wait().state == "failed"
        assert tenant.stats().tickets == 0
        assert run.summary["not_attempted"] == 2
