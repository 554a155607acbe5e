"""The pages with Airflow's tables in memory, an auth manager that a test decides for, and a ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api_fastapi.app import init_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api import security
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.pool import Pool
from airflow.models.xcom import XComModel
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import TENANT
from fastapi.testclient import TestClient
from sqlalchemy import Engine, create_engine, delete, insert
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool
from sso_ui import airflow
from sso_ui.app import app
from sso_ui.checks import counting, processes
from sso_ui.routes import batches

from include import folders
from include.files import json_bytes
from include.prospects import ProspectsError, ReadOptions, check_contents
from include.prospects.manifest import manifest_lines
from include.prospects.table.sources import read_stream
from tests.support import databases

DAG = "create_sso_tickets"
RUN_ID = "manual__2026-01-01T00:00:00+00:00"
FOLDER = f"{DAG}/manual__2026-01-01T00_00_00+00_00"

_TABLES = ("xcom", "dag_run", "task_instance", "slot_pool", "log", "dag", "variable")
TABLES = [Base.metadata.tables[name] for name in _TABLES]

fernet = databases.fernet
ledger_url = databases.ledger_url
ledger = databases.ledger
sqlite_url = databases.sqlite_url
default_ledger = databases.default_ledger

SetXCom = Callable[..., None]
Check = tuple[str, DagAccessEntity | None, str]
SignIn = Callable[..., list[Check]]


@pytest.fixture(autouse=True)
def encrypted(fernet: str) -> None:
    """Give Airflow a Fernet key for every test."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of this test's ledger and reports."""
    monkeypatch.setenv("SSO_TICKETS_LEDGER", str(tmp_path / "ledger.db"))
    monkeypatch.setattr(folders, "DEFAULT_REPORTS", str(tmp_path / "default"))
    return tmp_path


@pytest.fixture
def known(ledger: Ledger, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Return the ledger that the pages see, a SQLite file or a PostgreSQL database."""
    if ledger_url.startswith("postgresql"):
        monkeypatch.setenv("AIRFLOW_CONN_SSO_TICKETS_DB", ledger_url.replace("postgresql+psycopg2", "postgres"))
    return ledger


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the connection to a tenant that nothing is sent to."""
    fields = {"conn_type": "auth0", "host": "acme.example.com", "login": "id", "password": "secret"}
    monkeypatch.setenv("AIRFLOW_CONN_AUTH0_DEFAULT", json.dumps({**fields, "extra": {"profile_id": "ssp_1"}}))


@pytest.fixture
def in_processes() -> None:
    """Let the checks of this test have processes of their own, as they have on the api-server."""


@pytest.fixture(autouse=True)
def checks_in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check and count here, since the two processes of a check need two seconds to start."""
    if "in_processes" not in request.fixturenames:
        monkeypatch.setattr(processes, "_check_and_count", _check_and_count)
        monkeypatch.setattr(processes, "_count", _count)


def _check_and_count(
    content: Path, manifest: Path, summary: Path, ttl_sec: int, options: ReadOptions, task: bytes
) -> None:
    try:
        with content.open("rb") as stream:
            found = check_contents([read_stream(stream, content.name)], options, ttl_sec)
    except ProspectsError as error:
        raise processes.PreviewError(error.problems, error.question) from None
    manifest.write_bytes(b"".join(manifest_lines(found)))
    _count(manifest, summary, task)


def _count(manifest: Path, summary: Path, task: bytes) -> None:
    summary.write_bytes(json_bytes(asdict(counting.count(manifest, json.loads(task)))))


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    import_all_models()  # their foreign keys
    made = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    Base.metadata.create_all(made, tables=TABLES)
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as opened:
        opened.execute(insert(Pool).values(pool=TENANT.pool, slots=4, include_deferred=False))
        yield opened
    with engine.begin() as connection:
        for table in TABLES:
            connection.execute(delete(table))


@pytest.fixture
def set_xcom(session: Session) -> SetXCom:
    """Put a value into the database as the XCom of the report's task."""

    def put(value: Any, **changes: Any) -> None:
        entry = {"dag_run_id": 1, "dag_id": DAG, "run_id": RUN_ID, "task_id": "export_report", "map_index": -1}
        session.execute(insert(XComModel).values({**entry, "key": "return_value", "value": value, **changes}))

    return put


@pytest.fixture
def client(session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Return a browser that is not logged in."""
    monkeypatch.setattr(airflow, "create_session", lambda scoped: nullcontext(session))
    monkeypatch.setattr(batches, "WAIT_SECONDS", 60.0)
    monkeypatch.setattr(airflow.DagModel, "get_team_name", lambda _dag_id: None)
    init_auth_manager()
    yield TestClient(app, follow_redirects=False)
    app.dependency_overrides.clear()


@pytest.fixture
def sign_in(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> SignIn:
    """Sign a user in, by default one who may do everything; return the checks of the authorization."""

    def as_user(allowed: Callable[[Check], bool] = lambda _check: True, name: str = "ann") -> list[Check]:
        checks: list[Check] = []

        def decide(*, method: str, user: Any, access_entity: DagAccessEntity | None, details: DagDetails) -> bool:
            checks.append((method, access_entity, str(details.id)))
            return allowed(checks[-1])

        manager = SimpleNamespace(is_authorized_dag=decide)
        for module in (security, airflow):
            monkeypatch.setattr(module, "get_auth_manager", lambda: manager)
        app.dependency_overrides[security.get_user] = lambda: SimpleNamespace(get_name=lambda: name)
        return checks

    return as_user


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return one of the deployment's folders of reports."""
    monkeypatch.setenv("SSO_TICKETS_EXTRA_REPORTS", f"s3://bucket/reports, {tmp_path / 'reports'}/")
    return tmp_path / "reports"
