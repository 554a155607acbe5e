"""What a mail links to: the ticket itself, or a page of one's own that asks before it goes on to it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from auth0_sso.models import shown

from include.mail.errors import MailSettingError

_SETTING = "SSO_TICKETS_LINK_PAGE"
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
_PRINTABLE = re.compile(r"[!-~]+")
# The page makes the same URL again, see deploy/landing/index.html: https, and a host as its list has them.
_TICKET_URL = re.compile(
    r"https://([a-z0-9-]+(?:\.[a-z0-9-]+)+)/self-service/connections-flow\?ticket=([A-Za-z0-9]{32})"
)


def link_of(ticket_url: str, page: str) -> str:
    """
    Return what a mail links to.

    :param page: the address of a page that goes on to the ticket after a click; empty: the mail links to the ticket.
    :return: the ticket's URL, or ``{page}#{host}/{ticket id}``, as secret as the ticket's URL.
    :raises MailSettingError: if there can't be such a page, or it would not understand the ticket's URL.
    """
    if not page:
        return ticket_url
    _check_page(page)
    found = _TICKET_URL.fullmatch(ticket_url)
    if found is None:
        raise MailSettingError(
            f"The URL of the ticket has not the form that the page of {_SETTING} understands: empty {_SETTING}, so that"
            " mails have the URL itself."
        )
    host, ticket_id = found.groups()
    return f"{page}#{host}/{ticket_id}"


def _check_page(page: str) -> None:
    problem = _problem_of(page)
    if problem:
        raise MailSettingError(f"{_SETTING} {problem}, such as https://example.com/sso/, but is '{shown(page)}'.")


def _problem_of(page: str) -> str:
    try:
        parts = urlsplit(page)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not _PRINTABLE.fullmatch(page):
        return "must be the address of a page"
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        return "must begin with https://"
    if "#" in page:
        return "must have no fragment, since the mail adds it"
    if "@" in parts.netloc:
        return "must have no user or password"
    return ""
