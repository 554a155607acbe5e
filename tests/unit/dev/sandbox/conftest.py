"""Tenants that run for a test, and a plain HTTP client for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.clock import Clock, ManualClock
from dev.sandbox.tenant.settings import SandboxSettings

RunTenant = Callable[..., Sandbox]


class Client:
    """Speaks to one tenant; holds a token from its first call that needs one."""

    def __init__(self, tenant: Sandbox) -> None:
        self.tenant = tenant
        self.http = httpx.Client(base_url=tenant.url, timeout=10, verify=False)
        self.token: str | None = None

    def token_fields(self, **changes: Any) -> dict[str, Any]:
        fields = {
            "grant_type": "client_credentials",
            "client_id": self.tenant.client_id,
            "client_secret": self.tenant.client_secret,
            "audience": f"https://{self.tenant.domain}/api/v2/",
            **changes,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def ask_token(self, **changes: Any) -> httpx.Response:
        return self.http.post("/oauth/token", json=self.token_fields(**changes))

    def headers(self) -> dict[str, str]:
        if self.token is None:
            self.token = self.ask_token().json()["access_token"]
        return {"Authorization": f"Bearer {self.token}"}

    def path(self, profile_id: str | None = None) -> str:
        return f"/api/v2/self-service-profiles/{profile_id or self.tenant.profile_id}"

    def create(
        self,
        name: str = "acme",
        *,
        body: Any = None,
        profile_id: str | None = None,
        headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> httpx.Response:
        content = {"connection_config": {"name": name}, **fields} if body is None else body
        return self.http.post(
            f"{self.path(profile_id)}/sso-ticket", json=content, headers={**self.headers(), **(headers or {})}
        )

    def ticket_url(self, name: str = "acme", **fields: Any) -> str:
        url: str = self.create(name, **fields).json()["ticket"]
        return url

    def revoke(self, ticket_id: str, profile_id: str | None = None) -> httpx.Response:
        return self.http.post(f"{self.path(profile_id)}/sso-ticket/{ticket_id}/revoke", headers=self.headers())

    def profile(self, profile_id: str | None = None) -> httpx.Response:
        return self.http.get(self.path(profile_id), headers=self.headers())


@pytest.fixture
def run_tenant() -> Iterator[RunTenant]:
    with ExitStack() as running:

        def run(*, clock: Clock | None = None, **settings: Any) -> Sandbox:
            chosen = SandboxSettings(**{"latency": (0, 0), **settings})
            tenant = Sandbox(chosen, clock=clock)
            tenant.start()
            # It ends in the background: nothing waits for the fifth of a second that this takes.
            running.callback(threading.Thread(target=tenant.stop, daemon=True).start)
            return tenant

        yield run


@pytest.fixture(scope="session")
def shared_tenant() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(latency=(0, 0))) as tenant:
        yield tenant


@pytest.fixture
def connect() -> Iterator[Callable[[Sandbox], Client]]:
    with ExitStack() as opened:

        def to(tenant: Sandbox) -> Client:
            client = Client(tenant)
            opened.enter_context(client.http)
            return client

        yield to


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tenant(shared_tenant: Sandbox) -> Sandbox:
    """Return a tenant as good as new."""
    shared_tenant.reset()
    return shared_tenant


@pytest.fixture
def client(tenant: Sandbox, connect: Callable[[Sandbox], Client]) -> Client:
    return connect(tenant)
