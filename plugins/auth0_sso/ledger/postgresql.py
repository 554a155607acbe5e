"""Connections to PostgreSQL whose calls end, also when the server hangs."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from psycopg2 import Error, OperationalError
from psycopg2.extensions import connection, cursor


class BoundedConnection(connection):  # type: ignore[misc]  # psycopg2 has no types
    """
    A connection that is dropped when the server does not answer a call in time.

    libpq has no bound for the answer of a server that hangs while its machine still acknowledges what is sent, and
    ignores the socket's. psycopg2's ``set_wait_callback`` has one, but for all connections of the process, Airflow's
    own too. So another thread shuts the socket down; libpq then reports a lost connection.

    :param bound: seconds that a call may take.
    """

    def __init__(self, dsn: str, bound: float) -> None:
        super().__init__(dsn)
        self._bound = bound

    def commit(self) -> None:
        """Commit."""
        with self.bounded():
            super().commit()

    def rollback(self) -> None:
        """Roll back."""
        with self.bounded():
            super().rollback()

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """
        Drop the connection when the block takes too long.

        :raises OperationalError: if it did.
        """
        # A descriptor of its own: by then psycopg2 may have closed its one, and its number may be another file's.
        with socket.socket(fileno=os.dup(self.fileno())) as wire:
            timer = threading.Timer(self._bound, _drop, [wire])
            timer.daemon = True
            deadline = time.monotonic() + self._bound
            timer.start()
            try:
                yield
            except Error:
                if time.monotonic() > deadline:
                    raise OperationalError(f"PostgreSQL has not answered for {self._bound:g} seconds") from None
                raise
            finally:
                timer.cancel()


class BoundedCursor(cursor):  # type: ignore[misc]
    """A cursor of a :class:`BoundedConnection`."""

    connection: BoundedConnection

    def execute(self, query: Any, values: Any = None) -> None:
        """Execute."""
        with self.connection.bounded():
            super().execute(query, values)

    def executemany(self, query: Any, values: Any) -> None:
        """Execute for each of some values; the bound is for all of them."""
        with self.connection.bounded():
            super().executemany(query, values)


def _drop(wire: socket.socket) -> None:
    with suppress(OSError):  # it is lost already
        wire.shutdown(socket.SHUT_RDWR)
