"""A run's report: shown without links to those who may read the DAG's XComs; links and files are in the audit log."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.models.log import Log
from airflow.sdk.io import attach
from auth0_sso.models import Outcome, RevocationOutcome, RevocationStatus
from fastapi.testclient import TestClient
from fsspec.implementations.memory import MemoryFileSystem
from sqlalchemy import select
from sqlalchemy.orm import Session
from sso_ui.data import report_files

from include import reports
from include.reports import RunInfo
from tests.unit.sso_ui.conftest import DAG, FOLDER, RUN_ID, SetXCom, SignIn

PATH = f"/reports/{DAG}/{RUN_ID}"
LINK = "https://acme.example/self-service/connections-flow?ticket=t1ck3t"
HERE = {"Origin": "http://testserver"}

Get = Callable[..., Any]


@pytest.fixture
def get(client: TestClient, sign_in: SignIn) -> Get:
    """Return a function that gets the page for a user who may do everything."""
    sign_in()
    return lambda path=PATH: client.get(path)


@pytest.fixture
def report(base: Path) -> Path:
    """Return the folder of a run's report."""
    folder = base / FOLDER
    write(folder, "Größe")
    return folder


def write(folder: Path, name: str, dag_id: str = DAG) -> None:
    """Write the report of a run with one link and one failure."""
    created = Outcome(
        row=1, organization_id="org_1", organization_name=name, status="created", ticket_url=LINK, ticket_id="t1ck3t"
    )
    rows = [created, Outcome(row=2, organization_id="org_2", status="failed", error="refused")]
    reports.write_report(folder, rows, RunInfo(dag_id, RUN_ID, "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", 60.0))


def refusal(answer: Any) -> str:
    """Return the text of the page that says why there is no report."""
    assert answer.status_code == 404
    assert "t1ck3t" not in answer.text
    return str(answer.text)


def test_the_report_is_shown_without_any_link_and_no_cache_stores_it(report: Path, get: Get) -> None:
    answer = get()
    assert answer.status_code == 200
    assert "Größe" in answer.text
    assert "1 of 2 prospects has a link" in answer.text
    assert "t1ck3t" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_its_own_script_runs_and_no_other_and_it_may_request_links(report: Path, get: Get) -> None:
    answer = get()
    directives = dict(one.strip().split(" ", 1) for one in answer.headers["Content-Security-Policy"].split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"].startswith("'sha256-")
    assert "unsafe" not in directives["script-src"]
    assert (directives["connect-src"], directives["frame-ancestors"]) == ("'self'", "'self'")
    assert f"/reports/{DAG}/manual__2026-01-01T00%3A00%3A00%2B00%3A00/links" in answer.text


def test_only_who_may_have_links_sees_the_buttons_that_reveal_and_download_them(
    report: Path, get: Get, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(lambda check: check[0] == "GET")
    assert 'id="reveal"' in get().text
    assert "/files/tickets.csv" in get().text
    monkeypatch.setenv("SSO_TICKETS_LINKS_NEED", "trigger")
    answer = get()
    assert "1 of 2 prospects has a link" in answer.text
    for hidden in ('id="reveal"', "/links", "/files/", "t1ck3t"):
        assert hidden not in answer.text
    assert "connect-src" not in answer.headers["Content-Security-Policy"]


def test_a_report_page_that_somebody_else_has_written_is_not_shown(report: Path, get: Get) -> None:
    (report / "report.html").write_text("<script>alert(1)</script>")
    assert "alert(1)" not in get().text


def logged(session: Session) -> list[tuple[Any, ...]]:
    return [(log.event, log.owner, log.dag_id, log.run_id, log.extra) for log in session.scalars(select(Log))]


def test_links_are_revealed_by_row_and_the_audit_log_says_to_whom(
    report: Path, get: Get, client: TestClient, session: Session
) -> None:
    answer = client.post(f"{PATH}/links", json={"rows": [1, 2, 77]}, headers=HERE)
    assert answer.json() == {"links": {"1": LINK}}
    assert answer.headers["Cache-Control"] == "no-store"
    assert logged(session) == [("sso_tickets_revealed", "ann", DAG, RUN_ID, '{"rows": [1]}')]


@pytest.mark.parametrize("wanted", [{}, {"rows": []}, {"rows": [0]}, {"rows": ["x"]}, {"rows": list(range(1, 1002))}])
def test_other_rows_than_numbers_are_refused(report: Path, get: Get, client: TestClient, wanted: Any) -> None:
    assert client.post(f"{PATH}/links", json=wanted, headers=HERE).status_code == 422


@pytest.mark.parametrize("name", ["tickets.csv", "tickets.xlsx"])
def test_the_tables_are_downloaded_and_the_audit_log_says_by_whom(
    report: Path, get: Get, session: Session, name: str
) -> None:
    answer = get(f"{PATH}/files/{name}")
    assert answer.content == (report / name).read_bytes()
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert logged(session) == [("sso_report_downloaded", "ann", DAG, RUN_ID, json.dumps({"file": name}))]


@pytest.mark.parametrize("name", ["manifest.jsonl", "report.html", "..%2Ftickets.csv", "revocations.csv"])
def test_no_other_file_is_downloaded(report: Path, get: Get, session: Session, name: str) -> None:
    assert get(f"{PATH}/files/{name}").status_code == 404
    assert logged(session) == []


def test_a_run_that_revokes_has_a_page_too(base: Path, get: Get) -> None:
    folder = base / FOLDER.replace(DAG, "revoke_sso_tickets")
    info = RunInfo("revoke_sso_tickets", RUN_ID, "", "", 1.0)
    reports.write_revocations(
        folder,
        [RevocationOutcome(organization_id="org_1", organization_name="Größe", status=RevocationStatus.REVOKED)],
        info,
    )
    assert "1 of 1 link is no longer valid" in get(PATH.replace(DAG, "revoke_sso_tickets")).text


def test_a_run_without_a_report_has_a_page_that_says_where_it_was_looked_for_and_what_to_set(
    base: Path, home: Path, get: Get
) -> None:
    said = refusal(get())
    assert "has no SSO report: export_report has not succeeded, or the report can&#39;t be found" in said
    assert f"There is no summary.json in {home}/default/{FOLDER}, {base}/{FOLDER}." in said
    assert "give the api-server the workers&#39; SSO_TICKETS_REPORTS" in said
    assert "add the run&#39;s report_uri to SSO_TICKETS_EXTRA_REPORTS" in said


@pytest.mark.parametrize(
    "place",
    [
        ".",
        f"{DAG}/another_run",
        "revoke_sso_tickets/manual__2026-01-01T00_00_00+00_00",
        f"deeper/{FOLDER}",
        f"../elsewhere/{FOLDER}",
    ],
)
def test_a_report_in_another_folder_than_the_runs_own_is_not_shown(
    base: Path, set_xcom: SetXCom, get: Get, place: str
) -> None:
    write(base / place, "planted")
    set_xcom({"report_uri": str(base / place)})
    assert "planted" not in refusal(get())


def test_a_base_that_can_not_be_read_is_named_and_does_not_hide_the_others(base: Path, get: Get) -> None:
    assert f"can&#39;t read summary.json in the folder s3://bucket/reports/{FOLDER}" in refusal(get())
    write(base / FOLDER, "shown")
    assert "shown" in get().text


def test_a_report_in_the_default_folder_is_shown_and_goes_before_one_below_another_base(
    base: Path, home: Path, get: Get
) -> None:
    write(base / FOLDER, "of another base")
    write(home / "default" / FOLDER, "shown")
    page = get().text
    assert "shown" in page
    assert "of another base" not in page


def test_a_report_in_object_storage_is_shown(tmp_path: Path, get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    attach("memory", fs=MemoryFileSystem())
    monkeypatch.setenv("SSO_TICKETS_EXTRA_REPORTS", "memory://bucket/reports/")
    write(tmp_path, "shown")
    for file in tmp_path.iterdir():
        MemoryFileSystem().pipe_file(f"bucket/reports/{FOLDER}/{file.name}", file.read_bytes())
    assert "shown" in get().text


@pytest.mark.parametrize("linked", ["tickets.csv", ".", ".."])
def test_a_symbolic_link_below_the_folder_of_reports_is_not_followed(
    report: Path, tmp_path: Path, get: Get, linked: str
) -> None:
    place = Path(os.path.normpath(report / linked))
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert "Größe" in (report / "tickets.csv").read_text(encoding="utf-8")
    assert "can&#39;t read" in refusal(get())


def test_the_folder_of_reports_may_be_a_symbolic_link(report: Path, base: Path, tmp_path: Path, get: Get) -> None:
    base.rename(tmp_path / "elsewhere")
    base.symlink_to(tmp_path / "elsewhere")
    assert "Größe" in get().text


def test_a_pipe_in_place_of_a_table_does_not_block(report: Path, get: Get) -> None:
    (report / "tickets.csv").unlink()
    os.mkfifo(report / "tickets.csv")
    refusal(get())


def test_a_table_that_is_too_large_is_not_read(report: Path, get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_files, "MAX_BYTES", 50)
    assert "is larger than 50 bytes. Open it from the folder" in refusal(get())


@pytest.mark.parametrize("content", ["", "{}", "row\n1\n", "\x00"], ids=repr)
@pytest.mark.parametrize("name", ["summary.json", "tickets.csv"])
def test_a_spoilt_report_has_a_page_with_the_reason(report: Path, get: Get, name: str, content: str) -> None:
    (report / name).write_text(content)
    assert "The report can&#39;t be shown" in refusal(get())


def test_markup_in_a_path_is_escaped(get: Get) -> None:
    assert "Run &lt;b&gt;run of " in refusal(get("/reports/create_sso_tickets/<b>run"))


def test_the_report_of_a_run_that_reads_setups_is_the_page_customers(client: TestClient, sign_in: SignIn) -> None:
    checks = sign_in()
    answer = client.get(f"/reports/follow_sso_setups/{RUN_ID}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/customers")
    assert {dag_id for _, _, dag_id in checks} == {"follow_sso_setups"}
    sign_in(lambda check: check[2] != "follow_sso_setups")
    assert client.get(f"/reports/follow_sso_setups/{RUN_ID}").status_code == 403
