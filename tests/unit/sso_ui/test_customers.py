"""*Customers*: each prospect that the ledger knows is found, and its link is shown when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.models.log import Log
from auth0_sso.ledger.records import Entry, EntryStatus, RunAttempt, TicketSpec
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import SsoTicket, TicketRequest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from sso_ui.data.reissue import prospect_csv

from include import create_tickets
from include.folders import relative_folder
from include.prospects import load_prospects
from tests.support.prospects import run_params
from tests.unit.sso_ui.conftest import DAG, RUN_ID, SignIn

HERE = {"Origin": "http://testserver"}
LINK = "https://acme.example/self-service/connections-flow?ticket=t1ck3t"
ATTEMPT = RunAttempt(f"{DAG}/{RUN_ID}", 0, 1.0)


@pytest.fixture
def browser(client: TestClient, sign_in: SignIn, connection: None) -> TestClient:
    sign_in()
    return client


def begin(ledger: Ledger, name: str, prospect: str = "", organization_id: str = "") -> Entry:
    request = TicketRequest(
        organization_id=organization_id or f"org_{name.lower()}",
        body={},
        organization_name=name,
        prospect=prospect or f"it@{name.lower()}.example",
        connection_name=name,
    )
    return ledger.begin(TicketSpec(request, "acme.example.com", "ssp_1"), None, ATTEMPT, answer_within=30)


def create(ledger: Ledger, name: str, *, ttl: float = 86_400.0, **changes: Any) -> Entry:
    return ledger.record_created(begin(ledger, name, **changes), SsoTicket(LINK), sent_at=ledger.now(), ttl=ttl)


def search(browser: TestClient, text: str, **more: Any) -> str:
    return str(browser.post("/customers", data={"q": text, **more}, headers=HERE).text)


@pytest.mark.parametrize("text", ["acme", "ORG_ACME", "it@acme", "acme it@", "", " "])
def test_a_customer_is_found_by_organization_person_address_or_connection(
    browser: TestClient, known: Ledger, text: str
) -> None:
    create(known, "Acme")
    create(known, "Globex")
    page = search(browser, text)
    assert "it@acme.example" in page
    assert ("it@globex.example" in page) == (not text.strip())


@pytest.mark.parametrize("text", ["nobody", "%", "_cme", "acme globex", "t1ck3t"])
def test_what_no_customer_has_finds_none(browser: TestClient, known: Ledger, text: str) -> None:
    create(known, "Acme")
    assert "No customer matches" in search(browser, text)


def test_the_state_of_each_link_is_shown_in_words(browser: TestClient, known: Ledger) -> None:
    create(known, "Valid")
    create(known, "Expired", ttl=-10.0)
    revoked = known.record_revoking(create(known, "Revoked"), "revoke_sso_tickets/run")
    known.record_revoked(revoked)
    known.record_refused(begin(known, "Conflict"), EntryStatus.CONFLICT, "exists")
    known.record_refused(begin(known, "Failed"), EntryStatus.FAILED, "Auth0 answered 400")
    known.record_unknown(begin(known, "Lost"), "no answer")
    begin(known, "Flying")
    page = browser.get("/customers").text
    for state in (
        "valid until", "expired", "revoked", "the connection exists", "refused by Auth0", "the answer was lost",
        "being requested", "Another link may work too", "Auth0 answered 400",
    ):  # fmt: skip
        assert state in page
    assert "An earlier link was revoked by revoke_sso_tickets/run" in page
    assert page.count("Reveal the link") == 1
    assert "t1ck3t" not in page


def test_a_link_is_revealed_by_a_request_that_the_audit_log_keeps(
    browser: TestClient, known: Ledger, session: Session
) -> None:
    entry = create(known, "Acme")
    answer = browser.post(f"/customers/{entry.key}/link", headers=HERE)
    assert LINK in answer.text
    (log,) = session.scalars(select(Log))
    assert (log.event, log.owner, log.dag_id, log.run_id) == ("sso_ticket_revealed", "ann", DAG, RUN_ID)
    assert "t1ck3t" not in str(log.extra)
    assert "org_acme" in str(log.extra)


def test_a_customer_without_a_link_has_none_to_reveal(browser: TestClient, known: Ledger, session: Session) -> None:
    assert browser.post(f"/customers/{begin(known, 'Acme').key}/link", headers=HERE).status_code == 404
    assert list(session.scalars(select(Log))) == []


def test_fifty_customers_are_on_a_page(browser: TestClient, known: Ledger) -> None:
    for number in range(51):
        begin(known, "Acme", f"it{number}@acme.example")
    assert "51 customers" in search(browser, "acme")
    assert search(browser, "acme", page=2).count("<tr>") == 2


def test_only_who_may_start_runs_sees_buttons_that_start_one(
    browser: TestClient, known: Ledger, sign_in: SignIn
) -> None:
    create(known, "Acme")
    buttons = browser.get("/customers").text
    assert "Reissue" in buttons
    assert "Revoke now" in buttons
    sign_in(lambda check: check[0] == "GET")
    buttons = browser.get("/customers").text
    assert "Reissue" not in buttons
    assert "Revoke now" not in buttons


def test_only_who_may_have_links_sees_the_button_that_reveals_one(
    browser: TestClient, known: Ledger, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(known, "Acme")
    sign_in(lambda check: check[0] == "GET")
    assert "Reveal the link" in browser.get("/customers").text
    monkeypatch.setenv("SSO_TICKETS_LINKS_NEED", "trigger")
    page = browser.get("/customers").text
    assert "valid until" in page
    assert "Reveal the link" not in page


@pytest.mark.parametrize("columns", ["", ",connection_name", ",domains"])
def test_a_reissue_shows_what_a_run_with_the_customers_row_would_do(
    browser: TestClient, known: Ledger, home: Path, columns: str
) -> None:
    value = {"": "", ",connection_name": ",acme-saml", ",domains": ",acme.example;mail.acme.example"}[columns]
    text = (
        f"organization_id,organization_name,prospect_email{columns}\n"
        f"org_other,Other,other@x.example{value.replace('acme', 'other')}\norg_acme,Acme AG,Ada@Acme.example{value}\n"
    )
    folder = home / "default" / relative_folder(DAG, RUN_ID)
    create_tickets.load(None, folder, run_params(prospects_csv=text))
    prospect = load_prospects(None, text=text).valid[1]
    spec = TicketSpec(prospect, "acme.example.com", "ssp_1")
    entry = known.begin(spec, None, ATTEMPT, answer_within=30)
    known.record_created(entry, SsoTicket(LINK), sent_at=known.now(), ttl=86_400)
    answer = browser.post(f"/customers/{entry.key}/reissue", headers=HERE)
    assert answer.status_code == 204, answer.text
    page = browser.get(answer.headers["HX-Redirect"]).text
    assert "1 prospect of 1 organization" in page
    assert "<b>1</b>to replace" in page


HEAD = "organization_id,organization_name,prospect_email,connection_name,profile_id\n"


@pytest.fixture
def reissue(browser: TestClient, home: Path) -> Callable[[Entry, str], str]:
    """Reissue a customer's link whose last run had a CSV; return the preview."""

    def ask(entry: Entry, text: str) -> str:
        folder = home / "default" / relative_folder(DAG, RUN_ID)
        create_tickets.load(None, folder, run_params(prospects_csv=text))
        answer = browser.post(f"/customers/{entry.key}/reissue", headers=HERE)
        assert answer.status_code == 204, answer.text
        return browser.get(answer.headers["HX-Redirect"]).text

    return ask


Reissue = Callable[[Entry, str], str]


def issue(ledger: Ledger, prospect: str, *, profile_id: str = "ssp_1", connection_name: str = "acme-ag") -> Entry:
    request = TicketRequest(organization_id="org_acme", body={}, prospect=prospect, connection_name=connection_name)
    entry = ledger.begin(TicketSpec(request, "acme.example.com", profile_id), None, ATTEMPT, answer_within=30)
    return ledger.record_created(entry, SsoTicket(LINK), sent_at=ledger.now(), ttl=86_400)


@pytest.mark.parametrize(
    ("prospect", "connection_name", "cell"),
    [
        ("ada@acme.example|acme-ag", "acme-ag", ""),
        ("ada@acme.example|acme-ag", "acme-ag", "acme-ag"),
        ("ada@acme.example", "acme-old", "acme-old"),
    ],
    ids=["with its connection, by default now", "with its connection, given", "without its connection"],
)
def test_a_customer_is_reissued_in_whichever_form_the_ledger_knows_the_prospect(
    known: Ledger, reissue: Reissue, prospect: str, connection_name: str, cell: str
) -> None:
    entry = issue(known, prospect, connection_name=connection_name)
    page = reissue(entry, f"{HEAD}org_acme,Acme AG,bob@acme.example,,\norg_acme,Acme AG,Ada@acme.example,{cell},\n")
    assert "1 prospect of 1 organization" in page
    assert "<b>1</b>to replace" in page


def test_a_reissue_keeps_the_language_of_the_prospects_mails(known: Ledger, home: Path) -> None:
    folder = home / "default" / relative_folder(DAG, RUN_ID)
    text = "organization_id,organization_name,prospect_email,language\norg_acme,Acme AG,ada@acme.example,pt-BR\n"
    create_tickets.load(None, folder, run_params(prospects_csv=text))
    row = prospect_csv(issue(known, "ada@acme.example")).decode()
    assert [prospect.language for prospect in load_prospects(None, text=row).valid] == ["pt-BR"]


def test_another_connection_of_the_same_person_is_not_reissued(known: Ledger, reissue: Reissue) -> None:
    entry = issue(known, "ada@acme.example")
    page = reissue(entry, f"{HEAD}org_acme,Acme AG,ada@acme.example,acme-two,\norg_acme,Acme AG,ada@acme.example,,\n")
    assert "<b>1</b>to replace" in page
    assert "<td>acme-ag</td>" in page
    assert "acme-two" not in page


@pytest.mark.parametrize("profiles", [("", "ssp_2"), ("ssp_3", "ssp_2"), ("ssp_3", "")], ids=repr)
def test_a_customer_with_several_profiles_is_reissued_for_the_entrys_own(
    known: Ledger, reissue: Reissue, profiles: tuple[str, str]
) -> None:
    """A row that names no profile had the run's, which the next run may not have."""
    entry = issue(known, "ada@acme.example", profile_id="ssp_2")
    rows = "".join(f"org_acme,Acme AG,ada@acme.example,,{profile}\n" for profile in profiles)
    assert "<b>1</b>to replace" in reissue(entry, HEAD + rows)


def test_a_row_of_another_profile_is_not_taken_for_the_customers(
    browser: TestClient, known: Ledger, reissue: Reissue
) -> None:
    entry = issue(known, "ada@acme.example", profile_id="ssp_2")
    with pytest.raises(AssertionError, match="has no such row any more"):
        reissue(entry, f"{HEAD}org_acme,Acme AG,ada@acme.example,,ssp_3\n")


def test_a_customer_whose_runs_files_are_gone_can_not_be_reissued_here(browser: TestClient, known: Ledger) -> None:
    answer = browser.post(f"/customers/{create(known, 'Acme').key}/reissue", headers=HERE)
    assert answer.status_code == 404
    assert "Run the customer" in answer.text


def test_before_the_first_run_there_is_nobody(browser: TestClient) -> None:
    assert "No link was requested yet" in browser.get("/customers").text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Österreich", "österreich"),
        ("ÖSTERREICH", "Österreich"),
        ("Österreichische Bundesbahnen", "BUNDES öster"),
        ("Łódź Ćwiczenia", "łódź"),
        ("ΑΘΗΝΑ", "αθηνα"),
        ("Юлия", "ЮЛИЯ"),
        ("Weiß", "WEIß"),
        ("Zoë 100%_", "ZOË %_"),
    ],
)
def test_a_name_is_found_in_any_case_of_its_letters(browser: TestClient, known: Ledger, name: str, text: str) -> None:
    create(known, name, prospect="it@one.example", organization_id="org_1")
    create(known, "Osterreich", prospect="it@two.example", organization_id="org_2")
    page = search(browser, text)
    assert "it@one.example" in page
    assert "it@two.example" not in page


@pytest.mark.parametrize(("name", "text"), [("Weiss", "weiß"), ("Weiß", "weiss"), ("Osterreich", "österreich")])
def test_other_letters_are_another_name(browser: TestClient, known: Ledger, name: str, text: str) -> None:
    create(known, name, prospect="it@one.example", organization_id="org_1")
    assert "No customer matches" in search(browser, text)


def test_markup_in_a_name_is_shown(browser: TestClient, known: Ledger) -> None:
    create(known, "<b>Acme")
    assert "&lt;b&gt;Acme" in browser.get("/customers").text
