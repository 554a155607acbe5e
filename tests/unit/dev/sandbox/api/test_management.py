"""The Management API: answers, errors in their order, headers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.clock import ManualClock

RunTenant = Callable[..., Sandbox]
Connect = Callable[[Sandbox], Any]


def ticket_id(url: str) -> str:
    return url.partition("?ticket=")[2]


def test_a_ticket_is_made_and_its_url_holds_32_alphanumerics(client: Any) -> None:
    answer = client.create("acme", enabled_organizations=[{"organization_id": "org_1"}])
    assert answer.status_code == 201
    assert set(answer.json()) == {"ticket"}
    pattern = re.escape(client.tenant.url) + r"/self-service/connections-flow\?ticket=[A-Za-z0-9]{32}"
    assert re.fullmatch(pattern, answer.json()["ticket"])
    (ticket,) = client.tenant.tickets
    assert (ticket.connection_name, ticket.organization_ids, ticket.state) == ("acme", ("org_1",), "live")
    assert ticket.profile_id == client.tenant.profile_id


def test_a_ticket_can_be_asked_for_with_a_form(client: Any) -> None:
    form = {
        "connection_config[name]": "acme",
        "enabled_organizations[0][organization_id]": "org_1",
        "ttl_sec": "60",
    }
    answer = client.http.post(f"{client.path()}/sso-ticket", data=form, headers=client.headers())
    assert answer.status_code == 201
    assert client.tenant.tickets[0].body == {
        "connection_config": {"name": "acme"},
        "enabled_organizations": [{"organization_id": "org_1"}],
        "ttl_sec": 60,
    }


def test_two_pending_tickets_may_have_one_name(client: Any) -> None:
    assert [client.create("acme").status_code for _ in range(2)] == [201, 201]


@pytest.mark.parametrize(
    ("authorization", "status", "body"),
    [
        (None, 401, {"error": "Unauthorized", "message": "Missing authentication"}),
        (
            "Bearer",
            400,
            {"error": "Bad Request", "message": "Bad HTTP authentication header format", "errorCode": "Bearer"},
        ),
        (
            "Basic abc",
            400,
            {"error": "Bad Request", "message": "Bad HTTP authentication header format", "errorCode": "Bearer"},
        ),
        ("Bearer unknown", 401, {"error": "Unauthorized", "message": "Invalid token"}),
        (
            "Bearer a.b.c",
            401,
            {
                "error": "Unauthorized",
                "message": "Invalid signature received for JSON Web Token validation.",
            },
        ),
    ],
)
def test_a_call_without_a_good_token_is_refused(
    client: Any, authorization: str | None, status: int, body: dict[str, Any]
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = client.http.post(f"{client.path()}/sso-ticket", json={}, headers=headers)
    assert answer.status_code == status
    assert answer.json() == {"statusCode": status, **body}


def test_a_token_dies_at_its_end(run_tenant: RunTenant, connect: Connect, clock: ManualClock) -> None:
    client = connect(run_tenant(clock=clock, token_lifetime=60))
    assert client.create("a").status_code == 201
    clock.advance(60)
    answer = client.create("b")
    assert answer.status_code == 401
    assert answer.json()["message"] == "Expired token received for JSON Web Token validation."


@pytest.mark.parametrize(
    ("call", "scope"),
    [
        ("create", "create:sso_access_tickets"),
        ("revoke", "delete:sso_access_tickets"),
        ("profile", "read:self_service_profiles"),
    ],
)
def test_each_call_needs_its_scope(run_tenant: RunTenant, connect: Connect, call: str, scope: str) -> None:
    client = connect(run_tenant(scopes=("read:clients",)))
    answer = getattr(client, call)("x")
    assert answer.status_code == 403
    assert answer.json() == {
        "statusCode": 403,
        "error": "Forbidden",
        "message": f"Insufficient scope, expected any of: {scope}",
        "errorCode": "insufficient_scope",
    }


def test_the_429_says_which_limit_was_reached(run_tenant: RunTenant, connect: Connect, clock: ManualClock) -> None:
    client = connect(run_tenant(clock=clock, plan="free"))
    answers = [client.create(f"c{number}") for number in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[-1].json() == {
        "statusCode": 429,
        "error": "Too Many Requests",
        "message": "Global limit has been reached",
        "errorCode": "too_many_requests",
    }
    assert "retry-after" not in answers[-1].headers
    assert len(client.tenant.tickets) == 2


def test_a_bare_429_has_no_message(run_tenant: RunTenant, connect: Connect, clock: ManualClock) -> None:
    client = connect(run_tenant(clock=clock, plan="free", bare_429=True))
    answers = [client.create(f"c{number}") for number in range(3)]
    assert answers[-1].json() == {"statusCode": 429, "error": "Too Many Requests"}


def test_retry_after_comes_only_when_asked_for(run_tenant: RunTenant, connect: Connect, clock: ManualClock) -> None:
    client = connect(run_tenant(clock=clock, plan={"size": 1, "refill": 0.2}, retry_after=True))
    first, second = client.create("a"), client.create("b")
    assert "retry-after" not in first.headers
    assert second.headers["retry-after"] == "5"


@pytest.mark.parametrize(("meaning", "wait"), [("full", 4), ("next", 1), ("window", 1)])
def test_every_answer_tells_the_limit_under_the_chosen_meaning_of_reset(
    run_tenant: RunTenant, connect: Connect, clock: ManualClock, meaning: str, wait: int
) -> None:
    client = connect(run_tenant(clock=clock, plan={"size": 8, "refill": 2}, reset_means=meaning))
    answers = [
        client.create("a"),  # 201
        client.create("", ttl_sec=-1),  # 400
        client.create("a", profile_id="ssp_other"),  # 404
        client.http.get("/api/v2/clients", headers=client.headers()),  # 404
        client.http.get(client.path()),  # 401
        client.revoke("x" * 32),  # 202
        client.profile(),
        client.profile(),
        client.profile(),
    ]
    assert [answer.status_code for answer in answers] == [201, 400, 404, 404, 401, 202, 200, 200, 429]
    assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"8"}
    assert [int(answer.headers["x-ratelimit-remaining"]) for answer in answers] == [7, 6, 5, 4, 3, 2, 1, 0, 0]
    assert int(answers[-1].headers["x-ratelimit-reset"]) == clock() + wait


def test_the_headers_can_be_left_out(run_tenant: RunTenant, connect: Connect) -> None:
    answer = connect(run_tenant(rate_limit_headers=False)).profile()
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


@pytest.mark.parametrize(
    "body",
    [
        {"connection_config": {"name": "a_b"}},
        {"connection_config": {"name": "acme"}, "ttl_sec": 432_001},
        {},
        [],
        {"connection_config": {"name": "acme"}, "provisioning_config": {}},
    ],
)
def test_a_bad_body_is_an_invalid_body(client: Any, body: Any) -> None:
    answer = client.create(body=body)
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "invalid_body"
    assert answer.json()["message"].startswith("Payload validation error: ")
    assert client.tenant.tickets == []


def test_a_body_that_is_not_json_is_an_invalid_body(client: Any) -> None:
    headers = {**client.headers(), "Content-Type": "application/json"}
    for content in (b"{", b"[" * 100_000):
        answer = client.http.post(f"{client.path()}/sso-ticket", content=content, headers=headers)
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "invalid_body")


@pytest.mark.parametrize("place", ['"connection_config": {"name": "%s"}', '"enabled_clients": ["%s"]'])
def test_half_of_a_surrogate_pair_is_an_invalid_body_and_the_counts_can_still_be_read(client: Any, place: str) -> None:
    content = '{"connection_config": {"name": "acme"}, ' + place % r"\ud800" + "}"
    answer = client.http.post(f"{client.path()}/sso-ticket", content=content.encode(), headers=client.headers())
    stats = client.http.get("/_sandbox/stats").json()
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "invalid_body")
    assert stats["by_status"] == {"400": 1}
    assert client.http.get("/_sandbox/requests").status_code == 200


def test_an_unknown_profile_is_a_404_without_an_error_code(client: Any) -> None:
    expected = {"statusCode": 404, "error": "Not Found", "message": "Profile with ID: ssp_other not found"}
    for answer in (client.create(profile_id="ssp_other"), client.profile("ssp_other")):
        assert answer.status_code == 404
        assert answer.json() == expected


def test_a_bad_body_is_told_before_an_unknown_profile(client: Any) -> None:
    assert client.create("", profile_id="ssp_other").status_code == 400


def test_a_profile_can_be_read(client: Any) -> None:
    answer = client.profile()
    assert (answer.status_code, answer.json()["id"]) == (200, client.tenant.profile_id)


@pytest.mark.parametrize(
    ("settings", "body"),
    [
        ({}, {"connection_id": "con_unknown"}),
        ({"clients": ("known",)}, {"connection_config": {"name": "a"}, "enabled_clients": ["known", "other"]}),
        (
            {"organizations": ("org_1",)},
            {"connection_config": {"name": "a"}, "enabled_organizations": [{"organization_id": "org_2"}]},
        ),
    ],
)
def test_what_does_not_exist_is_a_400(
    run_tenant: RunTenant, connect: Connect, settings: dict[str, Any], body: dict[str, Any]
) -> None:
    answer = connect(run_tenant(**settings)).create(body=body)
    assert answer.status_code == 400
    assert "does not exist" in answer.json()["message"]
    assert "errorCode" not in answer.json()


def test_what_exists_can_be_named(run_tenant: RunTenant, connect: Connect) -> None:
    tenant = run_tenant(clients=("c",), organizations=("org_1",), connections={"con_1": "old"})
    body = {
        "connection_id": "con_1",
        "enabled_clients": ["c"],
        "enabled_organizations": [{"organization_id": "org_1"}],
        "enabled_features": {"sso": True},
    }
    assert connect(tenant).create(body=body).status_code == 201


def test_a_finished_connections_name_is_a_conflict(run_tenant: RunTenant, connect: Connect) -> None:
    client = connect(run_tenant(connections={"con_1": "acme"}))
    answer = client.create("acme")
    assert answer.status_code == 409
    assert answer.json()["message"] == "A connection with this name already exists."
    assert "connection_conflict" in answer.json()["errorCode"]
    assert client.create("acme-2").status_code == 201


@pytest.mark.parametrize("domain", ["ab", "x" * 256])
def test_a_custom_domain_of_a_wrong_length_is_refused(client: Any, domain: str) -> None:
    assert client.create(headers={"auth0-custom-domain": domain}).status_code == 400


def test_a_custom_domain_becomes_the_urls_host(run_tenant: RunTenant, connect: Connect) -> None:
    client = connect(run_tenant(custom_domains=("login.example.com",)))
    answer = client.create(headers={"auth0-custom-domain": "login.example.com"})
    assert answer.json()["ticket"].startswith("https://login.example.com/self-service/connections-flow?ticket=")
    assert client.create(headers={"auth0-custom-domain": "other.example.com"}).status_code == 400


def test_without_custom_domains_any_is_accepted(client: Any) -> None:
    answer = client.create(headers={"auth0-custom-domain": "login.example.com"})
    assert answer.json()["ticket"].startswith("https://login.example.com/")


@pytest.mark.parametrize(
    ("settings", "base"),
    [({}, "http://sandbox:4010"), ({"public_url": "https://sso.example.com/"}, "https://sso.example.com")],
)
def test_the_url_has_the_address_asked_or_the_public_one(
    run_tenant: RunTenant, connect: Connect, settings: dict[str, Any], base: str
) -> None:
    client = connect(run_tenant(**settings))
    url = client.create(headers={"Host": "sandbox:4010"}).json()["ticket"]
    assert url.startswith(f"{base}/self-service/connections-flow?ticket=")


def test_revoking_is_always_accepted(client: Any) -> None:
    url = client.ticket_url()
    for one in (ticket_id(url), ticket_id(url), "x" * 32):
        answer = client.revoke(one)
        assert (answer.status_code, answer.content) == (202, b"")
    assert [ticket.state for ticket in client.tenant.tickets] == ["revoked"]
    assert client.tenant.stats().revoked == 1


def test_revoking_under_another_profile_touches_nothing(client: Any) -> None:
    url = client.ticket_url()
    assert client.revoke(ticket_id(url), profile_id="ssp_other").status_code == 202
    assert client.tenant.tickets[0].state == "live"
