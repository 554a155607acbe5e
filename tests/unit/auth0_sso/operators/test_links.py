"""The links from a task: to its run's report, and to the profiles in Auth0's dashboard."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from airflow.sdk.types import TaskInstanceKey
from auth0_sso.operators.links import PAGES_PREFIX, ReportLink, profiles_address, ui_address
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


def test_a_part_of_an_address_can_not_become_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/team/")
    assert ui_address("dags", "a/b?c", ")(") == "https://airflow.example.com/team/dags/a%2Fb%3Fc/%29%28"


@pytest.mark.parametrize(
    ("domain", "region"),
    [("acme.eu.auth0.com", "eu"), ("acme.us.auth0.com", "us"), ("acme.au.auth0.com", "au"), ("acme.auth0.com", "us")],
)
def test_the_dashboard_of_a_tenant_follows_from_its_domain(domain: str, region: str) -> None:
    assert profiles_address(domain) == f"https://manage.auth0.com/dashboard/{region}/acme/connections/enterprise"


@pytest.mark.parametrize(
    "domain",
    [
        "",
        "login.example.com",
        "127.0.0.1:4010",
        "auth0.com",
        "acme.eu.auth0.com.example.com",
        "acme.eu.auth0.com:8443",
        "acme.eu.auth0.com\n",
        "acme.corp.eu.auth0.com",
        "acme.eu.auth0app.com",
        "a/b.eu.auth0.com",
    ],
)
def test_any_other_host_has_no_dashboard(domain: str) -> None:
    assert profiles_address(domain) == ""
