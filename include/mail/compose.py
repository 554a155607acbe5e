"""A mail with a link, ready to be sent."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from auth0_sso.models import LinkMail

from include.mail.address import mailbox, recipient
from include.mail.rendering import templates_in
from include.mail.values import values_of


def compose(
    mail: LinkMail, sender: str, reply_to: str, message_id: str, now: float, templates: Path | None
) -> EmailMessage:
    """
    Return the message to one prospect: a text and the same as HTML.

    :param sender: ``Name <address>``, from SSO_TICKETS_MAIL_FROM; so is ``reply_to``, which may be empty.
    :param message_id: ``<…@…>``. The same mail has the same one when it is sent again.
    :param now: when the mail is made, UNIX seconds.
    :param templates: a folder with templates of one's own; None: the shipped ones.
    :raises RecipientError: if the prospect's address can't be used.
    :raises ExpiredLinkError: if the link has expired.
    :raises MailSettingError: if an address of the sender is wrong.
    :raises MailTemplateError: if a template is wrong, see :func:`~include.mail.check.check_templates`.
    """
    available = templates_in(templates)
    language = available.language_of(mail.kind, mail.language)
    content = available.render(mail.kind, language, values_of(mail, now))
    message = EmailMessage(policy=SMTP)
    message["From"] = mailbox(sender, "SSO_TICKETS_MAIL_FROM")
    message["To"] = recipient(mail.to)
    if reply_to:
        message["Reply-To"] = mailbox(reply_to, "The address for answers")
    message["Subject"] = content.subject
    message["Date"] = datetime.fromtimestamp(now, UTC)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no program answers it
    # Without 8BITMIME, which not every server offers.
    message.set_content(content.text, cte="quoted-printable")
    message.add_alternative(content.html, subtype="html", cte="quoted-printable")
    return message
