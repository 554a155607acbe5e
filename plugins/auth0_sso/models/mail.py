"""What is mailed to whom, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum


class MailKind(StrEnum):
    """Why a link is mailed."""

    INVITATION = "invitation"  # the prospect's first link
    REPLACEMENT = "replacement"  # its earlier link was mailed and no longer works
    REMINDER = "reminder"  # the link was mailed, and nobody has opened it


class DeliveryStatus(StrEnum):
    """What became of a mail."""

    SENT = "sent"  # the mail server has accepted it
    POSSIBLY_SENT = "possibly_sent"  # its answer was lost, or the process was killed, after the text had begun to leave
    REFUSED = "refused"  # the mail server has refused it for good
    FAILED = "failed"  # it could not be handed over in time
    SKIPPED = "skipped"  # this prospect gets none, and the row says why
    PLANNED = "planned"  # dry run


class RecipientError(ValueError):
    """Nothing can be mailed to the address of this prospect."""


ARRIVED = frozenset((DeliveryStatus.SENT, DeliveryStatus.POSSIBLY_SENT))
"""The statuses of a mail that the prospect has got, or may have."""


@dataclass(frozen=True, kw_only=True)
class LinkMail:
    """
    What a mail with a link says.

    :param to: the address of the prospect, ``name@domain``.
    :param prospect_name: the person, ``organization_name`` the company; empty if nobody has given it.
    :param language: a tag such as ``de`` or ``pt-BR``; empty: the default.
    :param link: what the mail links to; whoever has it can configure single sign-on.
    :param expires_at: until when the link can be opened, UNIX seconds.
    """

    kind: MailKind
    to: str
    prospect_name: str
    organization_name: str
    language: str
    link: str = field(repr=False)
    expires_at: float


@dataclass(frozen=True, kw_only=True)
class MailOptions:
    """
    Whom a run mails; times are UNIX seconds.

    :param kinds: of mails that are sent at all.
    :param created_after: links that were made before are not mailed; None: those of the named organizations are.
    :param organization_ids: only these; empty: all.
    :param remind_after_days: after the mail.
    :param most_reminders: of a link.
    :param resend: whether what was mailed to the named organizations is mailed once more.
    """

    kinds: Collection[MailKind]
    created_after: float | None
    organization_ids: Collection[str] = ()
    remind_after_days: float = 3
    most_reminders: int = 1
    resend: bool = False


@dataclass(frozen=True, kw_only=True)
class PlannedMail:
    """
    A mail that a run is to send, or why it sends none; nothing of it is an address or a link.

    :param key: of the prospect in the ledger; with ``created_at``, when its link was made, it identifies the link.
    :param kind: None if nothing is sent.
    :param number: of the mails of this kind for this link, from 1.
    :param reason: why nothing is sent.
    """

    key: str
    created_at: float
    kind: MailKind | None
    number: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class MailPlan:
    """
    What a run is to send, decided before anybody approves it.

    :param tenant: the tenant's domain.
    :param ledger_id: the identity of the ledger that it was decided from.
    :param options: whom the run mails.
    :param has_logs: whether the tenant's logs are read, without which nobody is reminded.
    :param is_dry_run: whether it only says so.
    """

    tenant: str
    ledger_id: str
    options: MailOptions
    mails: Sequence[PlannedMail]
    has_logs: bool = False
    is_dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class MailOutcome:
    """
    What became of a prospect's mail: a row of ``deliveries.csv``; the fields are its columns.

    :param kind: empty if nothing was to be sent.
    :param sent_at: ISO 8601 in UTC.
    :param error: why it was not sent; it has no address in it, and no link.
    """

    organization_id: str
    organization_name: str
    prospect_name: str
    prospect_email: str
    connection_name: str
    kind: str
    status: DeliveryStatus
    sent_at: str
    message_id: str
    error: str

    @property
    def needs_work(self) -> bool:
        """Whether a person has to do something about the row."""
        return self.status in (DeliveryStatus.FAILED, DeliveryStatus.POSSIBLY_SENT, DeliveryStatus.REFUSED)


DELIVERY_COLUMNS = tuple(field.name for field in fields(MailOutcome))
"""The columns of ``deliveries.csv``, in order."""
