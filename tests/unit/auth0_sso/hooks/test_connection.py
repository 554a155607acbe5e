"""Which settings a connection of type auth0 gives, and which errors it raises."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import Connection
from auth0_sso.exceptions import Auth0ConnectionError
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.hooks.connection import read_settings
from auth0_sso.hooks.settings import Auth0Settings

SECRETS = {"password": "s3cret-of-client", "private_key": "PEM-s3cret", "token": "t0ken-s3cret"}


def connection(*, extra: Any = None, **fields: Any) -> Connection:
    filled = {"host": "acme.eu.auth0.com", "login": "client", "password": SECRETS["password"], **fields}
    return Connection(
        conn_id="auth0_default", conn_type="auth0", extra=None if extra is None else json.dumps(extra), **filled
    )


def refusal(**fields: Any) -> str:
    with pytest.raises(Auth0ConnectionError) as caught:
        read_settings(connection(**fields))
    return str(caught.value)


def test_host_login_and_password_are_enough() -> None:
    settings = read_settings(connection())
    assert settings.base_url == "https://acme.eu.auth0.com"
    assert settings.domain == "acme.eu.auth0.com"
    assert settings.client_id == "client"
    assert settings.client_secret.get_secret_value() == SECRETS["password"]
    assert settings.audience == "https://acme.eu.auth0.com/api/v2/"
    assert (settings.requests_per_slot, settings.burst_per_slot, settings.timeout) == (1.0, 1.0, 30.0)
    assert settings.log_retention_days == 1
    assert settings.profile_id == settings.custom_domain == ""


@pytest.mark.parametrize(
    ("name", "value", "setting"),
    [
        ("profile_id", "ssp_1", "ssp_1"),
        ("audience", "https://canonical.example.com/api/v2/", "https://canonical.example.com/api/v2/"),
        ("custom_domain", " Login.Bücher.example ", "login.xn--bcher-kva.example"),
        ("requests_per_slot", 0.5, 0.5),
        ("requests_per_slot", "2.5", 2.5),
        ("burst_per_slot", 4, 4.0),
        ("log_retention_days", "10", 10),
        ("timeout", 12.5, 12.5),
    ],
)
def test_every_extra_is_read(name: str, value: object, setting: object) -> None:
    assert getattr(read_settings(connection(extra={name: value})), name) == setting


@pytest.mark.parametrize(("name", "login"), [("private_key", "client"), ("token", None)])
def test_a_secret_extra_replaces_the_password_and_a_token_the_login_too(name: str, login: str | None) -> None:
    settings = read_settings(connection(extra={name: f" {SECRETS[name]}\n"}, login=login, password=None))
    assert getattr(settings, name).get_secret_value() == SECRETS[name]


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_form_field_keeps_its_default(empty: str | None) -> None:
    names = ("profile_id", "audience", "custom_domain", "requests_per_slot", "private_key", "token", "timeout")
    assert read_settings(connection(extra=dict.fromkeys(names, empty))) == read_settings(connection())


@pytest.mark.parametrize(
    ("host", "port", "base_url"),
    [
        ("acme.eu.auth0.com", None, "https://acme.eu.auth0.com"),
        ("  https://ACME.eu.Auth0.com/ \n", None, "https://acme.eu.auth0.com"),
        ("acme.eu.auth0.com:8443", None, "https://acme.eu.auth0.com:8443"),
        ("acme.eu.auth0.com:443", None, "https://acme.eu.auth0.com"),
        ("http://localhost:80", None, "http://localhost"),
        ("http://127.0.0.1:8080", None, "http://127.0.0.1:8080"),
        ("http://[::1]:8080", None, "http://[::1]:8080"),
        ("acme.eu.auth0.com", 8443, "https://acme.eu.auth0.com:8443"),
        ("acme.eu.auth0.com:9000", 8443, "https://acme.eu.auth0.com:9000"),
        ("acme.eu.auth0.com", 0, "https://acme.eu.auth0.com"),
        ("http://localhost", 443, "http://localhost:443"),
    ],
)
def test_host_and_port_become_one_canonical_url(host: str, port: int | None, base_url: str) -> None:
    settings = read_settings(connection(host=host, port=port))
    assert settings.base_url == base_url
    assert settings.audience == f"https://{settings.domain}/api/v2/"


@pytest.mark.parametrize(
    ("host", "allow_http"),
    [("http://localhost.example.com", None), ("http://auth0:8080", "false"), ("ftp://auth0:8080", True)],
)
def test_a_host_without_tls_is_refused(host: str, allow_http: object) -> None:
    said = refusal(host=host, extra={"allow_http": allow_http})
    assert "would send secrets unprotected" in said
    assert "Drop the scheme, or set the extra 'allow_http'" in said


@pytest.mark.parametrize("allowed", [True, "yes"])
def test_allow_http_accepts_a_host_without_tls(allowed: object) -> None:
    settings = read_settings(connection(host="http://auth0:8080", extra={"allow_http": allowed}))
    assert settings.base_url == "http://auth0:8080"


@pytest.mark.parametrize(
    "host",
    [
        *("https://acme.eu.auth0.com/api/v2/", "acme.eu.auth0.com?x=1", "acme.eu.auth0.com#x"),
        *("user:pass@acme.eu.auth0.com", "acme .eu.auth0.com", "https://", "https://[::1"),
        *("acme.eu.auth0.com:none", "acme.eu.auth0.com:99999"),
    ],
)
def test_a_host_that_is_not_a_bare_domain_is_refused(host: str) -> None:
    said = refusal(host=host)
    assert "the host must be a bare domain" in said
    assert "pass@" not in said


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"host": None}, "host"),
        ({"host": "   "}, "host"),
        ({"login": None}, "login (client id)"),
        ({"password": None}, "password (client secret)"),
        ({"login": None, "extra": {"private_key": "PEM"}}, "login (client id)"),
    ],
    ids=str,
)
def test_a_missing_field_is_named(fields: dict[str, Any], missing: str) -> None:
    assert f"Connection 'auth0_default' has no {missing}." in refusal(**fields)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("requests_per_slot", [0, -1, "many", 1e9]),
        ("burst_per_slot", [0.5]),
        ("log_retention_days", [0, 31, 1.5, "a week"]),
        ("timeout", [0, "soon", 100_000]),
        ("profile_id", [7, "..", "ssp_1/x", "ssp_1\r\nx", "ssp_ü", "s" * 256]),
        ("custom_domain", ["a.example\r\nx: y", "https://a.example", "..", "localhost", "a." * 126 + "ex", "-.ex"]),
        ("token", ["abc\ndef", ["a"]]),
        ("private_key", [7]),
        ("allow_http", ["perhaps"]),
    ],
)
def test_a_wrong_extra_is_named_without_showing_a_secret(name: str, values: list[Any]) -> None:
    for value in values:
        said = refusal(extra={"private_key": SECRETS["private_key"], name: value})
        assert f"'auth0_default' is wrong: {name}: " in said
        assert "Admin > Connections" in said
        assert not [secret for secret in (*SECRETS.values(), "abc\n") if secret in said]


def test_an_extra_that_is_no_object_is_refused() -> None:
    assert "extra must be a JSON object" in refusal(extra=["profile_id"])


def test_an_unknown_extra_is_ignored_with_a_hint(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read_settings(connection(extra={"profil_id": "ssp_1", "colour": "s3cret"}))
    assert "unknown extra 'profil_id' is ignored (did you mean 'profile_id'?)" in caplog.text
    assert "unknown extra 'colour' is ignored" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("name", ["base_url", "client_id", "client_secret"])
def test_an_extra_does_not_override_a_field(name: str) -> None:
    settings = read_settings(connection(extra={name: "https://elsewhere.example.com"}))
    assert settings == read_settings(connection())


@pytest.mark.parametrize(
    "line_end", ["\n", "\\n", "\r\n", " ", ""], ids=["real", "two letters", "CRLF", "blank", "none"]
)
def test_the_line_ends_of_a_pem_are_restored(pem: str, line_end: str) -> None:
    pasted = pem.replace("\n", line_end)
    read = read_settings(connection(extra={"private_key": pasted})).private_key.get_secret_value()
    assert read.strip() == pem.strip()


def test_secrets_are_not_shown() -> None:
    extra = {name: SECRETS[name] for name in ("private_key", "token")}
    settings = read_settings(connection(extra={**extra, "proxy": "http://user:p%40ssw0rd@proxy:3128"}))
    assert sorted(settings.secrets) == sorted([*SECRETS.values(), "p%40ssw0rd", "p@ssw0rd"])
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert not [secret for secret in settings.secrets if secret in shown]


def test_a_missing_connection_is_named_with_two_ways_to_create_it() -> None:
    with pytest.raises(Auth0ConnectionError) as caught:
        _ = Auth0Hook("other_tenant").settings
    assert "no connection 'other_tenant'" in str(caught.value)
    assert "Admin > Connections" in str(caught.value)
    assert "AIRFLOW_CONN_OTHER_TENANT" in str(caught.value)


def test_a_task_earns_requests_since_it_took_its_slots() -> None:
    settings = Auth0Settings(base_url="https://acme.auth0.com", requests_per_slot=0.5, burst_per_slot=3)
    rate_limiter = settings.rate_limiter(4, datetime.now(UTC) - timedelta(seconds=5))
    assert (rate_limiter.rate, rate_limiter.burst) == (2.0, 12.0)
    while not rate_limiter.delay():
        asyncio.run(rate_limiter.acquire())
    assert 9 <= rate_limiter.requests <= 12, "five seconds, at two a second"
