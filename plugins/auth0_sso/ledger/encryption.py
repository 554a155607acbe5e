"""Encryption of what opens a ticket or the tenant, with Airflow's Fernet key."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import structlog
from airflow.sdk.configuration import conf
from airflow.sdk.crypto import FernetProtocol, get_fernet
from airflow.sdk.exceptions import AirflowException
from cryptography.fernet import InvalidToken
from sqlalchemy import Column, Engine, Row, Table, bindparam, func, select, update

from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.schema import tickets, tokens

log = structlog.get_logger(logger_name="task")

PLAINTEXT_VARIABLE = "SSO_TICKETS_LEDGER_PLAINTEXT"
_PLAIN = "plain:"
_KEEP_OLD_KEY = "Keep the old key after the new one in AIRFLOW__CORE__FERNET_KEY, separated by a comma."


class Cipher:
    """
    Lock and unlock secrets with ``[core] fernet_key``.

    What is locked says with which key, ``{key's fingerprint}:{Fernet token}``; what is kept readable, because
    there is no key and ``SSO_TICKETS_LEDGER_PLAINTEXT`` allows it, says ``plain:``. Both are read side by side.

    :param what: what is encrypted, as errors call it.
    :raises LedgerError: if Airflow has no Fernet key and nobody has said that it may do without, or the key is
        malformed.
    """

    def __init__(self, what: str = "The ledger") -> None:
        self._what = what
        self._fernet = _fernet()
        self.keys = len(_keys())
        if not self.encrypts and not _plaintext_is_allowed():
            raise LedgerError(
                "Airflow has no Fernet key, so the ledger would keep ticket URLs and access tokens readable.",
                advice="Set AIRFLOW__CORE__FERNET_KEY, the same on all machines; or, where whoever can read the "
                f"ledger's database may have them, {PLAINTEXT_VARIABLE}=true.",
            )
        self.mark = f"{_fingerprint(_keys()[0])}:" if self.encrypts else _PLAIN
        if not self.encrypts:
            _warn_of_plaintext()

    @property
    def encrypts(self) -> bool:
        """Whether there is a key."""
        return self._fernet.is_encrypted

    def encrypt(self, secret: str) -> str:
        """Encrypt with the newest key, which is the first; what is returned starts with ``mark``."""
        return self.mark + (self._fernet.encrypt(secret.encode()).decode() if self.encrypts else secret)

    def decrypt(self, encrypted: str) -> str:
        """
        Decrypt.

        :raises LedgerError: if it was encrypted with a key that is gone.
        """
        if encrypted.startswith(_PLAIN):
            return encrypted.removeprefix(_PLAIN)
        if not self.encrypts:
            raise LedgerError(
                f"{self._what} was encrypted with a Fernet key, and Airflow has none now.",
                advice="Set AIRFLOW__CORE__FERNET_KEY to it again.",
            )
        try:
            return self._fernet.decrypt(encrypted.rpartition(":")[2]).decode()
        except InvalidToken:
            raise LedgerError(f"{self._what} was encrypted with another Fernet key.", advice=_KEEP_OLD_KEY) from None

    def decrypt_unless_expired(self, encrypted: str, dies_at: float) -> str | None:
        """
        Decrypt; None if the key is gone, but what it would open is dead, so that a lost key holds up nobody for ever.

        :param dies_at: UNIX seconds from which the secret opens nothing.
        :raises LedgerError: if the key is gone and the secret still opens something.
        """
        try:
            return self.decrypt(encrypted)
        except LedgerError:
            if dies_at > time.time():
                raise
            return None


def _fernet() -> FernetProtocol:
    try:
        return get_fernet()
    except AirflowException as error:
        raise LedgerError(
            f"AIRFLOW__CORE__FERNET_KEY is malformed: {error}.",
            advice="It is one key, or several separated by commas, each 32 bytes in URL-safe base64.",
        ) from None


def _keys() -> list[str]:
    return [key for key in str(conf.get("core", "fernet_key", fallback="") or "").split(",") if key]


def _fingerprint(key: str) -> str:
    return hashlib.sha256(base64.urlsafe_b64decode(key)).hexdigest()[:8]


def _plaintext_is_allowed() -> bool:
    return os.environ.get(PLAINTEXT_VARIABLE, "").strip().lower() in ("true", "1", "yes")


@cache
def _warn_of_plaintext() -> None:
    """Say it once a process, which is once a task."""
    log.warning(
        "Airflow has no Fernet key: the ledger keeps ticket URLs and access tokens readable",
        allowed_by=PLAINTEXT_VARIABLE,
    )


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
            plain = self._decrypt(old, row)
            new = None if plain is None else self._cipher.encrypt(plain)
            rewritten.append({"its_key": row.key, "old": old, "new": new})
        unchanged = (table.c.key == bindparam("its_key")) & (secret == bindparam("old"))
        with self._engine.begin() as connection:
            connection.execute(update(table).where(unchanged).values({secret: bindparam("new")}), rewritten)
        return len(rewritten)

    def _decrypt(self, encrypted: str, row: Row[Any]) -> str | None:
        """Return the secret; None, so that it is dropped, if it is dead and its key is gone."""
        try:
            return self._cipher.decrypt_unless_expired(encrypted, row.expires_at or 0.0)
        except LedgerError as error:
            raise LedgerError(
                f"{error} It holds links or tokens that still work, so nothing is sent.",
                advice="If the key is lost, they die by themselves, links five days after they were made at most: "
                "run again then.",
            ) from None
