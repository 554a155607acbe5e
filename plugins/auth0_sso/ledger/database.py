"""How the ledger's database is connected to."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
    TimeoutError,
)
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random

from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger import schema
from auth0_sso.ledger.clock import LedgerClock
from auth0_sso.ledger.encryption import Cipher
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts

LEDGER_CONN_ID = "sso_tickets_db"
LEDGER_PATH_VARIABLE = "SSO_TICKETS_LEDGER"

ErrorT = TypeVar("ErrorT", bound=BaseException)

_CHUNK = 500

# Of a connection of type postgres these are for Airflow's own hook; libpq knows all the others, like sslmode.
_NOT_LIBPQS = frozenset(
    {"cursor", "iam", "aws_conn_id", "azure_conn_id", "redshift", "cluster-identifier", "sqlalchemy_query"}
)


class UncertainCommitError(OperationalError):
    """The connection broke during a commit: what was written may be there, or not."""


@dataclass(frozen=True)
class LedgerDatabase:
    """
    The ledger's database, as the classes that read and write its tables share it.

    :param identity: see :func:`auth0_sso.ledger.schema.prepare`.
    """

    engine: Engine
    cipher: Cipher
    clock: LedgerClock
    identity: str

    def close(self) -> None:
        """Close the connections to the database."""
        self.engine.dispose()

    def require_identity(self, expected: str) -> None:
        """Raise LedgerError unless this is the database the run was planned with; an empty ``expected`` means any."""
        if expected and expected != self.identity:
            raise LedgerError(
                f"This task's ledger is {self.identity}, the run was planned with {expected}: "
                "a SQLite file serves one machine only.",
                advice=f"Let all workers use one PostgreSQL database: make the connection '{LEDGER_CONN_ID}'. "
                "If the machine was only renamed, clear the task that plans the run.",
            )


def connect(url: str | URL, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> LedgerDatabase:
    """
    Connect to the ledger's database; missing tables are created.

    :param url: SQLAlchemy's URL of a SQLite file or a PostgreSQL database.
    :raises LedgerError: if it can't be used, or there is no Fernet key.
    """
    cipher, clock, location = Cipher(), LedgerClock(), make_url(url)
    is_postgresql = location.get_backend_name() == "postgresql"
    bounds = _bounds_of_postgresql(timeouts) if is_postgresql else {}
    engine = create_engine(location, pool_pre_ping=True, hide_parameters=True, connect_args=bounds)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        if is_postgresql:
            _prepare_postgresql(connection, timeouts)
            clock.read(connection)
        else:
            _prepare_sqlite(connection, timeouts)

    event.listen(engine, "handle_error", _shorten)
    if not is_postgresql:
        _keep_private(location.database or "")
    try:
        return LedgerDatabase(engine, cipher, clock, _prepare_tables(engine))
    except BaseException:
        engine.dispose()
        raise


def _prepare_tables(engine: Engine) -> str:
    try:
        return schema.prepare(engine)
    except SQLAlchemyError as error:
        raise LedgerError(
            f"The ledger at {engine.url.set(query={})!r} can't be opened: {str(error).splitlines()[0]}.",
            advice=f"Check the connection '{LEDGER_CONN_ID}', or the path in {LEDGER_PATH_VARIABLE}.",
        ) from None


@contextmanager
def committed(engine: Engine) -> Iterator[Connection]:
    """
    Commit what the block does, or nothing of it.

    :raises UncertainCommitError: if the connection broke during the commit; all or nothing of it is written.
    :raises DBAPIError: if anything else fails in the database; nothing of it is written.
    """
    try:
        connection = engine.connect()
    except TimeoutError as error:  # others hold all connections, as they do when the database is slow
        raise _one_line(OperationalError("CONNECT", None, error)) from None
    with connection, connection.begin() as transaction:
        yield connection
        try:
            transaction.commit()
        except DBAPIError as error:
            if not is_away(error):
                raise
            raise _one_line(UncertainCommitError("COMMIT", None, error.orig or error)) from error


def is_away(error: BaseException) -> bool:
    """
    Whether the database is away or the connection to it broke, so that trying again may help.

    psycopg2 has no class of its own for that: ``SSL SYSCALL error: EOF detected`` is a bare ``DatabaseError``.
    """
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated
        or isinstance(error, (InterfaceError, OperationalError))
        or type(error) is DatabaseError
    )


def _shorten(context: ExceptionContext) -> None:
    """Keep an error's first line: SQL and values follow, which no log of a task, no error and no report may show."""
    if context.sqlalchemy_exception is not None:
        _one_line(context.sqlalchemy_exception)
    if isinstance(context.sqlalchemy_exception, DBAPIError):
        _one_line(context.original_exception)


def _one_line(error: ErrorT) -> ErrorT:
    if isinstance(error, StatementError):
        error.statement = error.params = error.code = None
    error.args = (str(error.args[0] if error.args else "").partition("\n")[0], *error.args[1:])
    return error


def chunks(values: Collection[str]) -> Iterator[list[str]]:
    """Divide distinct values into lists that one query can take."""
    distinct = list(dict.fromkeys(values))
    return (distinct[start : start + _CHUNK] for start in range(0, len(distinct), _CHUNK))


def _bounds_of_postgresql(timeouts: Timeouts) -> dict[str, Any]:
    """Return libpq's options that drop a connection whose server does not acknowledge for ``ledger_answer`` seconds."""
    probe = max(1, int(timeouts.ledger_answer / 3))
    return {
        "connect_timeout": int(timeouts.connect),
        "keepalives_idle": probe,
        "keepalives_interval": probe,
        "tcp_user_timeout": int(timeouts.ledger_answer * 1000),
    }


def _prepare_postgresql(connection: Any, timeouts: Timeouts) -> None:
    bound = int(timeouts.ledger_answer * 1000)
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {bound}")  # its wait for a lock included
        # A task whose machine is gone keeps its locks no longer.
        cursor.execute(f"SET idle_in_transaction_session_timeout = {bound}")
    connection.commit()


def _keep_private(database: str) -> None:
    """Make the file its owner's alone; SQLite gives those that it puts beside it the same permissions."""
    with suppress(OSError):  # SQLite has a better message
        os.close(os.open(database, os.O_CREAT | os.O_RDWR, 0o600))
    for path in (database, f"{database}-wal", f"{database}-shm"):
        with suppress(OSError):  # not there, or somebody else's
            Path(path).chmod(0o600)


def _prepare_sqlite(connection: sqlite3.Connection, timeouts: Timeouts) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={timeouts.ledger * 1000:.0f}")
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")  # an intent must outlive a power cut, not only a kill
    cursor.close()
    connection.create_function("translate", 3, _translate, deterministic=True)


def _translate(text: str | None, old: str, new: str) -> str | None:
    """Replace letters as PostgreSQL's function of that name does."""
    return text and text.translate(str.maketrans(old, new))


@retry(
    retry=retry_if_exception_type(sqlite3.OperationalError),
    wait=wait_random(0.01, 0.1),
    stop=stop_after_delay(30),
    reraise=True,
)
def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    # If another process writes, SQLite does not wait for this one statement, in spite of busy_timeout.
    cursor.execute("PRAGMA journal_mode=WAL")


def ledger_url() -> URL:
    """
    Return the URL of this Airflow's ledger; call it before an event loop runs, since it reads a connection.

    It is the database of connection ``sso_tickets_db``, whose extras are libpq's options; without one, a SQLite file at
    ``SSO_TICKETS_LEDGER``, by default in ``AIRFLOW_HOME``.

    :raises LedgerError: if the connection is of another type than postgres.
    """
    try:
        connection = BaseHook.get_connection(LEDGER_CONN_ID)
    except AirflowNotFoundException:
        home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
        path = Path(os.environ.get(LEDGER_PATH_VARIABLE) or home / "sso_tickets.db").expanduser().absolute()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return URL.create("sqlite", database=str(path))
    if connection.conn_type not in ("postgres", "postgresql"):
        raise LedgerError(
            f"Connection '{LEDGER_CONN_ID}' is of type '{connection.conn_type}'.",
            advice="Make it one of type postgres, or delete it to use a SQLite file on one machine.",
        )
    return URL.create(
        "postgresql+psycopg2",
        username=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        database=connection.schema,
        query={name: str(value) for name, value in connection.extra_dejson.items() if name not in _NOT_LIBPQS},
    )
