"""*Customers* tells who was mailed when, and starts runs that mail links."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from auth0_sso.ledger.delivery_log import Delivery, DeliveryLog
from auth0_sso.ledger.records import Entry, RunAttempt, TicketSpec
from auth0_sso.ledger.setup_log import ReadTime, SetupLog
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import DeliveryStatus, MailKind, Setup, SetupState, SsoTicket, TicketRequest, iso
from auth0_sso.setups.selection import link_mail
from fastapi.testclient import TestClient

from include.mail_tickets import composer, read_settings
from include.params import MAIL_PARAMS
from include.reports.wording import utc_text
from tests.unit.sso_ui.conftest import DAG, RUN_ID, SignIn

MAIL_DAG = "mail_sso_tickets"
LINK = "https://acme.example/self-service/connections-flow?ticket=" + "t1ck3t" * 5 + "zz"
ATTEMPT = RunAttempt(f"{DAG}/{RUN_ID}", 0, 1.0)
TENANT = "acme.example.com"
NOW = 1_800_000_000.0
DAY, HOUR = 86_400.0, 3_600.0


@pytest.fixture
def browser(client: TestClient, sign_in: SignIn, connection: None, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv("SSO_TICKETS_MAIL_FROM", "Acme <sso@sender.example>")
    sign_in()
    return client


@pytest.fixture(autouse=True)
def now(known: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pages' ledger have a fixed time, too."""
    monkeypatch.setattr("auth0_sso.ledger.clock.LedgerClock.now", lambda _clock: NOW)


def create(ledger: Ledger, person: str, organization: str = "acme", *, email: bool = True, **changes: Any) -> Entry:
    address = f"{person}@{organization}.example"
    values = {
        "organization_id": f"org_{organization}",
        "organization_name": organization.upper(),
        "body": {},
        "prospect": address,
        "prospect_email": address if email else "",
        "connection_name": f"{organization}-{person}",
        **changes,
    }
    begun = ledger.begin(TicketSpec(TicketRequest(**values), TENANT, "ssp_1"), None, ATTEMPT, answer_within=30)
    return ledger.record_created(begun, SsoTicket(LINK), sent_at=NOW - DAY, ttl=5 * DAY)


def deliver(ledger: Ledger, entry: Entry, status: DeliveryStatus = DeliveryStatus.SENT, **changes: Any) -> None:
    values = {
        "key": entry.key,
        "created_at": entry.created_at or 0.0,
        "kind": MailKind.INVITATION,
        "number": 1,
        "status": status,
        "begun_at": NOW - 2 * HOUR,
        "sent_at": NOW - HOUR if status == DeliveryStatus.SENT else None,
        "message_id": "<1@sender.example>",
        "run": f"{MAIL_DAG}/r",
        "installation": "",
        **changes,
    }
    DeliveryLog(ledger.database, TENANT).begin(Delivery(**values))


def row(browser: TestClient, person: str) -> str:
    """Return a customer's row."""
    page = browser.get("/customers").text
    (found,) = [one for one in page.split("<tr>") if f"<td>{person}@" in one]
    return found


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", " ", html)).split())


def forms(html: str) -> list[dict[str, Any]]:
    """Return the parameters of the runs of the mail DAG that a part of the page can start."""
    found = re.findall(rf'<form[^>]* data-start="{MAIL_DAG}"[^>]*>(.*?)</form>', html, re.DOTALL)
    return [
        {name: json.loads(unescape(value)) for name, value in re.findall(r"name=\"(\w+)\" value='([^']*)'", one)}
        for one in found
    ]


SENT, BEGUN = utc_text(iso(NOW - HOUR)), utc_text(iso(NOW - 2 * HOUR))


@pytest.mark.parametrize(
    ("status", "kind", "error", "words"),
    [
        (DeliveryStatus.SENT, MailKind.INVITATION, "", f"mailed on {SENT}"),
        (DeliveryStatus.SENT, MailKind.REMINDER, "", f"reminder mailed on {SENT}"),
        (DeliveryStatus.POSSIBLY_SENT, MailKind.INVITATION, "lost", f"possibly mailed on {BEGUN}: lost"),
        (DeliveryStatus.REFUSED, MailKind.INVITATION, "550 <b>", f"refused by the mail server on {BEGUN}: 550 <b>"),
        (DeliveryStatus.FAILED, MailKind.REMINDER, "no route", f"reminder not mailed on {BEGUN}: no route"),
    ],
)
def test_each_row_says_what_became_of_the_mails_with_its_link(
    browser: TestClient, known: Ledger, status: DeliveryStatus, kind: MailKind, error: str, words: str
) -> None:
    deliver(known, create(known, "it"), status, kind=kind, error=error)
    html = row(browser, "it")
    assert f" {words} " in text_of(html)
    assert "<b>" not in html


def test_who_was_not_mailed_has_no_words_about_it_and_an_earlier_links_mails_are_not_told(
    browser: TestClient, known: Ledger
) -> None:
    deliver(known, create(known, "it"), created_at=NOW - 9 * DAY)
    create(known, "ada")
    assert "mailed on" not in row(browser, "it")
    assert "mailed on" not in row(browser, "ada")


def test_a_link_that_was_not_mailed_can_be_and_the_button_says_to_whom(browser: TestClient, known: Ledger) -> None:
    deliver(known, create(known, "mailed"))
    for person in ("it", "ada"):
        create(known, person)
    create(known, "other", "globex")
    html = row(browser, "it")
    assert forms(html) == [{"organization_ids": ["org_acme"], "kind": "new", "resend": False}]
    assert "2 mails to ada@acme.example, it@acme.example." in text_of(html)
    assert "Mail the link of it@acme.example" in text_of(html)
    assert 'class="confirm"' in html


def test_a_link_that_was_mailed_can_be_mailed_again_and_it_asks_first_whom_that_is(
    browser: TestClient, known: Ledger
) -> None:
    deliver(known, create(known, "it"))
    create(known, "ada")
    html = row(browser, "it")
    assert forms(html) == [{"organization_ids": ["org_acme"], "kind": "new", "resend": True}]
    assert "Each valid link of the organization is mailed again" in text_of(html)
    assert "2 mails to ada@acme.example, it@acme.example." in text_of(html)
    assert forms(row(browser, "ada")) == [{"organization_ids": ["org_acme"], "kind": "new", "resend": False}]


def test_what_the_mail_server_has_refused_is_only_mailed_again(browser: TestClient, known: Ledger) -> None:
    deliver(known, create(known, "it"), DeliveryStatus.REFUSED)
    assert [form["resend"] for form in forms(row(browser, "it"))] == [True]


@pytest.mark.parametrize("why", ["no address", "revoked", "enabled"])
def test_a_link_that_no_run_would_mail_has_no_button(browser: TestClient, known: Ledger, why: str) -> None:
    entry = create(known, "it", email=why != "no address")
    if why == "revoked":
        known.record_revoked(known.record_revoking(entry, "revoke_sso_tickets/run"))
    if why == "enabled":
        log = SetupLog(known.database, TENANT)
        log.add_events([], ReadTime(NOW - DAY, NOW))
        log.keep({"acme-it": Setup(SetupState.ENABLED)}, NOW)
    assert forms(row(browser, "it")) == []


def test_only_who_may_start_the_dag_sees_the_buttons_and_only_while_mailing_is_on(
    browser: TestClient, known: Ledger, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(known, create(known, "it"))
    sign_in(lambda check: (check[0], check[2]) != ("POST", MAIL_DAG))
    assert forms(row(browser, "it")) == []
    assert "mailed on" in row(browser, "it"), "who may look at customers may know"
    sign_in()
    assert len(forms(row(browser, "it"))) == 1
    monkeypatch.setenv("SSO_TICKETS_MAIL_FROM", " ")
    assert forms(row(browser, "it")) == []


def test_the_buttons_give_parameters_that_the_dag_has(browser: TestClient, known: Ledger) -> None:
    create(known, "it")
    (form,) = forms(row(browser, "it"))
    assert form.keys() <= MAIL_PARAMS.keys()
    assert form["kind"] in MAIL_PARAMS["kind"]["enum"]


HERE = {"Origin": "http://testserver"}


def preview(browser: TestClient, entry: Entry) -> str:
    answer = browser.post(f"/customers/{entry.key}/mail", headers=HERE)
    assert answer.status_code == 200, answer.text
    return answer.text


def frame(html: str) -> tuple[str, str]:
    """Return the attributes of the frame with the mail, and the page in it."""
    ((before, source, after),) = re.findall(r'<iframe([^>]*?) srcdoc="([^"]*)"([^>]*)>', html)
    return before + after, unescape(source)


def test_the_preview_is_the_mail_that_the_run_would_send_but_for_its_link(
    browser: TestClient, known: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSO_TICKETS_MAIL_REPLY_TO", "help@sender.example")
    entry = create(known, "it", prospect_name="Ada", language="de")
    html = preview(browser, entry)
    text = text_of(html)
    assert "From Acme <sso@sender.example> To it@acme.example Answers to help@sender.example" in text
    message = composer(read_settings())(link_mail(entry, MailKind.INVITATION, LINK), "<1@sender.example>")
    assert f"Subject {message['Subject']}" in text
    placeholder = LINK.partition("ticket=")[0] + "ticket=" + "x" * 32
    for kind, shown in (("html", frame(html)[1]), ("plain", unescape(html))):
        body = str(message.get_body((kind,)).get_content())  # type: ignore[union-attr]
        assert without_times(body.replace(LINK, placeholder).strip()) in without_times(shown)
    assert "t1ck3t" not in html


def without_times(text: str) -> str:
    """Return a text without the numbers in it, since the remaining life of the link counts from now."""
    return re.sub(r"\d+", "0", text).replace("\r\n", "\n")


def test_the_preview_of_a_page_of_ones_own_links_to_it_without_the_ticket(
    browser: TestClient, known: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSO_TICKETS_LINK_PAGE", "https://sso.acme.example/")
    html = preview(browser, create(known, "it"))
    assert f"https://sso.acme.example/#acme.example/{'x' * 32}" in html
    assert "t1ck3t" not in html


def test_no_script_runs_in_the_frame_and_a_name_is_escaped_in_the_mail_and_on_the_page(
    browser: TestClient, known: Ledger
) -> None:
    html = preview(browser, create(known, "it", organization_name='A"><script>alert(1)</script>'))
    attributes, page = frame(html)
    assert 'sandbox="allow-same-origin"' in attributes
    for source in (html, page):
        assert "<script" not in source


def test_a_link_that_was_mailed_has_the_preview_of_the_mail_that_goes_again(browser: TestClient, known: Ledger) -> None:
    entry = create(known, "it")
    first = preview(browser, entry)
    deliver(known, entry)
    assert "Subject" in first
    assert without_times(preview(browser, entry)) == without_times(first)
    deliver(known, entry, created_at=NOW - 9 * DAY)
    assert without_times(preview(browser, entry)) != without_times(first), "it says that the earlier link is replaced"


def test_why_there_is_no_mail_is_said(browser: TestClient, known: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = create(known, "it", email=False)
    answer = browser.post(f"/customers/{entry.key}/mail", headers=HERE)
    assert (answer.status_code, "it has no address" in answer.text) == (422, True)
    monkeypatch.delenv("SSO_TICKETS_MAIL_FROM")
    answer = browser.post(f"/customers/{create(known, 'ada').key}/mail", headers=HERE)
    assert (answer.status_code, "Mailing is off" in answer.text) == (422, True)
    assert "Preview the mail" not in browser.get("/customers").text


def test_who_may_only_look_at_customers_may_see_the_preview(
    browser: TestClient, known: Ledger, sign_in: SignIn
) -> None:
    entry = create(known, "it")
    sign_in(lambda check: check[0] == "GET")
    assert "Preview the mail" in row(browser, "it")
    assert "it@acme.example" in preview(browser, entry)


def step(page: str, part: str) -> str:
    """Return the text on a button of the funnel; empty if there is none."""
    found = re.findall(rf'<button[^>]* name="part" value="{part}"[^>]*>(.*?)</button>', page, re.DOTALL)
    return text_of(found[0]) if found else ""


def people(page: str) -> set[str]:
    return set(re.findall(r"<td>(\w+)@", page))


@pytest.fixture
def mailed(known: Ledger) -> Ledger:
    """Return a ledger with a prospect for each state of a mail, and one that was not mailed."""
    for status in (DeliveryStatus.SENT, DeliveryStatus.POSSIBLY_SENT, DeliveryStatus.REFUSED, DeliveryStatus.FAILED):
        deliver(known, create(known, status), status)
    entry = create(known, "earlier")
    for number in (1, 2):
        deliver(known, entry, created_at=NOW - 9 * DAY, number=number)
    create(known, "nobody")
    return known


def test_the_funnel_has_those_who_were_mailed_between_links_and_opened_also_before_the_first_look(
    browser: TestClient, mailed: Ledger
) -> None:
    page = browser.get("/customers").text
    assert step(page, "mailed") == "Mailed 3 50% of the links"
    assert page.index('value="links"') < page.index('value="mailed"') < page.index('value="opened"')
    assert "not known" in step(page, "opened")
    found = browser.post("/customers", data={"part": "mailed"}, headers=HERE).text
    assert people(found) == {"sent", "possibly_sent", "earlier"}


def test_where_nobody_is_mailed_the_funnel_has_no_such_step(
    browser: TestClient, known: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = create(known, "it")
    assert step(browser.get("/customers").text, "mailed") == "Mailed 0 0% of the links"
    monkeypatch.delenv("SSO_TICKETS_MAIL_FROM")
    assert step(browser.get("/customers").text, "mailed") == ""
    deliver(known, entry)
    assert step(browser.get("/customers").text, "mailed") == "Mailed 1 100% of the links"


def test_who_has_opened_a_link_that_was_mailed_by_hand_is_not_counted_as_mailed(
    browser: TestClient, known: Ledger
) -> None:
    create(known, "it")
    log = SetupLog(known.database, TENANT)
    log.add_events([], ReadTime(NOW - DAY, NOW))
    log.keep({"acme-it": Setup(SetupState.OPENED, opened=1, first_opened_at=NOW - HOUR)}, NOW)
    page = browser.get("/customers").text
    assert step(page, "opened").startswith("Opened 1")
    assert step(page, "mailed").startswith("Mailed 0")
    assert "except in Mailed" in page


def test_the_audit_log_gets_how_many_are_mailed_as_the_note_of_the_run(browser: TestClient, known: Ledger) -> None:
    """Airflow logs who starts a run, its parameters and its note."""
    deliver(known, create(known, "it"))
    create(known, "ada")
    assert 'data-note="Mail again, on Customers: 2 mails"' in row(browser, "it")
    assert 'data-note="Mail, on Customers: 1 mail"' in row(browser, "ada")


def test_the_timeline_tells_of_each_mail_and_what_became_of_it(browser: TestClient, known: Ledger) -> None:
    entry = create(known, "it")
    deliver(known, entry, DeliveryStatus.REFUSED, error="550 <no>", begun_at=NOW - 3 * HOUR)
    deliver(known, entry, number=2)
    deliver(known, entry, DeliveryStatus.POSSIBLY_SENT, kind=MailKind.REMINDER, begun_at=NOW)
    page = browser.get(f"/customers/{entry.key}/timeline").text
    moments = [text_of(one) for one in re.findall(r"<li.*?</li>", page, re.DOTALL)]
    assert moments[1:] == [
        f"{utc_text(iso(NOW - 3 * HOUR))} Mail with the link: refused: 550 <no> ledger",
        f"{SENT} Mail with the link: sent ledger",
        f"{utc_text(iso(NOW))} Reminder: possibly sent ledger",
    ]
    assert page.count('class="t-bad"') == 1
