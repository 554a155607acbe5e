"""The environment of the local Airflow, and what it waits for while it starts."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import proxy_bypass

import pytest
from pytest_httpserver import HTTPServer

from dev.local.airflow import LocalAirflow


@pytest.mark.parametrize("variable", ["AIRFLOW_CONFIG", "AIRFLOW_HOME", "AIRFLOW__SECRETS__BACKEND"])
def test_another_airflows_settings_are_not_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "of-another")
    monkeypatch.setenv("AIRFLOW_CONN_AUTH0_DEFAULT", "{}")
    env = LocalAirflow(tmp_path).env
    assert "of-another" not in env.values()
    assert env["AIRFLOW_CONN_AUTH0_DEFAULT"] == "{}"


def test_its_processes_use_no_proxy_for_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    for name, value in LocalAirflow(tmp_path).env.items():
        monkeypatch.setenv(name, value)
    assert all(proxy_bypass(host) for host in ("127.0.0.1", "localhost", "intranet.example"))
    assert not proxy_bypass("auth0.example")


def test_its_reports_are_removed_with_its_ledger_unless_a_person_has_chosen_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSO_TICKETS_REPORTS", raising=False)
    assert LocalAirflow(tmp_path).env["SSO_TICKETS_REPORTS"] == str(tmp_path / "reports")
    monkeypatch.setenv("SSO_TICKETS_REPORTS", "/chosen")
    assert LocalAirflow(tmp_path).env["SSO_TICKETS_REPORTS"] == "/chosen"


def test_it_says_what_is_not_ready_until_all_is(tmp_path: Path, httpserver: HTTPServer) -> None:
    waited_for: list[str] = []
    airflow = LocalAirflow(tmp_path, port=httpserver.port, on_wait=waited_for.append)
    (tmp_path / "passwords.json").write_text(json.dumps({"admin": "password"}))
    statuses = ("unhealthy", None, None), ("healthy", "healthy", "unhealthy"), *[("healthy",) * 3] * 2
    parts = ("metadatabase", "scheduler", "dag_processor")
    httpserver.expect_oneshot_request("/auth/token").respond_with_json({}, status=503)
    httpserver.expect_request("/auth/token").respond_with_json({"access_token": "token"})
    for status in statuses:
        health = {part: {"status": found} for part, found in zip(parts, status, strict=True)}
        httpserver.expect_oneshot_request("/api/v2/monitor/health").respond_with_json(health)
    every = ["create_sso_tickets", "follow_sso_setups", "mail_sso_tickets", "revoke_sso_tickets"]
    for dag_ids in (every[:1], every):
        dags = [{"dag_id": dag_id} for dag_id in dag_ids]
        httpserver.expect_oneshot_request("/api/v2/dags").respond_with_json({"dags": dags})
    assert airflow.wait_until_healthy().url == airflow.url
    assert waited_for == [
        "API server",
        "database, scheduler, DAG processor",
        "DAG processor",
        "follow_sso_setups, mail_sso_tickets, revoke_sso_tickets",
    ]
