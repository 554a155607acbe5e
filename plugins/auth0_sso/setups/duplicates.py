"""Settle possible duplicates: the tenant's logs tell how many tickets were made for a connection."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress

from auth0_sso.ledger.records import Entry, EntryStatus
from auth0_sso.ledger.setup_log import ReadTime, SetupLog
from auth0_sso.ledger.store import Ledger, StaleEntryError

LATE_SECONDS = 15 * 60.0
"""Logs may arrive so much later than they are dated. Auth0 gives no bound."""

# The clocks of Auth0 and of the ledger may differ, and a ticket is made a little after its request has left.
_CLOCK_SECONDS = 60.0

log = logging.getLogger(__name__)


def settle_duplicates(ledger: Ledger, setup_log: SetupLog, tenant: str) -> None:
    """
    Compare the tickets that the tenant has logged with those that the ledger knows, where an answer was lost.

    As many: there is no other ticket, and the prospect is no longer flagged. More: there is one, which is confirmed.
    Fewer, or logs that don't cover the time of the tickets yet: nothing changes.
    """
    read = setup_log.read()
    if read is None:
        return
    for entry in ledger.unseen_entries():
        if entry.tenant == tenant and _can_be_settled(entry, ledger.now()):
            with suppress(StaleEntryError):  # a task has written it meanwhile: the next run looks again
                _settle(entry, ledger, setup_log, read)


def _can_be_settled(entry: Entry, now: float) -> bool:
    is_under_way = entry.status == EntryStatus.IN_FLIGHT and entry.answer_by > now
    is_lost = entry.lost_ticket_until > now
    names_connection = "_" not in entry.connection_name and entry.connection_name != ""
    return is_lost and names_connection and not is_under_way


def _settle(entry: Entry, ledger: Ledger, setup_log: SetupLog, read: ReadTime) -> None:
    since = entry.lost_ticket_since
    if since is None:
        return
    connection, flow_type = entry.connection_name, entry.flow_type
    all_known = ledger.ticket_times(entry.tenant, connection, flow_type)
    begin = _begin_of_count(since, all_known)
    known = [at for at in all_known if at >= begin]
    logged = setup_log.generated(connection, flow_type, begin)
    if not _is_covered([entry.requested_at, *known, *logged], begin, read):
        return
    if not known and not setup_log.has_generated(flow_type):
        return  # nothing shows that the tenant logs such tickets at all
    if len(logged) == len(known):
        ledger.record_no_duplicate(entry)
        log.info("No second link for connection %s: the possible duplicate is settled", connection)
    elif len(logged) > len(known) and not entry.duplicate_confirmed:
        ledger.record_duplicate(entry)
        log.warning("A second link for connection %s exists that nobody holds", connection)


def _begin_of_count(since: float, known: Sequence[float]) -> float:
    """
    Return the UNIX time from which tickets are counted: before ``since``, by whichever clock.

    It is so far from each known ticket that this one is counted by both clocks, or by neither.
    """
    begin = since - _CLOCK_SECONDS
    for at in sorted(known, reverse=True):
        if abs(at - begin) <= _CLOCK_SECONDS and at < since:
            begin = at - _CLOCK_SECONDS
    return begin


def _is_covered(tickets: Sequence[float], begin: float, read: ReadTime) -> bool:
    """Whether the logs are read from there on, and so long after the last ticket that its log has arrived."""
    return read.read_from <= begin and max(tickets) + LATE_SECONDS <= read.read_until
