"""The report's page as Airflow shows it: in a sandboxed frame, without links until a person reveals them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.models import Outcome
from playwright.sync_api import Browser, FrameLocator, Page, Route

from include.reports import RunInfo, write_report
from include.reports.webpage.page import content_security_policy
from include.reports.webpage.served import read_links, served_page

URL = "https://tenant.example.com/self-service/connections-flow?ticket="
RUN = RunInfo("create_sso_tickets", "run", "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z", 9.25, requests=4)
# No browser takes it for a secure origin: there the newer clipboard is missing.
AIRFLOW = "http://airflow.test"
SANDBOX = "allow-scripts allow-same-origin allow-forms allow-downloads"


class Server:
    """Answers for Airflow, and remembers the rows whose links were requested."""

    def __init__(self, folder: Path) -> None:
        self.read: Callable[[str], bytes] = lambda name: (folder / name).read_bytes()
        self.requested: list[list[int]] = []
        self.refusal: tuple[int, str] | None = None

    def answer(self, route: Route) -> None:
        path = route.request.url.removeprefix(AIRFLOW)
        if path == "/links":
            self._answer_links(route)
        elif path == "/report":
            page = served_page(self.read, links_url="/links", downloads_url="/files", navigation={"Runs": "/dags"})
            policy = content_security_policy(connect=True)
            route.fulfill(body=page, content_type="text/html", headers={"Content-Security-Policy": policy})
        elif path == "/files/tickets.csv":
            route.fulfill(body=self.read("tickets.csv"), content_type="text/csv")
        else:
            frame = f'<iframe src="/report" sandbox="{SANDBOX}" style="width:100%;height:850px" title="SSO report">'
            route.fulfill(body=f'<html lang="en"><title>Airflow</title>{frame}', content_type="text/html")

    def _answer_links(self, route: Route) -> None:
        assert route.request.method == "POST"
        assert route.request.headers["content-type"] == "application/json"
        assert route.request.headers["origin"] == AIRFLOW
        rows = json.loads(route.request.post_data or "")["rows"]
        self.requested.append(rows)
        if self.refusal:
            status, body = self.refusal
            route.fulfill(status=status, body=body)
        else:
            route.fulfill(json={"links": {str(row): link for row, link in read_links(self.read, rows).items()}})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run's report."""
    made = tmp_path_factory.mktemp("report")
    rows = [
        Outcome(
            row=n,
            organization_id=f"org_{n % 7}",
            organization_name="Acme",
            prospect_name=f"Person {n}",
            status="created",
            ticket_url=f"{URL}{n}",
        )
        for n in range(1, 2_501)
    ]
    write_report(
        made,
        [*rows, Outcome(row=2_501, organization_id="org_1", organization_name="Acme", status="failed", error="503")],
        RUN,
    )
    return made


@pytest.fixture
def server(folder: Path) -> Server:
    return Server(folder)


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    messages: list[str] = []
    context = browser.new_context(color_scheme="light")
    context.route("**/*", server.answer)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(f"{AIRFLOW}/dags")
    page.frame_locator("iframe").get_by_text("Rows 1 to 100 of 2,501").wait_for()
    yield page
    context.close()
    # Chromium warns about Airflow's frame, and about each answer that is an error.
    assert [text for text in messages if "its sandbox attribute" not in text and "status of" not in text] == []


@pytest.fixture
def report(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def reveal(report: FrameLocator, row: int) -> None:
    report.get_by_role("button", name=f"Reveal the link of row {row}", exact=True).click()


def test_a_link_comes_when_it_is_revealed_and_is_requested_once(report: FrameLocator, server: Server) -> None:
    reveal(report, 7)
    report.locator("#row-7 .url").wait_for()
    assert report.locator(".url").all_inner_texts() == [f"{URL}7"]
    report.get_by_role("button", name="Hide the link of row 7", exact=True).click()
    reveal(report, 7)
    report.locator("#row-7 .url").wait_for()
    assert server.requested == [[7]]


def test_a_link_is_copied_from_the_sandboxed_frame(page: Page, report: FrameLocator, server: Server) -> None:
    assert page.evaluate("navigator.clipboard === undefined")
    report.get_by_role("button", name="Copy the link of row 3", exact=True).click()
    report.get_by_text("The link of row 3 is copied.").wait_for()
    report.get_by_label("Search").fill("")
    page.keyboard.press("Control+V")
    assert report.get_by_label("Search").input_value() == f"{URL}3"
    assert server.requested == [[3]]


def test_many_links_are_requested_a_thousand_at_a_time_and_only_those_that_are_missing(
    report: FrameLocator, server: Server
) -> None:
    reveal(report, 7)
    report.locator("#row-7 .url").wait_for()
    report.get_by_role("button", name="Reveal all shown").click()
    report.get_by_text("2,500 links shown.").wait_for()
    assert [len(rows) for rows in server.requested] == [1, 1_000, 1_000, 499]
    assert sorted(row for rows in server.requested for row in rows) == list(range(1, 2_501))


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        ((403, '{"detail": "You may <b>not</b>."}'), "The links can't be shown: You may <b>not</b>."),
        ((502, "<html>"), "The links can't be shown: the server answered 502"),
        ((200, "<html>log in"), "The links can't be shown: the server answered 200"),
        ((200, '{"links": {}}'), "1 link did not come. Reload the page."),
    ],
    ids=["refused", "proxy", "login", "gone"],
)
def test_the_reason_why_a_link_is_not_shown_is_on_the_page(
    report: FrameLocator, server: Server, refusal: tuple[int, str], message: str
) -> None:
    server.refusal = refusal
    reveal(report, 7)
    report.get_by_text(message, exact=True).wait_for()
    assert report.locator(".url").count() == 0
    server.refusal = None
    reveal(report, 7)
    report.locator("#row-7 .url").wait_for()


def test_the_page_has_airflows_theme_also_when_it_changes(page: Page, report: FrameLocator) -> None:
    def background() -> Any:
        return report.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor")

    light = background()
    page.evaluate("localStorage.setItem('theme', 'dark')")
    report.locator("html[data-theme=dark]").wait_for()
    assert background() != light
    page.reload()
    report.locator("html[data-theme=dark]").wait_for()
    page.evaluate("localStorage.setItem('theme', 'light')")
    report.locator("html[data-theme=light]").wait_for()
    assert background() == light


def test_the_tables_are_downloaded_from_where_airflow_serves_them(page: Page, report: FrameLocator) -> None:
    with page.expect_download() as download:
        report.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "tickets.csv"
