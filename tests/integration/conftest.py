"""
Whole runs of the DAGs in this process, by ``dag.test()``, against a sandbox tenant.

There is no scheduler, so a run takes a second or two. What needs one (pools, retries, clears of single tasks, marks and
approvals) is in ``tests/e2e``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.models import TENANT
from cryptography.fernet import Fernet

from dev.local.tenant import CONNECTION_VARIABLE, connection_fields
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import Plan, SandboxSettings
from tests.integration.runs import Connect, Run, Trigger

PROJECT = Path(__file__).parents[2]
KEY = Fernet.generate_key().decode()
SLOTS_VARIABLE = f"AIRFLOW_VAR_{TENANT.slots_variable.upper()}"


def connection_of(tenant: Sandbox, **different: Any) -> dict[str, str]:
    """Return the environment variable that makes the connection to the tenant; keywords replace fields."""
    fields = connection_fields(tenant.url, tenant.settings, requests_per_slot=1000, burst_per_slot=1000)
    return {CONNECTION_VARIABLE: json.dumps({**fields, **different})}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the ledger and the reports, and create an empty metadata database."""
    from airflow.utils.db import initdb

    Path(os.environ["AIRFLOW_HOME"], "airflow.db").unlink(missing_ok=True)
    initdb()
    return tmp_path_factory.mktemp("integration")


@pytest.fixture
def airflow(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give Airflow its Fernet key, and the DAGs their ledger and what the scheduler publishes."""
    from airflow.sdk.crypto import get_fernet

    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", KEY)
    monkeypatch.setenv("SSO_TICKETS_LEDGER", str(home / "sso_tickets.db"))
    monkeypatch.setenv(SLOTS_VARIABLE, "2 slots")
    get_fernet.cache_clear()
    yield
    get_fernet.cache_clear()


@pytest.fixture(scope="session")
def shared_tenant() -> Iterator[Sandbox]:
    settings = SandboxSettings(
        latency=(0, 0),
        log_delay=(0, 0),
        plan=Plan(size=100_000, refill=100_000),
        connections={"con_good0000000004": "finished-long-ago"},
    )
    with Sandbox(settings) as tenant:
        yield tenant


@pytest.fixture
def tenant(shared_tenant: Sandbox) -> Sandbox:
    """Return a tenant that has received nothing, without latency and with a high rate limit."""
    shared_tenant.clear_faults()
    shared_tenant.reset()
    return shared_tenant


@pytest.fixture
def connect(tenant: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Make the connection to the tenant; keywords replace fields."""

    def to(**different: Any) -> None:
        for name, value in connection_of(tenant, **different).items():
            monkeypatch.setenv(name, value)

    to()
    return to


@pytest.fixture
def trigger(airflow: None, connect: Connect, home: Path, capfd: pytest.CaptureFixture[str]) -> Trigger:
    """Run a DAG to its end, or to where it waits for a person."""
    from airflow.dag_processing.dagbag import DagBag

    def start(dag_id: str = "create_sso_tickets", **conf: Any) -> Run:
        # Parsed again, since a run leaves its configuration in the DAG's parameters.
        dag = DagBag(PROJECT / "dags" / f"{dag_id}.py").dags[dag_id]
        capfd.readouterr()
        done = dag.test(run_conf={"report_uri": str(home / "reports"), **conf})
        log = capfd.readouterr().out
        print(log)  # shown if the test fails
        return Run(done, home / "reports", log)

    return start
