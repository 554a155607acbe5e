"""Mails for the tests, and what a person reads in them."""

from __future__ import annotations

from email.message import EmailMessage, Message
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from auth0_sso.models import LinkMail, MailKind

from include.mail import compose

NOW = 1_796_083_200.0  # Tuesday, 1 December 2026, 00:00 UTC
LINK = "https://acme.eu.auth0.com/self-service/connections-flow?ticket=" + "aB3d" * 8
SENDER = "Single sign-on <sso@sender.example>"
ID = "<1@sender.example>"


def link_mail(**values: Any) -> LinkMail:
    defaults = {
        "kind": MailKind.INVITATION,
        "to": "it@acme.example",
        "prospect_name": "IT desk",
        "organization_name": "Acme",
        "language": "",
        "link": LINK,
        "expires_at": NOW + 4 * 86_400 + 3 * 3_600 + 1_800,
    }
    return LinkMail(**{**defaults, **values})


def composed(*, sender: str = SENDER, reply_to: str = "", templates: Path | None = None, **values: Any) -> EmailMessage:
    return compose(link_mail(**values), sender, reply_to, ID, NOW, templates)


def text_of(message: Message) -> str:
    return _part(message, "text/plain")


def html_of(message: Message) -> str:
    return _part(message, "text/html")


def _part(message: Message, kind: str) -> str:
    (part,) = (part for part in message.walk() if part.get_content_type() == kind)
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode().replace("\r\n", "\n")


class Read(HTMLParser):
    """The elements of a page, and the text that a person sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self._texts: list[str] = []
        self._inside: list[str] = []
        self.feed(html)
        self.close()

    @property
    def words(self) -> list[str]:
        return "\n".join(self._texts).split()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "br"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._inside.pop()

    def handle_data(self, data: str) -> None:
        if "body" in self._inside:
            self._texts.append(data)
