"""*New batch*: a CSV is kept for its owner alone, checked, and what would happen to each row is shown."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import shutil
import time
import tracemalloc
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from airflow.models.taskinstance import TaskInstance
from airflow.sdk.io import attach
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.models import TENANT, SsoTicket, iso
from auth0_sso.tickets.batch import spec_of
from auth0_sso.tickets.preflight import RunOptions
from fastapi.testclient import TestClient
from fsspec.implementations.memory import MemoryFileSystem
from openpyxl import load_workbook
from sqlalchemy import insert
from sqlalchemy.orm import Session
from sso_ui.checks import preview, processes
from sso_ui.checks.line import CheckLine
from sso_ui.data import uploads
from sso_ui.data.tenant import Auth0Hook, read_tenant
from sso_ui.routes import batches
from time_machine import TimeMachineFixture

from include import folders
from include.files import json_bytes
from include.prospects import ReadOptions, load_prospects
from include.prospects.table.options import DEFAULT_OPTIONS
from include.reports.wording import utc_text
from tests.support.prospects import csv_of
from tests.unit.sso_ui.conftest import SignIn

HERE = {"Origin": "http://testserver"}
BAD = (
    "organization_id,organization_name,ttl_sec\n"
    "org_a,Acme,\norg_b,<script>alert(1)</script>,soon\nbad id,Initech,\norg_c,Hooli,=1+1\n"
)


@pytest.fixture
def browser(client: TestClient, sign_in: SignIn, connection: None) -> TestClient:
    sign_in()
    return client


def upload(browser: TestClient, text: str, name: str = "customers.csv") -> Any:
    """Upload a CSV; return the page that it leads to."""
    answer = browser.post("/batches", files={"file": (name, text, "text/csv")}, headers=HERE)
    return browser.get(answer.headers["location"]) if answer.status_code == 303 else answer


def test_an_upload_is_its_owners_alone_and_has_a_name_that_nobody_can_guess(browser: TestClient, home: Path) -> None:
    assert upload(browser, csv_of(3, 2, "new"), "../../Café & Söhne.csv").status_code == 200
    (folder,) = (home / "default" / "uploads").iterdir()
    assert len(folder.name) == 32
    usual = f"0-{DEFAULT_OPTIONS.digest}"
    expected = {"owner", "Caf_S_hne.csv", f"manifest-{usual}.jsonl", f"preview-{usual}.json"}
    assert {file.name for file in folder.iterdir()} == expected
    assert [oct(path.stat().st_mode & 0o777) for path in (folder, *folder.iterdir())] == ["0o700", *["0o600"] * 4]


@pytest.mark.usefixtures("in_processes")
def test_prospects_organizations_and_what_would_happen_are_shown(browser: TestClient, default_ledger: Ledger) -> None:
    page = upload(browser, csv_of(3, 2, "new")).text
    assert "3 prospects of 2 organizations" in page
    assert "<b>3</b>to create" in page
    assert "1.5 s</b>for 3 requests, at most 4 a second" in page
    assert "<b>2</b>mapped tasks" in page
    assert "Create 3 links" in page


def test_the_form_that_starts_the_run_holds_its_parameters_as_json(browser: TestClient, home: Path) -> None:
    page = upload(browser, csv_of(1, 1, "new"), "it's.csv").text
    fields = {field["name"]: json.loads(field["value"]) for field in Inputs(page).hidden if "data-json" in field}
    (folder,) = (home / "default" / "uploads").iterdir()
    options = {"on_existing": "reuse", "on_conflict": "report", "ttl_sec": 0}
    assert fields == {"prospects_uri": str(folder / "it_s.csv"), **options}


class Inputs(HTMLParser):
    """Collects a page's hidden fields."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.hidden: list[dict[str, Any]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "input" and ("type", "hidden") in attrs:
            self.hidden.append(dict(attrs))


def test_a_pasted_csv_is_checked_too(browser: TestClient) -> None:
    answer = browser.post("/batches", data={"text": csv_of(2, 1, "pasted")}, headers=HERE)
    assert "2 prospects of 1 organization" in browser.get(answer.headers["location"]).text


@pytest.mark.usefixtures("in_processes")
def test_each_bad_row_is_named_with_its_problem_and_all_can_be_downloaded(browser: TestClient) -> None:
    answer = upload(browser, BAD)
    assert "1 prospect of 1 organization, 3 rows to fix" in answer.text
    assert "<q>soon</q>: must be a whole number" in answer.text
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    only = browser.get(f"{answer.url.path}?only_invalid=true").text
    assert "Initech" in only
    assert "Acme" not in only
    content = browser.get(f"{answer.url.path}/problems.csv").content
    table = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [(row["row"], row["column"], row["value"], row["source"]) for row in table] == [
        ("2", "ttl_sec", "soon", "customers.csv"),
        ("3", "organization_id", "bad id", "customers.csv"),
        ("4", "ttl_sec", "'=1+1", "customers.csv"),
    ]
    assert content.startswith(codecs.BOM_UTF8)
    workbook = load_workbook(io.BytesIO(browser.get(f"{answer.url.path}/problems.xlsx").content))
    assert [cell.value for cell in workbook["Problems"]["E"]] == ["value", "soon", "bad id", "=1+1"]
    assert {cell.data_type for cell in workbook["Problems"]["E"]} == {"s"}


@pytest.mark.parametrize("sent", ["data", "files"])
def test_a_pasted_csv_may_be_as_large_as_an_uploaded_one(browser: TestClient, sent: str) -> None:
    text = csv_of(20_000, 1, "pasted")
    assert len(text) > 2**20
    body: Any = {"data": {"text": text}} if sent == "data" else {"files": {"text": (None, text)}}
    answer = browser.post("/batches", **body, headers=HERE)
    assert answer.status_code == 303, answer.text[:500]
    assert "20,000 prospects of 1 organization" in browser.get(answer.headers["location"]).text


@pytest.mark.usefixtures("in_processes")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty: its first line must name the columns"),
        ('organization_id\norg_a\n"org_b\n', "row 2, line 3: a quote that is opened here is never closed"),
        ("%PDF-1.7", "customers.csv: is a PDF"),
    ],
)
def test_a_csv_that_can_not_be_used_has_a_page_with_the_reason(browser: TestClient, text: str, reason: str) -> None:
    answer = upload(browser, text)
    assert answer.status_code == 422
    assert "This file can't be used" in answer.text.replace("&#39;", "'")
    assert reason in answer.text


def test_without_a_file_or_a_text_nothing_is_checked(browser: TestClient) -> None:
    answer = browser.post("/batches", data={"text": " "}, headers=HERE)
    assert answer.status_code == 422
    assert "There is nothing to check" in answer.text


@pytest.mark.usefixtures("in_processes")
def test_a_check_that_has_ended_early_is_not_taken_for_a_whole_one(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python itself ends with the exit code that says that some rows are invalid."""
    python = processes._python

    def fail(given: Any, output: Path, module: str, *arguments: str) -> Any:
        return python(given, output, "no_such_module" if module == "include.prospects" else module, *arguments)

    monkeypatch.setattr(processes, "_python", fail)
    answer = upload(browser, csv_of(3, 2, "new"))
    assert answer.status_code == 422
    assert "The check has failed" in answer.text


def test_an_upload_that_is_removed_while_it_is_checked_is_gone(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = preview._check

    def remove(file: Any, folder: Any, ttl_sec: int, options: ReadOptions) -> Any:
        shutil.rmtree(folder.path)
        return begun(file, folder, ttl_sec, options)

    monkeypatch.setattr(preview, "_check", remove)
    answer = upload(browser, csv_of(3, 2, "new"))
    assert answer.status_code == 422
    assert "Uploads are kept for 30 days" in answer.text


def test_a_csv_that_is_too_large_is_refused(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOAD_BYTES", 10)
    assert "The file has over" in upload(browser, csv_of(3, 2, "new")).text


def issue(ledger: Ledger, text: str, rows: int) -> None:
    """Let the first rows of a CSV have valid links."""
    settings = Auth0Hook().settings
    for prospect in load_prospects(None, text=text).valid[:rows]:
        spec = spec_of(prospect, settings)
        begun = ledger.begin(spec, None, RunAttempt("create_sso_tickets/run", 0, 1.0), answer_within=30)
        ticket = SsoTicket(f"https://acme.example/self-service/connections-flow?ticket=t{prospect.row}")
        ledger.record_created(begun, ticket, sent_at=ledger.now(), ttl=86_400)


@pytest.mark.usefixtures("in_processes")
def test_valid_links_would_be_reused_or_replaced_on_request(browser: TestClient, known: Ledger) -> None:
    text = csv_of(3, 3, "known")
    issue(known, text, 2)
    answer = upload(browser, text)
    assert "<b>1</b>to create" in answer.text
    assert "<b>2</b>to reuse" in answer.text
    assert answer.text.count("reuse, valid until") == 2
    assert "Create 1 link" in answer.text
    assert "ticket=t1" not in answer.text
    again = browser.get(f"{answer.url.path}?reissue=true").text
    assert "<b>2</b>to replace" in again
    assert "for 5 requests" in again
    assert "Replace 2, create 1</button>" in again


def test_another_lifetime_is_for_new_links_only(browser: TestClient, default_ledger: Ledger) -> None:
    text = csv_of(2, 2, "known")
    issue(default_ledger, text, 2)
    answer = upload(browser, text)
    assert "<b>2</b>to reuse" in answer.text
    changed = browser.get(f"{answer.url.path}?ttl_sec=3600").text
    assert "<b>2</b>to reuse" in changed
    assert "name=\"ttl_sec\" value='3600'" in changed
    assert browser.get(f"{answer.url.path}?ttl_sec=432001").status_code == 422


def test_the_button_names_the_links_that_are_replaced(browser: TestClient, default_ledger: Ledger) -> None:
    text = csv_of(4, 4, "known")
    issue(default_ledger, text, 3)
    header, *rows = text.splitlines()
    changed = "\n".join([f"{header},display_name", *(f"{row},Another name" for row in rows)])
    page = upload(browser, changed).text
    assert "Replace 3, create 1</button>" in page
    assert re.findall(r"<b>(\d)</b>to (\w+)", page) == [("3", "replace"), ("1", "create")]
    assert "Create 4" not in page


def test_a_page_reads_its_rows_without_keeping_the_others(connection: None, client: TestClient) -> None:
    invalid = {"organization_id": "org_a", "problems": []}
    lines = (json_bytes({"kind": "invalid", **invalid, "row": row}) + b" " * 1_000 for row in range(1, 10_001))
    tenant = read_tenant()
    preview.read_rows([], tenant, page=1, options=RunOptions())  # imports what it needs
    tracemalloc.start()
    rows, total = preview.read_rows(lines, tenant, page=2, options=RunOptions())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ([line.row.row for line in rows], total) == ([*range(101, 201)], 10_000)
    assert peak < 2 * 2**20, "all lines have 10 MiB"


def test_a_valid_link_of_another_prospect_for_the_connection_is_named_and_can_be_revoked_there(
    browser: TestClient, default_ledger: Ledger, sign_in: SignIn
) -> None:
    head = "organization_id,prospect_email,connection_name\n"
    mistyped, corrected = (f"{head}org_acme,it@acme.{end},acme\n" for end in ("exmaple", "example"))
    issue(default_ledger, mistyped, 1)
    (entry,) = default_ledger.live_entries()
    page = upload(browser, corrected)
    assert "Create 1 link</button>" in page.text
    said = "it@acme.exmaple has a valid link for this connection until"
    assert f"row 1: {said}" in page.text, "as a warning"
    assert f"<small>{said}" in page.text, "beside its row"
    assert 'data-start="revoke_sso_tickets"' in page.text
    assert f'name="prospect_keys" value=\'["{entry.key}"]\'' in page.text
    sign_in(lambda check: not (check[0] == "POST" and check[2] == "revoke_sso_tickets"))
    assert "Revoke now" not in browser.get(page.url.path).text


@pytest.mark.usefixtures("in_processes")
def test_a_reload_counts_again_what_a_run_has_changed_since(
    browser: TestClient, default_ledger: Ledger, home: Path, time_machine: TimeMachineFixture
) -> None:
    text = csv_of(3, 3, "known")
    answer = upload(browser, text)
    assert "Create 3 links</button>" in answer.text
    (folder,) = (home / "default" / "uploads").iterdir()
    (manifest,) = folder.glob("manifest-0-*.jsonl")
    checked = manifest.stat().st_mtime_ns
    issue(default_ledger, text, 3)
    assert "Create 3 links</button>" in browser.get(answer.url.path).text, "it was counted a moment ago"
    time_machine.move_to(datetime.now(UTC) + timedelta(seconds=30))
    again = browser.get(answer.url.path).text
    assert "<b>3</b>to reuse" in again
    assert "Start the run</button>" in again
    assert manifest.stat().st_mtime_ns == checked, "the CSV is the same"


def test_the_page_says_when_it_was_counted(browser: TestClient) -> None:
    answer = upload(browser, csv_of(1, 1, "new"))
    kept = preview.read(answer.url.path.rpartition("/")[2], 0)
    assert kept is not None
    assert f"Counted on {utc_text(iso(kept.counted_at))}" in answer.text


def test_another_page_of_rows_does_not_count_again(
    browser: TestClient, base: Any, default_ledger: Ledger, time_machine: TimeMachineFixture
) -> None:
    text = csv_of(101, 101, "known")
    path = upload(browser, text).url.path
    first = preview.read(path.rpartition("/")[2], 0)
    time_machine.move_to(datetime.now(UTC) + timedelta(seconds=30))
    assert browser.get(f"{path}?page=2").status_code == 200
    assert preview.read(path.rpartition("/")[2], 0) == first
    assert browser.get(path).status_code == 200
    assert preview.read(path.rpartition("/")[2], 0) != first


def test_a_count_that_nobody_has_waited_for_is_not_shown_later(
    browser: TestClient, default_ledger: Ledger, monkeypatch: pytest.MonkeyPatch, time_machine: TimeMachineFixture
) -> None:
    text = csv_of(2, 2, "known")
    monkeypatch.setattr(batches, "CHECKS", CheckLine())
    monkeypatch.setattr(batches, "WAIT_SECONDS", 0.0)
    path = browser.post("/batches", files={"file": ("a.csv", text)}, headers=HERE).headers["location"]
    for _ in range(600):
        if preview.read(path.rpartition("/")[2], 0):
            break
        time.sleep(0.05)
    assert "Create 2 links</button>" in browser.get(path).text
    monkeypatch.setattr(batches, "WAIT_SECONDS", 60.0)
    issue(default_ledger, text, 2)
    time_machine.move_to(datetime.now(UTC) + timedelta(seconds=30))
    assert "<b>2</b>to reuse" in browser.get(path).text


def test_more_links_to_replace_than_the_limit_are_a_warning_that_the_run_needs_an_approval(
    browser: TestClient, default_ledger: Ledger
) -> None:
    text = csv_of(12, 12, "known")
    issue(default_ledger, text, 12)
    header, *rows = text.splitlines()

    def changed(number: int) -> str:
        names = ["Another name"] * number + [""] * (12 - number)
        lines = [f"{row},{name}" for row, name in zip(rows, names, strict=True)]
        return "\n".join([f"{header},display_name", *lines])

    few = upload(browser, changed(10)).text
    assert "Replace 10 links</button>" in few
    assert "replace_limit" not in few
    assert "<details open>" not in few
    many = upload(browser, changed(11))
    assert "Replace 11 links</button>" in many.text
    assert "11 valid links, which customers may hold, would be replaced" in many.text
    assert "replace_limit is 10" in many.text
    assert many.text.index("replace_limit is 10") < many.text.index("Replace 11 links</button>")
    assert "<details open>" in many.text
    assert "replace_limit" not in browser.get(f"{many.url.path}?reissue=true").text


def test_a_link_of_a_prospect_on_another_page_of_rows_is_not_offered_for_revocation(
    browser: TestClient, default_ledger: Ledger
) -> None:
    """A person of row 101, and one without a row, have links for the connection of row 1."""
    head, *rows = (f"org_{number},it{number}@acme.example,acme-{number}" for number in range(1, 101))
    columns = "organization_id,prospect_email,connection_name"
    colleague, stranger = (f"org_1,{name}@acme.example,acme-1" for name in ("colleague", "stranger"))
    issue(default_ledger, f"{columns}\n{colleague}\n{stranger}\n", 2)
    page = upload(browser, "\n".join([columns, head, *rows, colleague])).text
    assert "<small>stranger@acme.example has a valid link for this connection until" in page
    assert "colleague@acme.example has a valid link" not in page
    assert page.count("Revoke now") == 1


def test_links_of_other_prospects_are_named_beside_the_first_two_hundred_rows_that_have_some(
    browser: TestClient, default_ledger: Ledger
) -> None:
    columns = "organization_id,prospect_email,connection_name"
    mistyped, corrected = (
        "\n".join([columns, *(f"org_{number},it@acme.{end},acme-{number}" for number in range(201))])
        for end in ("exmaple", "example")
    )
    issue(default_ledger, mistyped, 201)
    kept = preview.read(upload(browser, corrected).url.path.rpartition("/")[2], 0)
    assert kept is not None
    assert [other.row for other in kept.others] == [*range(1, 201)]


def test_rows_have_pages(browser: TestClient) -> None:
    answer = upload(browser, csv_of(250, 250, "many"))
    assert "Page 1 of 3" in answer.text
    last = browser.get(f"{answer.url.path}?page=3").text
    assert last.count("<tr>") == 1 + 50


def test_the_first_preview_of_all_says_that_each_row_would_be_created(browser: TestClient, home: Path) -> None:
    text = csv_of(2, 2, "first") + "\nbad id,,,"
    answer = upload(browser, text)
    assert "No link was ever requested here" in answer.text
    assert "<b>2</b>to create" in answer.text
    assert "Create 2 links" in answer.text
    assert "not known here" not in answer.text
    assert re.findall(r"<td>\s*create\s*</td>", answer.text) != []
    assert not (home / "ledger.db").exists(), "a look creates no ledger"
    with closing(open_ledger()) as ledger:
        issue(ledger, text, 1)
    later = browser.get(answer.url.path).text
    assert "No link was ever requested here" not in later
    assert "<b>1</b>to reuse" in later


def test_a_ledger_that_only_the_workers_see_is_not_taken_for_an_empty_one(
    browser: TestClient, session: Session
) -> None:
    task = {"dag_id": "own_dag", "run_id": "1", "task_id": "create", "map_index": -1, "state": "success"}
    begun = {"pool": TENANT.pool, "pool_slots": 1, "id": uuid.uuid4(), "start_date": datetime.now(UTC)}
    session.execute(insert(TaskInstance.__table__).values({**task, **begun}))
    page = upload(browser, csv_of(2, 2, "new")).text
    assert "Which links exist already is not known here" in page
    assert "though runs have begun to request links" in page
    assert re.findall(r"<td>\s*not known here\s*</td>", page) != []
    assert "to create" not in page
    customers = browser.get("/customers").text
    assert "though runs have begun to request links" in customers
    assert "No link was requested yet" not in customers


def test_without_a_connection_the_page_says_that_it_does_not_know(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_AUTH0_DEFAULT")
    page = upload(browser, csv_of(2, 2, "new")).text.replace("&#39;", "'")
    assert "There is no connection 'auth0_default'" in page
    assert "Create 2 links" in page


def test_an_empty_ledger_beside_a_report_of_links_is_a_warning_that_the_run_needs_an_approval(
    browser: TestClient, default_ledger: Ledger, home: Path
) -> None:
    text = csv_of(2, 2, "lost")
    answer = upload(browser, text)
    assert "The ledger is empty" not in answer.text
    report = home / "default" / "create_sso_tickets" / "manual__1"
    report.mkdir(parents=True)
    summary = {"tenant": "acme.example.com", "created": 2, "reused": 0, "finished_at": datetime.now(UTC).isoformat()}
    (report / "summary.json").write_text(json.dumps(summary))
    warned = browser.get(answer.url.path).text
    assert "The ledger is empty, but the newest report lists 2 links that may still work" in warned
    assert "without it the run fails before anything is sent" in warned
    assert "<details open>" in warned
    issue(default_ledger, text, 1)
    assert "The ledger is empty" not in browser.get(answer.url.path).text


def test_two_tabs_with_different_lifetimes_keep_a_preview_each(browser: TestClient, default_ledger: Ledger) -> None:
    path = upload(browser, csv_of(2, 2, "new")).url.path
    assert "name=\"ttl_sec\" value='3600'" in browser.get(f"{path}?ttl_sec=3600").text
    kept = {ttl_sec: preview.read(path.rpartition("/")[2], ttl_sec) for ttl_sec in (0, 3600)}
    assert {ttl_sec: one and one.ttl_sec for ttl_sec, one in kept.items()} == {0: 0, 3600: 3600}
    lines = {ttl_sec: list(preview.upload_lines(path.rpartition("/")[2], ttl_sec)) for ttl_sec in (0, 3600)}
    assert b"3600" in lines[3600][0]
    assert b"3600" not in lines[0][0]


DAY = 86_400


@pytest.fixture(params=["disk", "object storage"])
def base(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let uploads be on this disk or in object storage; return their folder."""
    if request.param == "object storage":
        storage = MemoryFileSystem()
        storage.rm("/", recursive=True)
        attach("memory", fs=storage)
        monkeypatch.setattr(folders, "DEFAULT_REPORTS", "memory://reports")
    return uploads.base()


def kept(base: Any) -> list[str]:
    return sorted(entry.name for entry in base.iterdir())


def test_an_upload_is_removed_thirty_days_after_it_whichever_page_of_uploads_is_visited(
    browser: TestClient, base: Any, time_machine: TimeMachineFixture
) -> None:
    """A look at its preview, which writes into its folder, or another time of the folder does not keep it longer."""
    day = datetime.now(UTC)
    old = upload(browser, csv_of(1, 1, "old")).url.path
    time_machine.move_to(day + timedelta(days=20))
    new = upload(browser, csv_of(1, 1, "new")).url.path
    time_machine.move_to(day + timedelta(days=29))
    assert browser.get(f"{old}?ttl_sec=60").status_code == 200
    assert len(kept(base)) == 2
    time_machine.move_to(day + timedelta(days=30, minutes=1))
    for path in (old, f"{old}?ttl_sec=120", f"{old}/problems.csv"):
        assert browser.get(path).status_code == 404
    assert kept(base) == [new.rpartition("/")[2]]
    time_machine.move_to(day + timedelta(days=51))
    assert browser.get("/batches/new").status_code == 200
    assert kept(base) == []


def test_the_uploads_are_listed_once_an_hour(browser: TestClient, home: Path, time_machine: TimeMachineFixture) -> None:
    day = datetime.now(UTC)
    browser.get("/batches/new")
    old = home / "default" / "uploads" / f"{int(day.timestamp()) - 31 * DAY:08x}{'0' * 24}"
    old.mkdir(parents=True)
    time_machine.move_to(day + timedelta(minutes=59))
    browser.get("/batches/new")
    assert old.exists()
    time_machine.move_to(day + timedelta(minutes=61))
    browser.get("/batches/new")
    assert not old.exists()


def test_what_can_not_be_removed_or_is_removed_by_others_stops_no_page(
    browser: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / "default" / "uploads"
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    folder.mkdir(parents=True)
    link, other = (folder / f"{'0' * 31}{number}" for number in (1, 2))
    link.symlink_to(elsewhere)
    other.mkdir()
    (folder / "notes").mkdir()
    removed = uploads.base().fs.rm

    def rm(path: str, **options: Any) -> None:
        if path.endswith("2"):
            other.rmdir()
        removed(path, **options)

    monkeypatch.setattr(type(uploads.base().fs), "rm", staticmethod(rm))
    assert upload(browser, csv_of(1, 1, "new")).status_code == 200
    assert (elsewhere / "kept").exists(), "no link is followed"
    assert (folder / "notes").exists()
    assert not other.exists()


def test_an_upload_that_is_removed_while_it_is_looked_at_is_gone(
    browser: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = upload(browser, csv_of(1, 1, "new")).url.path
    (folder,) = (home / "default" / "uploads").iterdir()
    found = uploads.folder_of

    def remove(upload_id: str) -> Any:
        there = found(upload_id)
        shutil.rmtree(folder)
        return there

    monkeypatch.setattr(uploads, "folder_of", remove)
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "Uploads are kept for 30 days" in answer.text
