"""
An XCom backend that encrypts ticket URLs, and nothing else; Airflow's API and UI bypass it and show them encrypted.

Set ``AIRFLOW__CORE__XCOM_BACKEND=auth0_sso.xcom.EncryptedTicketsXCom`` for all of Airflow's services and workers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.xcom import BaseXCom

if TYPE_CHECKING:
    from auth0_sso.ledger.encryption import Cipher

_PREFIX = "encrypted:"
_ENCRYPTED = re.compile(rf"{_PREFIX}gAAAA[\w=-]+")
# Part of every Auth0 ticket URL, by which it is recognized outside of an outcome.
_LINK = "/self-service/connections-flow?ticket="


class EncryptedTicketsXCom(BaseXCom):
    """
    Encrypts tickets with Airflow's Fernet key when they are pushed, and decrypts them when they are pulled.

    At any depth, a ticket is a string under ``ticket_url``, one under ``ticket_id`` beside it, and any string that
    contains an Auth0 ticket URL. XComs that were pushed without the backend can be read.

    :raises LedgerError: if there is no Fernet key, or a ticket was encrypted with another one.
    """

    @staticmethod
    def serialize_value(value: Any, **where: Any) -> str:
        """Return the value as JSON can hold it, with its tickets encrypted."""
        serialized: str = _map_strings(BaseXCom.serialize_value(value, **where), _encrypt)
        return serialized

    @staticmethod
    def deserialize_value(result: Any) -> Any:
        """Return the value as it was pushed."""
        return BaseXCom.deserialize_value(SimpleNamespace(value=decrypted(result.value)))


def decrypted(value: Any) -> Any:
    """Decrypt the tickets in a value that was read without the backend; LedgerError if the key was another one."""
    return _map_strings(value, _decrypt)


def _encrypt(text: str, is_ticket: bool) -> str:
    if not text or not (is_ticket or _LINK in text) or _ENCRYPTED.fullmatch(text):
        return text
    return _PREFIX + _cipher().encrypt(text)


def _decrypt(text: str, is_ticket: bool) -> str:
    if not _ENCRYPTED.fullmatch(text):
        return text
    from auth0_sso.exceptions import LedgerError

    cipher = _cipher()
    try:
        return cipher.decrypt(text.removeprefix(_PREFIX))
    except LedgerError as error:
        if not is_ticket:
            return text  # it only looks encrypted, like a name that somebody has chosen so
        message = "A ticket in an XCom was encrypted with another Fernet key."
        raise LedgerError(message, advice=error.advice) from None


def _cipher() -> Cipher:
    # Airflow imports this module in every process, while it is being imported itself.
    from auth0_sso.ledger.encryption import Cipher

    return Cipher()


def _map_strings(value: Any, change: Callable[[str, bool], str], is_ticket: bool = False) -> Any:
    """Return the value with its strings changed."""
    if isinstance(value, str):
        return change(value, is_ticket)
    if isinstance(value, dict):
        of_ticket = ("ticket_url", "ticket_id") if value.get("ticket_url") else ()
        return {name: _map_strings(item, change, name in of_ticket) for name, item in value.items()}
    if isinstance(value, list):
        return [_map_strings(item, change) for item in value]
    return value
