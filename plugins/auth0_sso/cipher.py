"""Encryption of what opens a ticket or the tenant, with Airflow's Fernet key."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from functools import cache

import structlog
from airflow.sdk.configuration import conf
from airflow.sdk.crypto import FernetProtocol, get_fernet
from airflow.sdk.exceptions import AirflowException
from cryptography.fernet import InvalidToken

from auth0_sso.errors import LedgerError

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

    def lock(self, secret: str) -> str:
        """Encrypt with the newest key, which is the first; what is returned starts with ``mark``."""
        return self.mark + (self._fernet.encrypt(secret.encode()).decode() if self.encrypts else secret)

    def unlock(self, locked: str) -> str:
        """
        Decrypt.

        :raises LedgerError: if it was encrypted with a key that is gone.
        """
        if locked.startswith(_PLAIN):
            return locked.removeprefix(_PLAIN)
        if not self.encrypts:
            raise LedgerError(
                f"{self._what} was encrypted with a Fernet key, and Airflow has none now.",
                advice="Set AIRFLOW__CORE__FERNET_KEY to it again.",
            )
        try:
            return self._fernet.decrypt(locked.rpartition(":")[2]).decode()
        except InvalidToken:
            raise LedgerError(f"{self._what} was encrypted with another Fernet key.", advice=_KEEP_OLD_KEY) from None

    def unlock_unless_dead(self, locked: str, dies_at: float) -> str | None:
        """
        Decrypt; None if the key is gone, but what it would open is dead, so that a lost key holds up nobody for ever.

        :param dies_at: UNIX seconds from which the secret opens nothing.
        :raises LedgerError: if the key is gone and the secret still opens something.
        """
        try:
            return self.unlock(locked)
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
