"""Which error an answer is: of the request, of the settings, or transient."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException
from auth0_sso.exceptions import (
    Auth0AmbiguousResultError,
    Auth0ConflictError,
    Auth0Error,
    Auth0ProfileError,
    Auth0RateLimitError,
    Auth0RowError,
    Auth0RunError,
    Auth0ScopeError,
    Auth0TokenError,
    error_from_answer,
)


def body(message: str = "", code: str = "") -> dict[str, Any]:
    return {"statusCode": 0, "error": "Error", "message": message, **({"errorCode": code} if code else {})}


SCOPE = "Insufficient scope, expected any of: create:sso_access_tickets"
TAKEN = "A connection with this name already exists."
UNVERIFIED = "or waits until its domain is verified, which can take 24 to 48 hours; to finish or edit it"

TABLE = [
    pytest.param(400, body("Payload validation error", "invalid_body"), Auth0RowError, "Fix the request", id="body"),
    pytest.param(400, body("Bad HTTP authentication header format", "Bearer"), Auth0RunError, "'token'", id="bearer"),
    pytest.param(401, body("Invalid token"), Auth0TokenError, "client id", id="token"),
    pytest.param(403, body(SCOPE, "insufficient_scope"), Auth0ScopeError, "Machine to Machine", id="scope"),
    pytest.param(403, body(SCOPE), Auth0ScopeError, "Machine to Machine", id="scope without a code"),
    pytest.param(403, body("Not in your plan", "insufficient_entitlement"), Auth0RunError, "plan", id="plan"),
    pytest.param(403, body("No"), Auth0RunError, "Applications > APIs", id="forbidden"),
    pytest.param(404, body("Profile with ID: ssp_1 not found"), Auth0ProfileError, "profile_id", id="profile"),
    pytest.param(404, body("The organization does not exist"), Auth0RowError, "Fix the request", id="another 404"),
    pytest.param(409, body(TAKEN, "connection_conflict"), Auth0ConflictError, UNVERIFIED, id="conflict"),
    pytest.param(409, body(TAKEN), Auth0ConflictError, UNVERIFIED, id="conflict without a code"),
    pytest.param(409, {}, Auth0RowError, "Fix the request", id="bare 409"),
    pytest.param(409, body("Two", "custom_domain_conflict"), Auth0RowError, "Fix the request", id="another conflict"),
    pytest.param(422, body("What"), Auth0RowError, "Fix the request", id="another 4xx"),
    pytest.param(429, body("Global limit", "too_many_requests"), Auth0RateLimitError, "slots", id="429"),
    pytest.param(408, body("Timeout"), Auth0AmbiguousResultError, "status page", id="408"),
    pytest.param(502, {}, Auth0AmbiguousResultError, "status page", id="502 without JSON"),
    pytest.param(302, {}, Auth0RunError, "without a redirect", id="redirect"),
]


@pytest.mark.parametrize(("status", "said", "kind", "advice"), TABLE)
def test_an_answer_becomes_an_error_with_its_status_code_message_and_advice(
    status: int, said: dict[str, Any], kind: type[Auth0Error], advice: str
) -> None:
    error = error_from_answer(status, said, {"X-RateLimit-Remaining": "1"})
    code = said.get("errorCode", "")
    assert type(error) is kind
    assert isinstance(error, AirflowException)
    assert (error.status, error.error_code) == (status, code)
    assert error.headers == {"X-RateLimit-Remaining": "1"}
    assert advice in error.advice
    assert str(error).startswith(f"Auth0 answered {status} {code}: " if code else f"Auth0 answered {status}: ")
    assert str(error).endswith(error.advice)
    assert said.get("message", "no message") in str(error)


def test_a_long_message_is_cut_and_put_on_one_line() -> None:
    text = str(error_from_answer(400, body("a\nb\t" + "c" * 10_000), {}))
    assert "a b c" in text
    assert len(text) < 700


def test_what_databases_do_not_accept_is_replaced() -> None:
    assert str(Auth0Error("a\x00b\ud800c")) == "a\ufffdb\ufffdc"
