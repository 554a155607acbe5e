"""Settle possible duplicates: the tenant's logs tell how many tickets were made for a connection."""

from __future__ import annotations

import logging
from contextlib import suppress

from auth0_sso.ledger.records import Entry, EntryStatus
from auth0_sso.ledger.setup_log import SetupLog
from auth0_sso.ledger.store import Ledger, StaleEntryError

LATE_SECONDS = 15 * 60.0
"""Logs may arrive so much later than they are dated. Auth0 gives no bound."""

# The clocks of Auth0 and of the ledger may differ.
_CLOCK_SECONDS = 60.0

log = logging.getLogger(__name__)


def settle_duplicates(ledger: Ledger, setup_log: SetupLog, tenant: str) -> None:
    """
    Compare the tickets that the tenant has logged with those that the ledger knows, where an answer was lost.

    As many: there is no other ticket, and the prospect is no longer flagged. More: there is one, which is confirmed.
    Fewer, or logs that don't cover the time of the requests yet: nothing changes.
    """
    for entry in ledger.unseen_entries():
        since = entry.lost_ticket_since
        if entry.tenant != tenant or since is None or not _can_be_settled(entry, setup_log, ledger.now()):
            continue
        begin = since - _CLOCK_SECONDS
        logged = setup_log.generated(entry.connection_name, entry.flow_type, begin)
        known = ledger.count_tickets(tenant, entry.connection_name, entry.flow_type, begin)
        if not known and not setup_log.has_generated():
            continue  # nothing shows that the tenant logs tickets at all
        with suppress(StaleEntryError):  # a task has written it meanwhile: the next run looks again
            if logged == known:
                ledger.record_no_duplicate(entry)
                log.info("No second link for connection %s: the possible duplicate is settled", entry.connection_name)
            elif logged > known and not entry.duplicate_confirmed:
                ledger.record_duplicate(entry)
                log.warning("A second link for connection %s exists that nobody holds", entry.connection_name)


def _can_be_settled(entry: Entry, setup_log: SetupLog, now: float) -> bool:
    read = setup_log.read()
    if read is None or entry.lost_ticket_since is None:
        return False
    is_under_way = entry.status == EntryStatus.IN_FLIGHT and entry.answer_by > now
    is_lost = entry.lost_ticket_until > now
    is_covered = read.read_from <= entry.lost_ticket_since - _CLOCK_SECONDS
    is_read = read.read_until >= entry.requested_at + LATE_SECONDS
    names_connection = "_" not in entry.connection_name and entry.connection_name != ""
    return is_lost and is_covered and is_read and names_connection and not is_under_way
