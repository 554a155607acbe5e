"""A tenant, the Airflow connection to it, a Fernet key and a clock."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk._shared.secrets_masker import reset_secrets_masker
from auth0_sso.hooks.auth0 import Auth0Hook

from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import Plan, SandboxSettings
from tests.support import databases
from tests.support.certificates import Authority

fernet = databases.fernet
ledger_url = databases.ledger_url
ledger = databases.ledger
sqlite_url = databases.sqlite_url
sqlite_ledger = databases.sqlite_ledger
postgres_url = databases.postgres_url
postgres_ledger = databases.postgres_ledger

CONNECTION_VARIABLE = "AIRFLOW_CONN_AUTH0_DEFAULT"

RunTenant = Callable[..., Sandbox]
Connect = Callable[..., dict[str, Any]]


class FakeClock:
    """A clock that only its own sleeps move, which take no time."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds + 1e-9
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(autouse=True)
def encrypted(fernet: str) -> None:
    """Give Airflow a Fernet key for every test."""


@pytest.fixture(autouse=True)
def nothing_masked() -> None:
    """Forget the secrets that other tests have masked, since each one slows masking down."""
    reset_secrets_masker()


@pytest.fixture
def run_tenant() -> Iterator[RunTenant]:
    """Run a tenant with the test's own settings; by default without latency and with a high rate limit."""
    running: list[Sandbox] = []

    def run(**settings: Any) -> Sandbox:
        options = {name: settings.pop(name) for name in ("certificate", "clock") if name in settings}
        roomy = {"latency": (0, 0), "plan": Plan(size=100_000, refill=100_000)}
        tenant = Sandbox(SandboxSettings(**{**roomy, **settings}), **options)
        tenant.start()
        running.append(tenant)
        return tenant

    yield run
    for tenant in running:
        # In the background, since it takes a fifth of a second.
        threading.Thread(target=tenant.stop, daemon=True).start()


@pytest.fixture(scope="session")
def _shared_tenant() -> Iterator[Sandbox]:
    settings = SandboxSettings(latency=(0, 0), plan=Plan(size=100_000, refill=100_000))
    with Sandbox(settings) as tenant:
        yield tenant


@pytest.fixture
def tenant(_shared_tenant: Sandbox) -> Sandbox:
    """Return an empty tenant without latency and with a high rate limit."""
    _shared_tenant.reset()
    return _shared_tenant


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Point the connection ``auth0_default`` at a tenant; keywords change its fields, ``extra`` is merged."""

    def to(tenant: Sandbox, *, extra: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        connection = {
            "conn_type": "auth0",
            "host": tenant.url,
            "login": tenant.client_id,
            "password": tenant.client_secret,
            "extra": {"profile_id": tenant.profile_id, "timeout": 5, **(extra or {})},
            **fields,
        }
        monkeypatch.setenv(CONNECTION_VARIABLE, json.dumps(connection))
        return connection

    return to


@pytest.fixture
def auth0_connection(tenant: Sandbox, connect: Connect) -> dict[str, Any]:
    """Point the connection ``auth0_default`` at ``tenant``."""
    return connect(tenant)


@pytest.fixture
def hook(auth0_connection: dict[str, Any]) -> Auth0Hook:
    """Return a hook of ``tenant``, without a rate limiter and a token store."""
    return Auth0Hook()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    return Authority(tmp_path, monkeypatch)
