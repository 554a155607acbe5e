"""Which database the ledger is in, as the connection says it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.ledger_location import ledger_url
from sqlalchemy import make_url

_CONNECTION = {"conn_type": "postgres", "host": "db.example", "login": "sso", "password": "p@ss", "schema": "ledger"}


def url_of(monkeypatch: pytest.MonkeyPatch, **extra: Any) -> str:
    monkeypatch.setenv("AIRFLOW_CONN_SSO_TICKETS_DB", json.dumps({**_CONNECTION, "extra": extra}))
    return ledger_url().render_as_string(hide_password=False)


def test_it_is_that_of_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    assert url_of(monkeypatch) == "postgresql+psycopg2://sso:p%40ss@db.example/ledger"


def test_a_file_in_the_users_home_is_in_no_folder_of_that_name_where_a_process_was_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSO_TICKETS_LEDGER", "~/ledgers/sso.db")
    assert ledger_url().database == str(tmp_path / "ledgers" / "sso.db")


def test_the_server_must_prove_itself_as_the_connection_says(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"sslmode": "verify-full", "sslrootcert": "/certs/ca.pem", "keepalives_idle": 30}
    query = make_url(url_of(monkeypatch, **extra)).query
    assert query == {"sslmode": "verify-full", "sslrootcert": "/certs/ca.pem", "keepalives_idle": "30"}


def test_what_is_airflows_own_does_not_enter_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "?" not in url_of(monkeypatch, cursor="dictcursor", iam=False)
