"""What time it is in the ledger."""

from __future__ import annotations

import time
from typing import Any


class LedgerClock:
    """
    The one clock of all that use a ledger, so that they agree whether a request is under way and a ticket lives.

    A SQLite file serves one machine and goes by that machine's clock. PostgreSQL serves many, whose clocks may
    differ, and they go by the server's. It is read whenever a connection to the server is made. From then on the
    time that has passed is added, which setting the worker's own clock does not change. So it costs no query for
    each ticket, and can be read while the database is away. It may be off by half the time that the reading took.
    """

    def __init__(self) -> None:
        self._ahead: float | None = None

    def now(self) -> float:
        """Return the UNIX time."""
        return time.time() if self._ahead is None else time.monotonic() + self._ahead

    def read(self, connection: Any, _record: object) -> None:
        """Read the server's clock through psycopg2's connection."""
        requested_at = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
            (there,) = cursor.fetchone()
        connection.rollback()
        self._ahead = float(there) - (requested_at + time.monotonic()) / 2
