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
from tests.support.services.processes import kill_family

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
    server = PostgresServer()
    server.start()
    return server.url


class PostgresServer:
    """
    A PostgreSQL with a port of its own, for as long as this process runs; it can be killed and started again.

    ``url`` is its SQLAlchemy URL.

    :raises PostgresError: if the machine has no PostgreSQL.
    """

    def __init__(self) -> None:
        binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not binaries:
            raise PostgresError(
                f"There is no PostgreSQL under /usr/lib/postgresql, and {SERVER_VARIABLE} names no server."
            )
        self._binaries = binaries[-1].parent
        self._folder = Path(tempfile.mkdtemp(prefix="sso-tickets-postgres-"))
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        atexit.register(self.stop)
        self._data = self._folder / "data"
        self._options: dict[str, Any] = {"cwd": self._folder, "stdout": subprocess.DEVNULL}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = pwd.getpwnam("nobody")
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._port = free_port()
        self.url = f"postgresql+psycopg2://ledger:unused@127.0.0.1:{self._port}/postgres"
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it can be used."""
        if not self._data.exists():
            initdb = [self._binaries / "initdb", "-D", self._data, "-U", "ledger", "-A", "trust", "-E", "UTF8"]
            quiet = {"stderr": subprocess.DEVNULL, **self._options}
            subprocess.run([*initdb, "--locale=C", "--no-sync"], check=True, timeout=60, **quiet)
        settings = f"port={self._port} listen_addresses=127.0.0.1 unix_socket_directories= max_connections=200"
        quick = "fsync=off full_page_writes=off shared_buffers=16MB"
        options = [word for setting in f"{settings} {quick}".split() for word in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            command = [self._binaries / "postgres", "-D", self._data, *options]
            self._server = subprocess.Popen(command, stderr=log, **self._options)
        self._wait_until_ready(self._server)

    def kill(self) -> None:
        """End it with all its processes with SIGKILL, as when its container is killed."""
        if self._server is not None:
            kill_family(self._server)

    def stop(self) -> None:
        """Stop it."""
        if self._server is None or self._server.poll() is not None:
            return
        self._server.send_signal(signal.SIGINT)  # a fast shutdown: open sessions are ended
        try:
            self._server.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def _wait_until_ready(self, server: subprocess.Popen[bytes]) -> None:
        engine = create_engine(self.url)
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                engine.connect().close()
                break
            except OperationalError:
                if server.poll() is not None or time.monotonic() > deadline:
                    log = (self._folder / "log").read_text()[-2000:]
                    raise PostgresError(f"PostgreSQL did not start:\n{log}") from None
                time.sleep(0.05)
        engine.dispose()
