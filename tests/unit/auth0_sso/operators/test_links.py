"""The link from a task to its run's report."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from airflow.sdk.types import TaskInstanceKey
from auth0_sso.operators.links import PAGES_PREFIX, ReportLink
from auth0_sso.operators.sso_tickets import CreateSsoTicketsOperator


def link(run_id: str) -> str:
    operator = CreateSsoTicketsOperator(task_id="create_tickets", batch={"label": "Acme", "batch": "batch.json"})
    key = TaskInstanceKey(
        dag_id="create_sso_tickets", run_id=run_id, task_id="create_tickets", try_number=1, map_index=0
    )
    return ReportLink().get_link(operator, ti_key=key)


@pytest.mark.parametrize(
    ("base_url", "start"), [("https://airflow.example.com/team/", "https://airflow.example.com/team"), ("", "")]
)
def test_it_leads_to_the_report_of_the_tasks_run(monkeypatch: pytest.MonkeyPatch, base_url: str, start: str) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    path = f"{PAGES_PREFIX}/reports/create_sso_tickets/scheduled__2026-01-01T00%3A00%3A00%2B00%3A00"
    assert link("scheduled__2026-01-01T00:00:00+00:00") == start + path


@pytest.mark.parametrize("run_id", ["a/b?c#d", "../../secret", "ä ö"])
def test_a_run_id_can_not_change_where_it_leads(run_id: str) -> None:
    parts = urlsplit(link(run_id))
    assert (parts.query, parts.fragment) == ("", "")
    assert unquote(parts.path.rsplit("/", 1)[1]) == run_id
