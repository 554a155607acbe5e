"""Requests to the token endpoint and its answers."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
import time_machine
from auth0_sso.exceptions import Auth0Error, Auth0RunError, Auth0TokenRateLimitError, Auth0TransientError
from auth0_sso.hooks.settings import Auth0Settings
from auth0_sso.hooks.token_endpoint import read_token_answer, token_request
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dev.sandbox.tenant.client_assertion import AssertionChecker
from tests.unit.auth0_sso.hooks.conftest import pem_of

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def settings(**fields: Any) -> Auth0Settings:
    return Auth0Settings(
        base_url="https://acme.eu.auth0.com",
        client_id="client",
        client_secret="s3cret",
        audience="https://acme.eu.auth0.com/api/v2/",
        **fields,
    )


def test_a_private_key_replaces_the_secret_and_signs_another_assertion_each_time(
    private_key: rsa.RSAPrivateKey, pem: str
) -> None:
    bodies = [token_request(settings(private_key=pem)) for _ in range(2)]
    assert all("client_secret" not in body and body["client_assertion_type"] == ASSERTION_TYPE for body in bodies)
    tenant = "https://acme.eu.auth0.com/"
    first, second = (
        jwt.decode(body["client_assertion"], private_key.public_key(), algorithms=["RS256"], audience=tenant)
        for body in bodies
    )
    assert first["iss"] == first["sub"] == "client"
    assert 0 < first["exp"] - time.time() <= 300
    assert first["jti"] != second["jti"]


@pytest.mark.parametrize("off", [-120, -60, 0, 60, 120])
def test_a_client_assertion_serves_although_the_workers_clock_is_minutes_off(
    private_key: rsa.RSAPrivateKey, pem: str, off: int
) -> None:
    public = private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    tenant = AssertionChecker("client", [public])
    with time_machine.travel(1_800_000_000 + off, tick=False):
        assertion = token_request(settings(private_key=pem))["client_assertion"]
    tenant.check(assertion, ["https://acme.eu.auth0.com/"], now=1_800_000_000)
    assert jwt.decode(assertion, options={"verify_signature": False})["iat"] == 1_800_000_000 + off - 10


def test_a_refused_client_assertion_names_the_key_and_the_clock_and_no_client_secret() -> None:
    answer = {"error": "invalid_client", "error_description": "Client assertion is expired"}
    with pytest.raises(Auth0RunError, match=r"extra 'private_key'.* the clock of this worker") as caught:
        read_token_answer(401, answer, {}, 0, signed=True)
    assert "client secret" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        "no PEM at all",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        pem_of(ec.generate_private_key(ec.SECP256R1())),
    ],
    ids=["text", "broken PEM", "elliptic curve"],
)
def test_a_private_key_that_is_not_rsa_is_refused_without_showing_it(wrong: str) -> None:
    with pytest.raises(Auth0RunError, match=r"'private_key' can't sign.*PEM of an RSA private key") as caught:
        token_request(settings(private_key=wrong))
    assert wrong not in str(caught.value)


@pytest.mark.parametrize(("scope", "scopes"), [("a:b c:d", {"a:b", "c:d"}), (None, set()), (" ", set())])
def test_an_answer_becomes_a_token_that_is_not_shown(scope: str | None, scopes: set[str]) -> None:
    token = read_token_answer(200, {"access_token": "t0ken", "scope": scope}, {}, requested_at=1000.0)
    assert token.access_token == "t0ken"
    assert token.scopes == scopes
    assert "t0ken" not in f"{token!r} {token}"


@pytest.mark.parametrize(
    ("expires_in", "used"),
    [(86_400, 86_340), ("600", 540), (10, 9), (None, 0), ("soon", 0), (-5, 0), (float("nan"), 0)],
)
def test_a_token_is_used_until_shortly_before_it_expires(expires_in: object, used: float) -> None:
    answer = {"access_token": "t", "expires_in": expires_in}
    token = read_token_answer(200, answer, {}, requested_at=1000.0)
    assert token.expires_at == 1000.0 + used
    assert not token.serves(1000.0 + used)


NO_GRANT = 'Client is not authorized to access "https://acme.eu.auth0.com/api/v2/".'
THROTTLED = "Global limit has been reached"


@pytest.mark.parametrize(
    ("status", "error", "description", "kind", "advice"),
    [
        pytest.param(401, "access_denied", "Unauthorized", Auth0RunError, "client secret", id="wrong secret"),
        pytest.param(403, "access_denied", NO_GRANT, Auth0RunError, "Authorize the application", id="no grant"),
        pytest.param(403, "access_denied", "Service not found: x", Auth0RunError, "'audience'", id="audience"),
        pytest.param(403, "unauthorized_client", "Not allowed", Auth0RunError, "Grant Types", id="grant type off"),
        pytest.param(404, "", "", Auth0RunError, "tenant's domain", id="another host"),
        pytest.param(429, "too_many_requests", THROTTLED, Auth0TokenRateLimitError, "requested again", id="429"),
        pytest.param(
            500, "access_denied", THROTTLED, Auth0TokenRateLimitError, "requested again", id="throttled, says denied"
        ),
        pytest.param(408, "", "", Auth0TransientError, "status page", id="408"),
        pytest.param(403, "access_denied", "Over the limit", Auth0RunError, "Authorize", id="a limit that is none"),
        pytest.param(500, "server_error", "Oops", Auth0TransientError, "status page", id="500"),
    ],
)
def test_an_answer_without_a_token_becomes_an_error(
    status: int, error: str, description: str, kind: type[Auth0Error], advice: str
) -> None:
    with pytest.raises(Auth0Error) as caught:
        read_token_answer(status, {"error": error, "error_description": description}, {}, 0)
    assert type(caught.value) is kind
    assert advice in str(caught.value)
    assert str(caught.value).startswith(f"Auth0 gives no access token: {status} ")
    assert description in str(caught.value)


@pytest.mark.parametrize("body", [{}, {"access_token": None}, {"access_token": "a b"}, {"access_token": ["a"]}])
def test_a_200_without_a_token_is_transient(body: dict[str, Any]) -> None:
    with pytest.raises(Auth0TransientError, match="200 no error code: no description"):
        read_token_answer(200, body, {}, 0)


def test_a_long_description_is_cut_and_put_on_one_line() -> None:
    with pytest.raises(Auth0RunError) as caught:
        read_token_answer(401, {"error": "x", "error_description": "a\nb" + "c" * 5000}, {}, 0)
    assert "a b" in str(caught.value)
    assert len(str(caught.value)) < 500
