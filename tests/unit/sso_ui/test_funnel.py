"""*Customers* tells how far each one has come, who needs attention, and what has happened, in words."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from airflow.models.log import Log
from auth0_sso.ledger.records import Entry, RunAttempt, TicketSpec
from auth0_sso.ledger.setup_log import ReadTime, SetupLog
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import (
    OPENED_EVENT,
    Setup,
    SetupEvent,
    SetupState,
    SsoTicket,
    TicketRequest,
    iso,
)
from fastapi.testclient import TestClient
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session
from sso_ui.data import customers, timeline
from sso_ui.data.setup_words import EVENT_WORDS, event_words

from include import create_tickets
from include.folders import relative_folder
from include.prospects import load_prospects
from include.reports import SETUP_COLUMNS
from include.reports.wording import utc_text
from tests.support.prospects import csv_of, run_params
from tests.unit.sso_ui.conftest import DAG, RUN_ID, SignIn

HERE = {"Origin": "http://testserver"}
SWAPPED = {**HERE, "HX-Request": "true"}
LINK = "https://acme.example/self-service/connections-flow?ticket=t1ck3t"
ATTEMPT = RunAttempt(f"{DAG}/{RUN_ID}", 0, 1.0)
TENANT = "acme.example.com"
NOW = 1_800_000_000.0
DAY, HOUR = 86_400.0, 3_600.0


@pytest.fixture
def browser(client: TestClient, sign_in: SignIn, connection: None) -> TestClient:
    sign_in()
    return client


@pytest.fixture(autouse=True)
def now(known: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pages' ledger have a fixed time, too."""
    monkeypatch.setattr("auth0_sso.ledger.clock.LedgerClock.now", lambda _clock: NOW)


def create(ledger: Ledger, name: str, *, ttl: float = 5 * DAY, age: float = DAY, again: Entry | None = None) -> Entry:
    request = TicketRequest(
        organization_id=f"org_{name}",
        body={},
        organization_name=name.upper(),
        prospect=f"it@{name}.example",
        prospect_email=f"it@{name}.example",
        connection_name=name,
    )
    begun = ledger.begin(TicketSpec(request, TENANT, "ssp_1"), again, ATTEMPT, answer_within=30)
    return ledger.record_created(begun, SsoTicket(LINK), sent_at=NOW - age, ttl=ttl)


def event(name: str, at: float, event_name: str = OPENED_EVENT, **changes: Any) -> SetupEvent:
    values = {"name": event_name, "succeeded": True, "flow_type": "create", "message": "", **changes}
    return SetupEvent(log_id=f"{name}-{event_name}-{at}", at=at, connection_name=name, **values)


def know(ledger: Ledger, *events: SetupEvent, at: float = NOW, **setups: Setup) -> None:
    log = SetupLog(ledger.database, TENANT)
    log.add_events(events, ReadTime(NOW - 9 * DAY, at))
    log.keep(setups, at)


def post(browser: TestClient, *, headers: dict[str, str] = HERE, **form: str) -> str:
    return unescape(browser.post("/customers", data=form, headers=headers).text)


def rows(page: str) -> set[str]:
    return set(re.findall(r"<td>it@(\w+)\.example<small>", page))


def cells(page: str, name: str) -> str:
    """Return the text of a customer's row."""
    (row,) = [row for row in page.split("<tr>") if f"<td>it@{name}.example<small>" in row]
    return " ".join(unescape(re.sub("<[^>]+>", " ", row)).split())


def numbers(page: str) -> dict[str, str]:
    """Return the number on each button of the funnel."""
    buttons = re.findall(r'<button[^>]* name="part" value="(\w+)"[^>]*>(.*?)</button>', page, re.DOTALL)
    return {part: re.findall(r"<b>(.*?)</b>", inner, re.DOTALL)[0] for part, inner in buttons}


def pressed(page: str) -> list[str]:
    return re.findall(r'value="(\w+)" aria-pressed="true"', page)


SETUPS = {
    "nobody": Setup(SetupState.NOT_OPENED),
    "opened": Setup(SetupState.OPENED, opened=2, first_opened_at=NOW - 3 * HOUR, last_opened_at=NOW - HOUR),
    "waiting": Setup(
        SetupState.WAITING_FOR_DOMAIN,
        opened=1,
        first_opened_at=NOW - 4 * DAY,
        last_opened_at=NOW - 4 * DAY,
        waiting_since=NOW - 4 * DAY,
    ),
    "enabled": Setup(SetupState.ENABLED, opened=1, first_opened_at=NOW - DAY, enabled_at=NOW - HOUR),
}


@pytest.fixture
def followed(known: Ledger) -> Ledger:
    """Return a ledger with a customer at each step."""
    for name in SETUPS:
        create(known, name)
    know(known, **SETUPS)
    return known


def test_the_funnel_has_the_numbers_of_all_customers(browser: TestClient, followed: Ledger) -> None:
    page = browser.get("/customers").text
    assert numbers(page) == {
        "links": "4", "opened": "3", "connected": "2", "enabled": "1",
        "not_opened": "1", "waiting_for_domain": "1", "needs_attention": "1", "all": "4",
    }  # fmt: skip
    assert "75% of the links" in page
    assert pressed(page) == ["all"]


@pytest.mark.parametrize("headers", [HERE, SWAPPED], ids=["page", "part of it"])
@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("links", {"nobody", "opened", "waiting", "enabled"}),
        ("opened", {"opened", "waiting", "enabled"}),
        ("connected", {"waiting", "enabled"}),
        ("enabled", {"enabled"}),
        ("not_opened", {"nobody"}),
        ("waiting_for_domain", {"waiting"}),
        ("needs_attention", {"waiting"}),
        ("all", {"nobody", "opened", "waiting", "enabled"}),
    ],
)
def test_each_of_its_parts_limits_the_list_and_is_marked(
    browser: TestClient, followed: Ledger, part: str, names: set[str], headers: dict[str, str]
) -> None:
    page = post(browser, part=part, headers=headers)
    assert rows(page) == names
    assert pressed(page) == [part]
    assert numbers(page)[part] == str(len(names))
    assert ("<html" in page) == (headers is HERE)
    assert ("hx-swap-oob" in page) == (headers is SWAPPED)


def test_a_search_and_a_part_go_together_and_the_numbers_are_of_the_search(
    browser: TestClient, followed: Ledger
) -> None:
    page = post(browser, q="e@ it@e", part="opened", headers=SWAPPED)
    assert rows(page) == set()
    page = post(browser, q="it@o", part="opened", headers=SWAPPED)
    assert rows(page) == {"opened"}
    assert numbers(page)["links"] == "1"
    assert page.count('name="q" value="it@o"') == 2, "the forms of the funnel and of the tables keep the search"
    assert '<input type="hidden" name="part" value="opened" form="search">' in page, "the search keeps the part"


def test_the_pages_of_a_part_keep_it(browser: TestClient, known: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customers, "CUSTOMERS_A_PAGE", 2)
    monkeypatch.setattr("sso_ui.routes.customers.CUSTOMERS_A_PAGE", 2)
    names = [f"acme{number}" for number in range(3)]
    for name in names:
        create(known, name)
    know(known, **dict.fromkeys(names, Setup(SetupState.OPENED, first_opened_at=1.0)))
    first, second = (post(browser, part="opened", page=page) for page in "12")
    assert [len(rows(page)) for page in (first, second)] == [2, 1]
    assert rows(first) | rows(second) == set(names)
    pager = first[first.index('class="pager"') :]
    assert '<input type="hidden" name="part" value="opened">' in pager
    assert "Page 1 of 2" in pager


@pytest.mark.parametrize("form", [{"part": "somebody"}, {"part": ""}, {"page": "0"}], ids=str)
def test_a_part_that_there_is_none_of_is_refused(browser: TestClient, form: dict[str, str]) -> None:
    assert browser.post("/customers", data=form, headers=HERE).status_code == 422


def test_before_the_first_look_it_says_how_to_start(browser: TestClient, known: Ledger) -> None:
    create(known, "acme")
    page = browser.get("/customers").text
    assert "was not looked up yet" in page
    assert "follow_sso_setups" in page
    assert "read:logs" in page
    assert numbers(page)["links"] == "1"
    assert "not known" in numbers(page)["opened"], "nobody has opened a link, as far as a zero would say"
    assert cells(page, "acme").count("not known") == 1


@pytest.mark.parametrize(("age", "is_stale"), [(DAY - 1, False), (DAY + 1, True)])
def test_it_says_since_when_nothing_was_looked_up(
    browser: TestClient, known: Ledger, age: float, is_stale: bool
) -> None:
    create(known, "acme")
    know(known, at=NOW - age, acme=Setup(SetupState.NOT_OPENED))
    page = browser.get("/customers").text
    assert ("was last looked up on" in page) == is_stale
    assert utc_text(iso(NOW - age)) in page


TIME = utc_text(iso(NOW - HOUR))


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        (Setup(SetupState.NOT_OPENED), "not opened"),
        (Setup(SetupState.NOT_OPENED, opened=1), "a mail scanner opened it"),
        (Setup(SetupState.NOT_OPENED, opened=2), "a mail scanner opened it twice"),
        (Setup(SetupState.NOT_OPENED, note="The connection is gone."), "not opened; The connection is gone."),
        (Setup(SetupState.OPENED, opened=1, last_opened_at=NOW - HOUR), f"opened on {TIME}"),
        (Setup(SetupState.OPENED, opened=2, last_opened_at=NOW - HOUR), f"opened twice, last on {TIME}"),
        (Setup(SetupState.OPENED, opened=9, last_opened_at=NOW - HOUR), f"opened 9 times, last on {TIME}"),
        (Setup(SetupState.CONNECTED, connected_at=NOW - HOUR), f"connected since {TIME}, not enabled"),
        (Setup(SetupState.WAITING_FOR_DOMAIN, waiting_since=NOW - HOUR), f"domain not verified since {TIME}"),
        (
            Setup(SetupState.WAITING_FOR_DOMAIN, opened=2, last_opened_at=NOW - HOUR, waiting_since=NOW - HOUR),
            f"opened twice, last on {TIME}; domain not verified since {TIME}",
        ),
        (Setup(SetupState.ENABLED, enabled_at=NOW - HOUR), f"single sign-on is enabled since {TIME}"),
        (Setup(SetupState.ENABLED), "single sign-on is enabled"),
        (Setup(SetupState.UNKNOWN), "not known"),
    ],
)
def test_a_setup_is_told_in_words(browser: TestClient, known: Ledger, setup: Setup, words: str) -> None:
    create(known, "acme")
    know(known, acme=setup)
    assert f"its run Reveal the link of it@acme.example {words} Timeline" in cells(
        browser.get("/customers").text, "acme"
    )


@pytest.mark.parametrize(
    ("setup", "ttl", "words"),
    [
        (SETUPS["waiting"], 5 * DAY, "It has waited for a domain for 4 days."),
        (Setup(SetupState.NOT_OPENED), DAY + 6 * HOUR, "The link expires in 6 hours, and was not opened."),
        (Setup(SetupState.OPENED, last_failure="No metadata"), 5 * DAY, "The last step has failed: No metadata"),
    ],
)
def test_why_a_customer_needs_attention_is_told_in_words(
    browser: TestClient, known: Ledger, setup: Setup, ttl: float, words: str
) -> None:
    create(known, "acme", ttl=ttl)
    know(known, acme=setup)
    page = post(browser, part="needs_attention")
    assert f"Needs attention: {words}" in cells(page, "acme")


def test_a_link_that_is_used_up_says_so(browser: TestClient, known: Ledger) -> None:
    create(known, "acme")
    create(known, "globex")
    openings = [event("acme", NOW - HOUR + number) for number in range(10)]
    know(known, *openings, acme=Setup(SetupState.OPENED, opened=10))
    page = browser.get("/customers").text
    assert "used up: it opens nothing any more" in cells(page, "acme")
    assert "Needs attention: The link is used up, and the connection does not exist." in cells(page, "acme")
    assert "valid until" in cells(page, "globex")


def test_markup_in_the_tenants_texts_is_shown_as_it_is(browser: TestClient, known: Ledger) -> None:
    entry = create(known, "acme")
    message = "<script>alert(1)</script>"
    failed = event("acme", NOW - HOUR, "<b>event", succeeded=False, message=message)
    know(known, failed, acme=Setup(SetupState.OPENED, last_failure=message, note=message))
    for page in (browser.get("/customers").text, browser.get(f"/customers/{entry.key}/timeline").text):
        assert "&lt;script&gt;" in page
        assert "<script>" not in page
        assert "<b>event" not in page


def moments(page: str) -> list[str]:
    found = re.findall(r"<li[^>]*>(.*?)</li>", page, re.DOTALL)
    return [" ".join(unescape(re.sub("<[^>]+>", " ", one)).split()) for one in found]


def at(seconds: float) -> str:
    return utc_text(iso(seconds))


def test_a_timeline_tells_in_order_what_has_happened(browser: TestClient, known: Ledger) -> None:
    first = create(known, "acme", age=3 * DAY)
    revoked = known.record_revoked(known.record_revoking(first, "revoke_sso_tickets/run"))
    entry = create(known, "acme", age=DAY, again=revoked)
    create(known, "globex")
    made = NOW - DAY
    know(
        known,
        event("acme", made + 30),
        event("acme", made + 2 * HOUR),
        event("acme", made + 3 * HOUR, "ss_sso_connection_creation"),
        event("acme", made + 4 * HOUR, "ss_sso_enable_connection", succeeded=False, message="Domains are pending"),
        event("acme", made + 5 * HOUR, "ss_sso_something_new"),
        event("acme", NOW - 9 * DAY, "ss_sso_flow_end"),
        event("globex", made + 6 * HOUR),
        acme=Setup(
            SetupState.WAITING_FOR_DOMAIN,
            connected_at=made + 3 * HOUR,
            enabled_at=made + 7 * HOUR,
            seen_in=("logs", "API"),
        ),
    )
    answer = browser.get(f"/customers/{entry.key}/timeline")
    assert moments(answer.text) == [
        f"{at(NOW - 3 * DAY)} A link was made ledger",
        f"{at(made)} A link was made ledger",
        f"{at(made + 30)} A mail scanner opened the link logs",
        f"{at(made + 2 * HOUR)} A link was opened logs",
        f"{at(made + 3 * HOUR)} The connection was created logs",
        f"{at(made + 4 * HOUR)} Single sign-on could not be enabled: Domains are pending logs",
        f"{at(made + 5 * HOUR)} Something new logs",
        f"{at(made + 7 * HOUR)} Single sign-on is enabled API",
        f"{at(NOW)} The link was revoked by revoke_sso_tickets/run ledger",
        f"{at(NOW)} Looked up last: waiting for a domain logs, API",
    ]
    assert "t1ck3t" not in answer.text


def test_a_timeline_without_logs_has_what_the_ledger_knows(browser: TestClient, known: Ledger) -> None:
    entry = create(known, "acme", age=2 * DAY, ttl=DAY)
    page = browser.get(f"/customers/{entry.key}/timeline").text
    assert moments(page) == [f"{at(NOW - 2 * DAY)} A link was made ledger", f"{at(NOW - DAY)} The link expired ledger"]


def test_a_timeline_has_the_latest_events_and_says_how_many_are_left_out(
    browser: TestClient, known: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "MAX_MOMENTS", 2)
    entry = create(known, "acme")
    know(known, *(event("acme", NOW - HOUR + number * 60) for number in range(5)))
    page = browser.get(f"/customers/{entry.key}/timeline").text
    assert "3 earlier events of the logs are not shown" in page
    assert moments(page)[1:] == [f"{at(NOW - HOUR + number * 60)} A link was opened logs" for number in (3, 4)]


def test_an_event_that_is_not_known_has_auth0s_own_words() -> None:
    assert event_words("ss_sso_something_new", succeeded=False) == "Something new: failed"
    assert event_words("ss_sso_ticket_consumption") == "A link was opened"
    assert event_words("ss_sso_google_workspace_provisioning_groups_failed") == (
        "Google workspace provisioning groups failed"
    )
    assert not [name for name, words in EVENT_WORDS.items() if not name.startswith("ss_sso_") or "_" in words]


def download(browser: TestClient, kind: str = "csv", **form: str) -> Any:
    return browser.post(f"/customers/setups.{kind}", data=form, headers=HERE)


def test_what_is_listed_is_downloaded_as_csv_with_the_reports_columns(
    browser: TestClient, followed: Ledger, session: Session
) -> None:
    answer = download(browser, part="connected")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="customers.csv"'
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert tuple(lines[0]) == SETUP_COLUMNS
    assert {line["connection_name"]: (line["link"], line["setup"]) for line in lines} == {
        "waiting": ("valid", "waiting_for_domain"),
        "enabled": ("valid", "enabled"),
    }
    assert "t1ck3t" not in answer.text
    (log,) = session.scalars(select(Log))
    assert (log.event, log.owner, log.dag_id) == ("sso_customers_downloaded", "ann", DAG)
    assert '"part": "connected"' in str(log.extra)
    assert '"rows": 2' in str(log.extra)


def test_it_has_all_pages_of_what_the_search_has_found(
    browser: TestClient, known: Ledger, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customers, "CUSTOMERS_A_PAGE", 1)
    for name in ("acme1", "acme2", "globex"):
        create(known, name)
    sheet = load_workbook(io.BytesIO(download(browser, "xlsx", q="it@acme", page="2").content)).active
    assert sheet is not None
    header, *found = sheet.iter_rows(values_only=True)
    assert header == SETUP_COLUMNS
    assert {row[3] for row in found} == {"it@acme1.example", "it@acme2.example"}
    (log,) = session.scalars(select(Log))
    assert "acme" not in str(log.extra), "what was searched for may be an address"


def test_a_formula_in_a_name_is_none_in_the_table(browser: TestClient, known: Ledger) -> None:
    create(known, "=cmd")
    line = next(csv.DictReader(io.StringIO(download(browser).content.decode("utf-8-sig"))))
    assert line["organization_name"] == "'=CMD"


def test_more_customers_than_a_table_has_are_refused_with_what_to_do(
    browser: TestClient, known: Ledger, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(known, "acme1")
    create(known, "acme2")
    monkeypatch.setattr(customers, "MAX_DOWNLOADED", 1)
    monkeypatch.setattr("sso_ui.routes.customers.MAX_DOWNLOADED", 1)
    answer = download(browser)
    assert answer.status_code == 422
    assert "A table has at most 1 customers" in answer.text
    assert list(session.scalars(select(Log))) == []
    page = browser.get("/customers").text
    assert "setups.csv" not in page
    assert "search for at most 1 customers" in page
    assert download(browser, q="acme1").status_code == 200


def test_what_nobody_matches_is_no_table(browser: TestClient, followed: Ledger, session: Session) -> None:
    assert download(browser, q="nobody at all").status_code == 404
    assert browser.post("/customers/setups.exe", headers=HERE).status_code == 422
    assert list(session.scalars(select(Log))) == []


UNFINISHED = Setup(SetupState.CONNECTED, connection_id="con_1", connected_at=NOW - HOUR)
WAITING = Setup(SetupState.WAITING_FOR_DOMAIN, connection_id="con_1", waiting_since=NOW - HOUR)


@pytest.mark.parametrize(
    ("setup", "ttl", "at", "is_offered"),
    [
        (UNFINISHED, HOUR, NOW, True),
        (WAITING, HOUR, NOW, True),
        (UNFINISHED, 5 * DAY, NOW, False),
        (Setup(SetupState.CONNECTED), HOUR, NOW, False),
        (Setup(SetupState.ENABLED, connection_id="con_1"), HOUR, NOW, False),
        (Setup(SetupState.OPENED), HOUR, NOW, False),
        (UNFINISHED, HOUR, NOW - 3 * DAY, False),
    ],
    ids=["connected", "waiting", "valid link", "unknown id", "enabled", "opened", "known too long ago"],
)
def test_a_link_to_finish_is_offered_where_a_run_would_create_one(
    browser: TestClient, known: Ledger, setup: Setup, ttl: float, at: float, is_offered: bool
) -> None:
    create(known, "acme", ttl=ttl)
    know(known, at=at, acme=setup)
    assert ("Create a link to finish" in browser.get("/customers").text) == is_offered


def test_it_is_offered_where_the_own_link_is_used_up(browser: TestClient, known: Ledger) -> None:
    create(known, "acme")
    know(known, *(event("acme", NOW - HOUR + number) for number in range(10)), acme=UNFINISHED)
    assert "Create a link to finish" in browser.get("/customers").text


def test_a_row_that_edits_a_connection_by_its_id_has_nothing_to_finish(browser: TestClient, known: Ledger) -> None:
    request = TicketRequest(organization_id="org_a", body={"connection_id": "con_1"}, prospect="it@acme.example")
    begun = known.begin(TicketSpec(request, TENANT, "ssp_1"), None, ATTEMPT, answer_within=30)
    known.record_created(begun, SsoTicket(LINK), sent_at=NOW - DAY, ttl=HOUR)
    know(known, con_1=UNFINISHED)
    page = browser.get("/customers").text
    assert "connected since" in page
    assert "Create a link to finish" not in page


def test_only_who_may_start_runs_is_offered_it(browser: TestClient, known: Ledger, sign_in: SignIn) -> None:
    create(known, "acme", ttl=HOUR)
    know(known, acme=UNFINISHED)
    sign_in(lambda check: check[0] == "GET")
    assert "Create a link to finish" not in browser.get("/customers").text


def test_a_link_to_finish_leads_to_a_preview_whose_run_edits(
    browser: TestClient, known: Ledger, home: Path, connection: None
) -> None:
    text = "organization_id,organization_name,prospect_email,connection_name\norg_acme,Acme,ada@acme.example,acme\n"
    folder = home / "default" / relative_folder(DAG, RUN_ID)
    create_tickets.load(None, folder, run_params(prospects_csv=text))
    (row,) = load_prospects(None, text=text).valid
    begun = known.begin(TicketSpec(row, TENANT, "ssp_1"), None, ATTEMPT, answer_within=30)
    entry = known.record_created(begun, SsoTicket(LINK), sent_at=NOW - DAY, ttl=HOUR)
    know(known, acme=UNFINISHED)
    answer = browser.post(f"/customers/{entry.key}/finish", headers=HERE)
    assert answer.status_code == 204, answer.text
    address = answer.headers["HX-Redirect"]
    assert address.endswith("?edit=true")
    page = browser.get(address).text
    assert "<b>1</b>to finish" in page
    assert "create a link to finish the connection that exists" in page
    assert 'name="on_conflict" value=\'"edit"\'' in page
    assert "Create 1 link</button>" in page
    without = browser.get(address.partition("?")[0]).text
    assert "<b>1</b>with a connection that exists" in without
    assert "nothing: the connection exists and is not enabled" in without


Upload = Callable[[str], str]


@pytest.fixture
def preview(browser: TestClient, known: Ledger) -> Upload:
    """Upload a row for each state of a setup; return the path of the preview."""
    states = (SetupState.ENABLED, SetupState.CONNECTED, SetupState.OPENED)
    setups = [Setup(state, connection_id="con_1", seen_in=("API",)) for state in states]
    know(known, **{f"acme{number}": setup for number, setup in enumerate(setups)})
    lines = [f"org_{number},it@acme{number}.example,acme{number}" for number in range(3)]
    text = "\n".join(["organization_id,prospect_email,connection_name", *lines, "bad id,x@y.example,z"])

    def show(query: str) -> str:
        answer = browser.post("/batches", files={"file": ("a.csv", text, "text/csv")}, headers=HERE)
        return browser.get(f"{answer.headers['location']}{query}").text

    return show


@pytest.mark.parametrize(
    ("query", "counted"),
    [
        ("", {"to create": "1", "finished already": "1", "with a connection that exists": "1"}),
        ("?edit=true", {"to create": "1", "to finish": "1", "finished already": "1"}),
        ("?edit=true&reissue=true", {"to create": "1", "to finish": "1", "finished already": "1"}),
        ("?reissue=true", {"to create": "1", "finished already": "1", "with a connection that exists": "1"}),
    ],
)
def test_a_preview_counts_who_has_finished_and_who_gets_a_link_to_finish(
    preview: Upload, query: str, counted: dict[str, str]
) -> None:
    page = preview(query)
    found = {text: number for number, text in re.findall(r"<li[^>]*><b>(\d+)</b>([a-z ]+)</li>", page)}
    assert {text: number for text, number in found.items() if text != "invalid" and "task" not in text} == counted
    assert "nothing: single sign-on is enabled" in page


def test_all_links_and_forms_of_a_preview_keep_the_choice(preview: Upload) -> None:
    page = preview("?edit=true&only_invalid=true")
    ways = re.findall(r'href="(\?[^"]*)"', page)
    changes = [way for way in ways if "edit=false" in way]
    assert len(changes) == 1, "only the link that is for this changes it"
    assert len(ways) >= 3
    assert all("edit=true" in way for way in ways if way not in changes)
    assert '<input type="hidden" name="edit" value="true">' in page


def test_the_pages_of_a_preview_keep_it_too(browser: TestClient, known: Ledger) -> None:
    answer = browser.post("/batches", files={"file": ("a.csv", csv_of(101, 1, "long"), "text/csv")}, headers=HERE)
    page = browser.get(f"{answer.headers['location']}?edit=true").text
    (following,) = re.findall(r'href="(\?page=2[^"]*)"', page)
    assert "edit=true" in unescape(following)
