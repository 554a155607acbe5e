"""The page is self-contained, escapes its texts, and says what to do."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from auth0_sso.models import CARRIED, Outcome, RevocationOutcome, TicketStatus

from include.reports import RateSample, RunInfo
from include.reports.cells import printable
from include.reports.webpage.page import page_parts
from include.reports.webpage.views import revocation_page, ticket_page
from include.reports.wording import duration_text, utc_text

URL = "https://tenant.example.com/self-service/connections-flow?ticket="
VOID = {"meta", "link", "br", "input"}
MARKUP = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style></title><svg onload=alert(1)>",
    "]]><!--<iframe>",
    "&lt;b&gt;",
    "javascript:alert(1)",
    "{{ page }}{% raw %}",
    "\x00<u>",
]  # fmt: skip


RUN = RunInfo("create_sso_tickets", "run", "", "", 1.0)


def html_of(*rows: Outcome, **run: Any) -> str:
    return b"".join(page_parts(ticket_page(rows, replace(RUN, **run)))).decode()


def data_of(html: str) -> dict[str, Any]:
    """Return the data for the page's script."""
    found: dict[str, Any] = json.loads(
        html.split('<script type="application/json" id="rows">')[1].split("</script>")[0]
    )
    return found


def created(row: int, **cells: Any) -> Outcome:
    return Outcome(
        row=row, organization_id="org_1", status="created", ticket_url=URL + str(row), ticket_id=str(row), **cells
    )


class Reader(HTMLParser):
    """Collects tags, checks that they are balanced, and keeps text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


NAMES = tuple(name for name in CARRIED if name not in ("row", "source"))


@pytest.mark.parametrize("markup", MARKUP)
def test_markup_in_any_text_is_shown_and_adds_no_tag_or_attribute(markup: str) -> None:
    def page_of(text: str) -> Reader:
        row = Outcome(**dict.fromkeys(NAMES, text), row=1, status=TicketStatus.FAILED, error=text)
        facts = {"run_id": text, "started_at": text, "warnings": [text], "samples": [RateSample(0, 1, 1.0)]}
        return Reader(html_of(row, **facts))

    page, harmless = page_of(markup), page_of("harmless")
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in harmless.tags]
    assert [set(attributes) for _, attributes in page.tags] == [set(attributes) for _, attributes in harmless.tags]
    assert not [given["href"] for _, given in page.tags if "script" in str(given.get("href"))]
    # The chart's label, its tooltip and the name beside it, unchanged.
    text = markup.replace("\x00", "\ufffd")
    assert any(given.get("aria-label") == f"{text}: 1 failed" for _, given in page.tags)
    assert any(given.get("title") == text for _, given in page.tags)
    assert page.texts.count(text) >= len({"name", "run", "warning"})


@pytest.mark.parametrize("markup", [*MARKUP, "a\u2028b\u2029c", "\ud800"])
def test_any_text_of_a_row_is_in_the_scripts_data_and_ends_neither_it_nor_a_line(markup: str) -> None:
    html = html_of(
        Outcome(
            **dict.fromkeys(NAMES, markup),
            row=1,
            status=TicketStatus.FAILED,
            ticket_url=markup,
            expires_at=markup,
            error=markup,
        )
    )
    data, text = data_of(html), printable(markup)
    assert data["rows"] == [[1, 0, text, text, text, data["statuses"].index("failed"), text, text, 0, 0]]
    assert (data["organizations"], data["errors"]) == ([[text, text]], [text])
    raw = html.split('id="rows">')[1].split("</script>")[0]
    assert not set("<>&\u2028\u2029") & set(raw)


def test_the_page_loads_nothing_and_forbids_it() -> None:
    page = Reader(
        html_of(
            created(1),
            Outcome(row=2, organization_id="org_2", status="failed", error="no"),
            samples=[RateSample(0, 1, 1.0)],
        )
    )
    loads = [
        attributes[name]
        for tag, attributes in page.tags
        for name in ("src", "href", "action", "data", "srcset")
        if name in attributes and tag != "a"
    ]
    assert loads == ["data:,"]
    metas = {given["name"]: given.get("content") for tag, given in page.tags if tag == "meta" and "name" in given}
    assert (metas["referrer"], metas["robots"]) == ("no-referrer", "noindex, nofollow")
    assert policy_of(page)["default-src"] == "'none'"


def policy_of(page: Reader) -> dict[str, str]:
    """Return the directives of the page's Content-Security-Policy."""
    (policy,) = (given["content"] for tag, given in page.tags if given.get("http-equiv") == "Content-Security-Policy")
    return dict(directive.strip().split(" ", 1) for directive in str(policy).split(";"))


def test_the_page_may_run_its_own_script_only() -> None:
    html = html_of(created(1))
    digest = hashlib.sha256(html.split("<script>")[1].split("</script>")[0].encode()).digest()
    assert policy_of(Reader(html))["script-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"


def test_a_page_in_airflow_may_also_send_requests_to_its_own_origin() -> None:
    exported, served = (policy_of(Reader(page)) for page in (html_of(created(1)), served_html(created(1))))
    assert "connect-src" not in exported
    assert served == {**exported, "connect-src": "'self'"}


def served_html(*rows: Outcome) -> str:
    page = page_parts(
        ticket_page(rows, RUN), links_url="/sso-tickets/links?a=1&b=<2>", downloads_url="/sso-tickets/files/"
    )
    return b"".join(page).decode()


def test_the_data_of_many_rows_is_written_in_parts_and_is_one_document() -> None:
    rows = [
        Outcome(row=row, organization_id=f"org_{row}", status="failed", error=f"error {row}") for row in range(1, 2_502)
    ]
    data = data_of(html_of(*rows))
    assert [row[0] for row in data["rows"]] == list(range(1, 2_502))
    assert (data["organizations"][2_500][0], data["errors"][2_500]) == ("org_2501", "error 2501")
    parts = list(page_parts(ticket_page(rows, RUN)))
    assert max(map(len, parts)) < sum(map(len, parts)) / 4


def test_a_page_in_airflow_has_no_link_but_tells_its_script_where_to_request_one() -> None:
    html = served_html(created(7), Outcome(row=8, status="failed"))
    assert URL not in html
    data = data_of(html)
    assert data["links_url"] == "/sso-tickets/links?a=1&b=<2>"
    assert [(row[0], row[6]) for row in data["rows"]] == [(7, 1), (8, 0)]


def test_an_exported_page_has_its_links_in_it_and_none_is_a_hyperlink() -> None:
    html = html_of(created(1), Outcome(row=3, status="failed"))
    assert [row[6] for row in data_of(html)["rows"]] == [URL + "1", 0]
    assert [given["href"] for tag, given in Reader(html).tags if tag == "a"] == [
        "#row-3",
        "tickets.csv",
        "tickets.xlsx",
    ]


def test_the_tables_are_beside_an_exported_page_and_where_airflow_serves_them() -> None:
    hrefs = [given["href"] for tag, given in Reader(served_html(created(1))).tags if tag == "a"]
    assert hrefs == ["/sso-tickets/files/tickets.csv", "/sso-tickets/files/tickets.xlsx"]


def test_every_row_is_in_the_page_and_repeated_texts_are_in_it_once() -> None:
    rows = [
        Outcome(row=number, organization_id=f"org_{number % 9}", organization_name="Acme", status="failed", error="503")
        for number in range(1, 2_501)
    ]
    data = data_of(html_of(*rows))
    assert [row[0] for row in data["rows"]] == list(range(1, 2_501))
    assert (len(data["organizations"]), data["errors"]) == (9, ["503"])


def test_a_page_without_javascript_says_where_the_rows_are() -> None:
    assert "All rows are in tickets.csv and tickets.xlsx." in html_of(created(1)).split("<noscript>")[1]


@pytest.mark.parametrize(
    ("statuses", "headline"),
    [
        (["created"] * 50 + ["reused"] * 10, "60 of 60 prospects have a link"),
        (["created"], "1 of 1 prospect has a link"),
        (["created", "finished"], "1 of 2 prospects has a link, 1 has finished"),
        (["created", "failed"], "1 of 2 prospects has a link"),
        (["failed"] * 3, "0 of 3 prospects have a link"),
        (["planned", "invalid"], "Dry run: 1 of 2 prospects would get a link"),
        ([], "No prospects in this run"),
    ],
)
def test_the_headline_is_the_number_of_prospects_with_a_link(statuses: list[str], headline: str) -> None:
    rows = [Outcome(row=number, organization_id="org_1", status=status) for number, status in enumerate(statuses, 1)]
    assert ticket_page(rows, RUN).headline == headline


@pytest.mark.parametrize(
    ("row", "title", "tone", "remedy"),
    [
        (Outcome(row=1, status="failed"), "1 row failed", "bad", "fix these rows in the CSV"),
        (Outcome(row=1, status="not_attempted"), "1 row not attempted", "bad", ""),
        (Outcome(row=1, status="invalid"), "1 row invalid in the CSV", "warn", ""),
        (Outcome(row=1, status="created", duplicate_possible=True), "1 row possibly issued twice", "warn", ""),
        (
            Outcome(row=1, status="conflict"),
            "1 row with an existing connection",
            "good",
            "not enabled before its domain",
        ),
    ],
)
def test_each_kind_of_problem_has_its_remedy(row: Outcome, title: str, tone: str, remedy: str) -> None:
    page = ticket_page([row, created(2)], RUN)
    (task,) = page.tasks
    assert (task.title, list(task.rows), page.tone) == (title, [1], tone)
    assert remedy in task.text
    assert title in b"".join(page_parts(page)).decode()


def test_a_task_names_the_first_rows_and_the_most_frequent_errors() -> None:
    rows = [Outcome(row=n, status="failed", error="odd one" if n == 3 else "503") for n in range(1, 21)]
    (task,) = ticket_page(rows, RUN).tasks
    assert (list(task.rows), task.more) == (list(range(1, 13)), 8)
    assert list(task.errors) == [("503", 19), ("odd one", 1)]


def test_a_task_leads_to_its_first_rows_and_to_all_of_its_status() -> None:
    html = html_of(*(Outcome(row=number, status="failed") for number in range(1, 15)))
    hrefs = [str(given["href"]) for tag, given in Reader(html).tags if tag == "a"]
    assert hrefs[:13] == [*(f"#row-{number}" for number in range(1, 13)), "#status-failed"]


def test_the_page_of_a_run_without_problems_warns_only_that_links_are_credentials() -> None:
    html = html_of(created(1))
    assert "can be opened 10 times" in html
    assert "All times are in UTC" in html
    assert "What to do" not in html


def test_the_first_expiry_of_a_link_is_among_the_facts() -> None:
    rows = [created(row, expires_at=f"2026-02-0{4 - row}T10:00:00+00:00") for row in (1, 2)]
    assert ("First link expires", "2 Feb 2026, 10:00 UTC") in ticket_page(rows, RUN).facts


def test_the_page_of_revocations_shows_no_link_and_no_ticket_id_and_a_connection_once() -> None:
    revoked = RevocationOutcome(
        organization_id="org_1",
        organization_name="Acme",
        prospect="ada@acme.example|acme-oidc",
        connection_name="acme-oidc",
        status="revoked",
        ticket_id="t1ck3t",
    )
    page = revocation_page([revoked, RevocationOutcome(status="failed", error="503")], RUN)
    assert page.rows[0].prospect_name == "ada@acme.example"
    html = b"".join(page_parts(page)).decode()
    assert "1 of 2 links is no longer valid" in html
    assert "1 row not revoked" in html
    assert "t1ck3t" not in html
    assert "can be opened 10 times" not in html
    Reader(html)


@pytest.mark.parametrize(
    ("iso", "text"),
    [
        ("2026-11-04T09:05:12Z", "4 Nov 2026, 09:05 UTC"),
        ("2026-11-04T11:05:12+02:00", "4 Nov 2026, 09:05 UTC"),
        ("2026-11-04T09:05:12", "4 Nov 2026, 09:05 UTC"),
        ("", ""),
        *[(text, text) for text in ("soon", "99999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "2026-02-30")],
    ],
)
def test_times_are_shown_in_utc(iso: str, text: str) -> None:
    assert utc_text(iso) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (8.44, "8.4 s"), (59.97, "1 min 0 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min")],
)
def test_a_duration_has_one_or_two_units(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
