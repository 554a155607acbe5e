"""The tenant's own account of what it made and saw, by which tests judge the project."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dev.sandbox.tenant.state import TenantState
    from dev.sandbox.tenant.tickets import TicketState


@dataclass(frozen=True, slots=True)
class TicketView:
    """One ticket as it stands now; times are UNIX seconds.

    :param body: the request body it was made from
    """

    id: str
    profile_id: str
    connection_name: str | None
    organization_ids: tuple[str, ...]
    created_at: float
    expires_at: float
    opens: int
    state: TicketState
    body: dict[str, Any]

    def __repr__(self) -> str:
        return f"TicketView(connection_name={self.connection_name!r}, state={self.state!r})"


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the start or the last reset.

    :param plan: the plan's name
    :param tickets: tickets made
    :param states: tickets by state
    :param revoked: tickets revoked
    :param requests: Management API calls
    :param by_status: the same by HTTP status; 0 stands for no answer
    :param rate_limited: calls answered 429
    :param token_requests: calls to the token endpoint
    :param most_token_requests_at_once: most of them that were being answered at one moment
    :param tokens_issued: tokens it gave
    :param peak_rate: most Management API calls within any second
    :param peak_accepted_rate: most calls within any second that the rate limit let pass
    """

    plan: str
    tickets: int
    states: dict[TicketState, int]
    revoked: int
    requests: int
    by_status: dict[int, int]
    rate_limited: int
    token_requests: int
    most_token_requests_at_once: int
    tokens_issued: int
    peak_rate: int
    peak_accepted_rate: int


def view_tickets(tenant: TenantState) -> list[TicketView]:
    """Return all tickets as they stand now, oldest first."""
    lifetime = tenant.settings.open_lifetime
    return [
        TicketView(
            id=ticket.id,
            profile_id=ticket.profile_id,
            connection_name=ticket.connection_name,
            organization_ids=ticket.organization_ids,
            created_at=ticket.created_at,
            expires_at=ticket.expires_at(lifetime),
            opens=ticket.opens,
            state=tenant.state_of(ticket),
            body=dict(ticket.body),
        )
        for ticket in tenant.tickets.all()
    ]


def take_stats(tenant: TenantState) -> Stats:
    """Return the counters as they stand now."""
    tickets = tenant.tickets.all()
    states = Counter(tenant.state_of(ticket) for ticket in tickets)
    by_status = tenant.traffic.by_status()
    return Stats(
        plan=tenant.settings.plan_name,
        tickets=len(tickets),
        states=dict(states),
        revoked=states["revoked"],
        requests=sum(by_status.values()),
        by_status=by_status,
        rate_limited=by_status.get(429, 0),
        token_requests=tenant.token_requests,
        most_token_requests_at_once=tenant.most_token_requests_at_once,
        tokens_issued=tenant.tokens_issued,
        peak_rate=tenant.traffic.max_in_window(1),
        peak_accepted_rate=tenant.traffic.max_in_window(1, "accepted"),
    )
