"""*Runs*: who started what, how far a run has come, and what it waits for."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from auth0_sso.ledger.records import EntryStatus, RunAttempt, TicketSpec
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import SsoTicket, TicketRequest
from fastapi.testclient import TestClient
from sqlalchemy import insert
from sqlalchemy.orm import Session
from sso_ui.access import DAGS
from sso_ui.data import report_files
from sso_ui.data.progress import TASKS

from dev.local.background import PROJECT
from include import create_tickets
from include.folders import relative_folder
from tests.support.prospects import csv_of, run_params
from tests.unit.sso_ui.conftest import DAG, RUN_ID, SetXCom, SignIn

PATH = f"/runs/{DAG}/{RUN_ID}"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ATTEMPT = RunAttempt(f"{DAG}/{RUN_ID}", 0, 1.0)

AddRun = Callable[..., None]
AddTask = Callable[..., None]


@pytest.fixture
def browser(client: TestClient, sign_in: SignIn, connection: None) -> TestClient:
    sign_in()
    return client


@pytest.fixture
def add_run(session: Session) -> AddRun:
    def add(state: str = "running", **changes: Any) -> None:
        run = {
            "dag_id": DAG,
            "run_id": RUN_ID,
            "run_type": "manual",
            "state": state,
            "run_after": NOW,
            "start_date": NOW,
        }
        defaults = {"start_date": NOW, "triggering_user_name": "ann", "clear_number": 0, "log_template_id": 1}
        session.execute(insert(DagRun).values({**run, **defaults, **changes}))

    return add


@pytest.fixture
def add_task(session: Session) -> AddTask:
    def add(task_id: str, state: str | None, map_index: int = -1) -> None:
        task = TaskInstance.__table__
        values = {"dag_id": DAG, "run_id": RUN_ID, "task_id": task_id, "map_index": map_index, "state": state}
        needed = {"pool": "p", "pool_slots": 1, "id": uuid.uuid4()}
        session.execute(insert(task).values({**values, **needed}))

    return add


def test_the_runs_are_listed_with_state_counts_and_who_started_them(
    browser: TestClient, add_run: AddRun, set_xcom: SetXCom
) -> None:
    add_run("success")
    add_run("queued", run_id="scheduled__2", run_type="scheduled", triggering_user_name=None, start_date=None)
    set_xcom({"summary": {"created": 11, "failed": 1, "reused": 0}})
    page = browser.get("/runs").text
    for text in ("11 created", "1 failed", "ann", "schedule", "not started", "1 Jan 2026, 12:00 UTC"):
        assert text in page
    assert "0 reused" not in page


def test_the_counts_are_those_that_the_runs_own_report_task_has_returned(
    browser: TestClient, add_run: AddRun, set_xcom: SetXCom
) -> None:
    add_run("success")
    set_xcom({"summary": {"created": 11}})
    stray: list[dict[str, Any]] = [{"run_id": "b"}, {"dag_id": "d"}, {"task_id": "t"}, {"key": "k"}, {"map_index": 0}]
    for number, entry in enumerate(stray, 2):
        set_xcom({"summary": {"created": 77}}, dag_run_id=number, **entry)
    for page in (browser.get("/runs").text, browser.get(PATH).text):
        assert "11 created" in page
        assert "77 created" not in page


@pytest.mark.parametrize(
    "value", [None, "text", '"text"', "[]", {"summary": 7}, {"summary": {"created": -5}}], ids=repr
)
def test_an_xcom_that_a_user_has_set_to_anything_gives_no_counts(
    browser: TestClient, add_run: AddRun, set_xcom: SetXCom, value: Any
) -> None:
    add_run("success")
    set_xcom(value)
    assert 'class="count"' not in browser.get("/runs").text


def test_fifty_runs_are_on_a_page(browser: TestClient, add_run: AddRun) -> None:
    for number in range(51):
        add_run("success", run_id=f"manual__{number}")
    assert browser.get("/runs").text.count("<tr>") == 51
    assert browser.get("/runs?page=2").text.count("<tr>") == 2


def test_runs_of_a_dag_that_the_user_may_not_see_are_not_listed(
    browser: TestClient, add_run: AddRun, sign_in: SignIn
) -> None:
    add_run("success")
    add_run("success", dag_id="revoke_sso_tickets")
    assert "revokes links" in browser.get("/runs").text
    sign_in(lambda check: check[2] == DAG)
    page = browser.get("/runs").text
    assert "creates links" in page
    assert "revokes links" not in page


def request_all(ledger: Ledger, created: int, deferred: int = 0) -> None:
    for number in range(created + deferred):
        request = TicketRequest(organization_id="org_a", body={}, prospect=f"p{number}")
        entry = ledger.begin(TicketSpec(request, "acme.example.com", "ssp_1"), None, ATTEMPT, answer_within=30)
        if number < created:
            ledger.record_created(entry, SsoTicket("https://acme.example/?ticket=t1ck3t"), sent_at=ledger.now(), ttl=9)
        else:
            ledger.record_refused(entry, EntryStatus.DEFERRED, "429")


def test_a_running_run_shows_how_far_it_has_come(
    browser: TestClient, add_run: AddRun, add_task: AddTask, set_xcom: SetXCom, known: Ledger
) -> None:
    add_run()
    add_task("create_tickets", "running", 0)
    set_xcom({"create": 18, "replace": 2, "reuse": 5}, task_id="plan_fan_out", key="plan")
    set_xcom([{"rate_limited": 3}, {"rate_limited": 1}], task_id="create_tickets", key="stats", map_index=0)
    request_all(known, created=10)
    page = browser.get(PATH).text
    assert "10 of 20 links made" in page
    assert '<progress value="10" max="20">' in page
    assert "2.0 of 4" in page, "ten in the last five seconds, with four slots"
    assert "<dd>4</dd>" in page, "refused by the rate limit"
    assert "<dd>5.0 s</dd>" in page, "ten more at two a second"
    assert "create_tickets: running" in page
    assert "t1ck3t" not in page


@pytest.mark.parametrize(
    ("tasks", "text"),
    [
        ({"approve": "awaiting_input"}, "A person has to approve the plan."),
        ({"create_tickets": "scheduled"}, "Waiting for a slot of the pool auth0_management_api: 1 of 1 task."),
        ({"create_tickets": "up_for_retry"}, "1 task had an error and will be tried again by Airflow."),
    ],
)
def test_it_says_what_it_waits_for(
    browser: TestClient, add_run: AddRun, add_task: AddTask, tasks: dict[str, str], text: str
) -> None:
    add_run()
    for task_id, state in tasks.items():
        add_task(task_id, state)
    assert text in browser.get(PATH).text


def test_it_says_that_the_tenant_makes_it_wait(browser: TestClient, add_run: AddRun, known: Ledger) -> None:
    add_run()
    request_all(known, created=0, deferred=2)
    assert "2 requests could not be made for now and will be sent again." in browser.get(PATH).text


def test_the_part_that_renews_itself_leads_to_the_report_when_the_run_has_ended(
    browser: TestClient, add_run: AddRun, set_xcom: SetXCom, session: Session
) -> None:
    add_run()
    running = browser.get(f"{PATH}/progress")
    assert "HX-Redirect" not in running.headers
    assert 'hx-trigger="every 2s"' in running.text
    session.query(DagRun).update({"state": "success"})
    set_xcom({"summary": {"created": 3}})
    ended = browser.get(f"{PATH}/progress")
    assert ended.headers["HX-Redirect"] == f"/reports/{DAG}/manual__2026-01-01T00%3A00%3A00%2B00%3A00"
    assert "hx-trigger" not in ended.text


def test_a_run_that_failed_before_its_report_says_where_to_look(browser: TestClient, add_run: AddRun) -> None:
    add_run("failed")
    page = browser.get(PATH).text
    assert "The run has failed" in page
    assert "see the log of its first failed task" in page


@pytest.mark.parametrize("value", ["text", {"create": "many"}, {"create": -5}, [1]], ids=repr)
def test_a_plan_that_a_user_has_set_to_anything_does_no_harm(
    browser: TestClient, add_run: AddRun, set_xcom: SetXCom, value: Any
) -> None:
    add_run()
    set_xcom(value, task_id="plan_fan_out", key="plan")
    assert browser.get(PATH).status_code == 200


def test_the_rows_of_a_plan_are_shown_with_what_would_happen_to_each(
    browser: TestClient, add_run: AddRun, known: Ledger, home: Path
) -> None:
    add_run()
    assert browser.get(f"{PATH}/rows").status_code == 404
    folder = home / "default" / relative_folder(DAG, RUN_ID)
    create_tickets.load(None, folder, run_params(prospects_csv=f"{csv_of(101, 101, 'plan')}\nbad id,Globex,,"))
    page = browser.get(f"{PATH}/rows").text
    assert page.count("<tr>") == 1 + 100
    assert "create" in page
    assert "Page 1 of 2" in page
    last = browser.get(f"{PATH}/rows?page=2").text
    assert "skipped" in last
    assert "Globex" in last


def test_the_rows_of_a_plan_offer_no_link_for_revocation(
    browser: TestClient, add_run: AddRun, known: Ledger, home: Path
) -> None:
    """A prospect of another page of rows would seem to have no row."""
    add_run()
    columns = "organization_id,prospect_email,connection_name"
    rows = [f"org_{number},it@acme.example,acme-{number}" for number in range(100)]
    folder = home / "default" / relative_folder(DAG, RUN_ID)
    text = "\n".join([columns, *rows, "org_0,ada@acme.example,acme-0"])
    create_tickets.load(None, folder, run_params(prospects_csv=text))
    identity = {"prospect": "ada@acme.example|acme-0", "connection_name": "acme-0"}
    request = TicketRequest(organization_id="org_0", body={}, **identity)
    entry = known.begin(TicketSpec(request, "acme.example.com", "ssp_1"), None, ATTEMPT, answer_within=30)
    known.record_created(entry, SsoTicket("https://acme.example/?ticket=t1ck3t"), sent_at=known.now(), ttl=99)
    page = browser.get(f"{PATH}/rows").text
    assert "it@acme.example" in page
    assert "Revoke now" not in page
    assert "has a valid link for this connection" not in page


def test_the_rows_of_another_folder_are_not_read(
    browser: TestClient, add_run: AddRun, set_xcom: SetXCom, home: Path
) -> None:
    add_run()
    create_tickets.load(None, home / "elsewhere", run_params(prospects_csv=csv_of(1, 1, "other")))
    set_xcom({"folder": str(home / "elsewhere")}, task_id="load_prospects")
    assert browser.get(f"{PATH}/rows").status_code == 404


def test_rows_that_can_not_be_read_have_a_page_with_the_reason(browser: TestClient, add_run: AddRun) -> None:
    add_run()
    answer = browser.get(f"{PATH}/rows")
    assert answer.status_code == 404
    assert "There is no manifest.jsonl in" in answer.text


def test_the_rows_of_an_input_of_any_size_are_shown(
    browser: TestClient, add_run: AddRun, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_files, "MAX_BYTES", 10)
    add_run()
    folder = home / "default" / relative_folder(DAG, RUN_ID)
    create_tickets.load(None, folder, run_params(prospects_csv=csv_of(1, 1, "plan")))
    assert "desk0@plan.example" in browser.get(f"{PATH}/rows").text


FOLLOW = "follow_sso_setups"
OF_FOLLOW = f"/runs/{FOLLOW}/{RUN_ID}"
READ = {"summary": {"rows": 9, "setups": {"opened": 4, "waiting_for_domain": 5, "enabled": 0}, "funnel": {"opened": 9}}}


def test_a_run_that_reads_setups_is_listed_with_how_far_customers_have_come(
    browser: TestClient, add_run: AddRun, set_xcom: SetXCom
) -> None:
    add_run("success", dag_id=FOLLOW)
    set_xcom(READ, dag_id=FOLLOW)
    for page in (browser.get("/runs").text, browser.get(OF_FOLLOW).text):
        assert "reads setups" in page.lower()
        assert "4 opened" in page
        assert "5 waiting for a domain" in page
        assert "enabled" not in page
        assert f'href="/reports/{FOLLOW}/' in page


@pytest.mark.parametrize("setups", [None, "text", [1], {"opened": "many"}, {"opened": -5}], ids=repr)
def test_setups_that_a_user_has_set_to_anything_give_no_counts(
    browser: TestClient, add_run: AddRun, set_xcom: SetXCom, setups: Any
) -> None:
    add_run("success", dag_id=FOLLOW)
    set_xcom({"summary": {"setups": setups}}, dag_id=FOLLOW)
    assert 'class="count"' not in browser.get("/runs").text


def test_a_run_that_reads_setups_shows_its_own_tasks_while_it_runs(
    browser: TestClient, add_run: AddRun, add_task: AddTask
) -> None:
    add_run(dag_id=FOLLOW)
    page = browser.get(OF_FOLLOW).text
    assert "Reading what customers do" in page
    assert "read_setups: none" in page
    assert "create_tickets" not in page
    assert "Requests a second" not in page, "only those for links are counted"


def test_a_run_that_could_read_nothing_says_where_to_look(browser: TestClient, add_run: AddRun) -> None:
    add_run("success", dag_id=FOLLOW)
    assert "see the log of its first skipped task" in browser.get(OF_FOLLOW).text


@pytest.mark.parametrize("dag_id", ["revoke_sso_tickets", FOLLOW])
def test_each_run_leads_to_what_became_of_the_links(browser: TestClient, add_run: AddRun, dag_id: str) -> None:
    add_run("success", dag_id=dag_id)
    assert '<a href="/customers">What became of the links</a>' in browser.get(f"/runs/{dag_id}/{RUN_ID}").text


def test_the_tasks_of_a_dag_are_those_that_its_file_has() -> None:
    files = {dag_id: (PROJECT / "dags" / f"{dag_id}.py").read_text() for dag_id in TASKS}
    assert set(TASKS) == set(DAGS)
    missing = [(dag_id, task) for dag_id, tasks in TASKS.items() for task in tasks if task not in files[dag_id]]
    assert missing == []
