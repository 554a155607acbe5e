"""What became of the tickets that were to be revoked: the revocation report's columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from auth0_sso.batch import IssuedTicket
from auth0_sso.ledger import Ledger
from auth0_sso.outcomes import iso
from auth0_sso.records import Entry
from auth0_sso.revocation_book import Revocation

REPLACED = "Its prospect has a newer link, which is left alone; to revoke that one, name its run or its organization."


def settled_revocations(
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
