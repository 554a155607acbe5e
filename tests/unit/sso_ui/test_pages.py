"""The report's page: only users who may read the DAG's XComs see it."""

from __future__ import annotations

import json
import os
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
from airflow.models.xcom import XComModel
from airflow.sdk.io import attach
from fastapi.testclient import TestClient
from fsspec.implementations.memory import MemoryFileSystem
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool
from sso_ui import pages
from sso_ui.report_files import MAX_BYTES

from include import run
from include.reports.html.page import CONTENT_SECURITY_POLICY

DAG = "create_sso_tickets"
RUN_ID = "manual__2026-01-01T00:00:00+00:00"
PATH = f"/reports/{DAG}/{RUN_ID}"
FOLDER = f"{DAG}/manual__2026-01-01T00_00_00+00_00"

SetXCom = Callable[..., None]
Get = Callable[..., Any]
Requests = list[tuple[str, DagAccessEntity, str]]


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    XComModel.__table__.create(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def set_xcom(session: Session) -> SetXCom:
    """Put a value into the database as the XCom of the report's task."""

    def put(value: Any, **changes: Any) -> None:
        entry = {"dag_run_id": 1, "dag_id": DAG, "run_id": RUN_ID, "task_id": "export_report", "map_index": -1}
        session.execute(insert(XComModel).values({**entry, "key": "return_value", "value": value, **changes}))

    return put


@pytest.fixture
def client(session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    pages.app.dependency_overrides[_get_session] = lambda: session
    monkeypatch.setattr(security.DagModel, "get_team_name", lambda _dag_id: None)
    init_auth_manager()
    yield TestClient(pages.app)
    pages.app.dependency_overrides.clear()


@pytest.fixture
def sign_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], Requests]:
    """Sign a user in who is, or is not, authorized, and return the checks of the authorization."""

    def as_user(is_authorized: bool) -> Requests:
        checks: Requests = []
        manager = create_autospec(BaseAuthManager, instance=True)

        def decide(**check: Any) -> bool:
            checks.append((check["method"], check["access_entity"], check["details"].id))
            return is_authorized

        manager.is_authorized_dag.side_effect = decide
        monkeypatch.setattr(security, "get_auth_manager", lambda: manager)
        pages.app.dependency_overrides[security.get_user] = lambda: SimpleNamespace(get_name=lambda: "ann")
        return checks

    return as_user


@pytest.fixture
def get(client: TestClient, sign_in: Callable[[bool], Requests]) -> Get:
    """Return a function that gets the page for a user who is authorized."""
    sign_in(True)
    return lambda path=PATH: client.get(path)


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return one of the deployment's folders of reports."""
    monkeypatch.setenv("SSO_TICKETS_EXTRA_REPORTS", f"s3://bucket/reports, {tmp_path / 'reports'}/")
    return tmp_path / "reports"


@pytest.fixture
def report(base: Path, set_xcom: SetXCom) -> Path:
    """Return the folder of a run's report."""
    folder = base / FOLDER
    write(folder, "Größe")
    set_xcom({"report_uri": str(folder), "summary": {}})
    return folder


def refusal(answer: Any) -> str:
    """Return the text of the page that says why there is no report."""
    assert answer.status_code == 404
    assert "There is no report to show" in answer.text
    return str(answer.text)


def write(folder: Path, text: str) -> None:
    folder.mkdir(parents=True)
    (folder / "report.html").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer forged"}, {"Cookie": "_token=forged"}], ids=str)
def test_a_user_who_is_not_logged_in_gets_a_link_to_the_login_and_back_instead(
    client: TestClient, report: Path, headers: dict[str, str]
) -> None:
    answer = client.get(PATH, headers=headers)
    assert answer.status_code in (401, 403)
    assert "Größe" not in answer.text
    login = "/api/v2/auth/login?next=http%3A%2F%2Ftestserver%2Freports%2Fcreate_sso_tickets%2Fmanual__"
    assert (login in answer.text) == (answer.status_code == 401)


def test_a_user_who_may_not_read_the_dags_xcoms_sees_no_report(
    client: TestClient, report: Path, sign_in: Callable[[bool], Requests]
) -> None:
    sign_in(False)
    answer = client.get(PATH)
    assert answer.status_code == 403
    assert "Größe" not in answer.text


def test_a_user_who_may_read_them_sees_the_report_and_no_cache_stores_it(
    client: TestClient, report: Path, sign_in: Callable[[bool], Requests]
) -> None:
    checks = sign_in(True)
    answer = client.get(PATH)
    assert answer.status_code == 200
    assert answer.text == "Größe"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert checks == [("GET", DagAccessEntity.XCOM, DAG)]


@pytest.mark.parametrize("run_id", [RUN_ID, "another"])
def test_the_browser_gives_any_page_no_origin_and_runs_the_reports_own_script_only(
    report: Path, get: Get, run_id: str
) -> None:
    headers = get(f"/reports/{DAG}/{run_id}").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"]
    assert policy == f"{CONTENT_SECURITY_POLICY}; frame-ancestors 'self'; sandbox allow-scripts"
    assert policy.startswith("default-src 'none'; script-src 'sha256-")


@pytest.mark.parametrize("value", [None, '"text"', "text", "[]", {"report_uri": 7}], ids=repr)
def test_a_run_without_a_report_has_a_page_with_the_reason(set_xcom: SetXCom, get: Get, value: Any) -> None:
    set_xcom(value)
    assert "has no SSO report" in refusal(get())


def test_a_report_is_found_by_the_xcom_of_its_own_task(report: Path, set_xcom: SetXCom, get: Get) -> None:
    stray: list[dict[str, Any]] = [{"run_id": "b"}, {"dag_id": "d"}, {"task_id": "t"}, {"key": "k"}, {"map_index": 0}]
    for number, entry in enumerate(stray, 2):
        set_xcom({"report_uri": "/elsewhere"}, dag_run_id=number, **entry)
    assert get().text == "Größe"


def test_an_xcom_as_the_ui_saves_it_is_read_and_no_class_in_it_is_loaded(
    base: Path, set_xcom: SetXCom, get: Get
) -> None:
    write(base / FOLDER, "shown")
    named = {"__classname__": "nowhere.Class", "__version__": 1, "__data__": {}}
    set_xcom(json.dumps({"report_uri": str(base / FOLDER), "summary": named}))
    assert get().text == "shown"


def test_a_report_in_the_default_folder_is_shown(tmp_path: Path, set_xcom: SetXCom, get: Get, monkeypatch: Any) -> None:
    monkeypatch.setattr(run, "DEFAULT_REPORTS", str(tmp_path))
    write(tmp_path / FOLDER, "shown")
    set_xcom({"report_uri": f"{tmp_path}/./{DAG}/../{FOLDER}/"})
    assert get().text == "shown"


def test_a_report_in_object_storage_is_shown(set_xcom: SetXCom, get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    attach("memory", fs=MemoryFileSystem())
    monkeypatch.setenv("SSO_TICKETS_EXTRA_REPORTS", "memory://bucket/reports/")
    MemoryFileSystem().pipe_file(f"bucket/reports/{FOLDER}/report.html", b"shown")
    set_xcom({"report_uri": f"memory://bucket/reports/{FOLDER}"})
    assert get().text == "shown"


@pytest.mark.parametrize(
    "uri",
    [
        "{base}",
        "{base}/create_sso_tickets/another_run",
        "{base}/revoke_sso_tickets/manual__2026-01-01T00_00_00+00_00",
        f"{{base}}/{FOLDER}/../another_run",
        f"{{base}}/../elsewhere/{FOLDER}",
        "file://{base}/../elsewhere",
        f"http://127.0.0.1:1/{FOLDER}",
        "s3://another/reports",
        "nowhere://{base}",
        "a\x00b",
        "",
    ],
)
def test_another_folder_than_the_runs_own_is_named_and_not_read(
    base: Path, set_xcom: SetXCom, get: Get, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setattr(pages, "read_page", lambda folder: pytest.fail(f"{folder} is read"))
    set_xcom({"report_uri": uri.format(base=base)})
    said = refusal(get())
    assert f"is at {uri.format(base=base)}, which" in said
    assert "SSO_TICKETS_EXTRA_REPORTS" in said


@pytest.mark.parametrize("linked", ["report.html", ".", ".."])
def test_a_symbolic_link_below_the_folder_of_reports_is_not_followed(
    report: Path, tmp_path: Path, get: Get, linked: str
) -> None:
    place = Path(os.path.normpath(report / linked))
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert (report / "report.html").read_text(encoding="utf-8") == "Größe"
    assert "can&#x27;t read the report" in refusal(get())


def test_the_folder_of_reports_may_be_a_symbolic_link(report: Path, base: Path, tmp_path: Path, get: Get) -> None:
    base.rename(tmp_path / "elsewhere")
    base.symlink_to(tmp_path / "elsewhere")
    assert get().text == "Größe"


def test_a_pipe_in_place_of_the_page_does_not_block(report: Path, get: Get) -> None:
    (report / "report.html").unlink()
    os.mkfifo(report / "report.html")
    assert "Größe" not in get().text


@pytest.mark.parametrize(("beyond", "status"), [(0, 200), (1, 404)])
def test_a_page_that_is_too_large_is_not_shown(report: Path, get: Get, beyond: int, status: int) -> None:
    os.truncate(report / "report.html", MAX_BYTES + beyond)
    answer = get()
    assert answer.status_code == status
    assert ("is larger than" in answer.text) == bool(beyond)


def test_another_dags_report_is_not_shown(base: Path, set_xcom: SetXCom, get: Get) -> None:
    folder = FOLDER.replace(DAG, "another_dag")
    write(base / folder, "Größe")
    set_xcom({"report_uri": str(base / folder)}, dag_id="another_dag")
    assert "has no SSO report" in refusal(get(f"/reports/another_dag/{RUN_ID}"))


@pytest.mark.parametrize("uri", ["{base}", "s3://bucket/reports"])
def test_a_report_that_can_not_be_read_has_a_page_with_the_reason(
    base: Path, set_xcom: SetXCom, get: Get, uri: str
) -> None:
    set_xcom({"report_uri": f"{uri.format(base=base)}/{FOLDER}"})
    assert "can&#x27;t read the report" in refusal(get())


def test_markup_in_a_path_is_escaped(get: Get) -> None:
    assert "Run &lt;b&gt;run of " in refusal(get("/reports/create_sso_tickets/<b>run"))


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/redoc", "/reports/create_sso_tickets"])
def test_there_is_no_other_page(get: Get, path: str) -> None:
    assert get(path).status_code == 404
