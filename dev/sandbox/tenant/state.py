"""One tenant: what exists in it, what it has received, and what changes it."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from dev.sandbox.faults import Fault, Faults, Route
from dev.sandbox.tenant.client_assertion import AssertionChecker
from dev.sandbox.tenant.clock import Clock, steady_clock
from dev.sandbox.tenant.connections import Connection, Connections
from dev.sandbox.tenant.logs import TenantLog
from dev.sandbox.tenant.outbox import Outbox
from dev.sandbox.tenant.settings import SandboxSettings
from dev.sandbox.tenant.tickets import Ticket, TicketState, random_id
from dev.sandbox.tenant.token_bucket import Reading, TokenBucket
from dev.sandbox.tenant.tokens import Tokens
from dev.sandbox.tenant.traffic import Seen, most_in_window


class TenantState:
    """
    A tenant's state. It belongs to the server's event loop and must not be used from elsewhere.

    :param settings: what the tenant consists of
    :param clock: its time; by default the machine's
    """

    def __init__(self, settings: SandboxSettings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or steady_clock()
        self.tokens = Tokens()
        self.assertions = AssertionChecker(settings.client_id, settings.public_keys)
        self.faults = Faults()
        self._token_requests_now = 0
        self.reset()

    def reset(self) -> None:
        """Forget what was received and created, and fill the buckets; tokens stay valid."""
        now = self.clock()
        limit = self.settings.limit
        self.bucket = TokenBucket(limit, now)
        self.own_buckets = {route: TokenBucket(own, now) for route, own in limit.own.items()}
        self.logs = TenantLog(self.settings, self.clock)
        self.tickets: dict[str, Ticket] = {}
        self.requests: list[Seen] = []
        self.outbox = Outbox()
        existing = self.settings.connections.items()
        self.connections = Connections({one: Connection(name, enabled=True) for one, name in existing})
        self.token_requests = 0
        self.most_token_requests_at_once = 0
        self.tokens_issued = 0
        self.clear_faults()

    def inject(self, fault: Fault) -> None:
        """Arm a fault, or make its change at once."""
        now = self.clock()
        if fault.kind == "expire_tokens":
            self.tokens.withdraw_all()
        elif fault.kind == "neighbours":
            self.bucket.share(fault.rate, now, math.inf if fault.seconds is None else now + fault.seconds)
        else:
            self.faults.arm(fault, now)

    def clear_faults(self) -> None:
        """Disarm all faults and remove the neighbours; tokens that were withdrawn stay invalid."""
        self.faults.clear()
        now = self.clock()
        self.bucket.share(0, now, now)

    def draw(self, route: Route, now: float) -> tuple[Reading, tuple[str, ...]]:
        """
        Take one request from the route's bucket at a UNIX time.

        :return: the reading, and the kinds of the faults behind it
        """
        bucket = self.own_buckets.get(route, self.bucket)
        for fault, until in self.faults.due("limit", route, now):
            return bucket.refuse(now, until if math.isfinite(until) else now + 1), (fault.kind,)
        return bucket.take(now), ()

    def max_in_window(self, seconds: float, which: Literal["all", "accepted"] = "all") -> int:
        """
        Return the most Management API calls that arrived within any span shorter than ``seconds``.

        :param which: all calls, or those that the rate limit accepted
        """
        return most_in_window((seen.at for seen in self.requests if which == "all" or seen.accepted), seconds)

    @contextmanager
    def token_request(self) -> Iterator[None]:
        """Count a call to the token endpoint while it is served."""
        self.token_requests += 1
        self._token_requests_now += 1
        self.most_token_requests_at_once = max(self.most_token_requests_at_once, self._token_requests_now)
        try:
            yield
        finally:
            self._token_requests_now -= 1

    async def pause(self) -> None:
        """Take as long as a real call does."""
        shortest, longest = self.settings.latency
        if longest > 0:
            await asyncio.sleep(random.uniform(shortest, longest))  # noqa: S311

    def create_ticket(self, profile_id: str, body: Mapping[str, Any]) -> Ticket:
        """Create and keep a ticket."""
        ticket = Ticket(random_id(32), profile_id, body, self.clock(), body.get("connection_id"))
        self.tickets[ticket.id] = ticket
        return ticket

    def state_of(self, ticket: Ticket) -> TicketState:
        """Return what has become of a ticket."""
        return ticket.state(self.clock(), self.settings.open_lifetime)
