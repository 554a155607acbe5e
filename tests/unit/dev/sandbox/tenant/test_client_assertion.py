"""The check of a client assertion (private_key_jwt)."""

from __future__ import annotations

import uuid
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dev.sandbox.errors import ErrorResponse
from dev.sandbox.tenant.client_assertion import AssertionChecker

NOW = 1_800_000_000.0
ADDRESS = "https://tenant.example/"
KEY, OTHER_KEY, UNKNOWN_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3))


@pytest.fixture
def checker() -> AssertionChecker:
    keys = (KEY.public_key(), OTHER_KEY.public_key())
    pems = [key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode() for key in keys]
    return AssertionChecker("client", pems)


def claims(**changes: Any) -> dict[str, Any]:
    values = {"iss": "client", "sub": "client", "aud": ADDRESS, "exp": NOW + 300, "jti": str(uuid.uuid4()), **changes}
    return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize("key", [KEY, OTHER_KEY])
def test_an_assertion_that_any_key_of_the_client_has_signed_is_accepted_once(
    checker: AssertionChecker, key: rsa.RSAPrivateKey
) -> None:
    assertion = jwt.encode(claims(), key, "RS256")
    checker.check(assertion, {ADDRESS}, NOW)
    with pytest.raises(ErrorResponse, match="jti was used before"):
        checker.check(assertion, {ADDRESS}, NOW)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"iss": "other"}, "issuer"),
        ({"sub": "other"}, "subject"),
        ({"aud": ADDRESS.rstrip("/")}, "Audience"),
        ({"exp": None}, "exp"),
        ({"exp": NOW}, "expired"),
        ({"exp": NOW + 301}, "exp is over 5 minutes ahead"),
        ({"jti": None}, "jti"),
    ],
)
def test_a_wrong_claim_is_named(checker: AssertionChecker, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ErrorResponse, match=named) as refused:
        checker.check(jwt.encode(claims(**changes), KEY, "RS256"), {ADDRESS}, NOW)
    assert refused.value.response.status_code == 401
    assert b'"invalid_client"' in refused.value.response.body


@pytest.mark.parametrize(("algorithm", "key"), [("HS256", "k" * 32), ("none", None), ("RS256", UNKNOWN_KEY)])
def test_another_algorithm_or_key_is_refused(checker: AssertionChecker, algorithm: str, key: Any) -> None:
    with pytest.raises(ErrorResponse, match="invalid_client"):
        checker.check(jwt.encode(claims(), key, algorithm), {ADDRESS}, NOW)
