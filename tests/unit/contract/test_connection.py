"""How the contract suite reads the connection of its tenant."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.contract.connection import VARIABLE, UnusableConnectionError, read_connection

SECRET = "a-secret-that-is-not-shown"
FIELDS: dict[str, Any] = {
    "conn_type": "auth0",
    "host": "acme.eu.auth0.com",
    "login": "client",
    "password": SECRET,
    "extra": {"profile_id": "ssp_1"},
}


def read(text: str) -> Any:
    return read_connection({VARIABLE: text})


@pytest.mark.parametrize(
    "text",
    [json.dumps(FIELDS), f"auth0://client:{SECRET}@Acme.eu.auth0.com/?{urlencode({'profile_id': 'ssp_1'})}"],
    ids=["JSON", "URI"],
)
def test_the_connection_is_json_or_a_uri(text: str) -> None:
    settings = read(text)
    assert (settings.domain, settings.client_id, settings.profile_id) == ("acme.eu.auth0.com", "client", "ssp_1")
    assert settings.client_secret.get_secret_value() == SECRET


def test_a_private_key_serves_in_place_of_the_secret() -> None:
    settings = read(json.dumps({**FIELDS, "password": None, "extra": {"profile_id": "ssp_1", "private_key": "a key"}}))
    assert settings.private_key.get_secret_value() == "a key"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", f"Set {VARIABLE}"),
        (json.dumps(FIELDS)[:-2], "neither an Airflow connection as JSON nor one as a URI"),
        (f"a://b://c://{SECRET}", "neither an Airflow connection as JSON nor one as a URI"),
        (json.dumps({**FIELDS, "host": ""}), "has no host"),
        (json.dumps({**FIELDS, "host": "http://acme.eu.auth0.com"}), "unprotected"),
        (json.dumps({**FIELDS, "extra": {}}), "has no profile_id"),
        (json.dumps({**FIELDS, "password": ""}), "no password"),
        (json.dumps({**FIELDS, "password": "", "extra": {"profile_id": "ssp_1", "token": SECRET}}), "ready-made token"),
    ],
    ids=["missing", "bad JSON", "bad URI", "no host", "http", "no profile", "no secret", "only a token"],
)
def test_a_connection_that_can_not_be_used_says_what_to_do_and_no_secret(text: str, said: str) -> None:
    with pytest.raises(UnusableConnectionError, match=said) as caught:
        read(text)
    assert SECRET not in str(caught.value)
