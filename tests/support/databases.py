"""
Databases for the tests: a SQLite file and, where a server can be had, a real PostgreSQL.

A conftest takes the fixtures by assignment: ``ledger_url = databases.ledger_url``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from auth0_sso.ledger.store import Ledger, open_ledger
from cryptography.fernet import Fernet
from sqlalchemy import MetaData, create_engine, make_url, select

from tests.support.services import postgres

FERNET_VARIABLE = "AIRFLOW__CORE__FERNET_KEY"
DATABASES = ("sqlite", "postgresql")


def use_fernet_key(key: str) -> None:
    """Let this process encrypt with another key, or with several separated by commas."""
    from airflow.sdk.crypto import get_fernet

    os.environ[FERNET_VARIABLE] = key
    get_fernet.cache_clear()


@pytest.fixture
def fernet(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give Airflow a Fernet key for this test."""
    from airflow.sdk.crypto import get_fernet

    key = Fernet.generate_key().decode()
    monkeypatch.setenv(FERNET_VARIABLE, key)
    get_fernet.cache_clear()
    yield key
    get_fernet.cache_clear()


@pytest.fixture(params=DATABASES)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
    else:
        with postgres_schema() as url:
            yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def ledger(ledger_url: str, fernet: str) -> Iterator[Ledger]:
    with closing(open_ledger(ledger_url)) as opened:
        yield opened


@pytest.fixture
def sqlite_ledger(sqlite_url: str, fernet: str) -> Iterator[Ledger]:
    with closing(open_ledger(sqlite_url)) as opened:
        yield opened


@pytest.fixture
def default_ledger(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Iterator[Ledger]:
    """Open a SQLite file that is this test's ledger by default."""
    monkeypatch.setenv("SSO_TICKETS_LEDGER", sqlite_url.removeprefix("sqlite:///"))
    with closing(open_ledger()) as opened:
        yield opened


@pytest.fixture
def postgres_url() -> Iterator[str]:
    with postgres_schema() as url:
        yield url


@pytest.fixture
def postgres_ledger(postgres_url: str, fernet: str) -> Iterator[Ledger]:
    with closing(open_ledger(postgres_url)) as opened:
        yield opened


@contextmanager
def postgres_database() -> Iterator[str]:
    """Make an empty database on a PostgreSQL; skip the test if there is none."""
    _require_postgres()
    with postgres.postgres_database() as url:
        yield url


@contextmanager
def postgres_schema() -> Iterator[str]:
    """Make an empty schema on a PostgreSQL; skip the test if there is none."""
    _require_postgres()
    with postgres.postgres_schema() as url:
        yield url


def _require_postgres() -> None:
    try:
        postgres.postgres_server()
    except postgres.PostgresError as error:
        pytest.skip(str(error))


def dump(url: str) -> bytes:
    """Return all that a database contains, as bytes to search."""
    engine = create_engine(url)
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        rows = [tuple(row) for table in tables.sorted_tables for row in connection.execute(select(table))]
    engine.dispose()
    files = Path(make_url(url).database or "").parent.glob("ledger.db*") if url.startswith("sqlite") else ()
    return repr(rows).encode() + b"".join(path.read_bytes() for path in files)
