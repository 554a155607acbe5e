"""What became of the tickets that a run was to revoke: from its tasks, or else from the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from auth0_sso.aftermath import TaskInstance, results_of, settled
from auth0_sso.batch import IssuedTicket
from auth0_sso.ledger import open_ledger
from auth0_sso.revocations import revocation_row, settled_revocations
from auth0_sso.waits import DEFAULT_TIMEOUTS, Timeouts


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
    :return: one row a ticket, see :func:`auth0_sso.revocations.revocation_row`.
    """
    tickets = [IssuedTicket(one["key"], one["created_at"]) for one in wanted]

    def look() -> tuple[list[dict[str, Any]], list[IssuedTicket]]:
        results = _told_of_tickets(ti, task_id, tickets)
        return [*results.values()], [ticket for ticket in tickets if ticket not in results]

    results, untold = settled(ti, task_id, look, timeouts)
    return results + (list(_revocations_from_ledger(untold)) if untold else [])


def _told_of_tickets(
    ti: TaskInstance, task_id: str, tickets: Iterable[IssuedTicket]
) -> dict[IssuedTicket, dict[str, Any]]:
    """
    Return what the tasks told of these very tickets.

    An instance that a second selection has no work for still has its XCom of the selection before: what another
    one has settled since counts.
    """
    wanted, told = set(tickets), {}
    results = results_of(ti, task_id)
    for result in sorted(results, key=lambda result: result["status"] not in ("failed", "not_attempted")):
        if (ticket := IssuedTicket(result["key"], result["issued"])) in wanted:
            told[ticket] = result
    return told


def _revocations_from_ledger(tickets: Sequence[IssuedTicket]) -> Iterator[dict[str, Any]]:
    ledger = open_ledger()
    try:
        for entry, ticket, status, revocation in settled_revocations(ledger, tickets):
            error = "" if status else "The task died before it told; the link may still work."
            yield revocation_row(entry, ticket, status or "not_attempted", revocation, error)
    finally:
        ledger.close()
