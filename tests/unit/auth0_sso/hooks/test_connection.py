"""What a connection of type auth0 comes to, and what is said when it can't be right."""

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
from auth0_sso.hooks.connection import Auth0Settings, read_settings
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

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


def test_a_host_login_and_password_are_enough() -> None:
    settings = read_settings(connection())
    assert settings.base_url == "https://acme.eu.auth0.com"
    assert settings.domain == "acme.eu.auth0.com"
    assert settings.client_id == "client"
    assert settings.client_secret.get_secret_value() == SECRETS["password"]
    assert settings.audience == "https://acme.eu.auth0.com/api/v2/"
    assert (settings.requests_per_slot, settings.burst_per_slot, settings.timeout) == (1.0, 1.0, 30.0)
    assert settings.profile_id == settings.custom_domain == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("profile_id", "ssp_1"),
        ("audience", "https://canonical.example.com/api/v2/"),
        ("custom_domain", "login.example.com"),
        ("requests_per_slot", 0.5),
        ("burst_per_slot", 4),
        ("timeout", 12.5),
    ],
)
def test_every_extra_is_read(name: str, value: object) -> None:
    assert getattr(read_settings(connection(extra={name: value})), name) == value


@pytest.mark.parametrize("name", ["private_key", "token"])
def test_every_secret_extra_is_read(name: str) -> None:
    settings = read_settings(connection(extra={name: SECRETS[name]}, password=None))
    assert getattr(settings, name).get_secret_value() == SECRETS[name]


@pytest.mark.parametrize("value", ["2.5", 2.5])
def test_a_number_may_be_written_as_text(value: object) -> None:
    assert read_settings(connection(extra={"requests_per_slot": value})).requests_per_slot == 2.5


@pytest.mark.parametrize("empty", ["", None])
def test_a_field_left_empty_in_the_form_keeps_its_default(empty: str | None) -> None:
    names = ("profile_id", "audience", "custom_domain", "requests_per_slot", "private_key", "token", "timeout")
    assert read_settings(connection(extra=dict.fromkeys(names, empty))) == read_settings(connection())


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("acme.eu.auth0.com", "https://acme.eu.auth0.com"),
        ("https://acme.eu.auth0.com", "https://acme.eu.auth0.com"),
        ("https://acme.eu.auth0.com/", "https://acme.eu.auth0.com"),
        ("  acme.eu.auth0.com \n", "https://acme.eu.auth0.com"),
        ("acme.eu.auth0.com:8443", "https://acme.eu.auth0.com:8443"),
        ("ACME.eu.Auth0.com", "https://acme.eu.auth0.com"),
        ("acme.eu.auth0.com:443", "https://acme.eu.auth0.com"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]", "http://[::1]"),
        ("localhost:8080", "https://localhost:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_host_becomes_a_base_url(host: str, base_url: str) -> None:
    assert read_settings(connection(host=host)).base_url == base_url


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("acme.eu.auth0.com", "https://acme.eu.auth0.com:8443"),
        ("acme.eu.auth0.com:9000", "https://acme.eu.auth0.com:9000"),
        ("http://localhost", "http://localhost:8443"),
    ],
)
def test_the_connections_port_is_used_unless_the_host_has_one(host: str, base_url: str) -> None:
    assert read_settings(connection(host=host, port=8443)).base_url == base_url


@pytest.mark.parametrize(
    ("host", "port", "base_url"),
    [
        ("acme.eu.auth0.com", 443, "https://acme.eu.auth0.com"),
        ("acme.eu.auth0.com", 0, "https://acme.eu.auth0.com"),
        ("http://localhost", 80, "http://localhost"),
        ("http://localhost", 443, "http://localhost:443"),
    ],
)
def test_a_port_that_goes_without_saying_is_not_said(host: str, port: int, base_url: str) -> None:
    assert read_settings(connection(host=host, port=port)).base_url == base_url


def test_the_audience_follows_host_and_port() -> None:
    assert read_settings(connection(host="localhost:8080")).audience == "https://localhost:8080/api/v2/"


@pytest.mark.parametrize("host", ["http://acme.eu.auth0.com", "http://localhost.example.com", "ftp://acme.example.com"])
def test_an_unprotected_host_is_refused(host: str) -> None:
    said = refusal(host=host)
    assert "would send secrets unprotected" in said
    assert "allow_http" in said
    assert "Drop the scheme" in said


@pytest.mark.parametrize("allowed", [True, "true", "True", 1])
def test_allow_http_lets_an_unprotected_host_pass(allowed: object) -> None:
    settings = read_settings(connection(host="http://auth0:8080", extra={"allow_http": allowed}))
    assert settings.base_url == "http://auth0:8080"


@pytest.mark.parametrize("allowed", [False, "false", "", None])
def test_allow_http_must_be_set_to_count(allowed: object) -> None:
    assert "unprotected" in refusal(host="http://auth0:8080", extra={"allow_http": allowed})


def test_allow_http_does_not_allow_other_schemes() -> None:
    assert "unprotected" in refusal(host="ftp://auth0:8080", extra={"allow_http": True})


@pytest.mark.parametrize(
    "host",
    [
        "https://acme.eu.auth0.com/api/v2/",
        "acme.eu.auth0.com/login",
        "acme.eu.auth0.com?x=1",
        "acme.eu.auth0.com#x",
        "user:pass@acme.eu.auth0.com",
        "https://",
        "acme.eu.auth0.com:none",
        "acme.eu.auth0.com:99999",
        "acme .eu.auth0.com",
        "https://[::1",
    ],
)
def test_a_host_that_is_more_or_less_than_a_domain_is_refused(host: str) -> None:
    said = refusal(host=host)
    assert "the host must be a bare domain" in said
    assert "acme.eu.auth0.com, without a path" in said
    assert "pass@" not in said


@pytest.mark.parametrize("host", ["", None, "   "])
def test_a_missing_host_is_named(host: str | None) -> None:
    said = refusal(host=host)
    assert "'auth0_default' has no host" in said
    assert "tenant's domain" in said


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"login": None}, "login (client id)"),
        ({"password": None}, "password (client secret)"),
        ({"login": None, "password": None}, "login (client id)"),
        ({"login": None, "extra": {"private_key": "PEM"}}, "login (client id)"),
    ],
    ids=str,
)
def test_a_missing_credential_is_named_with_where_to_find_it(fields: dict[str, Any], missing: str) -> None:
    said = refusal(**fields)
    assert f"'auth0_default' has no {missing}" in said
    assert "Auth0 application's page" in said


def test_a_ready_made_token_needs_no_credentials() -> None:
    settings = read_settings(connection(login=None, password=None, extra={"token": "ready"}))
    assert settings.token.get_secret_value() == "ready"


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"requests_per_slot": 0}, "requests_per_slot"),
        ({"requests_per_slot": -1}, "requests_per_slot"),
        ({"requests_per_slot": "many"}, "requests_per_slot"),
        ({"requests_per_slot": 1e9}, "requests_per_slot"),
        ({"burst_per_slot": 0.5}, "burst_per_slot"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"timeout": 100_000}, "timeout"),
        ({"profile_id": 7}, "profile_id"),
        *(({"profile_id": odd}, "profile_id") for odd in ("..", "ssp_1/x", "ssp_1\r\nx", "ssp_ü", "s" * 256)),
        *(
            ({"custom_domain": odd}, "custom_domain")
            for odd in (
                "a.example\r\nx: y",
                "https://a.example",
                "..",
                "localhost",
                "a." * 126 + "example",
                "-.example",
            )
        ),
        ({"token": "abc\ndef"}, "token"),
        ({"private_key": 7}, "private_key"),
        ({"token": ["a"]}, "token"),
        ({"allow_http": "perhaps"}, "allow_http"),
    ],
    ids=str,
)
def test_a_wrong_extra_is_named_with_where_to_mend_it(extra: dict[str, Any], field: str) -> None:
    said = refusal(extra=extra)
    assert f"'auth0_default' is wrong: {field}: " in said
    assert "Admin > Connections" in said


def test_all_wrong_extras_are_named_at_once() -> None:
    said = refusal(extra={"timeout": 0, "burst_per_slot": 0})
    assert "timeout: " in said
    assert "burst_per_slot: " in said


@pytest.mark.parametrize("extra", [["profile_id"], "profile_id", 7], ids=["list", "text", "number"])
def test_an_extra_that_is_no_object_is_refused(extra: object) -> None:
    assert "extra must be a JSON object" in refusal(extra=extra)


def test_an_unknown_extra_is_ignored_with_a_hint(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read_settings(connection(extra={"profil_id": "ssp_1", "colour": "s3cret"}))
    assert "unknown extra 'profil_id' is ignored (did you mean 'profile_id'?)" in caplog.text
    assert "unknown extra 'colour' is ignored" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("name", ["base_url", "client_id", "client_secret"])
def test_an_extra_can_not_overrule_a_field(name: str) -> None:
    settings = read_settings(connection(extra={name: "https://elsewhere.example.com"}))
    assert settings == read_settings(connection())


def test_line_ends_of_a_pem_pasted_into_one_line_are_restored() -> None:
    settings = read_settings(connection(extra={"private_key": "-----BEGIN\\nabc\\n-----END\\n"}))
    assert settings.private_key.get_secret_value() == "-----BEGIN\nabc\n-----END\n"


def test_a_pem_with_real_line_ends_is_left_alone() -> None:
    settings = read_settings(connection(extra={"private_key": "-----BEGIN\nabc\n-----END"}))
    assert settings.private_key.get_secret_value() == "-----BEGIN\nabc\n-----END"


@pytest.mark.parametrize(
    "line_end", ["\n", "\\n", "\r\n", " ", ""], ids=["real", "two letters", "CRLF", "blank", "none"]
)
def test_a_pem_can_be_read_however_its_line_ends_were_lost(line_end: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    pasted = pem.replace("\n", line_end)
    read = read_settings(connection(extra={"private_key": pasted})).private_key.get_secret_value()
    assert read.strip() == pem.strip()


def test_white_space_around_what_was_pasted_is_dropped() -> None:
    settings = read_settings(
        connection(login=" client\n", extra={"token": "t0ken\n", "custom_domain": " login.example.com "})
    )
    assert (settings.client_id, settings.custom_domain) == ("client", "login.example.com")
    assert settings.token.get_secret_value() == "t0ken"


def test_a_custom_domain_in_another_alphabet_is_sent_as_dns_knows_it() -> None:
    settings = read_settings(connection(extra={"custom_domain": "Login.Bücher.example"}))
    assert settings.custom_domain == "login.xn--bcher-kva.example"


def test_secrets_are_never_shown() -> None:
    extra = {"private_key": SECRETS["private_key"], "token": SECRETS["token"]}
    settings = read_settings(connection(extra=extra))
    assert sorted(settings.secrets) == sorted(SECRETS.values())
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert not [secret for secret in SECRETS.values() if secret in shown]


@pytest.mark.parametrize(
    "wrong", [{"timeout": 0}, {"requests_per_slot": "many"}, {"profile_id": 7}, {"token": "t0ken-s3cret\nx"}], ids=str
)
def test_no_error_shows_a_secret(wrong: dict[str, Any]) -> None:
    said = refusal(extra={"private_key": SECRETS["private_key"], "token": SECRETS["token"], **wrong})
    assert not [secret for secret in SECRETS.values() if secret in said]


def test_the_environment_variable_as_json_works_like_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"profile_id": "ssp_1", "requests_per_slot": 2, "private_key": "-----BEGIN\\nabc"}
    as_json = {
        "conn_type": "auth0",
        "host": "acme.eu.auth0.com",
        "login": "client",
        "password": SECRETS["password"],
        "extra": extra,
    }
    monkeypatch.setenv("AIRFLOW_CONN_AUTH0_DEFAULT", json.dumps(as_json))
    assert Auth0Hook().settings == read_settings(connection(extra=extra))


@pytest.mark.parametrize("conn_id", ["auth0_default", "other_tenant"])
def test_a_missing_connection_is_named_with_two_ways_to_make_it(conn_id: str) -> None:
    with pytest.raises(Auth0ConnectionError) as caught:
        _ = Auth0Hook(conn_id).settings
    assert f"no connection '{conn_id}'" in str(caught.value)
    assert "Admin > Connections" in str(caught.value)
    assert f"AIRFLOW_CONN_{conn_id.upper()}" in str(caught.value)


def test_settings_can_not_be_changed() -> None:
    settings = read_settings(connection())
    with pytest.raises(ValueError, match="frozen"):
        settings.timeout = 1.0  # type: ignore[misc]
    assert isinstance(settings, Auth0Settings)


def proxy_of(**fields: Any) -> str:
    return read_settings(connection(**fields)).proxy.get_secret_value()


@pytest.mark.parametrize(
    ("named", "host", "proxy"),
    [
        ({"HTTPS_PROXY": "http://proxy:3128"}, "acme.eu.auth0.com", "http://proxy:3128"),
        ({"https_proxy": "proxy:3128"}, "acme.eu.auth0.com", "http://proxy:3128"),
        ({"ALL_PROXY": "http://proxy:3128"}, "acme.eu.auth0.com", "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://one:1", "ALL_PROXY": "http://two:2"}, "acme.eu.auth0.com", "http://one:1"),
        ({"HTTP_PROXY": "http://proxy:3128"}, "acme.eu.auth0.com", ""),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "other.com,auth0.com"}, "acme.eu.auth0.com", ""),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, "acme.eu.auth0.com", ""),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "other.com"}, "acme.eu.auth0.com", "http://proxy:3128"),
        ({"HTTPS_PROXY": "socks5://proxy:1080", "NO_PROXY": "auth0.com"}, "acme.eu.auth0.com", ""),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "localhost:8443", ""),
        ({"HTTP_PROXY": "http://proxy:3128"}, "http://127.0.0.1:8080", ""),
        ({"HTTP_PROXY": "http://proxy:3128"}, "http://[::1]:8080", ""),
    ],
)
def test_the_environments_proxy_is_the_one_for_the_tenants_host(
    monkeypatch: pytest.MonkeyPatch, named: dict[str, str], host: str, proxy: str
) -> None:
    for name, value in named.items():
        monkeypatch.setenv(name, value)

    assert proxy_of(host=host) == proxy


@pytest.mark.parametrize(
    "proxy",
    [
        "http://proxy.example.com:3128",
        "http://proxy",
        "http://user:p%40ss!'*@10.0.0.1:3128",
        "http://user@[::1]:3128/",
        "HTTP://PROXY:80",
    ],
)
def test_a_proxy_of_the_connections_own_wins(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://s3cret")
    monkeypatch.setenv("NO_PROXY", "*")

    assert proxy_of(extra={"proxy": f" {proxy}\n"}) == proxy
    assert proxy_of(host="localhost", extra={"proxy": proxy}) == proxy


@pytest.mark.parametrize(
    "proxy",
    [
        "user:s3cret@proxy:3128",
        "https://user:s3cret@proxy:3128",
        "socks5://user:s3cret@proxy:1080",
        "http://user:s3cret@",
        "http://user:s3cret@proxy:0",
        "http://user:s3cret@proxy:99999",
        "http://user:s3cret@proxy:3128/path",
        "http://user:s3cret@proxy:3128?query",
        "http://user:s3c/ret@proxy:3128",
        "http://user:s3c@ret@proxy:3128",
        "http://us%3aer:s3cret@proxy:3128",
        "http://user:s3cret%E2%82%AC@proxy:3128",
        "http://user:s3cret@pro\nxy:3128",
        "http://user:s3cret@pröxy:3128",
        3128,
    ],
)
def test_a_proxy_that_can_not_be_right_is_refused_without_its_password(proxy: object) -> None:
    said = refusal(extra={"proxy": proxy})
    assert "proxy" in said
    assert "s3c" not in said


def test_the_environments_proxy_is_checked_like_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://user:s3cret@proxy:1080")
    said = refusal()
    assert "HTTPS_PROXY" in said
    assert "http://user:password@host:port" in said
    assert "s3cret" not in said


def test_a_proxys_password_is_a_secret_in_both_ways_to_write_it_and_shown_nowhere() -> None:
    settings = read_settings(connection(extra={"proxy": "http://user:p%40ssw0rd@proxy:3128"}))
    assert {"p%40ssw0rd", "p@ssw0rd"} <= set(settings.secrets)
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "ssw0rd" not in shown


def test_the_slots_earn_from_the_moment_the_task_has_them() -> None:
    settings = Auth0Settings(base_url="https://acme.auth0.com", requests_per_slot=0.5, burst_per_slot=3)
    rate_limiter = settings.rate_limiter(4, datetime.now(UTC) - timedelta(seconds=5))
    assert (rate_limiter.rate, rate_limiter.burst) == (2.0, 12.0)
    while not rate_limiter.delay():
        asyncio.run(rate_limiter.acquire())
    assert 9 <= rate_limiter.requests <= 12, "five seconds, at two a second"
