"""The mails with the links: from a prospect's data and the templates to a message that can be sent."""

from __future__ import annotations

from include.mail.address import mailbox
from include.mail.check import check_templates
from include.mail.compose import compose
from include.mail.errors import ExpiredLinkError, MailSettingError, MailTemplateError
from include.mail.link import link_of

__all__ = [
    "ExpiredLinkError",
    "MailSettingError",
    "MailTemplateError",
    "check_templates",
    "compose",
    "link_of",
    "mailbox",
]
