"""The mail that a prospect would get, without its link."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import urlsplit

from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import SsoTicket
from auth0_sso.setups.selection import link_mail

from include.mail_tickets import composer, linker, read_settings
from sso_ui.data.mails import next_mail

_MESSAGE_ID = "<preview@localhost>"


class NoMailError(ValueError):
    """No mail would be sent to the prospect; the message says why."""


@dataclass(frozen=True)
class MailPreview:
    """
    A mail as it would be sent, but for the ticket in its link.

    :param html: a whole page.
    """

    sender: str
    to: str
    reply_to: str
    subject: str
    text: str
    html: str


def preview_mail(ledger: Ledger, entry: Entry) -> MailPreview:
    """
    Make the mail that a run would send to the prospect of an entry, from this process's settings and templates.

    :raises NoMailError: if a run would send none.
    :raises ValueError: if a setting or a template is wrong, or the prospect's address can't be used.
    """
    selected = next_mail(ledger, entry)
    if selected.kind is None or entry.ticket is None:
        raise NoMailError(f"No mail would be sent: {selected.reason or 'it has no link'}.")
    settings = read_settings()
    link = linker(settings)(_without_ticket(entry.ticket))
    message = composer(settings)(link_mail(entry, selected.kind, link), _MESSAGE_ID)
    return MailPreview(
        sender=str(message["From"]),
        to=str(message["To"]),
        reply_to=str(message["Reply-To"] or ""),
        subject=str(message["Subject"]),
        text=_body(message, "plain"),
        html=_body(message, "html"),
    )


def _without_ticket(ticket: SsoTicket) -> str:
    """Return a URL that looks like that of a ticket, and opens nothing."""
    query = f"ticket={'x' * len(ticket.ticket_id)}"
    return urlsplit(ticket.url)._replace(query=query, fragment="").geturl()


def _body(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if isinstance(body, EmailMessage) else ""
