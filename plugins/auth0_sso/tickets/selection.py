"""Which tickets are to be revoked."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from auth0_sso.airflow_internals import task_log
from auth0_sso.exceptions import Auth0RunError
from auth0_sso.ledger.records import Entry, EntryStatus, RunAttempt
from auth0_sso.ledger.revocation_log import RevocationLog
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.models import OPEN_SECONDS, IssuedTicket, Outcome, RevocationOutcome, RevocationStatus, iso
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts
from auth0_sso.tickets.revocations import look_up_states

_UNKNOWN = (
    "This ledger doesn't know the link, so it can't be revoked here. Run this where the link was created; "
    "else it expires by itself, or five hours after it was first opened."
)

_UNSEEN = (
    "Another link of this prospect may work that can't be revoked here: an answer of Auth0 has not come, or an older "
    "link had only just expired. It expires by itself, or five hours after it was first opened."
)
_UNDER_WAY = "A request for a link is under way: when the run that sends it has ended, revoke again. The run is"


def select_tickets(
    attempt: RunAttempt,
    *,
    reported: Sequence[Outcome] = (),
    organization_ids: Collection[str] = (),
    prospect_keys: Collection[str] = (),
    all_live: bool = False,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
) -> tuple[list[IssuedTicket], list[RevocationOutcome]]:
    """
    Find the tickets to revoke; of several criteria, each adds to the selection.

    A ticket may still work up to five hours after it has expired, if it was opened at its last moment. Requests that
    are under way are waited for until no answer can come any more. What a later run has issued is left alone: when a
    run is cleared, it revokes no more than it was to when it was triggered.

    :param reported: outcomes of a run; of those without a ticket, ``organization_id`` and ``connection_name`` say whose
        tickets there may be that nobody has seen.
    :param organization_ids: Auth0 organizations; white space around an id and blank ones don't count.
    :param prospect_keys: keys of prospects in the ledger; as for the ids.
    :param all_live: whether every ticket that may work is selected.
    :return: tickets that may work; and results for reported tickets that need no request or that the ledger doesn't
        know, for what this run has revoked before it was cleared, and, as ``failed``, for tickets that nobody has seen.
    :raises Auth0RunError: if no criterion is given.
    """
    criteria = _Criteria(
        tickets=frozenset(row.ticket_id for row in reported if row.ticket_id),
        connections=frozenset((row.organization_id, row.connection_name) for row in reported),
        organizations=_named(organization_ids),
        keys=_named(prospect_keys),
        everything=all_live,
    )
    if not (reported or criteria.organizations or criteria.keys or all_live):
        raise Auth0RunError(
            "Nothing is selected.", advice="Give reported tickets, organization_ids, prospect_keys or all_live."
        )
    with closing(open_ledger()) as ledger:

        def unseen() -> list[Entry]:
            found = ledger.unseen_entries()
            return [one for one in found if criteria.may_concern(one) and one.run_after <= attempt.run_after]

        _wait_for_answers(ledger, unseen, timeouts)
        working = {entry.ticket.ticket_id: entry for entry in ledger.live_entries() if entry.ticket is not None}
        selected = [entry for entry in working.values() if criteria.select(entry)]
        earlier = [entry for entry in selected if entry.run_after <= attempt.run_after]
        if later := len(selected) - len(earlier):
            task_log.warning("Links of later runs are left alone; to revoke them, trigger another run", links=later)
        wanted = [IssuedTicket(entry.key, entry.created_at or 0.0) for entry in earlier]
        others = {row.ticket_id: row for row in reported if row.ticket_id and row.ticket_id not in working}
        return wanted, [*_finished(ledger, attempt, others), *(_unseen(one, ledger.now()) for one in unseen())]


@dataclass(frozen=True)
class _Criteria:
    """
    Whose tickets are to be revoked.

    :param connections: organization and connection of each reported row.
    """

    tickets: frozenset[str]
    connections: frozenset[tuple[str, str]]
    organizations: frozenset[str]
    keys: frozenset[str]
    everything: bool

    def select(self, entry: Entry) -> bool:
        """Whether an entry's known ticket is selected."""
        return self._names(entry) or (entry.ticket is not None and entry.ticket.ticket_id in self.tickets)

    def may_concern(self, entry: Entry) -> bool:
        """Whether a ticket of an entry that nobody has seen would be selected."""
        return self._names(entry) or (entry.organization_id, entry.connection_name) in self.connections

    def _names(self, entry: Entry) -> bool:
        return self.everything or entry.organization_id in self.organizations or entry.key in self.keys


def _named(given: Collection[str]) -> frozenset[str]:
    return frozenset(one.strip() for one in given) - {""}


def _wait_for_answers(ledger: Ledger, unseen: Callable[[], list[Entry]], timeouts: Timeouts) -> None:
    """Wait until no request is under way, at most until no answer to one that is under way now can come any more."""

    def under_way() -> list[Entry]:
        now = ledger.now()
        return [one for one in unseen() if one.status == EntryStatus.IN_FLIGHT and one.answer_by > now]

    waited_for = under_way()
    until = max((one.answer_by for one in waited_for), default=0.0)
    while waited_for and ledger.now() < until:
        task_log.info("Requests for tickets are under way; waiting for their answers", requests=len(waited_for))
        time.sleep(timeouts.poll_interval)
        waited_for = under_way()


def _finished(ledger: Ledger, attempt: RunAttempt, rows: Mapping[str, Outcome]) -> Iterator[RevocationOutcome]:
    revocations = RevocationLog(ledger.database)
    revoked = {**revocations.by_run(attempt), **revocations.by_ticket(rows)}
    tickets = [IssuedTicket(revocation.key, revocation.created_at) for revocation in revoked.values()]
    yield from (state.outcome() for state in look_up_states(ledger, tickets))
    yield from (_from_report(row, ledger.now()) for ticket_id, row in rows.items() if ticket_id not in revoked)


def _from_report(row: Outcome, now: float) -> RevocationOutcome:
    expired = _has_expired(row.expires_at, now)
    return RevocationOutcome(
        organization_id=row.organization_id,
        organization_name=row.organization_name,
        prospect=row.prospect_email or row.prospect_name,
        connection_name=row.connection_name,
        created_at=row.created_at,
        expires_at=row.expires_at,
        status=RevocationStatus.EXPIRED if expired else RevocationStatus.FAILED,
        error="" if expired else _UNKNOWN,
    )


def _unseen(entry: Entry, now: float) -> RevocationOutcome:
    is_under_way = entry.status == EntryStatus.IN_FLIGHT and entry.answer_by > now
    return RevocationOutcome(
        organization_id=entry.organization_id,
        organization_name=entry.organization_name,
        prospect=entry.prospect,
        connection_name=entry.connection_name,
        expires_at=iso(entry.other_ticket_until),
        status=RevocationStatus.FAILED,
        error=f"{_UNDER_WAY} {entry.run}." if is_under_way else _UNSEEN,
    )


def _has_expired(text: str, now: float) -> bool:
    try:
        expires_at = datetime.fromisoformat(text).timestamp()
    except ValueError:
        return False
    return expires_at + OPEN_SECONDS < now
