"""The prospects that the ledger knows, with the state of each one's link and setup in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auth0_sso.ledger.browse import Found, count_parts, last_followed, list_setups, search
from auth0_sso.ledger.delivery_log import Delivery
from auth0_sso.ledger.parts import Part
from auth0_sso.ledger.records import Entry, EntryStatus
from auth0_sso.ledger.revocation_log import Revocation, RevocationLog
from auth0_sso.ledger.setup_log import NOT_FOLLOWED, Followed
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import LinkState, iso
from auth0_sso.tickets.decide import connection_of, followed_connections

from include.reports.setups import SetupRow
from include.reports.wording import utc_text
from sso_ui.data.finish import spec_of_entry, would_finish
from sso_ui.data.mails import MAX_SHOWN, MailOffer, deliveries_of, mail_offers, mail_words, of_link
from sso_ui.data.setup_words import attention_words, setup_words

CUSTOMERS_A_PAGE = 50
MAX_DOWNLOADED = 50_000
"""Rows of a table that is downloaded; a workbook of so many takes ten seconds to make."""

_STALE_SECONDS = 86_400.0


class TooManyError(ValueError):
    """More customers match than a table can have."""


@dataclass(frozen=True)
class Customer:
    """
    A prospect.

    :param key: its key in the ledger, no secret.
    :param state: of its link, in a few words; ``tone`` is ``good``, ``warn``, ``bad`` or ``soft``, its colour.
    :param has_link: whether its link is known and has not expired.
    :param setup: what its customer has done, in words.
    :param attention: why a person should look at it, in words.
    :param can_finish: whether a link to finish the setup would be created for it.
    :param run: ``dag_id/run_id`` of the run that requested its link last, at ``requested_at``.
    :param revocations: earlier links of it that were revoked, the latest first.
    :param mails: the mails with its link in words, each with why it did not arrive, the oldest first.
    :param mail: a run that would mail its link; None if there is none, or the page offers no run.
    """

    key: str
    organization_id: str
    organization_name: str
    prospect: str
    connection_name: str
    state: str
    tone: str
    error: str
    has_link: bool
    duplicate_possible: bool
    setup: str
    attention: Sequence[str]
    can_finish: bool
    run: str
    requested_at: str
    revocations: list[Revocation]
    mails: Sequence[tuple[str, str]]
    mail: MailOffer | None


@dataclass(frozen=True)
class Customers:
    """
    A page of the customers that were searched for.

    :param counts: how many of them each part has, of all pages.
    :param total: how many of them are in the part that was asked for.
    :param followed_at: when it was last found out what customers do, UNIX seconds; None if it never was.
    :param is_stale: whether that was over a day ago.
    """

    page: Sequence[Customer]
    counts: Mapping[Part, int]
    total: int
    followed_at: float | None
    is_stale: bool


NOBODY = Customers([], dict.fromkeys(Part, 0), 0, None, is_stale=False)
"""What is shown if the ledger can't be read."""


def find_customers(ledger: Ledger, text: str, part: Part, page: int, *, run: str, offers_mail: bool) -> Customers:
    """
    Return one page, numbered from 1, of the prospects of a part that contain each word of a text.

    :param run: ``dag_id/run_id`` of the run that has requested or mailed their links; empty: of all runs.
    :param offers_mail: whether it says which run would mail each one's link.
    """
    counts = count_parts(ledger, text, run=run)
    offset = (page - 1) * CUSTOMERS_A_PAGE
    found = search(ledger, text, part=part, run=run, limit=CUSTOMERS_A_PAGE, offset=offset)
    followed_at = last_followed(ledger)
    is_stale = followed_at is not None and ledger.now() - followed_at > _STALE_SECONDS
    return Customers(_customers(ledger, found, offers_mail=offers_mail), counts, counts[part], followed_at, is_stale)


def rows_of(ledger: Ledger, text: str, part: Part, run: str) -> list[SetupRow]:
    """
    Return all prospects that :func:`find_customers` finds, as the report has them.

    :raises TooManyError: if they are more than ``MAX_DOWNLOADED``.
    """
    found = list_setups(ledger, text, part=part, run=run, limit=MAX_DOWNLOADED + 1)
    if len(found) > MAX_DOWNLOADED:
        raise TooManyError(
            f"A table has at most {MAX_DOWNLOADED:,} customers, and more match. Search for fewer, or choose a part of "
            "the funnel. The report of follow_sso_setups has all of them."
        )
    return [SetupRow.of(prospect) for prospect in found]


def _customers(ledger: Ledger, found: Sequence[Found], *, offers_mail: bool) -> list[Customer]:
    entries = [one.entry for one in found]
    specs = [spec_of_entry(entry) for entry in entries]
    followed = followed_connections(ledger, specs)
    revoked = RevocationLog(ledger.database).by_prospect([entry.key for entry in entries])
    by_key: dict[str, list[Revocation]] = {}
    for revocation in sorted(revoked.values(), key=lambda one: -one.revoked_at):
        by_key.setdefault(revocation.key, []).append(revocation)
    deliveries = deliveries_of(ledger, entries)
    offers = mail_offers(ledger, entries) if offers_mail else {}
    now = ledger.now()
    return [
        _customer(
            one,
            followed.get(connection_of(spec), NOT_FOLLOWED),
            by_key.get(one.entry.key, []),
            of_link(one.entry, deliveries.get(one.entry.key, ())),
            offers.get(one.entry.key),
            now,
        )
        for one, spec in zip(found, specs, strict=True)
    ]


def _customer(
    found: Found,
    followed: Followed,
    revocations: list[Revocation],
    deliveries: Sequence[Delivery],
    offer: MailOffer | None,
    now: float,
) -> Customer:
    entry = found.entry
    prospect = followed.of_prospect(entry, now)
    state, tone = _state(entry, prospect.link, now)
    return Customer(
        key=entry.key,
        organization_id=entry.organization_id,
        organization_name=entry.organization_name,
        prospect=entry.person,
        connection_name=entry.connection_name,
        state=state,
        tone=tone,
        error=entry.error,
        has_link=entry.is_valid(now),
        duplicate_possible=entry.may_be_duplicate(now),
        setup=setup_words(SetupRow.of(prospect)),
        attention=[attention_words(reason, entry, prospect.setup, now) for reason in found.attention],
        can_finish=would_finish(entry, followed, now),
        run=entry.run,
        requested_at=utc_text(iso(entry.requested_at)),
        revocations=revocations,
        mails=[(mail_words(one), one.error) for one in deliveries[-MAX_SHOWN:]],
        mail=offer,
    )


def _state(entry: Entry, link: LinkState, now: float) -> tuple[str, str]:
    if link == LinkState.USED_UP:
        return "used up: it opens nothing any more", "warn"
    if entry.status == EntryStatus.CREATED:
        until = utc_text(iso(entry.expires_at))
        return (f"valid until {until}", "good") if entry.is_valid(now) else (f"expired {until}", "soft")
    if entry.status == EntryStatus.IN_FLIGHT and entry.answer_by > now:
        return "being requested", "soft"
    return {
        EntryStatus.REVOKED: (f"revoked {utc_text(iso(entry.revoked_at))}", "soft"),
        EntryStatus.REVOKING: ("its revocation was not confirmed", "bad"),
        EntryStatus.CONFLICT: ("the connection exists", "good"),
        EntryStatus.FAILED: ("refused by Auth0", "bad"),
        EntryStatus.DEFERRED: ("not created yet", "warn"),
    }.get(entry.status, ("the answer was lost", "bad"))
