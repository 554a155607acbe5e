"""The link from a task to its run's report."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from airflow.sdk.types import TaskInstanceKey
from auth0_sso.get_provider_info import get_provider_info
from auth0_sso.operators.links import PAGES_PREFIX, ReportLink
from auth0_sso.operators.sso_tickets import CreateSsoTicketsOperator, RevokeSsoTicketsOperator

RUN_ID = "scheduled__2026-01-01T00:00:00+00:00"


def link(run_id: str = RUN_ID, dag_id: str = "create_sso_tickets") -> str:
    operator = CreateSsoTicketsOperator(task_id="create_tickets", batch={"label": "Acme", "batch": "batch.json"})
    key = TaskInstanceKey(dag_id=dag_id, run_id=run_id, task_id="create_tickets", try_number=1, map_index=0)
    return ReportLink().get_link(operator, ti_key=key)


def test_it_leads_to_the_report_of_the_tasks_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/team/")
    path = f"{PAGES_PREFIX}/reports/create_sso_tickets/scheduled__2026-01-01T00%3A00%3A00%2B00%3A00"
    assert link() == f"https://airflow.example.com/team{path}"


def test_it_is_relative_when_airflow_does_not_know_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "")
    assert link().startswith(f"{PAGES_PREFIX}/reports/")


@pytest.mark.parametrize("run_id", ["a/b?c#d", "../../secret", "ä ö"])
def test_a_run_id_can_not_change_where_it_leads(run_id: str) -> None:
    parts = urlsplit(link(run_id))
    assert (parts.query, parts.fragment) == ("", "")
    assert unquote(parts.path.rsplit("/", 1)[1]) == run_id


def test_it_holds_no_ticket() -> None:
    assert "ticket=" not in link()


@pytest.mark.parametrize("operator", [CreateSsoTicketsOperator, RevokeSsoTicketsOperator])
def test_both_operators_have_it(operator: type[CreateSsoTicketsOperator]) -> None:
    assert [link.name for link in operator.operator_extra_links] == ["Report"]


def test_airflow_is_told_of_it() -> None:
    assert get_provider_info()["extra-links"] == [f"{ReportLink.__module__}.{ReportLink.__qualname__}"]
