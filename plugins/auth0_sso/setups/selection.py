"""Who gets which mail, and why the others get none: decided from the ledger. Nothing is read or written here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auth0_sso.ledger.delivery_log import Delivery
from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.setup_log import Followed
from auth0_sso.models import DeliveryStatus, LinkMail, LinkState, MailKind, MailOptions, SetupState, iso

HOUR = 3600.0
DAY = 86_400.0

_NO_LINK = {
    LinkState.NONE: "it has no link",
    LinkState.EXPIRED: "its link has expired: the next run of create_sso_tickets makes another",
    LinkState.REVOKED: "its link is revoked",
    LinkState.USED_UP: "its link is used up: the next run of create_sso_tickets makes another",
}


@dataclass(frozen=True)
class Selection:
    """
    What is mailed to a prospect, or why nothing is.

    :param kind: None if nothing is mailed; ``number`` counts the mails of this kind for this link.
    """

    kind: MailKind | None
    number: int = 0
    reason: str = ""


def select_mail(
    entry: Entry,
    followed: Followed,
    deliveries: Sequence[Delivery],
    options: MailOptions,
    now: float,
    *,
    has_logs: bool = False,
) -> Selection | None:
    """
    Return what is mailed to a prospect, or why nothing is; None if the run is not about it.

    :param deliveries: all mails to the prospect, the oldest first.
    :param has_logs: whether the tenant's logs are read, without which nobody is reminded.
    """
    if options.organization_ids and entry.organization_id not in options.organization_ids:
        return None
    if reason := _why_not(entry, followed, now):
        return Selection(None, reason=reason)
    of_link = [one for one in deliveries if one.created_at == entry.created_at]
    arrived = [one for one in of_link if one.may_have_arrived]
    if not arrived or options.resend:
        return _first_mail(entry, deliveries, of_link, options)
    return _reminder(entry, followed, of_link, options, now, has_logs=has_logs)


def link_mail(entry: Entry, kind: MailKind, link: str) -> LinkMail:
    """Return what the mail of a kind says to the prospect of an entry; ``link`` is what it links to."""
    return LinkMail(
        kind=kind,
        to=entry.prospect_email,
        prospect_name=entry.prospect_name,
        organization_name=entry.organization_name,
        language=entry.language,
        link=link,
        expires_at=entry.expires_at or 0.0,
    )


def _why_not(entry: Entry, followed: Followed, now: float) -> str:
    if _has_enabled_it(entry, followed, now):
        return "its single sign-on is enabled"
    link = followed.link_state(entry, now)
    if link in _NO_LINK:
        return _NO_LINK[link]
    if not entry.prospect_email:
        return "it has no address: give prospect_email in its row"
    if entry.duplicate_confirmed and entry.may_be_duplicate(now):
        return "another link exists that nobody holds: decide what to send, and send it by hand"
    if followed.link_state(entry, now + HOUR) in _NO_LINK:
        return "its link dies within an hour: the next run of create_sso_tickets makes another"
    return ""


def _has_enabled_it(entry: Entry, followed: Followed, now: float) -> bool:
    """Whether single sign-on is enabled; if the link is newer than that, it was made to change it."""
    setup = followed.setup(now)
    if setup is None or setup.state != SetupState.ENABLED:
        return False
    return setup.enabled_at is None or (entry.created_at or 0) <= setup.enabled_at


def _first_mail(
    entry: Entry, deliveries: Sequence[Delivery], of_link: Sequence[Delivery], options: MailOptions
) -> Selection:
    refusals = [one for one in of_link if one.status == DeliveryStatus.REFUSED]
    if refusals and not options.resend:
        return Selection(None, reason=f"it was refused: {refusals[-1].error}")
    if options.created_after is not None and (entry.created_at or 0) < options.created_after:
        return Selection(None, reason=f"its link was made before {iso(options.created_after)}: see created_after")
    earlier = [one for one in deliveries if one.may_have_arrived and one.created_at != entry.created_at]
    kind = MailKind.REPLACEMENT if earlier else MailKind.INVITATION
    if kind not in options.kinds:
        return Selection(None, reason="the run sends reminders only")
    return Selection(kind, _next_number(of_link, kind))


def _reminder(
    entry: Entry,
    followed: Followed,
    of_link: Sequence[Delivery],
    options: MailOptions,
    now: float,
    *,
    has_logs: bool,
) -> Selection:
    arrived = [one for one in of_link if one.may_have_arrived]
    if arrived[-1].status == DeliveryStatus.POSSIBLY_SENT:
        return Selection(None, reason="it was possibly mailed: ask the customer, or mail it again with resend")
    reminders = [one for one in arrived if one.kind == MailKind.REMINDER]
    refusals = [one for one in of_link if one.kind == MailKind.REMINDER and one.status == DeliveryStatus.REFUSED]
    mailed_at = max(one.sent_at or one.begun_at for one in arrived)
    setup = followed.setup(now)
    if MailKind.REMINDER not in options.kinds or len(reminders) >= options.most_reminders:
        return Selection(None, reason=f"it was mailed on {iso(mailed_at)}")
    if refusals:
        return Selection(None, reason=f"its reminder was refused: {refusals[-1].error}")
    # The state follows its events a little later, and forgets the openings of a connection that is gone.
    if followed.was_opened(entry) or (setup is not None and setup.was_opened):
        return Selection(None, reason=f"it was mailed on {iso(mailed_at)}, and it was opened")
    if not has_logs or setup is None or setup.state != SetupState.NOT_OPENED:
        return Selection(None, reason=f"it was mailed on {iso(mailed_at)}, and nobody knows whether it was opened")
    if mailed_at + options.remind_after_days * DAY > now:
        return Selection(None, reason=f"it was mailed on {iso(mailed_at)}: a reminder comes later")
    if followed.link_state(entry, now + DAY) in _NO_LINK:
        return Selection(None, reason="its link dies within a day, too soon for a reminder")
    return Selection(MailKind.REMINDER, _next_number(of_link, MailKind.REMINDER))


def _next_number(deliveries: Sequence[Delivery], kind: MailKind) -> int:
    return max((one.number for one in deliveries if one.kind == kind), default=0) + 1
