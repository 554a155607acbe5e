"""The audit of a batch: the tickets that the tenant created against the report and the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dev.sandbox.tenant.stats import TicketView


@dataclass(frozen=True)
class Audit:
    """
    What the audit of a batch counts.

    :param created: tickets that the tenant created.
    :param with_ticket: organizations whose row is ``created`` or ``reused``, with a valid ticket.
    :param flagged: organizations whose row says ``duplicate_possible``.
    :param lost: rows that are missing, are there twice, or have no valid ticket.
    :param duplicates: organizations with a second valid ticket that the report does not flag.
    :param unknown: valid tickets that neither the ledger knows nor the report flags.
    :param unexplained: valid tickets beyond one an organization and one for each of its requests that was in
        flight at a kill.
    """

    created: int
    with_ticket: int
    flagged: frozenset[str]
    lost: int
    duplicates: int
    unknown: int
    unexplained: int


def audit(
    organizations: Sequence[str],
    tickets: Sequence[TicketView],
    rows: Sequence[Mapping[str, Any]],
    known: Collection[str],
    in_flight: Mapping[str, int],
) -> Audit:
    """
    Audit a batch of organizations with one prospect each, by the tenant's tickets and the report's rows.

    :param known: the ids of the tickets that the ledger holds.
    :param in_flight: requests that were in flight at the kills, by organization.
    """
    valid = {ticket.id: ticket.organization_ids[0] for ticket in tickets if ticket.state == "live"}
    with_ticket = {
        row["organization_id"]
        for row in rows
        if row["status"] in ("created", "reused") and valid.get(row["ticket_id"]) == row["organization_id"]
    }
    times = Counter(row["organization_id"] for row in rows)
    flagged = frozenset(row["organization_id"] for row in rows if row["duplicate_possible"])
    each = Counter(valid.values())
    return Audit(
        created=len(tickets),
        with_ticket=len(with_ticket),
        flagged=flagged,
        lost=sum(organization not in with_ticket or times[organization] != 1 for organization in organizations),
        duplicates=sum(count > 1 and organization not in flagged for organization, count in each.items()),
        unknown=sum(ticket not in known and organization not in flagged for ticket, organization in valid.items()),
        unexplained=sum(max(0, count - 1 - in_flight.get(organization, 0)) for organization, count in each.items()),
    )
