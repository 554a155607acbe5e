"""Every fault, as a client experiences it."""

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


def test_a_storm_refuses_the_requested_number_of_calls(client: Any) -> None:
    client.tenant.fault("rate_limit_storm", count=2)
    refused = client.create("a")
    assert refused.status_code == 429
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert 1 <= int(refused.headers["x-ratelimit-reset"]) - client.tenant.requests[0].at <= 2
    assert client.statuses(2) == [429, 201]
    assert client.tenant.requests[0].faults == ("rate_limit_storm",)
    assert client.tenant.stats().rate_limited == 2


def test_a_storm_can_last_for_a_time_and_says_when_it_ends(new_client: NewClient, clock: ManualClock) -> None:
    client = new_client(clock=clock)
    client.tenant.fault("rate_limit_storm", seconds=30)
    assert int(client.create("a").headers["x-ratelimit-reset"]) == clock() + 30
    clock.advance(29)
    assert client.profile().status_code == 429
    clock.advance(1)
    assert client.create("b").status_code == 201


@pytest.mark.parametrize(("kind", "made"), [("error_before", 0), ("error_after", 1)])
def test_an_error_before_creates_no_ticket_and_one_after_does(client: Any, kind: str, made: int) -> None:
    client.tenant.fault(kind, status=502, body="html")
    response = client.create("a")
    assert response.status_code == 502
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["x-ratelimit-limit"] == "50"
    assert client.tenant.stats().tickets == client.tenant.requests[0].made_ticket == made
    assert client.create("b").status_code == 201


def test_the_body_can_be_auth0s_json_nothing_or_any_text(client: Any) -> None:
    client.tenant.fault("error_before", message="Try later", error_code="operation_failed")
    client.tenant.fault("error_before", body="empty")
    client.tenant.fault("odd_answer", status=201, text='{"ticket": 7}')
    assert client.create("a").json() == {
        "statusCode": 500,
        "error": "Internal Server Error",
        "message": "Try later",
        "errorCode": "operation_failed",
    }
    assert client.create("a").content == b""
    odd = client.create("a")
    assert (odd.status_code, odd.json(), client.tenant.stats().tickets) == (201, {"ticket": 7}, 1)


def test_a_stall_holds_a_response_whose_ticket_is_created(client: Any) -> None:
    client.tenant.fault("stall", delay=0)
    client.tenant.fault("stall", delay=600)
    close_when_received(client, lambda: any(len(seen.faults) == 2 for seen in client.tenant.requests))
    held = client.tenant.requests[0]
    assert (held.faults, held.status, held.made_ticket) == (("stall", "stall"), 0, True)
    assert client.tenant.stats().tickets == 1
    assert client.create("b").status_code == 201


def test_the_ticket_of_a_client_that_closes_the_connection_is_created(new_client: NewClient) -> None:
    client = new_client(latency=(0.3, 0.3))
    close_when_received(client, lambda: any(seen.connection_name for seen in client.tenant.requests))
    wait_until(lambda: client.tenant.stats().by_status == {201: 1})


def test_tokens_expire_on_request_and_even_new_ones_can_be_refused(client: Any) -> None:
    assert client.create("a").status_code == 201
    client.tenant.fault("expire_tokens")
    refused = client.create("b")
    assert (refused.status_code, refused.json()["message"]) == (401, "Invalid token")
    client.tenant.fault("refuse_tokens", count=2)
    for status in (401, 401, 201):
        client.token = None
        assert client.create("b").status_code == status


@pytest.mark.parametrize("kind", ["error_before", "error_after"])
def test_a_fault_can_apply_to_the_token_endpoint_or_to_revoking_only(client: Any, kind: str) -> None:
    ticket_id = client.ticket_url().partition("?ticket=")[2]
    client.tenant.fault(kind, route="token", status=503, body="html")
    client.tenant.fault(kind, route="revoke", status=502)
    assert client.create("a").status_code == 201
    assert [client.request_token().status_code for _ in range(2)] == [503, 200]
    assert [client.revoke(ticket_id).status_code for _ in range(2)] == [502, 202]


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


def test_neighbours_drain_the_bucket(new_client: NewClient, clock: ManualClock) -> None:
    client = new_client(clock=clock, plan={"size": 10, "refill": 2})
    client.tenant.fault("neighbours", rate=6, seconds=2)
    clock.advance(1)
    assert client.profile().headers["x-ratelimit-remaining"] == "5"
    clock.advance(3)
    assert client.profile().headers["x-ratelimit-remaining"] == "4"
    client.tenant.fault("neighbours", rate=100)
    client.tenant.clear_faults()
    clock.advance(10)
    assert client.profile().headers["x-ratelimit-remaining"] == "9"


@pytest.mark.parametrize("match", [{"organization_id": "org_2"}, {"connection_name": "globex"}])
def test_one_prospect_can_fail_every_time(client: Any, match: dict[str, str]) -> None:
    client.tenant.fault("fail_match", status=409, error_code="custom_domain_conflict", **match)
    organizations = [{"organization_id": "org_1"}, {"organization_id": "org_2"}]
    for _ in range(2):
        refused = client.create("globex", enabled_organizations=organizations)
        assert (refused.status_code, refused.json()["errorCode"]) == (409, "custom_domain_conflict")
    assert client.create("acme", enabled_organizations=organizations[:1]).status_code == 201


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
