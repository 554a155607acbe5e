"""What a tenant created and received, as tests and the control page read it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from dev.sandbox.tenant.state import TenantState
from dev.sandbox.tenant.tickets import TicketState


@dataclass(frozen=True, slots=True)
class TicketView:
    """One ticket at this moment; times are UNIX seconds, ``body`` is the request body it was created from."""

    id: str = field(repr=False)
    profile_id: str
    connection_name: str | None
    organization_ids: tuple[str, ...]
    created_at: float
    expires_at: float
    opens: int
    state: TicketState
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stats:
    """
    Counters since the start or the last reset.

    :param plan: the plan's name
    :param tickets: tickets created
    :param states: tickets by state
    :param connections: connections that are set up
    :param enabled_connections: those of them that are enabled
    :param requests: Management API calls
    :param by_status: the same by HTTP status; 0 means no response
    :param rate_limited: Management API calls that got a 429
    :param token_requests: calls to the token endpoint
    :param most_token_requests_at_once: the most of them that were being served at one moment
    :param peak_rate: the most Management API calls within any second
    :param peak_accepted_rate: the same of the calls that the rate limit accepted
    """

    plan: str
    tickets: int
    states: dict[TicketState, int]
    revoked: int
    connections: int
    enabled_connections: int
    requests: int
    by_status: dict[int, int]
    rate_limited: int
    token_requests: int
    most_token_requests_at_once: int
    tokens_issued: int
    peak_rate: int
    peak_accepted_rate: int


def view_tickets(tenant: TenantState) -> list[TicketView]:
    """Return all tickets, oldest first."""
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
        for ticket in tenant.tickets.values()
    ]


def take_stats(tenant: TenantState) -> Stats:
    """Count what the tenant has received and created so far."""
    states = Counter(tenant.state_of(ticket) for ticket in tenant.tickets.values())
    by_status = Counter(seen.status for seen in tenant.requests)
    return Stats(
        plan=tenant.settings.plan_name,
        tickets=len(tenant.tickets),
        states=dict(states),
        revoked=states["revoked"],
        connections=len(tenant.connections),
        enabled_connections=sum(connection.enabled for connection in tenant.connections.values()),
        requests=len(tenant.requests),
        by_status=dict(by_status),
        rate_limited=by_status[429],
        token_requests=tenant.token_requests,
        most_token_requests_at_once=tenant.most_token_requests_at_once,
        tokens_issued=tenant.tokens_issued,
        peak_rate=tenant.max_in_window(1),
        peak_accepted_rate=tenant.max_in_window(1, "accepted"),
    )
