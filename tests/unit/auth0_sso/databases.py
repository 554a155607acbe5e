"""
Databases for the tests of what is kept: a SQLite file and, where a server can be had, a real PostgreSQL.

The server is a private one, from the binaries of the machine's own package, or the one that the environment
variable ``SSO_TICKETS_TEST_POSTGRES`` names by SQLAlchemy's URL, whose user may create databases.
A test module takes the fixtures by assignment: ``ledger_url = databases.ledger_url``.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.ledger import Ledger
from sqlalchemy import URL, MetaData, NullPool, create_engine, make_url, select, text
from sqlalchemy.exc import OperationalError

SERVER_VARIABLE = "SSO_TICKETS_TEST_POSTGRES"
FERNET_VARIABLE = "AIRFLOW__CORE__FERNET_KEY"
DATABASES = ("sqlite", "postgresql")

_START_SECONDS = 30.0


def use_fernet_key(key: str) -> None:
    """Let this process encrypt with another key, or with several separated by commas."""
    from airflow.sdk.crypto import get_fernet

    os.environ[FERNET_VARIABLE] = key
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
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_ledger(sqlite_url: str, fernet: str) -> Iterator[Ledger]:
    opened = Ledger(sqlite_url)
    yield opened
    opened.close()


@contextmanager
def postgres_database() -> Iterator[str]:
    """Make an empty database."""
    with _made("DATABASE {}", "DROP DATABASE {} WITH (FORCE)") as (server, name):
        yield server.set(database=name).render_as_string(hide_password=False)


@contextmanager
def postgres_schema() -> Iterator[str]:
    """Make an empty schema, which to a client is as good as a database and takes a tenth of the time."""
    with _made("SCHEMA {}", "DROP SCHEMA {} CASCADE") as (server, name):
        url = server.update_query_dict({"options": f"-csearch_path={name}"})
        yield url.render_as_string(hide_password=False)


@contextmanager
def _made(what: str, drop: str) -> Iterator[tuple[URL, str]]:
    server = make_url(postgres_server())
    name = f"ledger_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE {what.format(name)}"))
    yield server, name
    with engine.connect() as connection:
        connection.execute(text(drop.format(name)))


@cache
def postgres_server() -> str:
    """Return the URL of a PostgreSQL that runs until this process ends; skip the test if there can be none."""
    if named := os.environ.get(SERVER_VARIABLE):
        return named
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not binaries:
        pytest.skip(f"no PostgreSQL under /usr/lib/postgresql, and {SERVER_VARIABLE} names no server")
    return _start_postgres(binaries[-1].parent)


def dump(url: str) -> bytes:
    """Return all that a database holds, as bytes to search."""
    engine = create_engine(url)
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        rows = [tuple(row) for table in tables.sorted_tables for row in connection.execute(select(table))]
    engine.dispose()
    files = Path(make_url(url).database or "").parent.glob("ledger.db*") if url.startswith("sqlite") else ()
    return repr(rows).encode() + b"".join(path.read_bytes() for path in files)


def _start_postgres(binaries: Path) -> str:
    folder = Path(tempfile.mkdtemp(prefix="ledger-postgres-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    other: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
        other = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    data = folder / "data"
    quiet: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, **other}
    initdb = [binaries / "initdb", "-D", data, "-U", "ledger", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run(initdb, check=True, timeout=60, stderr=subprocess.DEVNULL, **quiet)
    port = _free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "port": port,
        "fsync": "off",
        "full_page_writes": "off",
        "shared_buffers": "16MB",
        "max_connections": "60",
    }
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    log = (folder / "log").open("wb")
    server = subprocess.Popen([binaries / "postgres", "-D", data, *settings], stderr=log, **quiet)
    atexit.register(_stop_postgres, server)
    url = f"postgresql+psycopg2://ledger:unused@127.0.0.1:{port}/postgres"
    _wait_until_it_answers(server, url, folder / "log")
    return url


def _wait_until_it_answers(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    engine = create_engine(url)
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            engine.connect().close()
            break
        except OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
    engine.dispose()


def _stop_postgres(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # a fast shutdown: open sessions are ended
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
