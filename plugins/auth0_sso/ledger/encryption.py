"""Encryption of ticket URLs and access tokens with Airflow's Fernet key."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import structlog
from airflow.sdk.configuration import conf
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Column, Engine, Row, Table, bindparam, select, update

from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.schema import tickets, tokens

log = structlog.get_logger(logger_name="task")

_CHUNK = 500
_SECRETS = ((tickets, tickets.c.ticket_encrypted), (tokens, tokens.c.token_encrypted))


class Cipher:
    """
    Encrypts with the first key of ``[core] fernet_key``, decrypts with any of them.

    :raises LedgerError: if there is no key, or it is malformed.
    """

    def __init__(self) -> None:
        keys = str(conf.get("core", "fernet_key", fallback="") or "")
        if not keys:
            raise LedgerError(
                "Airflow has no Fernet key, so the ledger can't encrypt ticket URLs and access tokens.",
                advice="Set AIRFLOW__CORE__FERNET_KEY, the same on all machines.",
            )
        try:
            fernets = [Fernet(key) for key in keys.split(",")]
        except ValueError as error:
            raise LedgerError(
                f"AIRFLOW__CORE__FERNET_KEY is malformed: {error}.",
                advice="It is one key, or several separated by commas, each 32 bytes in URL-safe base64.",
            ) from None
        self.has_old_keys = len(fernets) > 1
        self._first = fernets[0]
        self._any = MultiFernet(fernets)

    def encrypt(self, secret: str) -> str:
        """Encrypt."""
        return self._first.encrypt(secret.encode()).decode()

    def decrypt(self, encrypted: str) -> str:
        """
        Decrypt.

        :raises LedgerError: if it was encrypted with a key that is gone.
        """
        try:
            return self._any.decrypt(encrypted).decode()
        except InvalidToken:
            raise LedgerError(
                "The ledger was encrypted with another Fernet key.",
                advice="Keep the old key after the new one in AIRFLOW__CORE__FERNET_KEY, separated by a comma.",
            ) from None

    def decrypt_unless_expired(self, encrypted: str, expires_at: float, now: float) -> str | None:
        """
        Decrypt; None if the key is gone and the secret has expired, so that a lost key holds up nobody for ever.

        :param expires_at: UNIX seconds, as ``now``.
        :raises LedgerError: if the key is gone and the secret is valid.
        """
        try:
            return self.decrypt(encrypted)
        except LedgerError:
            if expires_at > now:
                raise
            return None

    def is_current(self, encrypted: str) -> bool:
        """Whether it was encrypted with the first key."""
        try:
            self._first.decrypt(encrypted)
        except InvalidToken:
            return False
        return True


def rotate_keys(engine: Engine, cipher: Cipher, now: float, seconds: float = 60.0) -> bool:
    """
    Encrypt again, with the first key, what older keys have encrypted; the next call goes on where time was up.

    Tasks may use the ledger meanwhile: a secret is only replaced if it is still the one that was read.

    :param now: the ledger's UNIX time.
    :param seconds: for so long, at most a chunk of 500 rows longer.
    :return: whether the first key decrypts all of the ledger.
    :raises LedgerError: if a valid ticket or token was encrypted with a key that is gone.
    """
    if not cipher.has_old_keys:
        return True
    deadline = time.monotonic() + seconds
    for table, secret in _SECRETS:
        last = ""
        query = select(table.c.key, table.c.expires_at, secret.label("secret")).where(secret.is_not(None))
        query = query.order_by(table.c.key).limit(_CHUNK)
        while rows := _read(engine, query.where(table.c.key > last)):
            if time.monotonic() > deadline:
                log.warning("Keep the older Fernet keys: the next run encrypts more of the ledger with the first one")
                return False
            old = [row for row in rows if not cipher.is_current(row.secret)]
            _rewrite(engine, table, secret, cipher, old, now)
            last = rows[-1].key
    log.info("All of the ledger is encrypted with the first Fernet key: it needs no other")
    return True


def _read(engine: Engine, query: Any) -> Sequence[Row[Any]]:
    with engine.connect() as connection:
        return connection.execute(query).all()


def _rewrite(
    engine: Engine, table: Table, secret: Column[Any], cipher: Cipher, rows: Sequence[Row[Any]], now: float
) -> None:
    values = []
    for row in rows:
        plain = cipher.decrypt_unless_expired(row.secret, row.expires_at or 0.0, now)
        values.append({"row": row.key, "old": row.secret, "new": None if plain is None else cipher.encrypt(plain)})
    unchanged = (table.c.key == bindparam("row")) & (secret == bindparam("old"))
    if values:
        with engine.begin() as connection:
            connection.execute(update(table).where(unchanged).values({secret: bindparam("new")}), values)
