"""One real Airflow for all end-to-end tests, and a sandbox tenant beside it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from include.local.airflow import POOL, PROJECT, LocalAirflow
from include.local.api import AirflowApi
from include.sandbox.server import Sandbox
from include.sandbox.settings import SandboxSettings
from tests.e2e.runs import HOME, PACE, SLOTS, Run, Trigger


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def tenant() -> Iterator[Sandbox]:
    settings = SandboxSettings(plan="enterprise", connections={"con_good0000000004": "finished-long-ago"})
    with Sandbox(settings) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def airflow(tenant: Sandbox) -> Iterator[AirflowApi]:
    bundles = [
        {
            "name": name,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(folder)},
        }
        for name, folder in (("project", PROJECT / "dags"), ("e2e", Path(__file__).parent / "dags"))
    ]
    env = {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "SSO_TICKETS_REPORTS": str(HOME / "reports"),
    }
    local = LocalAirflow(HOME, env=env)
    local.stop()  # one that a killed test run has left
    local.remove()
    # A plain kill of the tests is to end it, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with local:
        api = local.api()
        api.set_pool(POOL, SLOTS)
        yield api


@pytest.fixture
def connect(airflow: AirflowApi, tenant: Sandbox) -> Callable[..., None]:
    """Point the connection at the tenant; keywords make it different."""

    def to(**different: Any) -> None:
        fields = {
            "conn_type": "auth0",
            "host": tenant.url,
            "login": tenant.client_id,
            "password": tenant.client_secret,
            "extra": {"profile_id": tenant.profile_id, **PACE},
        }
        airflow.set_connection("auth0_default", **{**fields, **different})

    return to


@pytest.fixture
def trigger(airflow: AirflowApi, connect: Callable[..., None], tenant: Sandbox) -> Trigger:
    """Start a run against a rested tenant and wait until it ends."""
    connect()

    def start(dag_id: str = "create_sso_tickets", *, wait: bool = True, **conf: Any) -> Run:
        run = Run(airflow, dag_id, airflow.trigger(dag_id, conf))
        return run.wait() if wait else run

    return start
