"""How the ledger's database is connected to."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError, TimeoutError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random

from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger import schema
from auth0_sso.ledger.clock import LedgerClock
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts


class UncertainCommitError(OperationalError):
    """The database went away while it committed: what was written may be there, or not."""


def connect(url: str | URL, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> tuple[Engine, str, LedgerClock]:
    """
    Connect to the ledger's database, whose tables are made when they are missing.

    :param url: SQLAlchemy's URL of a SQLite file or a PostgreSQL database.
    :param timeouts: how long it is waited for.
    :return: the database; the ledger's identity, see :func:`auth0_sso.ledger.schema.prepare`; and its clock.
    :raises LedgerError: if it can't be used.
    """
    where = make_url(url)
    bounds = _bounds_of_postgresql(timeouts) if where.get_backend_name() == "postgresql" else {}
    engine = create_engine(where, pool_pre_ping=True, hide_parameters=True, connect_args=bounds)
    clock = LedgerClock()
    if bounds:
        event.listen(engine, "connect", lambda connection, _record: _tune_postgresql(connection, timeouts))
        event.listen(engine, "connect", clock.read)
        event.listen(engine, "handle_error", _leave_what_takes_no_writes)
    else:
        _keep_private(where.database or "")
        event.listen(engine, "connect", lambda connection, _record: _tune_sqlite(connection, timeouts))
    try:
        return engine, schema.prepare(engine), clock
    except SQLAlchemyError as error:
        raise LedgerError(
            f"The ledger at {where.set(query={})!r} can't be opened: {str(error).splitlines()[0]}.",
            advice=f"Check the connection '{LEDGER_CONN_ID}', or the path in {LEDGER_PATH_VARIABLE}.",
        ) from None


@contextmanager
def committed(engine: Engine) -> Iterator[Connection]:
    """
    Commit what the block does, or nothing of it.

    :raises UncertainCommitError: if the database went away while it committed; all or nothing of it is written.
    :raises DBAPIError: if anything else fails in the database; nothing of it is written.
    """
    with _connected(engine) as connection:
        transaction = connection.begin()
        with transaction:
            yield connection
            try:
                transaction.commit()
            except DBAPIError as error:
                if not is_away(error):
                    raise
                raise UncertainCommitError("COMMIT", None, error.orig or error) from error


def is_away(error: BaseException) -> bool:
    """
    Whether an error means that the database is away or the connection to it broke, so that trying again may help.

    psycopg2 has no class of its own for that: ``SSL SYSCALL error: EOF detected`` is a bare ``DatabaseError``.
    """
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated
        or isinstance(error, (InterfaceError, OperationalError))
        or type(error) is DatabaseError
    )


def _connected(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except TimeoutError as error:  # others hold all connections, as they do when the database hangs
        raise OperationalError("CONNECT", None, error) from error


def _bounds_of_postgresql(timeouts: Timeouts) -> dict[str, Any]:
    from auth0_sso.ledger.postgresql import BoundedConnection, BoundedCursor  # psycopg2 is there if it is used

    return {
        "connect_timeout": int(timeouts.connect),
        "connection_factory": partial(BoundedConnection, bound=timeouts.ledger_answer),
        "cursor_factory": BoundedCursor,
    }


def _keep_private(database: str) -> None:
    """Make the file its owner's alone; SQLite gives those that it puts beside it the same permissions."""
    with suppress(OSError):  # SQLite says better what is wrong
        os.close(os.open(database, os.O_CREAT | os.O_RDWR, 0o600))
    for path in (database, f"{database}-wal", f"{database}-shm"):
        with suppress(OSError):  # not there, or somebody else's
            Path(path).chmod(0o600)


@retry(
    retry=retry_if_exception_type(sqlite3.OperationalError),
    wait=wait_random(0.01, 0.1),
    stop=stop_after_delay(30),
    reraise=True,
)
def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    # The one statement for which SQLite does not wait, whatever busy_timeout says, if another process writes.
    cursor.execute("PRAGMA journal_mode=WAL")


def _tune_sqlite(connection: sqlite3.Connection, timeouts: Timeouts) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={timeouts.ledger * 1000:.0f}")
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")  # an intent must outlive a power cut, not only a kill
    cursor.close()


def _tune_postgresql(connection: Any, timeouts: Timeouts) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {timeouts.ledger_answer * 1000:.0f}")  # milliseconds; for a lock too
    connection.commit()


def _leave_what_takes_no_writes(context: ExceptionContext) -> OperationalError | None:
    """
    Take it as a connection lost, so that another is made: after a failover it may lead to what is read-only now.

    PostgreSQL calls that, and a transaction that it has ended because nothing happened in it, an invalid transaction
    state: class 25. Nothing is written then.
    """
    error = context.original_exception
    if not str(getattr(error, "pgcode", None)).startswith("25"):
        return None
    context.is_disconnect = True
    return OperationalError(context.statement, None, error)


LEDGER_CONN_ID = "sso_tickets_db"
LEDGER_PATH_VARIABLE = "SSO_TICKETS_LEDGER"

# Of a connection of type postgres these are for Airflow's own hook; libpq knows all the others, like sslmode.
_NOT_LIBPQS = frozenset(
    {"cursor", "iam", "aws_conn_id", "azure_conn_id", "redshift", "cluster-identifier", "sqlalchemy_query"}
)


def ledger_url() -> URL:
    """
    Return the URL of the ledger that this Airflow is set up with; asks Airflow, so before an event loop runs.

    It is the database of connection ``sso_tickets_db``, whose extras are libpq's options; without one, a SQLite
    file at ``SSO_TICKETS_LEDGER``, by default in ``AIRFLOW_HOME``.

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
