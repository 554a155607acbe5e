"""Requests to the token endpoint and its answers."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from auth0_sso.exceptions import Auth0Error, Auth0RunError, Auth0TokenRateLimitError, Auth0TransientError
from auth0_sso.hooks.connection import Auth0Settings
from auth0_sso.hooks.token_endpoint import read_token_answer, token_request
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def settings(**fields: Any) -> Auth0Settings:
    return Auth0Settings(
        base_url="https://acme.eu.auth0.com",
        client_id="client",
        client_secret="s3cret",
        audience="https://acme.eu.auth0.com/api/v2/",
        **fields,
    )


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_the_client_secret_is_sent_in_the_client_credentials_grant() -> None:
    assert token_request(settings()) == {
        "grant_type": "client_credentials",
        "client_id": "client",
        "client_secret": "s3cret",
        "audience": "https://acme.eu.auth0.com/api/v2/",
    }


def test_a_private_key_replaces_the_secret(key: rsa.RSAPrivateKey) -> None:
    body = token_request(settings(private_key=pem(key)))
    assert "client_secret" not in body
    assert body["client_assertion_type"] == ASSERTION_TYPE
    claims = jwt.decode(
        body["client_assertion"], key.public_key(), algorithms=["RS256"], audience="https://acme.eu.auth0.com/"
    )
    assert claims["iss"] == claims["sub"] == "client"
    assert 0 < claims["exp"] - time.time() <= 300


def test_each_assertion_has_its_own_id(key: rsa.RSAPrivateKey) -> None:
    chosen = settings(private_key=pem(key))
    ids = {
        jwt.decode(token_request(chosen)["client_assertion"], options={"verify_signature": False})["jti"]
        for _ in range(5)
    }
    assert len(ids) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        "no PEM at all",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        pem(ec.generate_private_key(ec.SECP256R1())),
    ],
    ids=["text", "broken PEM", "elliptic curve"],
)
def test_a_private_key_that_is_not_rsa_is_refused_without_showing_it(wrong: str) -> None:
    with pytest.raises(Auth0RunError, match=r"'private_key' can't sign.*PEM of an RSA private key") as caught:
        token_request(settings(private_key=wrong))
    assert wrong not in str(caught.value)


def test_an_answer_becomes_a_token_that_is_not_shown() -> None:
    answer = {"access_token": "t0ken", "expires_in": 600, "scope": "a:b c:d", "token_type": "Bearer"}
    token = read_token_answer(200, answer, {}, requested_at=1000.0)
    assert token.access_token == "t0ken"
    assert token.expires_at == 1540.0
    assert token.scopes == {"a:b", "c:d"}
    assert "t0ken" not in f"{token!r} {token}"


@pytest.mark.parametrize(
    ("expires_in", "used"),
    [
        (86_400, 86_340),
        ("600", 540),
        (600.0, 540),
        (60, 54),
        (10, 9),
        *((missing, 0) for missing in (None, "", "soon", -5, [600], {})),
    ],
    ids=str,
)
def test_a_token_is_used_until_shortly_before_it_expires(expires_in: object, used: float) -> None:
    answer = {"access_token": "t", "expires_in": expires_in}
    assert read_token_answer(200, answer, {}, 1000.0).expires_at == 1000.0 + used


def test_a_lifetime_that_is_not_a_number_is_none() -> None:
    answer = {"access_token": "t", "expires_in": float("nan")}
    assert not read_token_answer(200, answer, {}, 1000.0).serves(1000.0)


@pytest.mark.parametrize("scope", [None, "", " "])
def test_a_missing_scope_is_empty(scope: object) -> None:
    assert read_token_answer(200, {"access_token": "t", "scope": scope}, {}, 0).scopes == frozenset()


NO_GRANT = 'Client is not authorized to access "https://acme.eu.auth0.com/api/v2/".'
THROTTLED = "Global limit has been reached"


@pytest.mark.parametrize(
    ("status", "error", "description", "kind", "advice"),
    [
        pytest.param(401, "access_denied", "Unauthorized", Auth0RunError, "client secret", id="wrong secret"),
        pytest.param(401, "invalid_client", "Assertion refused", Auth0RunError, "client id", id="wrong key"),
        pytest.param(403, "access_denied", NO_GRANT, Auth0RunError, "Authorize the application", id="no grant"),
        pytest.param(403, "access_denied", "Service not found: x", Auth0RunError, "'audience'", id="audience"),
        pytest.param(403, "unauthorized_client", "Not allowed", Auth0RunError, "Grant Types", id="grant type off"),
        pytest.param(404, "", "", Auth0RunError, "tenant's domain", id="another host"),
        pytest.param(302, "", "", Auth0RunError, "tenant's domain", id="redirect"),
        pytest.param(429, "too_many_requests", THROTTLED, Auth0TokenRateLimitError, "requested again", id="429"),
        pytest.param(429, "", "", Auth0TokenRateLimitError, "requested again", id="bare 429"),
        pytest.param(
            500, "access_denied", THROTTLED, Auth0TokenRateLimitError, "requested again", id="throttled, says denied"
        ),
        pytest.param(408, "", "", Auth0TransientError, "status page", id="408"),
        pytest.param(403, "access_denied", "Over the limit", Auth0RunError, "Authorize", id="a limit that is none"),
        pytest.param(500, "server_error", "Oops", Auth0TransientError, "status page", id="500"),
        pytest.param(503, "", "", Auth0TransientError, "status page", id="503"),
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


BODIES = [
    None,
    "<html>",
    [],
    {"access_token": ""},
    {"access_token": None},
    {"access_token": "a b"},
    {"access_token": "a\nb"},
    {"access_token": ["a"]},
]


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_a_200_without_a_token_is_transient(body: object) -> None:
    with pytest.raises(Auth0TransientError, match="200 no error code: no description"):
        read_token_answer(200, body, {}, 0)


def test_a_long_description_is_cut_and_put_on_one_line() -> None:
    with pytest.raises(Auth0RunError) as caught:
        read_token_answer(401, {"error": "x", "error_description": "a\nb" + "c" * 5000}, {}, 0)
    assert "a b" in str(caught.value)
    assert len(str(caught.value)) < 500
