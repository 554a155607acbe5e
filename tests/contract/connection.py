"""Reads the tenant of ``AIRFLOW_CONN_AUTH0_DEFAULT``, an Airflow connection as JSON or as a URI."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from auth0_sso.hooks.settings import Auth0Settings

VARIABLE: Final = "AIRFLOW_CONN_AUTH0_DEFAULT"
_AIRFLOW_HOME: Final = Path(__file__).parents[2] / ".airflow" / "unit"


class UnusableConnectionError(Exception):
    """The connection can't be used. Its text shows no secret, and says what to do."""


def read_connection(environment: Mapping[str, str]) -> Auth0Settings:
    """
    Return the settings of the tenant that a variable of the environment names.

    :raises UnusableConnectionError: if it is missing or wrong, has no profile, or only a ready-made token.
    """
    os.environ.setdefault("AIRFLOW_HOME", str(_AIRFLOW_HOME))  # else Airflow's import makes one in the user's home
    from airflow.sdk import Connection
    from auth0_sso.exceptions import Auth0ConnectionError
    from auth0_sso.hooks.connection import read_settings

    text = environment.get(VARIABLE, "").strip()
    if not text:
        raise UnusableConnectionError(f"Set {VARIABLE} to the connection of a test tenant, as JSON or as a URI.")
    parse = Connection.from_json if text.startswith("{") else Connection.from_uri
    try:
        connection = parse(text, conn_id="auth0_default")
    except Exception:  # of several kinds, and some show the text
        message = f"{VARIABLE} is neither an Airflow connection as JSON nor one as a URI."
        raise UnusableConnectionError(message) from None
    try:
        settings = read_settings(connection)
    except Auth0ConnectionError as error:
        raise UnusableConnectionError(str(error)) from None
    if not settings.profile_id:
        raise UnusableConnectionError(f"{VARIABLE} has no profile_id: add a self-service profile, ssp_…, to its extra.")
    has_secret = settings.client_secret.get_secret_value() or settings.private_key.get_secret_value()
    if not settings.client_id or not has_secret:
        raise UnusableConnectionError(
            f"{VARIABLE} has only a ready-made token. The suite states what the token endpoint answers: add the "
            "login (client id) and the password (client secret), or the extra private_key."
        )
    return settings
