"""From a CSV to its report."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from openpyxl import load_workbook
from sqlalchemy import select

from dev.sandbox.server import Sandbox
from include.prospects import template_xlsx
from tests.integration.conftest import SLOTS_VARIABLE
from tests.integration.runs import Connect, Trigger
from tests.support.prospects import csv_of
from tests.unit.include.prospects.inputs import csv_of as csv_rows
from tests.unit.include.prospects.inputs import workbook_of

BAD_ROWS = Path(__file__).parents[1] / "support" / "bad_rows.csv"
GOOD_AMONG_BAD = 6


@pytest.mark.answers("the same run again at once")
@pytest.mark.answers("`on_existing=reissue`")
def test_a_second_run_reuses_every_ticket_and_a_third_replaces_them(trigger: Trigger, tenant: Sandbox) -> None:
    text = csv_of(6, 4, "again")
    first = trigger(prospects_csv=text)
    assert (first.state, first.summary["created"], tenant.stats().tickets) == ("success", 6, 6)
    assert first.labels("create_tickets") == [f"again {number}" for number in range(4)]

    second = trigger(prospects_csv=text, max_mapped_tasks=2)
    assert (second.state, second.summary["reused"], tenant.stats().tickets) == ("success", 6, 6)
    assert second.labels("create_tickets") == ["again 0 … again 2 (2)", "again 1 … again 3 (2)"]
    assert {row["ticket_url"] for row in second.rows} == {row["ticket_url"] for row in first.rows}

    third = trigger(prospects_csv=text, on_existing="reissue", max_mapped_tasks=1)
    states = {ticket.id: ticket.state for ticket in tenant.tickets}
    assert (third.state, third.summary["created"]) == ("success", 6)
    assert {states[row["ticket_id"]] for row in first.rows} == {"revoked"}
    assert {states[row["ticket_id"]] for row in third.rows} == {"live"}


def test_a_scheduled_run_reads_an_export_of_another_program_by_its_mapping(
    trigger: Trigger, tenant: Sandbox, tmp_path: Path
) -> None:
    header = ["Record ID", "Auth0 org", "Account Name", "Work Email", "Website", "Owner"]
    records = [
        [row, f"org_crm{row:07d}", f"Müller {row}", "it@crm.example", f"www.crm{row}.example"] for row in range(3)
    ]
    (tmp_path / "a.csv").write_bytes(b"Accounts\n\n" + csv_rows(header, *records[:2], delimiter="|").encode("cp1252"))
    (tmp_path / "b.xlsx").write_bytes(workbook_of([header, records[2]], [["notes"]], titles=["CRM", "Notes"]))
    columns = {
        "Auth0 Org": "organization_id",
        "account_name": "organization_name",
        "work_email": "prospect_email",
        "Website": "domains",
    }
    options = {"columns": columns, "on_unknown_columns": "ignore", "sheet": "crm", "encoding": "windows-1252"}
    run = trigger(prospects_uri=str(tmp_path), **options)
    assert (run.state, run.summary["created"], tenant.stats().tickets) == ("success", 3, 3)
    assert [row["organization_name"] for row in run.rows] == ["Müller 0", "Müller 1", "Müller 2"]
    assert trigger(prospects_uri=str(tmp_path), **options).summary["reused"] == 3


def test_the_filled_in_template_for_excel_becomes_tickets(trigger: Trigger, tenant: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "prospects.xlsx"
    file.write_bytes(template_xlsx())
    workbook = load_workbook(file)
    workbook["Prospects"].append(["org_third", "Third", None, "it@third.example", None, None, "third.example"])
    workbook.save(file)
    run = trigger(prospects_uri=str(file))
    assert (run.state, run.summary["created"], tenant.stats().tickets) == ("success", 3, 3)


def test_dags_test_needs_neither_a_pool_nor_its_variable(
    trigger: Trigger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SLOTS_VARIABLE)
    run = trigger(prospects_csv=csv_of(2, 2, "indoors"))
    assert (run.state, run.summary["created"], tenant.stats().tickets) == ("success", 2, 2)
    assert trigger("revoke_sso_tickets", report=str(run.report)).state == "success"
    assert {ticket.state for ticket in tenant.tickets} == {"revoked"}


@pytest.mark.answers("nobody answers whether the plan is approved")
def test_a_plan_that_nobody_answers_is_rejected_and_the_run_ends(
    trigger: Trigger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sweep(seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        sleep(0.5)
        SchedulerJobRunner(Job()).check_awaiting_input_timeouts()

    monkeypatch.setenv("SSO_TICKETS_APPROVAL_TIMEOUT", "0.0001")
    with monkeypatch.context() as patch:
        patch.setattr("time.sleep", sweep)  # dag.test() sleeps until somebody answers
        run = trigger(prospects_csv=csv_of(2, 2, "nobody"), require_approval=True)
    assert (run.state, run.states("approve"), run.states("create_tickets")) == ("failed", ["success"], ["skipped"])
    assert "Nobody has answered within 0:00:00.360000, so the plan is rejected" in run.log
    assert (run.summary["not_attempted"], tenant.stats().tickets) == (2, 0)


def test_a_dry_run_does_everything_but_the_calls(trigger: Trigger, tenant: Sandbox) -> None:
    run = trigger(dry_run=True, max_mapped_tasks=2)
    assert run.state == "success"
    assert run.summary["planned"] == run.summary["rows"] == 12
    assert (tenant.stats().requests, tenant.stats().token_requests) == (0, 0)


def test_the_links_of_a_run_lead_to_its_report_and_to_the_tenants_profiles(
    trigger: Trigger, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com")
    connect(host="acme.eu.auth0.com", port=None)
    run = trigger(dry_run=True, max_mapped_tasks=1)
    with create_session() as session:
        of_run = select(XComModel.key, XComModel.value).where(XComModel.run_id == run.run_id)
        links = dict(session.execute(of_run).all())
    assert links["_link_ReportLink"].startswith("https://airflow.example.com/sso-tickets/reports/create_sso_tickets/")
    assert links["_link_ProfileLink"] == "https://manage.auth0.com/dashboard/eu/acme/connections/enterprise"


def test_bad_rows_are_skipped_into_the_report_and_the_good_ones_get_tickets(trigger: Trigger, tenant: Sandbox) -> None:
    run = trigger(prospects_uri=str(BAD_ROWS))
    invalid = [row for row in run.rows if row["status"] == "invalid"]
    assert run.state == "success"
    assert len(run.rows) - len(invalid) == GOOD_AMONG_BAD == tenant.stats().tickets
    assert all(row["error"].startswith(f"row {row['row']}, line ") for row in invalid)


def test_nothing_is_sent_when_bad_rows_are_to_fail_the_run(trigger: Trigger, tenant: Sandbox) -> None:
    run = trigger(prospects_uri=str(BAD_ROWS), on_invalid_rows="fail")
    assert run.state == "failed"
    assert tenant.stats().requests == 0
    assert "rows are invalid and on_invalid_rows is 'fail'" in run.log
    assert run.summary["not_attempted"] == GOOD_AMONG_BAD


def test_a_csv_of_only_bad_rows_ends_green_with_a_report_and_nothing_is_sent(trigger: Trigger, tenant: Sandbox) -> None:
    run = trigger(prospects_csv="organization_id,ttl_sec\nbad id,\norg_1,soon\n,9\n")
    assert run.state == "success"
    assert tenant.stats().tickets == 0
    assert [row["status"] for row in run.rows] == ["invalid"] * 3
    assert run.states("create_tickets") == ["skipped"]


def test_a_name_with_code_in_it_is_the_tasks_label_unchanged(trigger: Trigger, tenant: Sandbox) -> None:
    names = [
        "{{ 1 / 0 }}",
        "{% include 'x' %}{{ conn.auth0_default.password }}",
        "=HYPERLINK(1)",
        "<script>alert(1)</script>",
        "../../escaped",
        "batch.json",
    ]
    rows = [f"org_hostile{number},{name},c{number}" for number, name in enumerate(names)]
    run = trigger(prospects_csv="\n".join(["organization_id,organization_name,connection_name", *rows]))
    assert run.state == "success"
    assert tenant.stats().tickets == len(names)
    assert run.labels("create_tickets") == names
    assert [row["organization_name"] for row in run.rows] == names


@pytest.mark.answers("Auth0 refuses a row (400)")
def test_only_the_refused_organization_fails_and_its_request_is_not_sent_again(
    trigger: Trigger, tenant: Sandbox
) -> None:
    tenant.fault("fail_match", organization_id="org_refused00001", status=400)
    run = trigger(prospects_csv=csv_of(3, 3, "refused"))
    assert run.state == "failed"
    assert run.states("create_tickets") == ["success", "failed", "success"]
    assert [row["status"] for row in run.rows] == ["created", "failed", "created"]
    assert sum(seen.status == 400 for seen in tenant.requests) == 1
    assert "1 failed of 3 rows: the report says why" in run.log
    assert run.log.count("row 2: Auth0 answered 400") >= 2, "the task's error and that of check_outcome"
