"""Why a mail can't be made: because of its row, or because of a setting of all mails."""

from __future__ import annotations


class ExpiredLinkError(ValueError):
    """The link of this prospect can't be opened any more."""


class MailSettingError(ValueError):
    """A setting is wrong, so no mail can be made."""


class MailTemplateError(ValueError):
    """A template is wrong; the message names the file and, if it is known, the line."""
