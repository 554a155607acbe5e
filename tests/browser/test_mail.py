"""The mails, and the page that they may link to, in Chromium."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.models import MailKind
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, Route, expect

from dev.local.background import PROJECT
from include.mail import link_of
from tests.browser.conftest import SCREENSHOTS
from tests.support.mails import LINK, composed, html_of, text_of

PHONE, DESK = 360, 1280
LANDING = PROJECT / "deploy" / "landing" / "index.html"
HOST = "login.customer.test"
TICKET = "aB3d" * 8
TARGET = f"https://{HOST}/self-service/connections-flow?ticket={TICKET}"

Show = Callable[..., Page]


@pytest.fixture
def requests() -> list[Request]:
    """Return what pages request, the first page itself included."""
    return []


@pytest.fixture
def show(browser: Browser, requests: list[Request]) -> Iterator[Show]:
    """
    Return a function that opens an address.

    No page may cause a message on the console. Of other hosts only the ticket's is reached, and that isn't a real one.
    """
    messages: list[str] = []
    contexts = []

    def answer(route: Route) -> None:
        is_local = re.match(r"file:|http://127\.0\.0\.1:", route.request.url)
        if is_local:
            route.continue_()
        else:
            route.fulfill(body="the assistant", content_type="text/html")

    def opened(url: str, *, theme: Any = "light", width: int = DESK, locale: str = "en-GB", **options: Any) -> Page:
        context = browser.new_context(
            color_scheme=theme, viewport={"width": width, "height": 800}, locale=locale, **options
        )
        contexts.append(context)
        context.on("request", lambda request: requests.append(request))
        context.route("**/*", answer)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert messages == []


def problems_of(page: Page, name: str, width: int) -> list[str]:
    """Return what axe finds, and whether the page is wider than the screen; keep a screenshot."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    found = Axe().run(page)
    problems = [f"{name}: {found.generate_report()}"] if found.violations_count else []
    if page.evaluate("document.documentElement.scrollWidth") > width:
        problems.append(f"{name} is wider than {width}")
    return problems


@pytest.mark.parametrize("language", ["", "de"])
@pytest.mark.parametrize("kind", MailKind)
def test_axe_finds_nothing_in_a_mail_and_a_phone_does_not_scroll_sideways(
    show: Show, requests: list[Request], tmp_path: Path, kind: MailKind, language: str
) -> None:
    file = tmp_path / "mail.html"
    file.write_text(html_of(composed(kind=kind, language=language, organization_name="Müller & Söhne")), "utf-8")
    problems = []
    for theme in ("light", "dark"):
        for width in (DESK, PHONE):
            page = show(file.as_uri(), theme=theme, width=width)
            problems += problems_of(page, f"mail-{kind}-{language or 'en'}-{theme}-{width}", width)
    assert problems == []
    assert {request.url for request in requests} == {file.as_uri()}


def test_a_very_long_name_does_not_make_a_phone_scroll_sideways(show: Show, tmp_path: Path) -> None:
    file = tmp_path / "mail.html"
    file.write_text(html_of(composed(prospect_name="W" * 100, organization_name="M" * 100)), "utf-8")
    assert problems_of(show(file.as_uri(), width=PHONE), "mail-long-names", PHONE) == []


def test_a_mail_is_dark_where_its_reader_wants_it(show: Show, tmp_path: Path) -> None:
    file = tmp_path / "mail.html"
    file.write_text(html_of(composed()), "utf-8")
    light, dark = (lightness(show(file.as_uri(), theme=theme), "main") for theme in ("light", "dark"))
    assert light > 240
    assert dark < 60


def lightness(page: Page, element: str) -> float:
    """Return the mean of an element's background colour, 0 to 255."""
    colour = page.locator(element).evaluate("(found) => getComputedStyle(found).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


@pytest.mark.parametrize("language", ["", "de"])
def test_a_person_sees_in_the_html_what_the_text_says(show: Show, tmp_path: Path, language: str) -> None:
    message = composed(language=language)
    file = tmp_path / "mail.html"
    file.write_text(html_of(message), "utf-8")
    seen = show(file.as_uri()).locator("body").inner_text()
    assert seen.split() == text_of(message).replace(f":\n{LINK}", f"\n{LINK}").split()


def test_the_button_and_the_address_below_it_lead_to_the_link(show: Show, tmp_path: Path) -> None:
    file = tmp_path / "mail.html"
    file.write_text(html_of(composed()), "utf-8")
    page = show(file.as_uri())
    assert page.get_by_role("link").count() == 2
    for name in ("Set up single sign-on", LINK):
        assert page.get_by_role("link", name=name, exact=True).get_attribute("href") == LINK


class RecordingServer(ThreadingHTTPServer):
    """Serves the page, and keeps every byte of the requests' lines and headers."""

    def __init__(self, content: str) -> None:
        super().__init__(("127.0.0.1", 0), Recorder)
        self.content = content.encode()
        self.received: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/sso/"


class Recorder(BaseHTTPRequestHandler):
    server: RecordingServer

    def do_GET(self) -> None:
        self.server.received.append(f"{self.requestline}\n{self.headers}")
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.server.content)

    do_POST = do_HEAD = do_PUT = do_OPTIONS = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def landing() -> Iterator[RecordingServer]:
    """Serve the page, edited as its comment says."""
    content = LANDING.read_text(encoding="utf-8")
    edited = re.sub(r'(name="link-hosts" content=")[^"]*', rf"\g<1>acme.eu.auth0.test {HOST}", content)
    with RecordingServer(edited) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def button(page: Page) -> Any:
    return page.get_by_role("button")


def test_the_link_never_leaves_the_browser_before_a_person_goes_on(
    show: Show, landing: RecordingServer, requests: list[Request]
) -> None:
    page = show(link_of(TARGET, landing.url))
    expect(button(page)).to_have_text("Continue to set up single sign-on")
    page.wait_for_timeout(1_500)  # nothing goes on by itself
    sent = [f"{one.url.partition('#')[0]} {one.headers} {one.post_data}" for one in requests]
    assert len(landing.received) == len(sent) == 1
    assert not [text for text in [*landing.received, *sent] if TICKET in text or HOST in text]
    button(page).click()
    page.wait_for_url(TARGET)
    assert [one.url for one in requests[1:]] == [TARGET]
    assert "referer" not in requests[1].headers
    assert len(landing.received) == 1


def test_neither_the_address_bar_nor_the_back_button_keeps_the_link(show: Show, landing: RecordingServer) -> None:
    page = show(link_of(TARGET, f"{landing.url}?lang=en"))
    expect(button(page)).to_be_visible()
    assert page.url == f"{landing.url}?lang=en"
    button(page).click()
    page.wait_for_url(TARGET)
    page.go_back()
    assert page.url == f"{landing.url}?lang=en"
    page.reload()
    expect(page.get_by_role("status")).to_contain_text("There is no link in this page's address.")


def test_a_page_that_the_browser_has_kept_shows_its_link_no_more(show: Show, landing: RecordingServer) -> None:
    page = show(link_of(TARGET, landing.url))
    expect(button(page)).to_be_visible()
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: false }))")
    expect(button(page)).to_be_visible()
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page.get_by_role("status")).to_contain_text("There is no link in this page's address.")
    expect(button(page)).to_have_count(0)


def test_a_key_or_a_programs_click_does_not_go_on_but_a_person_with_a_keyboard_does(
    show: Show, landing: RecordingServer, requests: list[Request]
) -> None:
    page = show(link_of(TARGET, landing.url))
    expect(button(page)).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    page.evaluate("document.querySelector('button').click()")
    page.evaluate("document.querySelector('button').dispatchEvent(new MouseEvent('click', { bubbles: true }))")
    page.wait_for_timeout(500)
    assert len(requests) == 1
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(TARGET)


@pytest.mark.parametrize(
    ("fragment", "message"),
    [
        ("", "There is no link"),
        ("#", "There is no link"),
        (f"#evil.test/{TICKET}", "does not go on to the host"),
        (f"#sub.{HOST}/{TICKET}", "does not go on to the host"),
        (f"#{HOST}.evil.test/{TICKET}", "does not go on to the host"),
        (f"#{HOST}@evil.test/{TICKET}", "does not go on to the host"),
        (f"#{HOST}:443/{TICKET}", "does not go on to the host"),
        (f"#{HOST.upper()}/{TICKET}", "does not go on to the host"),
        (f"#javascript:alert(1)//{TICKET}", "is not complete"),
        (f"#https://{HOST}/{TICKET}", "is not complete"),
        (f"#//{HOST}/{TICKET}", "is not complete"),
        (f"#{HOST}", "is not complete"),
        (f"#{HOST}/{TICKET[:-1]}", "is not complete"),
        (f"#{HOST}/{TICKET}x", "is not complete"),
        (f"#{HOST}/{TICKET}&x=1", "is not complete"),
        (f"#{HOST}/{TICKET[:-3]}%41", "is not complete"),
        (f"#{HOST}/../{TICKET}", "is not complete"),
        (f"#<img src=x onerror=alert(1)>/{TICKET}", "does not go on to the host"),
    ],
)
def test_a_missing_broken_or_foreign_link_is_refused_with_the_reason(
    show: Show, landing: RecordingServer, requests: list[Request], fragment: str, message: str
) -> None:
    page = show(landing.url + fragment)
    expect(page.get_by_role("status")).to_contain_text(message)
    expect(button(page)).to_have_count(0)
    assert page.url == landing.url
    assert len(requests) == 1


def test_the_page_goes_nowhere_until_its_hosts_are_edited(show: Show) -> None:
    given = re.search(r'name="link-hosts" content="([^"]*)', LANDING.read_text(encoding="utf-8"))
    assert given is not None
    for host in given[1].split():
        page = show(f"{LANDING.as_uri()}#{host}/{TICKET}")
        expect(page.get_by_role("status")).to_contain_text("does not go on to the host")
        expect(button(page)).to_have_count(0)


def test_a_link_that_is_opened_again_in_the_same_tab_is_read_again(show: Show, landing: RecordingServer) -> None:
    page = show(landing.url)
    expect(button(page)).to_have_count(0)
    page.goto(link_of(TARGET, landing.url))
    expect(button(page)).to_be_visible()
    page.goto(link_of(TARGET.replace(HOST, "evil.test"), landing.url))
    expect(button(page)).to_have_count(0)


@pytest.mark.parametrize(
    ("locale", "language", "name"),
    [
        ("de-AT", "de", "Weiter zum Einrichten von Single Sign-on"),
        ("en-US", "en", "Continue to set up single sign-on"),
        ("fr-FR", "en", "Continue to set up single sign-on"),
    ],
)
def test_axe_finds_nothing_in_the_page_in_its_readers_language(
    show: Show, landing: RecordingServer, locale: str, language: str, name: str
) -> None:
    problems = []
    for theme in ("light", "dark"):
        for width in (DESK, PHONE):
            for state, url in (("link", link_of(TARGET, landing.url)), ("none", landing.url)):
                page = show(url, theme=theme, width=width, locale=locale)
                assert page.locator("html").get_attribute("lang") == language
                assert button(page).all_inner_texts() == ([name] if state == "link" else [])
                problems += problems_of(page, f"landing-{state}-{language}-{theme}-{width}", width)
    assert problems == []


def test_without_javascript_the_page_says_so_in_both_languages(show: Show, landing: RecordingServer) -> None:
    page = show(link_of(TARGET, landing.url), java_script_enabled=False)
    expect(page.get_by_text("This page needs JavaScript.")).to_be_visible()
    expect(page.get_by_text("Diese Seite benötigt JavaScript.")).to_be_visible()
    expect(button(page)).to_have_count(0)
