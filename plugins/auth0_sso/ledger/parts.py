"""
The parts of the prospects that people look at: those who have opened a link, say, or those who need attention.

They are conditions of SQL, so that a list of any length is counted and read in pages. ``FOLLOWED`` is the table that
they are about.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    and_,
    case,
    exists,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from auth0_sso.ledger import schema
from auth0_sso.ledger.records import EntryStatus
from auth0_sso.models import (
    ARRIVED,
    CONNECTED_STATES,
    MAX_OPENINGS,
    OPEN_SECONDS,
    OPENED_EVENT,
    SCANNER_SECONDS,
    DeliveryStatus,
    LinkState,
    SetupState,
)

MAX_DOMAIN_WAIT = 3 * 86_400.0
"""Seconds after which somebody should ask the customer about the domain; Auth0 may need 48 hours to see its record."""

EXPIRES_SOON = 86_400.0
"""Seconds before its end from which a link that nobody has opened needs attention."""

t, s, e, d = schema.tickets, schema.setups, schema.setup_events, schema.deliveries

FOLLOWED = t.outerjoin(s, (t.c.tenant == s.c.tenant) & (t.c.connection_name == s.c.connection_name))
"""Each entry, with what was found out about the setup of its connection."""

_STATE = func.coalesce(s.c.state, SetupState.UNKNOWN.value)
_IS_CONNECTED = _STATE.in_([state.value for state in CONNECTED_STATES])
_HAS_HAD_LINK = t.c.created_at.is_not(None)
_HAS_ARRIVED = d.c.status.in_([DeliveryStatus.SENT.value, DeliveryStatus.POSSIBLY_SENT.value])
_WAS_MAILED = exists().where(d.c.key == t.c.key, _HAS_ARRIVED).correlate(t)


class Part(StrEnum):
    """A part of the prospects; those from ``links`` to ``not_opened`` have had a link."""

    ALL = "all"
    LINKS = "links"
    MAILED = "mailed"  # a link of theirs, by a run of this software
    OPENED = "opened"
    CONNECTED = "connected"
    WAITING_FOR_DOMAIN = "waiting_for_domain"
    ENABLED = "enabled"
    NOT_OPENED = "not_opened"
    NEEDS_ATTENTION = "needs_attention"


class Attention(StrEnum):
    """Why a person should look at a prospect."""

    FAILED = "failed"  # what the customer tried last
    DOMAIN = "domain"  # not verified for days
    EXPIRES = "expires"  # the link, soon, and the customer has not opened it
    USED_UP = "used_up"  # the link, and the connection does not exist


def condition(part: Part, now: float) -> ColumnElement[bool]:
    """Return what is true of the prospects of a part."""
    if part == Part.ALL:
        return true()
    if part == Part.NEEDS_ATTENTION:
        return or_(*attention(now).values())
    return and_(_HAS_HAD_LINK, _FUNNEL[part])


_FUNNEL: dict[Part, ColumnElement[bool]] = {
    Part.LINKS: true(),
    Part.MAILED: _WAS_MAILED,
    Part.OPENED: s.c.first_opened_at.is_not(None) | _IS_CONNECTED,
    Part.CONNECTED: _IS_CONNECTED,
    Part.WAITING_FOR_DOMAIN: _STATE == SetupState.WAITING_FOR_DOMAIN,
    Part.ENABLED: _STATE == SetupState.ENABLED,
    Part.NOT_OPENED: _STATE == SetupState.NOT_OPENED,
}


def attention(now: float) -> dict[Attention, ColumnElement[bool]]:
    """Return when each reason to look at a prospect is true; the one that takes longest to find out comes last."""
    is_expiring = _is_valid(now) & (t.c.expires_at <= now + EXPIRES_SOON) & (_STATE == SetupState.NOT_OPENED)
    is_late = func.coalesce(s.c.waiting_since <= now - MAX_DOMAIN_WAIT, false())
    return {
        Attention.FAILED: and_(func.coalesce(s.c.last_failure, "") != "", _STATE != SetupState.ENABLED),
        Attention.DOMAIN: and_(_STATE == SetupState.WAITING_FOR_DOMAIN, is_late),
        Attention.EXPIRES: is_expiring,
        Attention.USED_UP: and_(_is_valid(now), ~_IS_CONNECTED, _is_used_up(now)),
    }


def link_state(now: float) -> ColumnElement[str]:
    """Return what a prospect's link is worth, as :meth:`~auth0_sso.ledger.records.Entry.link_state` says it."""
    is_revoked = t.c.status.in_([EntryStatus.REVOKING.value, EntryStatus.REVOKED.value])
    was_created = (t.c.status == EntryStatus.CREATED) & _HAS_HAD_LINK
    return case(
        (is_revoked, LinkState.REVOKED.value),
        (~was_created, LinkState.NONE.value),
        (~_is_valid(now), LinkState.EXPIRED.value),
        (_is_used_up(now), LinkState.USED_UP.value),
        else_=LinkState.VALID.value,
    )


def _is_valid(now: float) -> ColumnElement[bool]:
    is_known = (t.c.status == EntryStatus.CREATED) & t.c.ticket_encrypted.is_not(None)
    return and_(is_known, func.coalesce(t.c.expires_at, 0.0) > now)


def _is_used_up(now: float) -> ColumnElement[bool]:
    """
    Whether a link opens nothing any more, as :func:`~auth0_sso.models.is_used_up` says it.

    An index finds the openings of a connection, so each link that is asked about takes one short look.
    """
    own = and_(
        e.c.tenant == t.c.tenant,
        e.c.connection_name == t.c.connection_name,
        e.c.flow_type == t.c.flow_type,
        e.c.name == OPENED_EVENT,
        e.c.succeeded,
        e.c.at >= t.c.created_at,
    )
    by_customer = case((tuple_(e.c.tenant, e.c.log_id).not_in(_by_scanners()), e.c.at))
    is_over = func.coalesce(func.min(by_customer) + OPEN_SECONDS <= now, false())
    return select(or_(func.count() >= MAX_OPENINGS, is_over)).where(own).correlate(t).scalar_subquery()


def _by_scanners() -> CompoundSelect[tuple[str, str]]:
    """
    Return the openings that are a mail scanner's, as :func:`~auth0_sso.models.scanner_spans` says it.

    They don't depend on the link that is asked about, so a statement finds them once.
    """
    opening, link = e.alias(), t.alias()
    of_connection = (opening.c.tenant == link.c.tenant) & (opening.c.connection_name == link.c.connection_name)
    openings = select(opening.c.tenant, opening.c.log_id).where(opening.c.name == OPENED_EVENT)
    left_at = func.coalesce(d.c.sent_at, d.c.begun_at)
    after_links = opening.c.at.between(link.c.created_at, link.c.created_at + SCANNER_SECONDS)
    after_mails = opening.c.at.between(d.c.begun_at, left_at + SCANNER_SECONDS) & d.c.status.in_(ARRIVED)
    return union_all(
        openings.join(link, of_connection).where(after_links),
        openings.join(link, of_connection).join(d, d.c.key == link.c.key).where(after_mails),
    )
