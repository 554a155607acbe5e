"""From a CSV to tickets, on a real scheduler with the LocalExecutor."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import openpyxl
import pytest

from dev.local.airflow import POOL
from dev.local.api import AirflowApi, ApiError
from dev.sandbox.server import Sandbox
from tests.e2e.runs import Run, Trigger
from tests.support.prospects import csv_of


@pytest.fixture(scope="module")
def run(trigger: Trigger, tenant: Sandbox) -> Run:
    """Return a run of nine prospects of four organizations."""
    tenant.reset()
    return trigger(prospects_csv=csv_of(9, 4, "nine"))


def test_each_prospect_gets_one_ticket_and_no_call_is_refused(run: Run, tenant: Sandbox) -> None:
    seen = tenant.stats()
    assert run.state == "success"
    assert (seen.tickets, seen.rate_limited) == (9, 0)
    assert (run.summary["created"], run.summary["rate_limited"]) == (9, 0)
    assert len({row["ticket_id"] for row in run.rows}) == 9
    assert {row["ticket_id"] for row in run.rows} == {ticket.id for ticket in tenant.tickets}


def test_each_organization_is_a_mapped_instance_with_its_name(run: Run) -> None:
    instances = run.tasks("create_tickets")
    assert [(ti["rendered_map_index"], ti["pool"]) for ti in instances] == [(f"nine {org}", POOL) for org in range(4)]


def test_the_urls_are_in_xcom(run: Run) -> None:
    values = [run.api.xcom(run.dag_id, run.run_id, "create_tickets", map_index=index) for index in range(4)]
    urls = [ticket["ticket_url"] for value in values for org in value for ticket in org["tickets"]]
    assert len(urls) == 9
    assert set(urls) == {row["ticket_url"] for row in run.rows}


def test_the_report_has_every_row_once_in_all_its_files(run: Run) -> None:
    with (run.report / "tickets.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [int(row["row"]) for row in csv.DictReader(file)] == list(range(1, 10))
    sheet = openpyxl.load_workbook(run.report / "tickets.xlsx").active
    assert [row[0] for row in sheet.iter_rows(min_row=2, values_only=True)] == list(range(1, 10))
    assert "9 of 9 prospects have a link" in (run.report / "report.html").read_text()
    assert json.loads((run.report / "summary.json").read_text())["rows"] == 9


def test_the_asset_event_carries_the_counts_and_the_report(run: Run, airflow: AirflowApi) -> None:
    events = airflow.get(f"/api/v2/assets/events?source_dag_id={run.dag_id}&limit=100")["asset_events"]
    extra = next(event["extra"] for event in events if event["source_run_id"] == run.run_id)
    assert extra["summary"]["created"] == 9
    assert Path(extra["report_uri"]) == run.report
    assert "ticket=" not in json.dumps(extra)


def test_the_report_page_needs_a_login(run: Run, airflow: AirflowApi) -> None:
    links = airflow.get(f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/export_report/links")[
        "extra_links"
    ]
    path = links["Report"].removeprefix(airflow.url)
    assert "ticket=" not in path
    assert "9 of 9 prospects have a link" in airflow.text(path)
    with pytest.raises(ApiError, match="401"):
        airflow.text(path, logged_in=False)
