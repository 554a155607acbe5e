"""The books of a batch: what the tenant made against what the report and the ledger say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dev.sandbox.tenant.stats import TicketView


@dataclass(frozen=True)
class Books:
    """
    What the books of a batch come to.

    :param rows: of the report.
    :param made: tickets that the tenant made.
    :param settled: rows that are ``created`` or ``reused``, with a ticket that lives.
    :param flagged: organizations whose row says ``duplicate_possible``.
    :param lost: rows that are missing, stand twice, or have no ticket that lives.
    :param doubled: organizations with another living ticket that the report does not flag.
    :param unknown: living tickets that neither the ledger knows nor the report flags.
    :param unexplained: living tickets beyond one an organization and one for each of its requests that was in
        flight when something was killed.
    """

    rows: int
    made: int
    settled: int
    flagged: frozenset[str]
    lost: int
    doubled: int
    unknown: int
    unexplained: int


def balance(
    organizations: Sequence[str],
    tickets: Sequence[TicketView],
    rows: Sequence[Mapping[str, Any]],
    known: Collection[str],
    in_flight: Mapping[str, int],
) -> Books:
    """
    Balance the books.

    :param organizations: one prospect each.
    :param tickets: the tenant's.
    :param rows: the report's.
    :param known: the ids of the tickets that the ledger holds.
    :param in_flight: requests that were in flight at the kills, by organization.
    """
    living = {ticket.id: ticket.organization_ids[0] for ticket in tickets if ticket.state == "live"}
    settled = {
        row["organization_id"]
        for row in rows
        if row["status"] in ("created", "reused") and living.get(row["ticket_id"]) == row["organization_id"]
    }
    times = Counter(row["organization_id"] for row in rows)
    flagged = frozenset(row["organization_id"] for row in rows if row["duplicate_possible"])
    each = Counter(living.values())
    return Books(
        rows=len(rows),
        made=len(tickets),
        settled=len(settled),
        flagged=flagged,
        lost=sum(organization not in settled or times[organization] != 1 for organization in organizations),
        doubled=sum(count > 1 and organization not in flagged for organization, count in each.items()),
        unknown=sum(ticket not in known and organization not in flagged for ticket, organization in living.items()),
        unexplained=sum(max(0, count - 1 - in_flight.get(organization, 0)) for organization, count in each.items()),
    )
