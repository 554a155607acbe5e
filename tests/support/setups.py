"""A tenant whose time the test moves, links in the ledger, and customers who use them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from auth0_sso.ledger.records import Entry, RunAttempt
from auth0_sso.ledger.setup_log import SetupLog
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import LinkState, TicketRequest
from auth0_sso.setups.follow import SetupFollower

from dev.sandbox.customers import Customer
from dev.sandbox.server import Sandbox
from tests.support.factories import FIRST_RUN, Organization, issue, open_hook, request

HOUR = 3600.0


class Clock:
    """The time of the tenant and of the ledger."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """
    A tenant, the ledger of its links, and the time of both.

    :param notes: of the last run that followed the setups.
    """

    tenant: Sandbox
    ledger: Ledger
    clock: Clock
    notes: list[str]

    def create(
        self, requests: Iterable[TicketRequest], attempt: RunAttempt = FIRST_RUN, **options: Any
    ) -> dict[int, dict[str, Any]]:
        """Create the links of some requests; return the outcomes by row."""
        organizations = [Organization(one.organization_id, one.organization_name, [one]) for one in requests]
        options = {"enabled_clients": ["client-1"], **options}
        return issue(organizations, self.ledger, attempt, **options)

    def run(self, requests: Iterable[TicketRequest], number: int, **options: Any) -> dict[str, dict[str, Any]]:
        """Create the links of some requests in a later run of that number; return the outcomes by connection."""
        attempt = RunAttempt(f"create_sso_tickets/run-{number}", 3, FIRST_RUN.run_after + number)
        return {one["connection_name"]: one for one in self.create(requests, attempt, **options).values()}

    def finish(self, ticket_id: str) -> None:
        """Let the customer who has that ticket take every step."""
        http = httpx.Client(base_url=self.tenant.url, trust_env=False)
        Customer(http, ticket_id, "okta", 1).finishes()

    def follow(self, *, renew_token: bool = False) -> int:
        """Find out how far the setups have come; return how many requests that took."""
        before = len(self.tenant.requests)
        hook = open_hook(self.ledger)

        async def run() -> list[str]:
            async with hook.open():
                return await SetupFollower(hook, self.ledger).run(renew_token=renew_token)

        self.notes = asyncio.run(run())
        return len(self.tenant.requests) - before

    def customer(self, connection_name: str) -> Customer:
        """Return the customer who has the newest link for a connection."""
        tickets = [ticket for ticket in self.tenant.tickets if ticket.connection_name == connection_name]
        http = httpx.Client(base_url=self.tenant.url, trust_env=False)
        return Customer(http, tickets[-1].id, "okta", 1)

    @property
    def log(self) -> SetupLog:
        return SetupLog(self.ledger.database, self.tenant.domain)

    def states(self) -> dict[str, str]:
        """Return how far each connection has come."""
        return {name: known.setup.state.value for name, known in self.log.setups(self.names()).items()}

    def entry(self, connection_name: str) -> Entry:
        """Return what the ledger knows of the link for a connection."""
        entries = self.ledger.entries_of_tenant(self.tenant.domain)
        return next(entry for entry in entries if entry.connection_name == connection_name)

    def entry_of(self, organization_id: str) -> Entry:
        """Return what the ledger knows of the one prospect of an organization."""
        entries = self.ledger.entries_of_tenant(self.tenant.domain)
        return next(entry for entry in entries if entry.organization_id == organization_id)

    def link(self, connection_name: str) -> LinkState:
        """Return what the link for a connection is worth."""
        followed = self.log.followed([connection_name])[connection_name]
        return followed.link_state(self.entry(connection_name), self.clock.now)

    def names(self) -> list[str]:
        return [entry.connection_name for entry in self.ledger.entries_of_tenant(self.tenant.domain)]


def prospects(*names: str, **config: Any) -> list[TicketRequest]:
    """Return a request for each connection, each of an organization of its own."""
    rows = []
    for row, name in enumerate(names, 1):
        one = request(row, f"org_{row}", name=name)
        one.body.update(config)
        rows.append(one)
    return rows


def renamed(row: TicketRequest, connection_name: str, organization_id: str) -> TicketRequest:
    """Return another person's request for a connection."""
    body = {
        "connection_config": {"name": connection_name},
        "enabled_organizations": [{"organization_id": organization_id}],
    }
    return replace(row, connection_name=connection_name, organization_id=organization_id, body=body)


REQUIRED = {"domain_aliases_config": {"domain_verification": "required", "pending_domains": ["acme.example"]}}


@pytest.fixture
def make_world(
    run_tenant: Callable[..., Sandbox], connect: Callable[..., Any], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., World]:
    def make(**settings: Any) -> World:
        clock = Clock()
        monkeypatch.setattr(ledger.database.clock, "now", clock)
        extra = settings.pop("extra", {})
        settings = {"log_delay": (0, 0), **settings}
        tenant = run_tenant(clock=clock, **settings)
        connect(tenant, extra=extra)
        return World(tenant, ledger, clock, [])

    return make
