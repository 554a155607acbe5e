"""One real Airflow for all end-to-end tests, and a sandbox tenant beside it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from include.local.airflow import POOL, LocalAirflow
from include.local.api import AirflowApi
from include.sandbox.server import Sandbox
from include.sandbox.settings import SandboxSettings
from tests.e2e.runs import HOME, SLOTS, Run, Trigger, connect_to


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def key_pair() -> RSAPrivateKey:
    """Return a key that the tenant takes instead of the client secret."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def tenant(key_pair: RSAPrivateKey) -> Iterator[Sandbox]:
    public_key = key_pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    settings = SandboxSettings(
        plan="enterprise", connections={"con_good0000000004": "finished-long-ago"}, public_keys=(public_key,)
    )
    with Sandbox(settings) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def local_airflow(tenant: Sandbox) -> Iterator[LocalAirflow]:
    env = {
        # How often a task's process is looked after, and hears that somebody has cleared or marked it; by default 5 s.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "SSO_TICKETS_REPORTS": str(HOME / "reports"),
        "TMPDIR": str(HOME),  # so that what a process leaves there is searched too
    }
    local = LocalAirflow(HOME, env=env)
    local.stop()  # one that a killed test run has left
    local.remove()
    # A plain kill of the tests is to end it, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with local:
        local.api().set_pool(POOL, SLOTS)
        yield local


@pytest.fixture(scope="session")
def airflow(local_airflow: LocalAirflow) -> AirflowApi:
    return local_airflow.api()


@pytest.fixture(scope="session")
def trigger(airflow: AirflowApi, tenant: Sandbox) -> Trigger:
    """Start a run against the tenant and wait until it ends."""
    connect_to(tenant, airflow)

    def start(dag_id: str = "create_sso_tickets", *, wait: bool = True, **conf: Any) -> Run:
        run = Run(airflow, dag_id, airflow.trigger(dag_id, conf))
        return run.wait() if wait else run

    return start
