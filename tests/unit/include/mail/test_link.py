"""A mail links to the ticket, or to a page of one's own, whose fragment says to which ticket."""

from __future__ import annotations

import pytest

from include.mail import MailSettingError, link_of
from tests.support.mails import LINK

TICKET = LINK.rpartition("=")[2]


def test_without_a_page_a_mail_links_to_the_ticket() -> None:
    assert link_of(LINK, "") == LINK


@pytest.mark.parametrize(
    "page",
    ["https://start.example.com/", "https://start.example.com/sso?lang=de", "http://127.0.0.1:8000/", "http://[::1]/x"],
)
def test_with_a_page_the_host_and_the_ticket_are_in_its_fragment(page: str) -> None:
    assert link_of(LINK, page) == f"{page}#acme.eu.auth0.com/{TICKET}"


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("http://start.example.com/", "must begin with https://"),
        ("javascript://x/%0aalert(1)", "must begin with https://"),
        ("//start.example.com/", "must begin with https://"),
        ("https://start.example.com/#", "must have no fragment"),
        ("https://start.example.com/#x", "must have no fragment"),
        ("https://ada:secret@start.example.com/", "must have no user or password"),
        ("start.example.com", "must be the address of a page"),
        ("https://", "must be the address of a page"),
        ("https://[::1/", "must be the address of a page"),
        ("https://start.example.com:x/", "must be the address of a page"),
        ("https://start.example.com/a b", "must be the address of a page"),
        ("https://start.example.com/\n", "must be the address of a page"),
        ("https://stärt.example.com/", "must be the address of a page"),
    ],
)
def test_a_page_that_is_none_is_refused_with_its_setting(page: str, reason: str) -> None:
    with pytest.raises(MailSettingError, match=f"SSO_TICKETS_LINK_PAGE {reason}") as error:
        link_of(LINK, page)
    assert TICKET not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        f"{LINK}x",
        f"{LINK}&x=1",
        f"{LINK}\n",
        LINK.replace("connections-flow", "other"),
        LINK.replace("https", "ftp"),
        LINK.replace("https", "http"),
        LINK.replace("acme.eu", "Acme.eu"),
        LINK.replace("auth0.com", "auth0.com:8443"),
        LINK.replace("acme.eu.auth0.com", "localhost"),
    ],
)
def test_a_ticket_that_the_page_would_not_understand_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(MailSettingError, match="has not the form that the page") as error:
        link_of(url, "https://start.example.com/")
    assert TICKET not in str(error.value)
