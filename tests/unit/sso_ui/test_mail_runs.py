"""*Runs* has the runs that mail links, and leads from each run to those whose links it has made or mailed."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.models.log import Log
from auth0_sso.ledger.delivery_log import Delivery, DeliveryLog
from auth0_sso.ledger.records import Entry, RunAttempt, TicketSpec
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import DELIVERY_COLUMNS, DeliveryStatus, MailKind, SsoTicket, TicketRequest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from include import reports
from include.folders import relative_folder
from tests.unit.sso_ui import test_runs
from tests.unit.sso_ui.conftest import DAG, RUN_ID, SetXCom, SignIn

browser = test_runs.browser
add_run = test_runs.add_run
add_task = test_runs.add_task
AddRun, AddTask = test_runs.AddRun, test_runs.AddTask

MAIL = "mail_sso_tickets"
OF_MAIL = f"/runs/{MAIL}/{RUN_ID}"
QUOTED_RUN = "manual__2026-01-01T00%3A00%3A00%2B00%3A00"
TENANT = "acme.example.com"
HERE = {"Origin": "http://testserver"}
SUMMARY = {"rows": 9, "sent": 4, "possibly_sent": 1, "refused": 2, "failed": 0, "skipped": 3, "planned": 0}


def create(ledger: Ledger, name: str, run: str = f"{DAG}/{RUN_ID}") -> Entry:
    address = f"it@{name}.example"
    identity = {"prospect": address, "prospect_email": address, "connection_name": name}
    request = TicketRequest(organization_id=f"org_{name}", body={}, **identity)
    begun = ledger.begin(TicketSpec(request, TENANT, "ssp_1"), None, RunAttempt(run, 0, 1.0), answer_within=30)
    return ledger.record_created(begun, SsoTicket("https://acme.example/?ticket=t1"), sent_at=ledger.now(), ttl=9_999)


def deliver(ledger: Ledger, entry: Entry, run: str = f"{MAIL}/{RUN_ID}", installation: str = "") -> None:
    delivery = Delivery(
        key=entry.key,
        created_at=entry.created_at or 0.0,
        kind=MailKind.INVITATION,
        number=1,
        status=DeliveryStatus.SENT,
        begun_at=ledger.now(),
        message_id="<1@sender.example>",
        run=run,
        installation=installation,
    )
    DeliveryLog(ledger.database, TENANT).begin(delivery)


def people(page: str) -> set[str]:
    return set(re.findall(r"<td>it@(\w+)\.example", page))


def test_a_run_that_mails_is_listed_with_what_became_of_its_mails(
    browser: TestClient, add_run: AddRun, set_xcom: SetXCom
) -> None:
    add_run("success", dag_id=MAIL)
    set_xcom({"summary": SUMMARY}, dag_id=MAIL)
    for page in (browser.get("/runs").text, browser.get(OF_MAIL).text):
        assert "mails links" in page.lower()
        counts = [" ".join(one.split()) for one in re.findall(r'<span class="count">(.*?)</span>', page)]
        assert sorted(counts) == ["1 possibly sent", "2 refused", "3 skipped", "4 sent"]
        assert f'href="/reports/{MAIL}/' in page
        assert "customers" in page


def test_a_dry_run_is_listed_with_what_it_would_mail(browser: TestClient, add_run: AddRun, set_xcom: SetXCom) -> None:
    add_run("success", dag_id=MAIL)
    set_xcom({"summary": {**dict.fromkeys(SUMMARY, 0), "planned": 7}}, dag_id=MAIL)
    assert "7 planned" in browser.get("/runs").text


def test_its_report_is_customers_limited_to_the_run(browser: TestClient) -> None:
    answer = browser.get(f"/reports/{MAIL}/{RUN_ID}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/customers?run={MAIL}/{QUOTED_RUN}")


def test_a_running_one_shows_how_many_mails_were_handed_over(
    browser: TestClient, add_run: AddRun, add_task: AddTask, set_xcom: SetXCom, known: Ledger
) -> None:
    add_run(dag_id=MAIL)
    before = browser.get(OF_MAIL).text
    assert "Deciding who gets a mail" in before
    assert "select_mails: none" in before
    plan = {"invitation": 3, "replacement": 1, "reminder": 2, "none": 50}
    set_xcom(plan, dag_id=MAIL, task_id="select_mails", key="plan")
    for name in ("acme", "globex"):
        deliver(known, create(known, name))
    deliver(known, create(known, "other"), run=f"{MAIL}/another")
    deliver(known, create(known, "elsewhere"), installation="another Airflow")
    page = browser.get(OF_MAIL).text
    assert "2 of 6 mails handed over" in page
    assert '<progress value="2" max="6">' in page
    assert "Requests a second" not in page
    assert "rows of the plan" not in page


@pytest.mark.parametrize("plan", ["text", {"invitation": "many"}, {"invitation": -5}, [1]], ids=repr)
def test_a_plan_of_mails_that_a_user_has_set_to_anything_does_no_harm(
    browser: TestClient, add_run: AddRun, set_xcom: SetXCom, plan: Any
) -> None:
    add_run(dag_id=MAIL)
    set_xcom(plan, dag_id=MAIL, task_id="select_mails", key="plan")
    assert browser.get(OF_MAIL).status_code == 200


@pytest.mark.parametrize("dag_id", [DAG, MAIL])
def test_a_run_leads_to_those_whose_links_it_has_made_or_mailed(
    browser: TestClient, add_run: AddRun, known: Ledger, dag_id: str
) -> None:
    add_run("success", dag_id=dag_id)
    made = create(known, "made")
    mailed = create(known, "mailed", run=f"{DAG}/another")
    deliver(known, mailed)
    deliver(known, made, run=f"{MAIL}/another")
    create(known, "neither", run=f"{DAG}/another")
    (link,) = re.findall(r'href="(/customers\?run=[^"]*)"', browser.get(f"/runs/{dag_id}/{RUN_ID}").text)
    page = browser.get(unescape(link)).text
    assert people(page) == ({"made"} if dag_id == DAG else {"mailed"})
    assert "mailed on" in page
    assert f'href="/runs/{dag_id}/{QUOTED_RUN}"' in page
    assert '<a href="/customers">Show all customers</a>' in page


def test_the_forms_of_the_page_keep_the_run(browser: TestClient, known: Ledger) -> None:
    create(known, "made")
    create(known, "other", run=f"{DAG}/another")
    run = f"{DAG}/{RUN_ID}"
    page = browser.post("/customers", data={"run": run, "part": "links"}, headers={**HERE, "HX-Request": "true"}).text
    assert people(page) == {"made"}
    field = f'<input type="hidden" name="run" value="{run}"'
    assert f'{field} form="search">' in page
    assert page.count(f"{field}>") == 2, "the forms of the funnel and of the tables"
    table = browser.post("/customers/setups.csv", data={"run": run}, headers=HERE).text
    assert "org_made" in table
    assert "org_other" not in table


@pytest.mark.parametrize("run", ["nobody/knows", "%", '"><script>', "no-slash"])
def test_a_run_that_nobody_knows_has_no_customers(browser: TestClient, known: Ledger, run: str) -> None:
    create(known, "made")
    page = browser.get("/customers", params={"run": run}).text
    assert people(page) == set()
    assert "No customer matches." in page
    assert "<script>" not in page


def write_report(folder: Path) -> None:
    run = type("Run", (), {"dag_id": MAIL, "run_id": RUN_ID, "start_date": None})()
    reports.write_deliveries(folder, [], reports.run_info(run, [], [], tenant=TENANT))


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_table_of_its_mails_is_downloaded_and_the_audit_log_says_by_whom(
    browser: TestClient, home: Path, session: Session, kind: str
) -> None:
    write_report(home / "default" / relative_folder(MAIL, RUN_ID))
    answer = browser.get(f"/reports/{MAIL}/{RUN_ID}/files/deliveries.{kind}")
    assert answer.status_code == 200, answer.text
    assert f'filename="deliveries.{kind}"' in answer.headers["Content-Disposition"]
    if kind == "csv":
        assert answer.text.lstrip("\ufeff").strip().split(",") == list(DELIVERY_COLUMNS)
    (log,) = session.scalars(select(Log))
    assert (log.event, log.owner, log.dag_id) == ("sso_report_downloaded", "ann", MAIL)


def test_only_who_may_have_tables_sees_where_to_download_them(
    browser: TestClient,
    add_run: AddRun,
    set_xcom: SetXCom,
    sign_in: SignIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_run("success", dag_id=MAIL)
    set_xcom({"summary": SUMMARY}, dag_id=MAIL)
    files = f"/reports/{MAIL}/{QUOTED_RUN}/files/deliveries.csv"
    assert files in browser.get(OF_MAIL).text
    sign_in(lambda check: check[1] is not DagAccessEntity.XCOM)
    assert files not in browser.get(OF_MAIL).text
    sign_in(lambda check: check[0] == "GET")
    assert files in browser.get(OF_MAIL).text
    monkeypatch.setenv("SSO_TICKETS_LINKS_NEED", "trigger")
    assert files not in browser.get(OF_MAIL).text
