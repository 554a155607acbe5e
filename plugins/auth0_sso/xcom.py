"""
An XCom backend that encrypts the ticket URLs in XComs, and nothing else.

It is switched on by ``AIRFLOW__CORE__XCOM_BACKEND=auth0_sso.xcom.EncryptedTicketsXCom``, for all of Airflow's
services and workers. Airflow's API and UI read XComs past the backend, so there a locked ticket stays locked;
tasks read it as it was pushed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from airflow.sdk.bases.xcom import BaseXCom

_LOCKED = "locked:"
_LOCKED_TEXT = re.compile(rf"{_LOCKED}[0-9a-f]{{8}}:gAAAA[\w=-]+")
# The path and parameter of Auth0's links; they are known by it also outside of an outcome.
_LINK = "/self-service/connections-flow?ticket="

_Change = Callable[[str, bool], str]


class EncryptedTicketsXCom(BaseXCom):
    """
    Encrypt ticket URLs and ids with Airflow's Fernet key on their way into XCom, decrypt them on their way out.

    A ticket is a non-empty text under ``ticket_url`` and, beside one, under ``ticket_id``, at any depth; and
    any text with an Auth0 link in it. All else passes as it is. What was pushed without the backend is read too.

    :raises LedgerError: if there is no Fernet key to lock with, or the one that a ticket was encrypted with is gone.
    """

    @staticmethod
    def serialize_value(value: Any, **where: Any) -> str:
        """Return the value as JSON can hold it, with its tickets locked."""
        serialized: str = _each_text(BaseXCom.serialize_value(value, **where), _Tickets().encrypt)
        return serialized

    @staticmethod
    def deserialize_value(result: Any) -> Any:
        """Return the value as it was pushed."""
        return BaseXCom.deserialize_value(_Stored(decrypted(result.value)))


def decrypted(value: Any) -> Any:
    """
    Unlock the tickets in a value that was read without the backend; others are left as they are.

    :param value: what an XCom holds.
    :raises LedgerError: if the key that a ticket was encrypted with is gone.
    """
    return _each_text(value, _Tickets().decrypt)


class _Stored(NamedTuple):
    value: Any


class _Tickets:
    """Locks and unlocks; has a cipher only once there is something to do."""

    def __init__(self) -> None:
        self._cipher: Any = None

    def encrypt(self, text: str, is_ticket: bool) -> str:
        if not text or not (is_ticket or _LINK in text) or _LOCKED_TEXT.fullmatch(text):
            return text
        return _LOCKED + str(self._ready().encrypt(text))

    def decrypt(self, text: str, is_ticket: bool) -> str:
        if not text.startswith(_LOCKED) or not _LOCKED_TEXT.fullmatch(text):
            return text
        from auth0_sso.exceptions import LedgerError

        try:
            return str(self._ready().decrypt(text.removeprefix(_LOCKED)))
        except LedgerError:
            if is_ticket:
                raise
            return text  # a name may look like this; it is no reason to lose what stands beside it

    def _ready(self) -> Any:
        if self._cipher is None:
            # Airflow imports this module while it is imported itself, in every process.
            from auth0_sso.exceptions import LedgerError
            from auth0_sso.ledger.encryption import Cipher

            self._cipher = Cipher("A ticket in an XCom")
            if not self._cipher.encrypts:
                raise LedgerError(
                    "Airflow has no Fernet key, so the XCom backend can't encrypt ticket URLs.",
                    advice="Set AIRFLOW__CORE__FERNET_KEY, or take AIRFLOW__CORE__XCOM_BACKEND away.",
                )
        return self._cipher


def _each_text(value: Any, change: _Change, is_ticket: bool = False) -> Any:
    """Return the value with its texts changed; it itself if there is nothing to change."""
    if isinstance(value, str):
        return change(value, is_ticket)
    if isinstance(value, dict):
        of_ticket = ("ticket_url", "ticket_id") if value.get("ticket_url") else ()
        changed: Any = {name: _each_text(item, change, name in of_ticket) for name, item in value.items()}
        same = all(changed[name] is item for name, item in value.items())
    elif isinstance(value, list):
        changed = [_each_text(item, change) for item in value]
        same = all(new is old for new, old in zip(changed, value, strict=True))
    else:
        return value
    return value if same else changed
