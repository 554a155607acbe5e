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


class Client:
    """Sends requests to one tenant; keeps the first token that it gets."""

    def __init__(self, tenant: Sandbox) -> None:
        self.tenant = tenant
        self.http = httpx.Client(base_url=tenant.url, timeout=30, verify=False)  # no certificates to read
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

    def request_token(self, **changes: Any) -> httpx.Response:
        return self.http.post("/oauth/token", json=self.token_fields(**changes))

    def headers(self) -> dict[str, str]:
        if self.token is None:
            self.token = self.request_token().json()["access_token"]
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

    def statuses(self, count: int) -> list[int]:
        """Return the HTTP statuses of that many requests for a ticket."""
        return [self.create(f"c{number}").status_code for number in range(count)]

    def ticket_url(self, name: str = "acme", **fields: Any) -> str:
        url: str = self.create(name, **fields).json()["ticket"]
        return url

    def revoke(self, ticket_id: str, profile_id: str | None = None) -> httpx.Response:
        return self.http.post(f"{self.path(profile_id)}/sso-ticket/{ticket_id}/revoke", headers=self.headers())

    def read(self, path: str, **parameters: Any) -> httpx.Response:
        return self.http.get(f"/api/v2/{path}", params=parameters, headers=self.headers())

    def take(self, url: str, *steps: str, **form: str) -> httpx.Response:
        """Take steps of a ticket's setup; return the last page."""
        return [self.http.post(url, data={"step": step, **form}) for step in steps][-1]

    def events(self) -> list[tuple[str, str]]:
        """Return type and name of each event of self-service SSO, oldest first."""
        logs = [log for log in self.tenant.logs if log["type"].startswith("ss_sso_")]
        return [(log["type"], log["details"]["ss_sso_event_name"]) for log in logs]

    def profile(self, profile_id: str | None = None) -> httpx.Response:
        return self.http.get(self.path(profile_id), headers=self.headers())


@pytest.fixture
def new_client() -> Iterator[Callable[..., Client]]:
    """Start a tenant with other settings, and return a client of it."""
    with ExitStack() as running:

        def start(*, clock: Clock | None = None, **settings: Any) -> Client:
            tenant = Sandbox(SandboxSettings(**{"latency": (0, 0), **settings}), clock=clock)
            tenant.start()
            # It stops in the background, since that takes a fifth of a second.
            running.callback(threading.Thread(target=tenant.stop, daemon=True).start)
            client = Client(tenant)
            running.enter_context(client.http)
            return client

        yield start


@pytest.fixture(scope="session")
def shared_tenant() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(latency=(0, 0))) as tenant:
        yield tenant


@pytest.fixture
def client(shared_tenant: Sandbox) -> Iterator[Client]:
    """Return a client of a tenant that has received nothing."""
    shared_tenant.reset()
    client = Client(shared_tenant)
    with client.http:
        yield client


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
