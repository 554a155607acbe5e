"""Faults on request; the fault scenarios of the provider use each kind."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from dev.sandbox.faults import Fault
from dev.sandbox.tenant.clock import ManualClock
from tests.support.waiting import wait_until

NewClient = Callable[..., Any]


def close_when_received(client: Any, condition: Callable[[], object]) -> None:
    """Request a ticket, and close the connection without a response once a condition holds."""
    connection = http.client.HTTPConnection(client.tenant.domain)
    body = json.dumps({"connection_config": {"name": "a"}})
    connection.request("POST", f"{client.path()}/sso-ticket", body, client.headers())
    wait_until(condition)
    connection.close()


def test_a_storm_can_last_for_a_time_and_says_when_it_ends(new_client: NewClient, clock: ManualClock) -> None:
    client = new_client(clock=clock)
    client.tenant.fault("rate_limit_storm", seconds=30)
    assert int(client.create("a").headers["x-ratelimit-reset"]) == clock() + 30
    clock.advance(29)
    assert client.profile().status_code == 429
    clock.advance(1)
    assert client.create("b").status_code == 201


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ("logs", "logs"),
        ("connections", "connections"),
        ("organization_connections", "organizations/org_1/enabled_connections"),
        ("discovery_domains", "organizations/org_1/discovery-domains"),
    ],
)
def test_each_read_can_fail_and_be_refused_alone(client: Any, route: str, path: str) -> None:
    client.tenant.fault("error_before", route=route, status=503)
    client.tenant.fault("rate_limit_storm", route=route)
    assert client.create("acme").status_code == 201
    assert [client.read(path).status_code for _ in range(3)] == [429, 503, 200]


def test_a_stall_holds_a_response_whose_ticket_is_created(client: Any) -> None:
    client.tenant.fault("stall", delay=0)
    client.tenant.fault("stall", delay=600)
    close_when_received(client, lambda: any(len(seen.faults) == 2 for seen in client.tenant.requests))
    held = client.tenant.requests[0]
    assert (held.faults, held.status, held.made_ticket) == (("stall", "stall"), 0, True)
    assert client.tenant.stats().tickets == 1
    assert client.create("b").status_code == 201


def test_headers_can_be_changed_doubled_and_removed(client: Any) -> None:
    client.tenant.fault(
        "headers",
        headers={"X-RateLimit-Remaining": "-1", "Date": None, "Retry-After": ["1", "2"], "X-RateLimit-Reset": "soon"},
    )
    for _ in range(2):
        headers = client.create("a").headers
        assert (headers["x-ratelimit-remaining"], headers["x-ratelimit-reset"]) == ("-1", "soon")
        assert headers.get_list("retry-after") == ["1", "2"]
        assert "date" not in headers
    client.tenant.clear_faults()
    assert "date" in client.create("a").headers


def test_faults_can_be_set_shown_and_cleared_over_http_and_a_bad_call_uses_up_none(client: Any) -> None:
    added = client.http.post("/_sandbox/faults", json={"kind": "error_before", "count": 2, "status": 503})
    assert added.status_code == 201
    assert [client.create("").status_code for _ in range(3)] == [400, 400, 400]
    assert client.create("a").status_code == 503
    (armed,) = client.http.get("/_sandbox/faults").json()
    assert (armed["kind"], armed["status"]) == ("error_before", 503)
    assert client.http.delete("/_sandbox/faults").status_code == 204
    assert client.create("a").status_code == 201


@pytest.mark.parametrize(
    "details",
    [
        {"kind": "earthquake"},
        {"kind": "fail_match"},
        {"kind": "stall", "count": 0},
        {"kind": "error_before", "status": 200},
        {"kind": "error_before", "headers": {"Date": 7}},
        {"kind": "stall", "cuont": 1},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(client: Any, details: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Fault(**details)
    assert client.http.post("/_sandbox/faults", json=details).status_code == 422
