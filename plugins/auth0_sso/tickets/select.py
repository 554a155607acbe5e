"""Which tickets are to be revoked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from typing import Any

import structlog

from auth0_sso.exceptions import Auth0RunError
from auth0_sso.ledger.records import OPEN_LIFETIME, RevocationStatus, RunAttempt
from auth0_sso.ledger.revocation_log import RevocationLog
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.tickets.batch import IssuedTicket
from auth0_sso.tickets.revocations import look_up_states

log = structlog.get_logger(logger_name="task")

_UNKNOWN = (
    "This ledger doesn't know the link, so it can't be revoked here. Run this where the link was made; "
    "else it expires by itself, or five hours after it was first opened."
)


def select_tickets(
    attempt: RunAttempt,
    *,
    reported: Sequence[Mapping[str, Any]] = (),
    organization_ids: Collection[str] = (),
    all_live: bool = False,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """
    Find the tickets to revoke; of several criteria, each adds to the selection.

    A ticket may still work up to five hours after it has expired, if it was opened at its last moment. What a later
    run has issued is left alone: when a run is cleared, it revokes no more than it was to when it was triggered.

    :param attempt: the run that revokes.
    :param reported: outcomes of a run, with at least ``ticket_id`` and ``expires_at``; those without a ticket are
        left out.
    :param organization_ids: Auth0 organizations; white space around an id and blank ones don't count.
    :param all_live: whether every ticket that may work is selected.
    :return: tickets that may work, by organization, with ``key`` and ``created_at``; and rows of the revocation
        report, one for each reported ticket that doesn't work or that the ledger doesn't know, and for each that
        this run has revoked before it was cleared.
    :raises Auth0RunError: if nothing is selected.
    """
    organizations = {one.strip() for one in organization_ids} - {""}
    if not (reported or organizations or all_live):
        raise Auth0RunError("Nothing is selected.", advice="Give reported tickets, organizations, or all_live.")
    by_ticket = {row["ticket_id"]: row for row in reported if row["ticket_id"]}
    with closing(open_ledger()) as ledger:
        working = {entry.ticket.ticket_id: entry for entry in ledger.live_entries() if entry.ticket is not None}
        selected = [
            entry
            for ticket_id, entry in working.items()
            if all_live or entry.organization_id in organizations or ticket_id in by_ticket
        ]
        earlier = [entry for entry in selected if entry.run_after <= attempt.run_after]
        if later := len(selected) - len(earlier):
            log.warning("Links of later runs are left alone; to revoke them, trigger another run", links=later)
        wanted = [asdict(IssuedTicket(entry.key, entry.created_at or 0.0)) for entry in earlier]
        others = {ticket_id: row for ticket_id, row in by_ticket.items() if ticket_id not in working}
        return wanted, list(_finished(ledger, attempt, others))


def _finished(ledger: Ledger, attempt: RunAttempt, rows: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    revocations = RevocationLog(ledger.database)
    revoked = {**revocations.by_run(attempt.run), **revocations.by_ticket(rows)}
    tickets = [IssuedTicket(revocation.key, revocation.created_at) for revocation in revoked.values()]
    yield from (state.as_dict() for state in look_up_states(ledger, tickets))
    yield from (_from_report(row, ledger.now()) for ticket_id, row in rows.items() if ticket_id not in revoked)


def _from_report(row: Mapping[str, Any], now: float) -> dict[str, Any]:
    expired = _has_expired(row["expires_at"], now)
    carried = ("organization_id", "organization_name", "connection_name", "created_at", "expires_at")
    return {
        **{name: row.get(name, "") for name in carried},
        "prospect": row.get("prospect_email") or row.get("prospect_name") or "",
        "status": (RevocationStatus.EXPIRED if expired else RevocationStatus.FAILED).value,
        "error": "" if expired else _UNKNOWN,
    }


def _has_expired(iso: str, now: float) -> bool:
    try:
        expires_at = datetime.fromisoformat(iso).timestamp()
    except ValueError:
        return False
    return expires_at + OPEN_LIFETIME < now
