"""The token endpoint: every response; test_sdk.py logs in by private_key_jwt too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dev.sandbox.tenant.clock import ManualClock
from dev.sandbox.tenant.settings import DEFAULT_SCOPES

NewClient = Callable[..., Any]


ISSUED = {
    "expires_in": 86_400,
    "token_type": "Bearer",
    "scope": " ".join(DEFAULT_SCOPES),
}


def test_a_token_comes_with_its_lifetime_and_its_scopes_for_json_and_for_a_form(client: Any) -> None:
    for response in (client.request_token(), client.http.post("/oauth/token", data=client.token_fields())):
        assert response.status_code == 200
        body = response.json()
        assert body.pop("access_token").count(".") == 2
        assert body == ISSUED


@pytest.mark.parametrize(
    ("scheme", "path", "status"), [("http", "api/v2/", 200), ("https", "api/v2/", 200), ("https", "api/v2", 403)]
)
def test_the_audience_is_the_requests_address_under_either_scheme_with_its_final_slash(
    client: Any, scheme: str, path: str, status: int
) -> None:
    assert client.request_token(audience=f"{scheme}://{client.tenant.domain}/{path}").status_code == status


@pytest.mark.parametrize(
    ("settings", "changes", "status", "error", "description"),
    [
        ({}, {"client_secret": "wrong"}, 401, "access_denied", "Unauthorized"),
        ({"client_secret": ""}, {}, 401, "access_denied", "Unauthorized"),
        ({}, {"client_id": "other"}, 401, "access_denied", "Unauthorized"),
        ({}, {"grant_type": None}, 400, "invalid_request", "Missing required parameter: grant_type"),
        ({}, {"grant_type": "password"}, 403, "unsupported_grant_type", "Unsupported grant type: password"),
        ({}, {"audience": None}, 403, "access_denied", "No audience parameter was provided"),
        ({}, {"audience": "https://x.example/api/v2/"}, 403, "access_denied", "Service not found: https://x.example"),
    ],
)
def test_a_request_that_is_refused_says_why_in_oauths_shape(
    new_client: NewClient, settings: dict[str, Any], changes: dict[str, Any], status: int, error: str, description: str
) -> None:
    response = new_client(**settings).request_token(**changes)
    body = response.json()
    assert (response.status_code, set(body), body["error"]) == (status, {"error", "error_description"}, error)
    assert body["error_description"].startswith(description)


@pytest.mark.parametrize("body", [b"{", b"[]", b""])
def test_a_body_that_is_neither_json_nor_a_form_is_refused(client: Any, body: bytes) -> None:
    response = client.http.post("/oauth/token", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_each_token_and_each_refusal_is_in_the_tenants_log(client: Any) -> None:
    client.request_token()
    client.request_token(client_secret="wrong")
    assert [log["type"] for log in client.tenant.logs] == ["seccft", "feccft"]
    assert {log["client_id"] for log in client.tenant.logs} == {client.tenant.client_id}


def test_token_requests_cost_nothing_of_the_management_apis_limit(new_client: NewClient, clock: ManualClock) -> None:
    client = new_client(clock=clock, plan="free")
    assert [client.request_token().status_code for _ in range(5)] == [200] * 5
    assert [client.profile().status_code for _ in range(3)] == [200, 200, 429]
    stats = client.tenant.stats()
    assert (stats.token_requests, stats.tokens_issued, stats.requests) == (6, 6, 3)
