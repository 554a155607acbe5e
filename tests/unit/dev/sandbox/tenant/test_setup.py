"""What a setup writes to the tenant's log, compared with Auth0's catalog of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dev.sandbox.tenant.clock import ManualClock

NewClient = Callable[..., Any]
CLIENTS = {"enabled_clients": ["client_1"]}
DOMAINS = {"domain_aliases_config": {"domain_verification": "required", "pending_domains": ["a.example", "b.example"]}}
SUCCESS, INFO, FAILURE = "ss_sso_success", "ss_sso_info", "ss_sso_failure"
OPENED = "ss_sso_ticket_consumption"

COMMON = {"description", "details", "environment_name", "ip", "log_id", "tenant_name", "type"}
"""The fields that the catalog requires of all three types."""

NAMES = {
    SUCCESS: {
        "ss_sso_ticket_generation",
        OPENED,
        "ss_sso_connection_creation",
        "ss_sso_connection_update",
        "ss_sso_enable_connection",
        "ss_sso_add_domain",
        "ss_sso_domain_verification_unsuccessful",
        "ss_sso_domain_verification_successful",
    },
    INFO: {"ss_sso_flow_end"},
    FAILURE: {OPENED, "ss_sso_connection_creation", "ss_sso_enable_connection"},
}
"""The events that the catalog has under each type, as far as the sandbox writes them."""


@pytest.fixture
def client(new_client: NewClient, clock: ManualClock) -> Any:
    return new_client(clock=clock, token_lifetime=10_000_000)


def details(client: Any) -> list[dict[str, str]]:
    """Return the details of the events of self-service SSO, oldest first."""
    return [log["details"] for log in client.tenant.logs if log["type"] != "seccft"]


def test_each_step_of_a_whole_setup_is_an_event(client: Any) -> None:
    url = client.ticket_url("acme", **CLIENTS, **DOMAINS)
    client.http.get(url)
    client.take(url, "set_up", "verify_early", "verify", "enable")
    assert client.events() == [
        (SUCCESS, "ss_sso_ticket_generation"),
        (SUCCESS, OPENED),
        (SUCCESS, "ss_sso_connection_creation"),
        (SUCCESS, "ss_sso_add_domain"),
        (SUCCESS, "ss_sso_add_domain"),
        (SUCCESS, "ss_sso_domain_verification_unsuccessful"),
        (SUCCESS, "ss_sso_domain_verification_unsuccessful"),
        (SUCCESS, "ss_sso_domain_verification_successful"),
        (SUCCESS, "ss_sso_domain_verification_successful"),
        (SUCCESS, "ss_sso_enable_connection"),
        (INFO, "ss_sso_flow_end"),
    ]
    assert {(one["connection_name"], one["flow_type"]) for one in details(client)} == {("acme", "create")}


def test_a_setup_in_one_step_writes_the_same_as_one_in_many(client: Any) -> None:
    urls = [client.ticket_url(name, **CLIENTS, **DOMAINS) for name in ("one", "many")]
    before = len(client.events())
    client.http.post(urls[0])
    in_one = client.events()[before:]
    client.take(urls[1], "set_up", "verify", "enable")
    assert client.events()[before + len(in_one) :] == in_one


def test_an_edit_ticket_writes_updates_with_the_name_of_its_connection(client: Any) -> None:
    client.http.post(client.ticket_url("acme"))
    (connection_id,) = client.tenant.connections
    before = len(client.events())
    client.http.post(client.create(body={"connection_id": connection_id, **CLIENTS}).json()["ticket"])
    assert [name for _, name in client.events()][before:] == [
        "ss_sso_ticket_generation",
        "ss_sso_connection_update",
        "ss_sso_enable_connection",
        "ss_sso_flow_end",
    ]
    assert {(one["connection_name"], one["flow_type"]) for one in details(client)[before:]} == {("acme", "update")}


def test_an_opening_has_the_address_the_browser_and_a_trace_of_its_own(client: Any) -> None:
    url = client.ticket_url("acme")
    headers = {"X-Forwarded-For": "203.0.113.7", "User-Agent": "Firefox"}
    for _ in range(2):
        client.http.get(url, headers=headers)
    client.take(url, "set_up")
    generation, first, second, creation = [log for log in client.tenant.logs if log["type"] == SUCCESS]
    assert generation["ip"] == "127.0.0.1"
    assert (first["ip"], first["user_agent"]) == ("203.0.113.7", "Firefox")
    traces = [log["details"]["ss_sso_tracing_id"] for log in (generation, first, second, creation)]
    assert len(set(traces)) == 3
    assert traces[2] == traces[3]


def test_an_opening_that_is_refused_says_why_and_names_the_connection_only_if_the_ticket_is_used_up(
    client: Any, clock: ManualClock
) -> None:
    used_up, revoked, expired = (client.ticket_url(name) for name in ("used-up", "revoked", "expired"))
    for _ in range(11):
        client.http.get(used_up)
    client.revoke(revoked.partition("=")[2])
    client.http.get(revoked)
    clock.advance(432_000)
    client.http.get(expired)
    client.http.get("/self-service/connections-flow?ticket=unknown")
    refused = [log for log in client.tenant.logs if log["type"] == FAILURE]
    assert [(log["description"], log["details"].get("connection_name")) for log in refused] == [
        ("The ticket is used up", "used-up"),
        ("The ticket is revoked", None),
        ("The ticket is expired", None),
        ("The ticket is unknown", None),
    ]
    assert {log["details"]["ss_sso_event_name"] for log in refused} == {OPENED}
    assert client.events().count((SUCCESS, OPENED)) == 10


def test_a_step_that_cannot_be_taken_is_a_failure(client: Any) -> None:
    first, second = (client.ticket_url("acme", **CLIENTS, **DOMAINS) for _ in range(2))
    client.take(first, "enable")
    client.take(second, "set_up")
    failures = [event for event in client.events() if event[0] == FAILURE]
    assert failures == [(FAILURE, "ss_sso_enable_connection"), (FAILURE, "ss_sso_connection_creation")]


def test_every_event_is_one_of_the_catalog_and_has_its_fields(client: Any) -> None:
    test_each_step_of_a_whole_setup_is_an_event(client)
    client.http.post(client.ticket_url("globex"))
    client.http.post(client.create(body={"connection_id": next(iter(client.tenant.connections))}).json()["ticket"])
    used_up = client.ticket_url("initech")
    for _ in range(11):
        client.http.get(used_up)
    client.take(client.ticket_url("hooli", **CLIENTS, **DOMAINS), "enable")
    client.http.get("/self-service/connections-flow?ticket=unknown")
    logs = [log for log in client.tenant.logs if log["type"] != "seccft"]
    assert {log["type"] for log in logs} == {SUCCESS, INFO, FAILURE}
    for log in logs:
        assert log.keys() >= COMMON
        assert log["details"]["ss_sso_event_name"] in NAMES[log["type"]]
        if log["type"] != FAILURE:
            wanted = {"ss_sso_event_name", "ss_sso_tracing_id", "connection_name", "flow_type"}
            assert log["details"].keys() == wanted
