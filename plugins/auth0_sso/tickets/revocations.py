"""What became of the tickets that were to be revoked: the revocation report's columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.revocation_log import Revocation, RevocationLog
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.models import IssuedTicket, RevocationOutcome, RevocationStatus, iso
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts
from auth0_sso.tickets.collect import results_of, wait_until_reported

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstance

REPLACED = "Its prospect has a newer link, which is left alone; to revoke that one, name its run or its organization."


@dataclass
class TicketState:
    """
    What became of a ticket that was to be revoked.

    :param entry: its prospect's entry, which may have a newer ticket.
    :param status: ``not_attempted`` if it may still work.
    """

    entry: Entry
    ticket: IssuedTicket
    status: RevocationStatus
    revocation: Revocation | None = None
    error: str = field(default="", repr=False)

    def outcome(self) -> RevocationOutcome:
        """
        Return the ticket's row of the report.

        ``ticket_id`` is given for a revoked ticket only: with the id of another one, anyone could use it.
        """
        entry, ticket, revocation = self.entry, self.ticket, self.revocation
        return RevocationOutcome(
            key=ticket.key,
            issued=ticket.created_at,
            organization_id=entry.organization_id,
            organization_name=entry.organization_name,
            prospect=entry.prospect,
            connection_name=entry.connection_name,
            status=self.status,
            ticket_id=revocation.ticket_id if revocation else "",
            created_at=iso(ticket.created_at),
            expires_at=iso(entry.expires_at) if entry.created_at == ticket.created_at else "",
            revoked_at=iso(revocation.revoked_at if revocation else None),
            revoked_by=revocation.revoked_by if revocation else "",
            error=self.error or (REPLACED if self.status == RevocationStatus.REPLACED else ""),
        )


def look_up_states(ledger: Ledger, tickets: Sequence[IssuedTicket]) -> Iterator[TicketState]:
    """Look up what is known of tickets; those whose prospects the ledger doesn't know are left out."""
    keys = [ticket.key for ticket in tickets]
    entries, revoked = ledger.entries(keys), RevocationLog(ledger.database).by_prospect(keys)
    now = ledger.now()
    for ticket in tickets:
        if (entry := entries.get(ticket.key)) is not None:
            revocation = revoked.get((ticket.key, ticket.created_at))
            yield TicketState(entry, ticket, ticket_status(entry, ticket, revocation, now), revocation)


def ticket_status(entry: Entry, ticket: IssuedTicket, revocation: Revocation | None, now: float) -> RevocationStatus:
    """Return ``revoked``, ``expired``, ``replaced`` by a newer ticket that is valid, or ``not_attempted``."""
    if entry.created_at == ticket.created_at and entry.may_work(now):
        return RevocationStatus.NOT_ATTEMPTED
    if entry.created_at != ticket.created_at and entry.is_valid(now):
        return RevocationStatus.REPLACED
    return RevocationStatus.REVOKED if revocation else RevocationStatus.EXPIRED


def revocations_of(
    ti: TaskInstance, task_id: str, tickets: Sequence[IssuedTicket], timeouts: Timeouts = DEFAULT_TIMEOUTS
) -> list[RevocationOutcome]:
    """Return what became of the tickets that were to be revoked; see :func:`~auth0_sso.tickets.collect.outcomes_of`."""

    def look() -> tuple[list[RevocationOutcome], list[IssuedTicket]]:
        results = _reported(ti, task_id, tickets)
        return [*results.values()], [ticket for ticket in tickets if ticket not in results]

    results, missing = wait_until_reported(ti, task_id, look, timeouts)
    if not missing:
        return results
    with closing(open_ledger()) as ledger:
        for state in look_up_states(ledger, missing):
            if state.status == RevocationStatus.NOT_ATTEMPTED:
                state.error = "The task ended before it reported; the link may still work."
            results.append(state.outcome())
    return results


def _reported(ti: TaskInstance, task_id: str, tickets: Iterable[IssuedTicket]) -> dict[IssuedTicket, RevocationOutcome]:
    """
    Return what the tasks have reported of these very tickets.

    An instance that a second selection has no work for still has its XCom of the selection before: what another
    instance has finished since counts.
    """
    wanted, reported = set(tickets), {}
    results = map(RevocationOutcome.from_dict, results_of(ti, task_id))
    for result in sorted(results, key=lambda result: not result.is_incomplete):
        ticket = IssuedTicket(result.key, result.issued)
        if ticket in wanted:
            reported[ticket] = result
    return reported
