"""What time it is in the ledger."""

from __future__ import annotations

import time
from typing import Any


class LedgerClock:
    """
    The one clock of all that use a ledger, so that they agree on whether a ticket is valid.

    A SQLite file serves one machine and uses that machine's clock. PostgreSQL serves many, whose clocks may differ:
    they use the server's. It is read whenever a connection is made; from then on the time that has passed is added,
    so that it costs no query for each ticket and can be read while the database is away.
    """

    def __init__(self) -> None:
        self._ahead: float | None = None

    def now(self) -> float:
        """Return the UNIX time."""
        return time.time() if self._ahead is None else time.monotonic() + self._ahead

    def read(self, connection: Any) -> None:
        """Read the server's clock through psycopg2's connection."""
        requested_at = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
            (server_time,) = cursor.fetchone()
        connection.rollback()
        self._ahead = float(server_time) - (requested_at + time.monotonic()) / 2
