"""Which tickets are to be revoked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import structlog

from auth0_sso.exceptions import Auth0RunError
from auth0_sso.ledger.records import OPEN_LIFETIME, Entry, RunAttempt
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.tickets.batch import IssuedTicket
from auth0_sso.tickets.revocations import finished_revocations, revocation_row

log = structlog.get_logger(logger_name="task")

_UNKNOWN = (
    "This ledger doesn't know the link, so it can't be revoked here. Run this where the link was made; "
    "else it dies by its time limit, or five hours after it was first opened."
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
    :param reported: rows of a run's report, with at least ``ticket_id`` and ``expires_at``; rows without a ticket
        are passed over.
    :param organization_ids: Auth0 organizations; white space around an id and blank ones don't count.
    :param all_live: whether every ticket that may work is wanted.
    :return: tickets that may work, by organization, with ``key`` and ``created_at``; and rows of the revocation
        report, one for each reported ticket that is dead already, or that the ledger doesn't know, and for each that
        this run has revoked before it was cleared.
    :raises Auth0RunError: if nothing is asked for.
    """
    organizations = {one.strip() for one in organization_ids} - {""}
    if not (reported or organizations or all_live):
        raise Auth0RunError(
            "Nothing is selected.", advice="Set report_uri, organization_ids or all_live in the run's parameters."
        )
    by_ticket = {row["ticket_id"]: row for row in reported if row["ticket_id"]}
    ledger = open_ledger()
    try:
        working = {entry.ticket.ticket_id: entry for entry in ledger.live_entries() if entry.ticket is not None}
        meant = [
            entry
            for ticket_id, entry in working.items()
            if all_live or entry.organization_id in organizations or ticket_id in by_ticket
        ]
        wanted = [asdict(_named(entry)) for entry in meant if entry.run_after <= attempt.run_after]
        if later := len(meant) - len(wanted):
            log.warning("Links of later runs are left alone; to revoke them, trigger another run", links=later)
        return wanted, list(_settled(ledger, attempt, {one: by_ticket[one] for one in by_ticket if one not in working}))
    finally:
        ledger.close()


def _named(entry: Entry) -> IssuedTicket:
    return IssuedTicket(entry.key, entry.created_at or 0.0)


def _settled(ledger: Ledger, attempt: RunAttempt, rows: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    revoked = {**ledger.revocations.by_run(attempt.run), **ledger.revocations.by_ticket(rows)}
    tickets = [IssuedTicket(revocation.key, revocation.created_at) for revocation in revoked.values()]
    for entry, ticket, status, revocation in finished_revocations(ledger, tickets):
        yield revocation_row(entry, ticket, status, revocation)
    for ticket_id, row in rows.items():
        if ticket_id not in revoked:
            yield _from_report(row, ledger.now())


def _from_report(row: Mapping[str, Any], now: float) -> dict[str, Any]:
    expired = _expired(row["expires_at"], now)
    carried = ("organization_id", "organization_name", "connection_name", "created_at", "expires_at")
    return {
        **{name: row.get(name, "") for name in carried},
        "prospect": row.get("prospect_email") or row.get("prospect_name") or "",
        "status": "expired" if expired else "failed",
        "error": "" if expired else _UNKNOWN,
    }


def _expired(iso: str, now: float) -> bool:
    try:
        expires_at = datetime.fromisoformat(iso).timestamp()
    except ValueError:
        return False
    return expires_at + OPEN_LIFETIME < now
