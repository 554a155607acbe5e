"""
A real PostgreSQL for tests: a private one, from the binaries of the machine's package, on a loopback port.

The environment variable ``SSO_TICKETS_TEST_POSTGRES`` can name another server by SQLAlchemy's URL; its user must be
allowed to create databases.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from dev.local.ports import free_port

SERVER_VARIABLE = "SSO_TICKETS_TEST_POSTGRES"
STARTED_VARIABLE = "SSO_TICKETS_TEST_POSTGRES_STARTED"
"""The URL of the server that another process of these tests has started."""
_START_SECONDS = 30.0


class PostgresError(RuntimeError):
    """There is no PostgreSQL."""


@contextmanager
def postgres_database() -> Iterator[str]:
    """Create an empty database."""
    with _created("DATABASE {}", "DROP DATABASE {} WITH (FORCE)") as (server, name):
        yield server.set(database=name).render_as_string(hide_password=False)


@contextmanager
def postgres_schema() -> Iterator[str]:
    """Create an empty schema, which a client can use like a database, in a tenth of the time."""
    with _created("SCHEMA {}", "DROP SCHEMA {} CASCADE") as (server, name):
        url = server.update_query_dict({"options": f"-csearch_path={name}"})
        yield url.render_as_string(hide_password=False)


@contextmanager
def _created(what: str, drop: str) -> Iterator[tuple[URL, str]]:
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
    """Return the URL of a PostgreSQL that runs until this process ends."""
    if named := os.environ.get(SERVER_VARIABLE) or os.environ.get(STARTED_VARIABLE):
        return named
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not binaries:
        raise PostgresError(f"There is no PostgreSQL under /usr/lib/postgresql, and {SERVER_VARIABLE} names no server.")
    return _start_postgres(binaries[-1].parent)


def _start_postgres(binaries: Path) -> str:
    folder = Path(tempfile.mkdtemp(prefix="sso-tickets-postgres-"))
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
    port = free_port()
    settings = f"port={port} listen_addresses=127.0.0.1 unix_socket_directories= max_connections=200"
    quick = "fsync=off full_page_writes=off shared_buffers=16MB"
    options = [word for setting in f"{settings} {quick}".split() for word in ("-c", setting)]
    log = (folder / "log").open("wb")
    server = subprocess.Popen([binaries / "postgres", "-D", data, *options], stderr=log, **quiet)
    atexit.register(_stop_postgres, server)
    url = f"postgresql+psycopg2://ledger:unused@127.0.0.1:{port}/postgres"
    _wait_until_ready(server, url, folder / "log")
    return url


def _wait_until_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    engine = create_engine(url)
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            engine.connect().close()
            break
        except OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL did not start:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.05)
    engine.dispose()


def _stop_postgres(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # a fast shutdown: open sessions are ended
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(10)
