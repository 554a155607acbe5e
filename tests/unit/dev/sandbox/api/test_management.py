"""The Management API: responses, errors in their order, headers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from dev.sandbox.tenant.clock import ManualClock

NewClient = Callable[..., Any]
LOGIN = ("login.example.com",)
BAD_HEADER = {"error": "Bad Request", "message": "Bad HTTP authentication header format", "errorCode": "Bearer"}
BAD_SIGNATURE = "Invalid signature received for JSON Web Token validation."


def test_a_ticket_is_created_and_its_url_holds_32_alphanumerics(client: Any) -> None:
    response = client.create("acme", enabled_organizations=[{"organization_id": "org_1"}])
    assert response.status_code == 201
    assert set(response.json()) == {"ticket"}
    pattern = re.escape(client.tenant.url) + r"/self-service/connections-flow\?ticket=[A-Za-z0-9]{32}"
    assert re.fullmatch(pattern, response.json()["ticket"])
    (ticket,) = client.tenant.tickets
    assert (ticket.connection_name, ticket.organization_ids, ticket.state) == ("acme", ("org_1",), "live")
    assert ticket.profile_id == client.tenant.profile_id
    assert client.create("acme").status_code == 201, "a pending ticket doesn't reserve the name"


@pytest.mark.parametrize(
    ("authorization", "status", "body"),
    [
        (None, 401, {"error": "Unauthorized", "message": "Missing authentication"}),
        ("Bearer", 400, BAD_HEADER),
        ("Basic abc", 400, BAD_HEADER),
        ("Bearer unknown", 401, {"error": "Unauthorized", "message": "Invalid token"}),
        ("Bearer a.b.c", 401, {"error": "Unauthorized", "message": BAD_SIGNATURE}),
    ],
)
def test_a_call_without_a_valid_token_is_refused(
    client: Any, authorization: str | None, status: int, body: dict[str, Any]
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = client.http.post(f"{client.path()}/sso-ticket", json={}, headers=headers)
    assert response.status_code == status
    assert response.json() == {"statusCode": status, **body}


def test_a_token_expires(new_client: NewClient, clock: ManualClock) -> None:
    client = new_client(clock=clock, token_lifetime=60)
    assert client.create("a").status_code == 201
    clock.advance(60)
    refused = client.create("b")
    assert refused.status_code == 401
    assert refused.json()["message"] == "Expired token received for JSON Web Token validation."


@pytest.mark.parametrize(
    ("call", "argument", "scope"),
    [
        ("create", "x", "create:sso_access_tickets"),
        ("revoke", "x", "delete:sso_access_tickets"),
        ("profile", "x", "read:self_service_profiles"),
        ("read", "logs", "read:logs"),
        ("read", "connections", "read:connections"),
        ("read", "organizations/org_1/enabled_connections", "read:organization_connections"),
        ("read", "organizations/org_1/discovery-domains", "read:organization_discovery_domains"),
    ],
)
def test_each_call_needs_its_scope(new_client: NewClient, call: str, argument: str, scope: str) -> None:
    response = getattr(new_client(scopes=("read:clients",)), call)(argument)
    assert response.status_code == 403
    assert response.json() == {
        "statusCode": 403,
        "error": "Forbidden",
        "message": f"Insufficient scope, expected any of: {scope}",
        "errorCode": "insufficient_scope",
    }


@pytest.mark.parametrize(
    ("settings", "named", "retry_after"),
    [
        ({}, {"message": "Global limit has been reached", "errorCode": "too_many_requests"}, None),
        ({"bare_429": True, "retry_after": True}, {}, "5"),
    ],
)
def test_a_429_names_the_limit_or_nothing_and_says_when_to_retry_only_if_the_settings_say_so(
    new_client: NewClient,
    clock: ManualClock,
    settings: dict[str, Any],
    named: dict[str, str],
    retry_after: str | None,
) -> None:
    client = new_client(clock=clock, plan={"size": 1, "refill": 0.2}, **settings)
    first, refused = client.create("a"), client.create("b")
    assert (first.status_code, first.headers.get("retry-after")) == (201, None)
    assert refused.json() == {"statusCode": 429, "error": "Too Many Requests", **named}
    assert refused.headers.get("retry-after") == retry_after
    assert len(client.tenant.tickets) == 1


def test_every_response_has_the_limit_and_the_tenants_date(new_client: NewClient, clock: ManualClock) -> None:
    client = new_client(clock=clock, plan={"size": 8, "refill": 2})
    responses = [
        client.create("a"),
        client.create("", ttl_sec=-1),
        client.create("a", profile_id="ssp_other"),
        client.http.get("/api/v2/clients", headers=client.headers()),
        client.http.get(client.path()),
        client.revoke("x" * 32),
        *(client.profile() for _ in range(3)),
    ]
    assert [response.status_code for response in responses] == [201, 400, 404, 404, 401, 202, 200, 200, 429]
    assert {response.headers["x-ratelimit-limit"] for response in responses} == {"8"}
    assert [int(response.headers["x-ratelimit-remaining"]) for response in responses] == [7, 6, 5, 4, 3, 2, 1, 0, 0]
    assert int(responses[-1].headers["x-ratelimit-reset"]) == clock() + 4, "it is full again"
    assert {response.headers["date"] for response in responses} == {"Fri, 15 Jan 2027 08:00:00 GMT"}


@pytest.mark.parametrize(
    ("plan", "path", "limit", "seconds"),
    [
        ("professional", "logs", 10, 0.6),
        ("professional", "connections", 10, 1.2),
        ("enterprise", "organizations/org_1/enabled_connections", 10, 0.6),
    ],
)
def test_a_call_with_a_bucket_of_its_own_costs_nothing_of_the_shared_one_and_shows_its_own_headers(
    new_client: NewClient, clock: ManualClock, plan: str, path: str, limit: int, seconds: float
) -> None:
    client = new_client(clock=clock, plan=plan)
    shared = int(client.profile().headers["x-ratelimit-remaining"])
    responses = [client.read(path) for _ in range(limit + 1)]
    assert [response.status_code for response in responses] == [200] * limit + [429]
    assert {response.headers["x-ratelimit-limit"] for response in responses} == {str(limit)}
    assert int(client.profile().headers["x-ratelimit-remaining"]) == shared - 1
    clock.advance(seconds + 0.001)
    assert [client.read(path).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("plan", "path"),
    [
        ("free", "logs"),
        ("enterprise", "logs"),
        ("enterprise", "connections"),
        ("enterprise", "organizations/org_1/discovery-domains"),
        ("professional", "organizations/org_1/enabled_connections"),
    ],
)
def test_every_other_call_shares_the_plans_bucket(
    new_client: NewClient, clock: ManualClock, plan: str, path: str
) -> None:
    client = new_client(clock=clock, plan=plan)
    before, after = client.profile(), client.read(path)
    assert after.status_code == 200
    assert after.headers["x-ratelimit-limit"] == before.headers["x-ratelimit-limit"]
    assert int(after.headers["x-ratelimit-remaining"]) == int(before.headers["x-ratelimit-remaining"]) - 1


@pytest.mark.parametrize(
    "content",
    [
        b'{"connection_config": {"name": "a_b"}}',
        b'{"connection_config": {"name": "acme"}, "provisioning_config": {}}',
        b"",
        b"{",
        b'{"ttl_sec": NaN}',
        b"[" * 100_000,
        rb'{"connection_config": {"name": "acme"}, "enabled_clients": ["\ud800"]}',
    ],
)
def test_a_bad_body_is_an_invalid_body_and_the_counts_stay_readable(client: Any, content: bytes) -> None:
    headers = {**client.headers(), "Content-Type": "application/json"}
    response = client.http.post(f"{client.path()}/sso-ticket", content=content, headers=headers)
    assert (response.status_code, response.json()["errorCode"]) == (400, "invalid_body")
    assert response.json()["message"].startswith("Payload validation error: ")
    assert client.http.get("/_sandbox/stats").json()["by_status"] == {"400": 1}
    assert client.http.get("/_sandbox/requests").status_code == 200
    assert client.tenant.tickets == []


def test_an_unknown_profile_is_a_404_without_an_error_code(client: Any) -> None:
    expected = {"statusCode": 404, "error": "Not Found", "message": "Profile with ID: ssp_other not found"}
    assert client.profile().json()["id"] == client.tenant.profile_id
    for response in (client.create(profile_id="ssp_other"), client.profile("ssp_other")):
        assert response.status_code == 404
        assert response.json() == expected
    assert client.create("", profile_id="ssp_other").status_code == 400, "a bad body comes before it"


@pytest.mark.parametrize(
    ("settings", "header", "sent", "base"),
    [
        ({}, "Host", "sandbox:4010", "http://sandbox:4010"),
        ({"public_url": "https://sso.example.com/"}, "Host", "sandbox:4010", "https://sso.example.com"),
        ({}, "auth0-custom-domain", "login.example.com", "https://login.example.com"),
        ({"custom_domains": LOGIN}, "auth0-custom-domain", "login.example.com", "https://login.example.com"),
        ({"custom_domains": LOGIN}, "auth0-custom-domain", "other.example.com", None),
        ({}, "auth0-custom-domain", "ab", None),
        ({}, "auth0-custom-domain", "x" * 256, None),
    ],
)
def test_the_url_has_the_tenants_custom_domain_the_public_address_or_that_of_the_request(
    new_client: NewClient, settings: dict[str, Any], header: str, sent: str, base: str | None
) -> None:
    response = new_client(**settings).create(headers={header: sent})
    assert response.status_code == (201 if base else 400)
    if base:
        assert response.json()["ticket"].startswith(f"{base}/self-service/connections-flow?ticket=")


def test_revoking_is_always_accepted_and_works_under_the_tickets_profile(client: Any) -> None:
    ticket_id = client.ticket_url().partition("?ticket=")[2]
    assert client.revoke(ticket_id, profile_id="ssp_other").status_code == 202
    assert client.tenant.tickets[0].state == "live"
    for one in (ticket_id, ticket_id, "x" * 32):
        response = client.revoke(one)
        assert (response.status_code, response.content) == (202, b"")
    assert [ticket.state for ticket in client.tenant.tickets] == ["revoked"]
    assert client.tenant.stats().revoked == 1


def test_the_domains_of_connections_that_an_organization_has_count_among_its_pending_ones(client: Any) -> None:
    def ask(name: str, organization: str, prefix: str, count: int) -> Any:
        pending = [f"{prefix}{number}.example" for number in range(count)]
        fields: dict[str, Any] = {
            "enabled_organizations": [{"organization_id": organization}],
            "domain_aliases_config": {"domain_verification": "optional", "pending_domains": pending},
        }
        return client.create(name, **fields)

    first = ask("first", "org_1", "a", 60)
    assert ask("second", "org_1", "b", 41).status_code == 201, "a ticket that is not used has no domains"
    client.http.post(first.json()["ticket"])
    refused = ask("third", "org_1", "b", 41)
    assert refused.status_code == 400
    assert "101 domains, at most 100" in refused.json()["message"]
    assert ask("fourth", "org_1", "b", 40).status_code == 201
    assert ask("fifth", "org_2", "b", 41).status_code == 201
