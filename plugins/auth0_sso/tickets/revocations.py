"""What became of the tickets that were to be revoked: the revocation report's columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.revocation_log import Revocation
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts
from auth0_sso.tickets.batch import IssuedTicket
from auth0_sso.tickets.collect import TaskInstance, finished, results_of
from auth0_sso.tickets.outcomes import iso

REPLACED = "Its prospect has a newer link, which is left alone; to revoke that one, name its run or its organization."


def finished_revocations(
    ledger: Ledger, tickets: Sequence[IssuedTicket]
) -> Iterator[tuple[Entry, IssuedTicket, str, Revocation | None]]:
    """
    Look up what is known of tickets.

    :return: for each ticket whose prospect the ledger knows, its prospect's entry, its state, see :func:`fate`, and
        its revocation if it was revoked.
    """
    keys = [ticket.key for ticket in tickets]
    entries, revoked = ledger.entries(keys), ledger.revocations.by_prospect(keys)
    now = ledger.now()
    for ticket in tickets:
        if (entry := entries.get(ticket.key)) is not None:
            revocation = revoked.get((ticket.key, ticket.created_at))
            yield entry, ticket, fate(entry, ticket, revocation, now), revocation


def fate(entry: Entry, ticket: IssuedTicket, revocation: Revocation | None, now: float) -> str:
    """
    Return what a ticket's state is, or nothing if it may work.

    :return: ``revoked``; ``replaced``, if its prospect has a newer ticket that lives; ``expired``; or empty.
    """
    if entry.created_at == ticket.created_at and entry.may_work(now):
        return ""
    if entry.created_at != ticket.created_at and entry.is_live(now):
        return "replaced"
    return "revoked" if revocation else "expired"


def revocation_row(
    entry: Entry, ticket: IssuedTicket, status: str, revocation: Revocation | None = None, error: str = ""
) -> dict[str, Any]:
    """
    Put together a row of the revocation report, with ``key`` and ``issued`` to know the ticket by.

    Only a revoked ticket is named: whoever knows the id of one that works may use it.
    """
    return {
        "key": ticket.key,
        "issued": ticket.created_at,
        "organization_id": entry.organization_id,
        "organization_name": entry.organization_name,
        "prospect": entry.prospect,
        "connection_name": entry.connection_name,
        "status": status,
        "ticket_id": revocation.ticket_id if revocation else "",
        "created_at": iso(ticket.created_at),
        "expires_at": iso(entry.expires_at) if entry.created_at == ticket.created_at else "",
        "revoked_at": iso(revocation.revoked_at if revocation else None),
        "revoked_by": revocation.revoked_by if revocation else "",
        "error": error or (REPLACED if status == "replaced" else ""),
    }


def revocations_of(
    ti: TaskInstance,
    task_id: str,
    wanted: Iterable[Mapping[str, Any]],
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
) -> list[dict[str, Any]]:
    """
    Return what became of the tickets that were to be revoked: from the tasks, or else from the ledger.

    :param ti: a task instance of the run.
    :param task_id: the mapped task.
    :param wanted: the tickets, with ``key`` and ``created_at`` as in the batch files.
    :param timeouts: how long a task's process that ends is waited for.
    :return: one row a ticket, see :func:`auth0_sso.tickets.revocations.revocation_row`.
    """
    tickets = [IssuedTicket(one["key"], one["created_at"]) for one in wanted]

    def look() -> tuple[list[dict[str, Any]], list[IssuedTicket]]:
        results = _reported_tickets(ti, task_id, tickets)
        return [*results.values()], [ticket for ticket in tickets if ticket not in results]

    results, untold = finished(ti, task_id, look, timeouts)
    return results + (list(_revocations_from_ledger(untold)) if untold else [])


def _reported_tickets(
    ti: TaskInstance, task_id: str, tickets: Iterable[IssuedTicket]
) -> dict[IssuedTicket, dict[str, Any]]:
    """
    Return what the tasks told of these very tickets.

    An instance that a second selection has no work for still has its XCom of the selection before: what another
    one has settled since counts.
    """
    wanted, reported = set(tickets), {}
    results = results_of(ti, task_id)
    for result in sorted(results, key=lambda result: result["status"] not in ("failed", "not_attempted")):
        if (ticket := IssuedTicket(result["key"], result["issued"])) in wanted:
            reported[ticket] = result
    return reported


def _revocations_from_ledger(tickets: Sequence[IssuedTicket]) -> Iterator[dict[str, Any]]:
    ledger = open_ledger()
    try:
        for entry, ticket, status, revocation in finished_revocations(ledger, tickets):
            error = "" if status else "The task died before it told; the link may still work."
            yield revocation_row(entry, ticket, status or "not_attempted", revocation, error)
    finally:
        ledger.close()
