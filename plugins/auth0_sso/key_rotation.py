"""
What the ledger keeps is encrypted anew when the Fernet key has changed, so that the old key can be dropped.

``airflow rotate-fernet-key`` knows Airflow's own tables only. Here it happens by itself, when a run is planned:
the tasks are those who have the right ledger and the right keys.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Column, Engine, Row, Table, bindparam, func, select, update

from auth0_sso.cipher import Cipher
from auth0_sso.errors import LedgerError
from auth0_sso.schema import tickets, tokens

log = structlog.get_logger(logger_name="task")

_CHUNK = 500
_SECRETS = ((tickets, tickets.c.ticket_encrypted), (tokens, tokens.c.token_encrypted))


class KeyRotation:
    """
    Encrypt anew what isn't encrypted with the newest key, the first in ``[core] fernet_key``.

    It runs beside tasks, and may be killed: rows are rewritten in chunks, each only if nobody has written its
    secret since it was read, and without a new version, so that no task finds its entry stale.

    :param engine: the ledger's database.
    :param cipher: has the keys.
    """

    def __init__(self, engine: Engine, cipher: Cipher) -> None:
        self._engine = engine
        self._cipher = cipher

    def catch_up(self, seconds: float = 60.0) -> int:
        """
        Encrypt anew, and say in the task's log whether the older keys are still needed.

        :param seconds: for so long, at most a chunk of 500 rows longer; the next call goes on.
        :return: how many secrets are left that are not encrypted with the newest key.
        :raises LedgerError: if a link or token that still works was encrypted with a key that is gone.
        """
        if not any(self._count(table, secret) for table, secret in _SECRETS):
            self._tell_of_spare_keys()
            return 0
        deadline = time.monotonic() + seconds
        renewed = sum(self._renew(table, secret, deadline) for table, secret in _SECRETS)
        left = sum(self._count(table, secret) for table, secret in _SECRETS)
        log.info("The ledger is encrypted anew with the newest Fernet key", rows=renewed, left=left)
        if left:
            log.warning("Keep the older Fernet keys: the next run goes on", left=left)
        else:
            self._tell_of_spare_keys()
        return left

    def _tell_of_spare_keys(self) -> None:
        if self._cipher.keys > 1:
            log.info("All of the ledger is encrypted with the first Fernet key: it needs no other")

    def _count(self, table: Table, secret: Column[Any]) -> int:
        with self._engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(table).where(self._is_old(secret))) or 0

    def _is_old(self, secret: Column[Any]) -> Any:
        return secret.is_not(None) & ~secret.startswith(self._cipher.mark)

    def _renew(self, table: Table, secret: Column[Any], deadline: float) -> int:
        """Go through a table in the order of its keys, chunk by chunk."""
        renewed, last = 0, ""
        while time.monotonic() < deadline:
            query = select(table).where(self._is_old(secret), table.c.key > last).order_by(table.c.key).limit(_CHUNK)
            with self._engine.connect() as connection:
                rows = connection.execute(query).all()
            if not rows:
                break
            renewed += self._rewrite(table, secret, rows)
            last = rows[-1].key
        return renewed

    def _rewrite(self, table: Table, secret: Column[Any], rows: Sequence[Row[Any]]) -> int:
        rewritten: list[dict[str, str | None]] = []
        for row in rows:
            old: str = row._mapping[secret]
            plain = self._unlock(old, row)
            new = None if plain is None else self._cipher.lock(plain)
            rewritten.append({"its_key": row.key, "old": old, "new": new})
        unchanged = (table.c.key == bindparam("its_key")) & (secret == bindparam("old"))
        with self._engine.begin() as connection:
            connection.execute(update(table).where(unchanged).values({secret: bindparam("new")}), rewritten)
        return len(rewritten)

    def _unlock(self, locked: str, row: Row[Any]) -> str | None:
        """Return the secret; None, so that it is dropped, if it is dead and its key is gone."""
        try:
            return self._cipher.unlock_unless_dead(locked, row.expires_at or 0.0)
        except LedgerError as error:
            raise LedgerError(
                f"{error} It holds links or tokens that still work, so nothing is sent.",
                advice="If the key is lost, they die by themselves, links five days after they were made at most: "
                "run again then.",
            ) from None
