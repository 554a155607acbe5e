"""The exported pages, opened from disk: a person finds, reveals and copies links, and sees who is stuck."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.models import (
    LinkState,
    Outcome,
    ProspectSetup,
    RevocationOutcome,
    RevocationStatus,
    Setup,
    SetupState,
)
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page

from include.reports import RateSample, RunInfo, write_report, write_revocations, write_setups

URL = "https://tenant.example.com/self-service/connections-flow?ticket="
RUN = RunInfo(
    "create_sso_tickets", "run", "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z", 9.25, requests=4,
    samples=[RateSample(1_790_000_000 + second, second % 3, 2.0) for second in range(20)],
)  # fmt: skip
EXPIRES = "2099-01-06T09:05:00Z"


def created(row: int, organization: str, prospect: str, **cells: Any) -> Outcome:
    cells = {"expires_at": EXPIRES, "ticket_url": f"{URL}{row}", "status": "created", **cells}
    return Outcome(
        row=row,
        organization_id=f"org_{organization.lower()}",
        organization_name=organization,
        prospect_name=prospect,
        prospect_email=f"{prospect}@mail.example".lower(),
        connection_name=f"{organization}-saml".lower(),
        **cells,
    )


ROWS = [
    created(1, "Globex", "Ada"),
    created(2, "Acme", "Zoë", status="reused", expires_at="2026-01-02T00:00:00Z"),
    created(3, "Acme", "Ben", duplicate_possible=True),
    Outcome(
        row=4,
        organization_id="org_initech",
        organization_name="Initech",
        prospect_name="Cy",
        status="failed",
        error="503 of <b>Auth0</b>",
    ),
    created(10, "Umbrella", '=HYPERLINK("x")\tTab'),
]

Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Return a function that opens a file; it must cause no message on the console."""
    messages: list[str] = []
    contexts = []

    def opened(file: Path, *, theme: Any = "light", width: int = 1280, anchor: str = "") -> Page:
        context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(file.as_uri() + anchor)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert messages == []


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_report(folder, ROWS, RUN)
    return folder / "report.html"


@pytest.fixture(scope="module")
def large_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    rows = [created(row, f"Customer {row % 3_000}", f"Person {row}") for row in range(1, 10_000)]
    write_report(
        folder,
        [*rows, Outcome(row=10_000, organization_id="org_last", organization_name="Last", status="failed", error="no")],
        RUN,
    )
    return folder / "report.html"


@pytest.fixture
def page(open_page: Open, report: Path) -> Page:
    return open_page(report)


def shown(page: Page) -> list[str]:
    """Return the numbers of the rows on the screen."""
    return page.locator("tbody td.number").all_inner_texts()


def count(page: Page) -> str:
    return page.locator("#count").inner_text()


def line(page: Page, row: int) -> Locator:
    return page.locator(f"#row-{row}")


def paste(page: Page) -> dict[str, str]:
    """Return what a program would get from the clipboard, by its type."""
    page.evaluate(
        """() => document.addEventListener("paste", ({ clipboardData }) => {
            const typed = clipboardData.types.map((type) => [type, clipboardData.getData(type)]);
            window.pasted = Object.fromEntries(typed);
        }, { once: true })"""
    )
    page.keyboard.press("Control+V")
    pasted: dict[str, str] = page.evaluate("window.pasted")
    return pasted


def test_a_person_finds_rows_by_organization_prospect_address_and_connection(page: Page) -> None:
    found = {}
    for words in ("acme", "ZOE", "ben@mail", "globex-saml", "org_initech", "acme ben", "nobody"):
        page.get_by_label("Search").fill(words)
        found[words] = shown(page)
    assert found == {
        "acme": ["2", "3"],
        "ZOE": ["2"],
        "ben@mail": ["3"],
        "globex-saml": ["1"],
        "org_initech": ["4"],
        "acme ben": ["3"],
        "nobody": [],
    }
    assert count(page) == "0 rows that match, of 5"


def test_a_column_is_sorted_up_and_then_down(page: Page) -> None:
    found = {}
    for column in ("Organization", "Prospect", "Connection", "Status", "Link or error", "Expires", "Row"):
        header = page.get_by_role("columnheader", name=column)
        header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == "ascending"
        found[column] = " ".join(shown(page))
        header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == "descending"
        assert " ".join(shown(page)) != found[column]
        assert page.locator("th[aria-sort]").count() == 1
    assert found == {
        "Organization": "2 3 1 4 10",
        "Prospect": "10 1 3 4 2",
        "Connection": "4 2 3 1 10",
        "Status": "1 3 10 2 4",
        "Link or error": "1 2 3 10 4",
        "Expires": "4 2 1 3 10",
        "Row": "1 2 3 4 10",
    }


def test_rows_are_filtered_by_status_and_by_organization(page: Page) -> None:
    page.get_by_label("Organization", exact=True).select_option("Acme (2)")
    assert shown(page) == ["2", "3"]
    page.get_by_label("Status", exact=True).select_option("reused (1)")
    assert shown(page) == ["2"]
    page.get_by_label("Organization", exact=True).select_option("All")
    page.get_by_label("Status", exact=True).select_option("possibly issued twice (1)")
    assert shown(page) == ["3"]


def test_a_link_is_hidden_until_it_is_revealed_and_can_be_hidden_again(page: Page) -> None:
    assert URL not in page.locator("main").inner_text()
    page.get_by_role("button", name="Reveal the link of row 1", exact=True).click()
    assert line(page, 1).locator(".url").inner_text() == f"{URL}1"
    assert page.locator(".url").count() == 1
    page.keyboard.press("Enter")  # the button has kept the focus
    assert page.locator(".url").count() == 0


def test_all_links_of_the_rows_shown_are_revealed_at_once(page: Page) -> None:
    page.get_by_label("Search").fill("acme")
    page.get_by_role("button", name="Reveal all shown").click()
    page.get_by_label("Search").fill("")
    assert page.locator(".url").all_inner_texts() == [f"{URL}2", f"{URL}3"]
    assert page.locator("#said").inner_text() == "2 links shown."


def test_a_link_is_copied_without_showing_it(page: Page) -> None:
    button = line(page, 3).get_by_role("button", name="Copy")
    button.click()
    page.get_by_text("The link of row 3 is copied.").wait_for()
    assert button.inner_text() == "Copied"
    assert paste(page) == {"text/plain": f"{URL}3"}
    assert page.locator(".url").count() == 0


def test_all_rows_shown_are_copied_for_a_spreadsheet_and_for_a_mail(page: Page) -> None:
    page.get_by_label("Search").fill("umbrella")
    page.get_by_role("button", name="Copy all shown").click()
    page.get_by_text("1 row with 1 link copied.").wait_for()
    pasted = paste(page)
    header, row = (text.split("\t") for text in pasted["text/plain"].split("\n"))
    assert header == (
        [
            "Row",
            "Organization ID",
            "Organization",
            "Prospect",
            "E-mail",
            "Connection",
            "Status",
            "Link",
            "Expires",
            "Error",
        ]
    )
    assert row == [
        "10", "org_umbrella", "Umbrella", "'=HYPERLINK(\"x\") Tab", "'=hyperlink(\"x\") tab@mail.example",
        "umbrella-saml", "created", f"{URL}10", "6 Jan 2099, 09:05 UTC", "",
    ]  # fmt: skip
    assert f'<a href="{URL}10">' in pasted["text/html"]
    assert "<td>'=HYPERLINK" in pasted["text/html"]


def test_a_cell_that_begins_with_a_quote_does_not_swallow_the_next_ones(open_page: Open, tmp_path: Path) -> None:
    write_report(tmp_path, [created(1, "Acme", '"Ada" & co')], RUN)
    page = open_page(tmp_path / "report.html")
    page.get_by_role("button", name="Copy all shown").click()
    page.get_by_text("copied.").wait_for()
    assert '\t"""Ada"" & co"\t' in paste(page)["text/plain"]


@pytest.mark.parametrize("button", ["Copy the link of row 1", "Copy all shown"])
def test_if_the_browser_refuses_to_copy_the_page_says_so_and_selects_the_text(page: Page, button: str) -> None:
    page.evaluate(
        """() => {
            document.execCommand = () => false;
            navigator.clipboard.write = () => Promise.reject(new Error("no"));
        }"""
    )
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_text("Select and copy the text yourself").wait_for()
    assert f"{URL}1" in page.get_by_label("Select and copy this text").input_value()
    assert page.get_by_text("copied").count() == 0
    selected = page.evaluate("document.activeElement.selectionEnd - document.activeElement.selectionStart")
    assert selected >= len(f"{URL}1")
    page.get_by_role("button", name="Close").click()
    assert not page.get_by_label("Select and copy this text").is_visible()


def test_where_only_the_newer_way_to_copy_works_it_is_taken(page: Page) -> None:
    page.evaluate(
        """() => {
            document.execCommand = () => false;
            navigator.clipboard.write = async ([item]) => { window.types = item.types; };
        }"""
    )
    page.get_by_role("button", name="Copy all shown").click()
    page.get_by_text("copied.").wait_for()
    assert page.evaluate("window.types") == ["text/plain", "text/html"]


def test_a_row_says_that_its_link_has_expired(page: Page) -> None:
    assert "expired" in line(page, 2).inner_text()
    assert "expired" not in line(page, 1).inner_text()


def test_markup_in_a_text_is_shown_as_text(page: Page) -> None:
    assert "503 of <b>Auth0</b>" in line(page, 4).inner_text()
    assert page.locator("tbody b").count() == 0


def test_ten_thousand_rows_are_paged_and_stay_quick(open_page: Open, large_report: Path) -> None:
    page = open_page(large_report)
    assert (count(page), len(shown(page))) == ("Rows 1 to 100 of 10,000", 100)
    page.get_by_role("button", name="Last").click()
    assert (count(page), shown(page)[-1]) == ("Rows 9,901 to 10,000 of 10,000", "10000")
    assert page.get_by_role("button", name="Next").get_attribute("aria-disabled") == "true"
    page.keyboard.press("Enter")  # on the button that was clicked: it keeps the focus and does nothing more
    assert count(page).startswith("Rows 9,901 ")
    page.get_by_role("button", name="Previous").click()
    assert count(page).startswith("Rows 9,801 ")
    seconds = page.evaluate(
        """() => {
            const begin = performance.now();
            const search = document.getElementById("search");
            search.value = "customer 77";
            search.dispatchEvent(new Event("input"));
            return (performance.now() - begin) / 1000;
        }"""
    )
    assert count(page) == "Rows 1 to 100 of 280 that match, of 10,000"
    assert seconds < 2
    page.get_by_role("button", name="Copy all shown").click()
    page.get_by_text("280 rows with 280 links copied.").wait_for()
    assert len(paste(page)["text/plain"].split("\n")) == 281


def test_the_address_of_a_row_leads_to_its_page_whatever_is_filtered(open_page: Open, large_report: Path) -> None:
    page = open_page(large_report, anchor="#row-4321")
    assert page.evaluate("document.activeElement.id") == "row-4321"
    assert line(page, 4321).get_attribute("class") == "target"
    page.get_by_label("Search").fill("nobody")
    page.get_by_role("link", name="10000", exact=True).click()
    page.locator("#row-10000.target").wait_for()
    assert page.get_by_label("Search").input_value() == ""
    page.get_by_label("Search").fill("nobody")
    page.get_by_role("link", name="10000", exact=True).click()
    page.locator("#row-10000.target").wait_for()


def test_more_rows_of_a_task_are_one_click_away(open_page: Open, tmp_path: Path) -> None:
    write_report(tmp_path, [created(1, "Acme", "Ada"), *(Outcome(row=n, status="failed") for n in range(2, 30))], RUN)
    page = open_page(tmp_path / "report.html")
    page.get_by_role("link", name="16 more").click()
    page.get_by_text("28 rows that match, of 29").wait_for()


def test_all_rows_are_printed_with_the_links_that_are_revealed(open_page: Open, large_report: Path) -> None:
    page = open_page(large_report)
    page.get_by_label("Search").fill("customer 77")
    page.get_by_role("button", name="Reveal the link of row 77", exact=True).click()
    page.evaluate(
        """() => addEventListener("beforeprint", () => {
            window.printed = [document.querySelectorAll("tbody tr").length, document.querySelectorAll(".url").length];
        })"""
    )
    page.pdf()
    assert page.evaluate("window.printed") == [280, 1]
    assert len(shown(page)) == 100


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_violation_and_a_phone_does_not_scroll_sideways(
    open_page: Open, report: Path, theme: str, width: int
) -> None:
    page = open_page(report, theme=theme, width=width)
    page.get_by_role("button", name="Reveal all shown").click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_report_of_revocations_has_nothing_to_reveal(open_page: Open, tmp_path: Path) -> None:
    revoked = {"prospect": "ada", "status": RevocationStatus.REVOKED, "revoked_at": EXPIRES}
    rows = [RevocationOutcome(organization_id=f"org_{number}", **revoked) for number in (1, 2)]
    write_revocations(tmp_path, rows, RUN)
    page = open_page(tmp_path / "report.html")
    assert page.get_by_role("button", name="Reveal").count() == 0
    assert shown(page) == ["1", "2"]
    page.get_by_role("button", name="Copy all shown").click()
    page.get_by_text("2 rows copied.").wait_for()
    assert paste(page)["text/plain"].split("\n")[1] == "1\torg_1\t\tada\t\trevoked\t6 Jan 2099, 09:05 UTC\t"


def test_without_javascript_the_page_says_where_the_rows_are(browser: Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert "All rows are in tickets.csv and tickets.xlsx." in page.locator("noscript").inner_text()
    assert not page.get_by_label("Search").is_visible()
    context.close()


def prospect(number: int, state: SetupState, link: LinkState = LinkState.VALID) -> ProspectSetup:
    is_waiting = state == SetupState.WAITING_FOR_DOMAIN
    return ProspectSetup(
        organization_id=f"org_{number}",
        organization_name=f"Customer {number}",
        prospect_name="IT desk",
        prospect_email=f"it@customer{number}.example",
        connection_name=f"customer-{number}-saml",
        link=link,
        created_at=1_790_000_000.0,
        setup=Setup(state, opened=1, waiting_since=1_790_100_000.0 if is_waiting else None),
        updated_at=1_790_200_000.0,
    )


@pytest.fixture(scope="module")
def setups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("setups")
    prospects = [prospect(number, state) for number, state in enumerate([*SetupState] * 5, start=1)]
    write_setups(folder, [*prospects, prospect(31, SetupState.OPENED, LinkState.USED_UP)], RUN)
    return folder / "setups.html"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_report_of_setups_axe_finds_no_violation_and_nothing_is_wider_than_its_place(
    open_page: Open, setups: Path, theme: str, width: int
) -> None:
    page = open_page(setups, theme=theme, width=width)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    too_wide = "cells => cells.filter((cell) => cell.scrollWidth > cell.clientWidth).map((cell) => cell.textContent)"
    assert page.locator("tbody td").evaluate_all(too_wide) == []


def test_setups_are_filtered_and_copied_by_their_state_in_words(open_page: Open, setups: Path) -> None:
    page = open_page(setups)
    page.get_by_label("Status", exact=True).select_option("waiting for a domain (5)")
    assert shown(page) == ["5", "11", "17", "23", "29"]
    page.get_by_role("button", name="Copy all shown").click()
    page.get_by_text("5 rows copied.").wait_for()
    header, row, *_ = (text.split("\t") for text in paste(page)["text/plain"].split("\n"))
    assert dict(zip(header, row, strict=True)) == {
        "Row": "5",
        "Organization ID": "org_5",
        "Organization": "Customer 5",
        "Prospect": "IT desk",
        "E-mail": "it@customer5.example",
        "Connection": "customer-5-saml",
        "Status": "waiting for a domain",
        "Last opened": "",
        "Details": "Waiting since 22 Sep 2026, 18:00 UTC.",
    }


def test_the_funnel_is_read_without_javascript(browser: Browser, setups: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(setups.as_uri())
    steps = [text.split("\n") for text in page.locator(".funnel li").all_inner_texts()]
    assert steps[2] == ["Connected", "15 48%", "5 of them waiting for a domain"]
    assert "All rows are in setups.csv and setups.xlsx." in page.locator("noscript").inner_text()
    context.close()
