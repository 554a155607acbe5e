"""The report's page: for nobody but those who may read the DAG's XComs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pytest
from airflow.api_fastapi.app import init_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import _get_session
from airflow.api_fastapi.core_api import security
from auth0_sso import pages
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

RUN_ID = "manual__2026-01-01T00:00:00+00:00"
PATH = f"/reports/create_sso_tickets/{RUN_ID}"


@pytest.fixture
def stored() -> list[Any]:
    """Return the values that the database holds as the report task's XCom."""
    return []


@pytest.fixture
def client(stored: list[Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    session = create_autospec(Session, instance=True)
    session.scalars.side_effect = lambda _: SimpleNamespace(first=lambda: stored[0] if stored else None)
    pages.app.dependency_overrides[_get_session] = lambda: session
    monkeypatch.setattr(security.DagModel, "get_team_name", lambda _dag_id: None)
    init_auth_manager()
    yield TestClient(pages.app)
    pages.app.dependency_overrides.clear()


@pytest.fixture
def sign_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], list[Any]]:
    """Sign a user in who may, or may not, do what is asked, and return what is asked."""

    def as_one_who(may: bool) -> list[Any]:
        asked: list[Any] = []
        manager = create_autospec(BaseAuthManager, instance=True)

        def decide(**question: Any) -> bool:
            asked.append((question["method"], question["access_entity"], question["details"].id))
            return may

        manager.is_authorized_dag.side_effect = decide
        monkeypatch.setattr(security, "get_auth_manager", lambda: manager)
        pages.app.dependency_overrides[security.get_user] = lambda: SimpleNamespace(get_name=lambda: "ann")
        return asked

    return as_one_who


@pytest.fixture
def report(tmp_path: Path, stored: list[Any]) -> Path:
    (tmp_path / "report.html").write_text("<html>Größe</html>", encoding="utf-8")
    stored.append(json.dumps({"report_uri": str(tmp_path), "summary": {}}))
    return tmp_path


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer forged"}, {"Cookie": "_token=forged"}], ids=str)
def test_who_is_not_signed_in_sees_nothing(client: TestClient, report: Path, headers: dict[str, str]) -> None:
    answer = client.get(PATH, headers=headers)
    assert answer.status_code in (401, 403)
    assert "Größe" not in answer.text


def test_who_is_not_signed_in_is_sent_to_the_login_and_back(client: TestClient) -> None:
    answer = client.get(PATH)
    assert answer.status_code == 401
    assert "/api/v2/auth/login?next=http%3A%2F%2Ftestserver%2Freports%2Fcreate_sso_tickets%2Fmanual__" in answer.text


def test_who_may_not_read_the_dags_xcoms_sees_nothing(
    client: TestClient, report: Path, sign_in: Callable[[bool], list[Any]]
) -> None:
    sign_in(False)
    answer = client.get(PATH)
    assert answer.status_code == 403
    assert "Größe" not in answer.text


def test_who_may_read_them_sees_the_report_that_nothing_may_keep(
    client: TestClient, report: Path, sign_in: Callable[[bool], list[Any]]
) -> None:
    asked = sign_in(True)
    answer = client.get(PATH)
    assert answer.status_code == 200
    assert answer.text == "<html>Größe</html>"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert asked == [("GET", DagAccessEntity.XCOM, "create_sso_tickets")]


@pytest.mark.parametrize("value", [None, '"text"', "{}", "[]"])
def test_a_run_without_a_report_says_so(
    client: TestClient, stored: list[Any], sign_in: Callable[[bool], list[Any]], value: str | None
) -> None:
    stored.extend([] if value is None else [value])
    sign_in(True)
    answer = client.get(PATH)
    assert answer.status_code == 404
    assert "has no SSO report" in answer.text


def test_a_report_whose_folder_is_gone_says_so(
    client: TestClient, report: Path, sign_in: Callable[[bool], list[Any]]
) -> None:
    (report / "report.html").unlink()
    sign_in(True)
    answer = client.get(PATH)
    assert answer.status_code == 404
    assert "can&#x27;t be read from here" in answer.text


@pytest.mark.parametrize("uri", ["nowhere://bucket/reports", "s3://bucket/reports"])
def test_a_report_in_a_storage_that_the_api_server_can_not_reach_says_so(
    client: TestClient, stored: list[Any], sign_in: Callable[[bool], list[Any]], uri: str
) -> None:
    stored.append(json.dumps({"report_uri": uri, "summary": {}}))
    sign_in(True)
    answer = client.get(PATH)
    assert answer.status_code == 404
    assert "can&#x27;t be read from here" in answer.text


def test_what_a_path_holds_is_not_read_as_html(client: TestClient, sign_in: Callable[[bool], list[Any]]) -> None:
    sign_in(True)
    answer = client.get("/reports/create_sso_tickets/<b>run<%2Fb>")
    assert answer.status_code == 404
    assert "<b>" not in answer.text


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/redoc", "/reports", "/reports/create_sso_tickets"])
def test_there_is_no_other_page(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
