"""Encryption of ticket URLs and access tokens with Airflow's Fernet key."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

from airflow.sdk.configuration import conf
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Column, Engine, Table, bindparam, select, update

from auth0_sso.airflow_internals import task_log
from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.schema import tickets, tokens

_CHUNK = 500
_SECRETS = ((tickets, tickets.c.ticket_encrypted), (tokens, tokens.c.token_encrypted))


class Cipher:
    """Encrypts with the first key of ``[core] fernet_key``, decrypts with any; LedgerError if there is no valid key."""

    def __init__(self) -> None:
        keys = str(conf.get("core", "fernet_key", fallback="") or "")
        if not keys:
            raise LedgerError(
                "Airflow has no Fernet key, so ticket URLs and access tokens can't be encrypted.",
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
        self._signing_keys = [hashlib.sha256(f"sign {key}".encode()).digest() for key in keys.split(",")]
        self._first = fernets[0]
        self._any = MultiFernet(fernets)

    def encrypt(self, secret: str) -> str:
        """Encrypt with the first of Airflow's Fernet keys."""
        return self._first.encrypt(secret.encode()).decode()

    def decrypt(self, encrypted: str) -> str:
        """Decrypt; LedgerError if the key is missing."""
        try:
            return self._any.decrypt(encrypted).decode()
        except InvalidToken:
            raise LedgerError(
                "The ledger was encrypted with another Fernet key.",
                advice="Keep the old key after the new one in AIRFLOW__CORE__FERNET_KEY, separated by a comma.",
            ) from None

    def decrypt_unless_expired(self, encrypted: str, expires_at: float, now: float) -> str | None:
        """
        Decrypt; None if the key is missing and the secret has expired, so that a lost key does not stop runs for ever.

        :raises LedgerError: if the key is missing and the secret is valid.
        """
        try:
            return self.decrypt(encrypted)
        except LedgerError:
            if expires_at > now:
                raise
            return None

    def sign(self, text: str) -> str:
        """Return a signature of a text, in hexadecimal, that nobody can make without a key."""
        return _signature(self._signing_keys[0], text)

    def has_signed(self, text: str, signature: str) -> bool:
        """Whether a signature was made of this text, with any of the keys."""
        made = (_signature(key, text) for key in self._signing_keys)
        return any(hmac.compare_digest(one.encode(), signature.encode()) for one in made)

    def is_current(self, encrypted: str) -> bool:
        """Whether it was encrypted with the first key."""
        try:
            self._first.decrypt(encrypted)
        except InvalidToken:
            return False
        return True


def _signature(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def rotate_keys(engine: Engine, cipher: Cipher, now: float, seconds: float = 60.0) -> bool:
    """
    Encrypt again, with the first key, what older keys have encrypted.

    Tasks may use the ledger meanwhile: a secret is only replaced if it is still the one that was read.

    :param seconds: after which it stops; the next call goes on.
    :return: whether the first key decrypts all of the ledger.
    :raises LedgerError: if the key of a valid ticket or token is missing.
    """
    if not cipher.has_old_keys:
        return True
    deadline = time.monotonic() + seconds
    for table, secret in _SECRETS:
        after: str | None = ""
        while after is not None:
            if time.monotonic() > deadline:
                task_log.warning(
                    "Keep the older Fernet keys: the next run encrypts more of the ledger with the first one"
                )
                return False
            after = _rotate_chunk(engine, cipher, table, secret, after, now)
    task_log.info("All of the ledger is encrypted with the first Fernet key: it needs no other")
    return True


def _rotate_chunk(
    engine: Engine, cipher: Cipher, table: Table, secret: Column[Any], after: str, now: float
) -> str | None:
    """Encrypt the rows after a key; return the last one's key, None if it is the table's last."""
    query = select(table.c.key, table.c.expires_at, secret.label("secret")).where(secret.is_not(None))
    with engine.connect() as connection:
        rows = connection.execute(query.where(table.c.key > after).order_by(table.c.key).limit(_CHUNK)).all()
    values = []
    for row in rows:
        if not cipher.is_current(row.secret):
            plain = cipher.decrypt_unless_expired(row.secret, row.expires_at or 0.0, now)
            values.append({"row": row.key, "old": row.secret, "new": None if plain is None else cipher.encrypt(plain)})
    unchanged = (table.c.key == bindparam("row")) & (secret == bindparam("old"))
    if values:
        with engine.begin() as connection:
            connection.execute(update(table).where(unchanged).values({secret: bindparam("new")}), values)
    return rows[-1].key if len(rows) == _CHUNK else None
