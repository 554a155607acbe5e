"""Encryption of what opens a ticket or the tenant, with Airflow's Fernet key."""

from __future__ import annotations

from airflow.sdk.crypto import get_fernet
from cryptography.fernet import InvalidToken

from auth0_sso.errors import LedgerError


class Cipher:
    """
    Lock and unlock secrets with ``[core] fernet_key``.

    :raises LedgerError: if Airflow has no Fernet key.
    """

    def __init__(self) -> None:
        self._fernet = get_fernet()
        if not self._fernet.is_encrypted:
            raise LedgerError(
                "Airflow has no Fernet key, so the ledger would keep ticket URLs readable.",
                advice="Set AIRFLOW__CORE__FERNET_KEY, the same on all machines.",
            )

    def lock(self, secret: str) -> str:
        """Encrypt."""
        return self._fernet.encrypt(secret.encode()).decode()

    def unlock(self, locked: str) -> str:
        """
        Decrypt.

        :raises LedgerError: if it was encrypted with a key that is gone.
        """
        try:
            return self._fernet.decrypt(locked.encode()).decode()
        except InvalidToken:
            raise LedgerError(
                "The ledger was encrypted with another Fernet key.",
                advice="Keep the old key after the new one in AIRFLOW__CORE__FERNET_KEY, separated by a comma.",
            ) from None
