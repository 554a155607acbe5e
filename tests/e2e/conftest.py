"""One real Airflow for all end-to-end tests, and a sandbox tenant."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from dev.local.airflow import POOL, LocalAirflow
from dev.local.api import AirflowApi
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.settings import SandboxSettings
from tests.e2e.runs import ADA, BOB, CAT, HEAD, HOME, PACE, SLOTS, Run, Trigger, connect_to
from tests.support import scan
from tests.support.mail_server import MailServer

EXAMPLES = Path(__file__).parent / "examples"


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def key_pair() -> RSAPrivateKey:
    """Return a key that the tenant accepts instead of the client secret."""
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
def mail_server() -> Iterator[MailServer]:
    """Run the mail server of Airflow's connection ``smtp_default``."""
    with MailServer() as server:
        yield server


@pytest.fixture(scope="session")
def local_airflow(tenant: Sandbox, mail_server: MailServer) -> Iterator[LocalAirflow]:
    smtp = {
        "conn_type": "smtp",
        "host": "127.0.0.1",
        "port": mail_server.port,
        "extra": {"disable_ssl": True, "disable_tls": True},
    }
    env = {
        "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(smtp),
        "SSO_TICKETS_MAIL_FROM": "Acme onboarding <sso@acme.example>",
        # How often a task's process checks whether it was cleared or marked; by default 5 s.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "SSO_TICKETS_REPORTS": str(HOME / "reports"),
        "TMPDIR": str(HOME),  # so that temporary files are searched too
    }
    local = LocalAirflow(HOME, dags={"examples": EXAMPLES}, env=env)
    local.stop()  # one that a killed test run has left running
    local.remove()
    # SIGTERM must end it, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with local:
        local.api().set_pool(POOL, SLOTS)
        local.api().patch("/api/v2/dags/mail_sso_tickets", {"is_paused": True})  # or each run would start one
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


@dataclass(frozen=True)
class FailedRun:
    """A run that logged in with a private key (PEM); one of its three rows was refused, and one response was lost."""

    run: Run
    file: Path
    private_key: str
    processes: scan.Places


@pytest.fixture(scope="session")
def failed_run(
    trigger: Trigger,
    airflow: AirflowApi,
    tenant: Sandbox,
    key_pair: RSAPrivateKey,
    tmp_path_factory: pytest.TempPathFactory,
) -> FailedRun:
    tenant.reset()
    file = tmp_path_factory.mktemp("failed") / "prospects.csv"
    file.write_text("\n".join([HEAD, ADA, BOB, CAT]))
    tenant.fault("fail_match", organization_id="org_rerun000001", status=400)
    tenant.fault("error_after", status=503)
    pem = key_pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    connect_to(tenant, airflow, password="", extra={"profile_id": tenant.profile_id, **PACE, "private_key": pem})
    with scan.ProcessWatch(int((HOME / "standalone.pid").read_text().split()[0])) as watch:
        run = trigger(prospects_uri=str(file))
    connect_to(tenant, airflow)
    tenant.clear_faults()
    return FailedRun(run, file, pem, watch.places)
