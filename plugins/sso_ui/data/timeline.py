"""What has happened to a prospect's links and connection, in order: from the ledger, the tenant's logs and the API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auth0_sso.ledger.browse import times_made
from auth0_sso.ledger.delivery_log import Delivery
from auth0_sso.ledger.records import Entry, EntryStatus
from auth0_sso.ledger.revocation_log import Revocation, RevocationLog
from auth0_sso.ledger.setup_log import KnownSetup, SetupLog
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import OPENED_EVENT, MailKind, SetupEvent, Spans, is_scanner, scanner_spans

from include.reports.wording import LABELS
from sso_ui.data.mails import deliveries_of
from sso_ui.data.setup_words import event_words

MAX_MOMENTS = 200
"""Most events of the tenant's logs that are shown, the latest ones."""

_MAILS = {
    MailKind.INVITATION: "Mail with the link",
    MailKind.REPLACEMENT: "Mail with the new link",
    MailKind.REMINDER: "Reminder",
}


@dataclass(frozen=True)
class Moment:
    """
    Something that has happened.

    :param at: UNIX seconds.
    :param text: what, in words.
    :param detail: more about it, such as Auth0's own words about a failure; mostly empty.
    :param source: where that is known from, such as ``ledger``, ``logs`` or ``API``.
    :param has_failed: whether it was tried, and failed.
    """

    at: float
    text: str
    source: str
    detail: str = ""
    has_failed: bool = False


@dataclass(frozen=True)
class Timeline:
    """
    The moments, the earliest first.

    :param left_out: how many earlier events of the logs are not among them.
    """

    moments: Sequence[Moment]
    left_out: int


def read_timeline(ledger: Ledger, entry: Entry) -> Timeline:
    """Return what has happened to the links of a prospect, and to their connection since the first of them."""
    revocations = list(RevocationLog(ledger.database).by_prospect([entry.key]).values())
    made = times_made(ledger, entry.key)
    log = SetupLog(ledger.database, entry.tenant)
    first = min(made, default=entry.requested_at)
    events = [one for one in log.events([entry.connection_name]).get(entry.connection_name, []) if one.at >= first]
    events.sort(key=lambda event: event.at)
    shown = events[-MAX_MOMENTS:]
    followed = log.followed([entry.connection_name])[entry.connection_name]
    after_links = scanner_spans((at, at) for at in made)
    moments = [
        *_of_links(entry, revocations, made, ledger.now()),
        *map(_of_mail, deliveries_of(ledger, [entry]).get(entry.key, ())),
        *(_of_event(event, [after_links, followed.spans]) for event in shown),
        *_of_answers(followed.known, events),
    ]
    return Timeline(sorted(moments, key=lambda moment: moment.at), len(events) - len(shown))


def _of_links(entry: Entry, revocations: Iterable[Revocation], made: Sequence[float], now: float) -> Iterator[Moment]:
    for at in made:
        yield Moment(at, "A link was made", "ledger")
    for one in revocations:
        yield Moment(one.revoked_at, f"The link was revoked by {one.revoked_by}", "ledger")
    if entry.status == EntryStatus.CREATED and entry.expires_at is not None and entry.expires_at <= now:
        yield Moment(entry.expires_at, "The link expired", "ledger")
    if entry.error:
        yield Moment(entry.requested_at, "The last request made no link", "ledger", entry.error, has_failed=True)


def _of_mail(delivery: Delivery) -> Moment:
    text = f"{_MAILS[delivery.kind]}: {LABELS[delivery.status]}"
    has_failed = not delivery.may_have_arrived
    return Moment(delivery.sent_at or delivery.begun_at, text, "ledger", delivery.error, has_failed=has_failed)


def _of_event(event: SetupEvent, scanners: Iterable[Spans]) -> Moment:
    is_opening = event.name == OPENED_EVENT and event.succeeded
    if is_opening and any(is_scanner(event.at, spans) for spans in scanners):
        return Moment(event.at, "A mail scanner opened the link", "logs")
    detail = "" if event.succeeded else event.message
    words = event_words(event.name, succeeded=event.succeeded)
    return Moment(event.at, words, "logs", detail, has_failed=not event.succeeded)


def _of_answers(known: KnownSetup | None, events: Iterable[SetupEvent]) -> Iterator[Moment]:
    """Yield what no event tells, so that the API has: it says what is, and not since when."""
    if known is None:
        return
    setup, logged = known.setup, {event.at for event in events}
    for at, text in ((setup.connected_at, "The connection exists"), (setup.enabled_at, "Single sign-on is enabled")):
        if at is not None and at not in logged:
            yield Moment(at, text, "API")
    sources = ", ".join(setup.seen_in) or "neither logs nor API"
    yield Moment(known.updated_at, f"Looked up last: {LABELS[setup.state]}", sources, setup.note)
