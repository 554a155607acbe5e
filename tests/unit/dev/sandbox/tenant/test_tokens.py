"""The token endpoint: every answer, both ways to prove who asks."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.client_assertion import ASSERTION_TYPE
from dev.sandbox.tenant.clock import ManualClock

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(key: rsa.RSAPrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def assertion(tenant: Sandbox, now: float, key: rsa.RSAPrivateKey = KEY, **changes: Any) -> str:
    claims = {
        "iss": tenant.client_id,
        "sub": tenant.client_id,
        "aud": f"https://{tenant.domain}/",
        "exp": now + 60,
        "jti": str(uuid.uuid4()),
        **changes,
    }
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, "RS256")


def test_a_token_comes_with_its_life_and_its_scopes(client: Any) -> None:
    answer = client.ask_token()
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("access_token").count(".") == 2
    assert body == {
        "expires_in": 86_400,
        "token_type": "Bearer",
        "scope": "create:sso_access_tickets delete:sso_access_tickets read:self_service_profiles",
    }


def test_a_token_can_be_asked_for_with_a_form(client: Any) -> None:
    answer = client.http.post("/oauth/token", data=client.token_fields())
    assert answer.status_code == 200


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_audience_is_the_address_asked_under_either_scheme(client: Any, scheme: str) -> None:
    assert client.ask_token(audience=f"{scheme}://{client.tenant.domain}/api/v2/").status_code == 200


def test_lifetime_scopes_and_audience_follow_the_settings(
    run_tenant: Callable[..., Sandbox], connect: Callable[[Sandbox], Any]
) -> None:
    audience = "https://tenant.example.com/api/v2/"
    tenant = run_tenant(token_lifetime=60, scopes=("create:sso_access_tickets",), audiences=(audience,))
    body = connect(tenant).ask_token(audience=audience).json()
    assert (body["expires_in"], body["scope"]) == (60, "create:sso_access_tickets")


@pytest.mark.parametrize(
    ("changes", "status", "error", "description"),
    [
        ({"client_secret": "wrong"}, 401, "access_denied", "Unauthorized"),
        ({"client_secret": None}, 401, "access_denied", "Unauthorized"),
        ({"client_id": "other"}, 401, "access_denied", "Unauthorized"),
        ({"grant_type": None}, 400, "invalid_request", "Missing required parameter: grant_type"),
        ({"grant_type": "password"}, 403, "unsupported_grant_type", "Unsupported grant type: password"),
        ({"audience": None}, 403, "access_denied", "No audience parameter was provided"),
        (
            {"audience": "https://x.example.com/api/v2/"},
            403,
            "access_denied",
            "Service not found: https://x.example.com",
        ),
    ],
)
def test_a_bad_token_request_is_refused_in_oauths_shape(
    client: Any, changes: dict[str, Any], status: int, error: str, description: str
) -> None:
    answer = client.ask_token(**changes)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.json()["error"] == error
    assert answer.json()["error_description"].startswith(description)


def test_an_audience_without_its_final_slash_is_another_audience(client: Any) -> None:
    assert client.ask_token(audience=f"https://{client.tenant.domain}/api/v2").status_code == 403


@pytest.mark.parametrize(
    ("settings", "error", "description"),
    [
        ({"client_grant": False}, "access_denied", "Client is not authorized to access"),
        ({"client_credentials_grant": False}, "unauthorized_client", "Grant type 'client_credentials' not allowed"),
    ],
)
def test_a_client_without_a_grant_is_told_so(
    run_tenant: Callable[..., Sandbox],
    connect: Callable[[Sandbox], Any],
    settings: dict[str, Any],
    error: str,
    description: str,
) -> None:
    answer = connect(run_tenant(**settings)).ask_token()
    assert answer.status_code == 403
    assert answer.json()["error"] == error
    assert answer.json()["error_description"].startswith(description)


@pytest.mark.parametrize("body", [b"{", b"[]", b""])
def test_a_body_that_is_neither_json_nor_form_is_refused(client: Any, body: bytes) -> None:
    answer = client.http.post("/oauth/token", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_token_calls_cost_nothing_of_the_management_apis_limit(
    run_tenant: Callable[..., Sandbox], connect: Callable[[Sandbox], Any], clock: ManualClock
) -> None:
    tenant = run_tenant(clock=clock, plan="free")
    client = connect(tenant)
    assert [client.ask_token().status_code for _ in range(5)] == [200] * 5
    assert [client.profile().status_code for _ in range(3)] == [200, 200, 429]
    assert (tenant.stats().token_requests, tenant.stats().tokens_issued, tenant.stats().requests) == (6, 6, 3)


def test_the_token_endpoints_own_limit_answers_the_misleading_500(
    run_tenant: Callable[..., Sandbox], connect: Callable[[Sandbox], Any], clock: ManualClock
) -> None:
    client = connect(run_tenant(clock=clock, token_limit={"size": 1, "refill": 1}))
    assert client.ask_token().status_code == 200
    refused = client.ask_token()
    assert refused.status_code == 500
    assert refused.json() == {"error": "access_denied", "error_description": "Global limit has been reached"}
    clock.advance(1)
    assert client.ask_token().status_code == 200


class TestPrivateKeyJwt:
    @pytest.fixture
    def tenant(self, run_tenant: Callable[..., Sandbox], clock: ManualClock) -> Sandbox:
        keys = (public_pem(OTHER_KEY), public_pem(KEY))
        return run_tenant(clock=clock, public_keys=keys, client_secret="")

    @staticmethod
    def ask(client: Any, signed: str) -> Any:
        return client.ask_token(client_secret=None, client_assertion_type=ASSERTION_TYPE, client_assertion=signed)

    def test_a_signed_assertion_gets_a_token(self, client: Any, clock: ManualClock) -> None:
        assert self.ask(client, assertion(client.tenant, clock())).status_code == 200

    def test_each_of_the_clients_keys_may_sign(self, client: Any, clock: ManualClock) -> None:
        assert self.ask(client, assertion(client.tenant, clock(), OTHER_KEY)).status_code == 200

    def test_an_assertion_works_once(self, client: Any, clock: ManualClock) -> None:
        signed = assertion(client.tenant, clock())
        assert self.ask(client, signed).status_code == 200
        again = self.ask(client, signed)
        assert again.status_code == 401
        assert again.json()["error"] == "invalid_client"
        assert "jti was used before" in again.json()["error_description"]

    def test_it_expires_by_the_tenants_clock(self, client: Any, clock: ManualClock) -> None:
        signed = assertion(client.tenant, clock())
        clock.advance(60)
        assert "expired" in self.ask(client, signed).json()["error_description"]

    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"iss": "other"}, "iss must be"),
            ({"sub": "other"}, "sub must be"),
            ({"aud": None}, "aud must be"),
            ({"aud": "https://other.example.com/"}, "aud must be"),
            ({"exp": None}, "expired or has no exp"),
            ({"jti": None}, "jti is missing"),
        ],
    )
    def test_a_wrong_claim_is_named(self, client: Any, clock: ManualClock, changes: dict[str, Any], named: str) -> None:
        answer = self.ask(client, assertion(client.tenant, clock(), **changes))
        assert answer.status_code == 401
        assert named in answer.json()["error_description"]

    def test_the_audience_needs_its_slash(self, client: Any, clock: ManualClock) -> None:
        signed = assertion(client.tenant, clock(), aud=f"https://{client.tenant.domain}")
        assert "final slash" in self.ask(client, signed).json()["error_description"]

    @pytest.mark.parametrize(("life", "status"), [(300, 200), (301, 401)])
    def test_it_may_live_five_minutes(self, client: Any, clock: ManualClock, life: int, status: int) -> None:
        signed = assertion(client.tenant, clock(), exp=clock() + life)
        assert self.ask(client, signed).status_code == status

    @pytest.mark.parametrize("algorithm", ["HS256", "none"])
    def test_another_algorithm_is_refused(self, client: Any, clock: ManualClock, algorithm: str) -> None:
        claims = jwt.decode(assertion(client.tenant, clock()), options={"verify_signature": False})
        key = "k" * 32 if algorithm == "HS256" else None
        signed = jwt.encode(claims, key, algorithm)
        assert "signature" in self.ask(client, signed).json()["error_description"]

    def test_a_strangers_key_is_refused(self, client: Any, clock: ManualClock) -> None:
        stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        answer = self.ask(client, assertion(client.tenant, clock(), stranger))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    @pytest.mark.parametrize("secret", ["", "sandbox-secret-0000000000000000"])
    def test_without_a_secret_in_the_settings_none_is_accepted(self, client: Any, secret: str) -> None:
        assert client.ask_token(client_secret=secret).status_code == 401
