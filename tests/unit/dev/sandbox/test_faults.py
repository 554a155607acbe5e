"""Every fault, as a client meets it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from dev.sandbox.faults import Fault
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.clock import ManualClock

RunTenant = Callable[..., Sandbox]
Connect = Callable[[Sandbox], Any]


def statuses(client: Any, count: int) -> list[int]:
    return [client.create(f"c{number}").status_code for number in range(count)]


def test_a_storm_refuses_as_many_calls_as_asked(client: Any) -> None:
    client.tenant.fault("rate_limit_storm", count=2)
    answer = client.create("a")
    assert answer.status_code == 429
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert 1 <= int(answer.headers["x-ratelimit-reset"]) - client.tenant.requests[0].at <= 2
    assert statuses(client, 2) == [429, 201]
    assert client.tenant.requests[0].faults == ("rate_limit_storm",)
    assert client.tenant.stats().rate_limited == 2


def test_a_storm_can_last_for_a_time_and_tells_its_end(
    run_tenant: RunTenant, connect: Connect, clock: ManualClock
) -> None:
    client = connect(run_tenant(clock=clock))
    client.tenant.fault("rate_limit_storm", seconds=30)
    assert int(client.create("a").headers["x-ratelimit-reset"]) == clock() + 30
    clock.advance(29)
    assert client.profile().status_code == 429
    clock.advance(1)
    assert client.create("b").status_code == 201


def test_an_error_before_makes_no_ticket(client: Any) -> None:
    client.tenant.fault("error_before", count=2, status=503)
    assert statuses(client, 3) == [503, 503, 201]
    assert client.tenant.stats().tickets == 1


def test_an_error_after_makes_the_ticket_nonetheless(client: Any) -> None:
    client.tenant.fault("error_after", status=502, body="html")
    answer = client.create("a")
    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-ratelimit-limit"] == "50"
    assert client.tenant.stats().tickets == 1
    assert client.tenant.requests[0].made_ticket


def test_a_faults_body_can_be_auth0s_json_or_nothing(client: Any) -> None:
    client.tenant.fault("error_before", message="Try later", error_code="operation_failed")
    client.tenant.fault("error_before", body="empty")
    assert client.create("a").json() == {
        "statusCode": 500,
        "error": "Internal Server Error",
        "message": "Try later",
        "errorCode": "operation_failed",
    }
    assert client.create("a").content == b""


@pytest.mark.parametrize(("kind", "made"), [("drop_before", 0), ("drop_after", 1)])
def test_a_drop_cuts_the_connection_without_an_answer(client: Any, kind: str, made: int) -> None:
    client.headers()
    client.tenant.fault(kind)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        client.create("a")
    (seen,) = client.tenant.requests
    assert (seen.status, seen.made_ticket) == (0, bool(made))
    assert client.tenant.stats().tickets == made
    assert client.create("b").status_code == 201


def test_a_stall_holds_an_answer_whose_ticket_is_made(client: Any) -> None:
    client.headers()
    client.tenant.fault("stall", delay=20)
    with pytest.raises(httpx.ReadTimeout):
        client.http.post(
            f"{client.path()}/sso-ticket",
            json={"connection_config": {"name": "a"}},
            headers=client.headers(),
            timeout=0.1,
        )
    held = client.tenant.requests[0]
    assert (held.faults, held.status, held.made_ticket) == (("stall",), 0, True)
    assert client.tenant.stats().tickets == 1
    assert client.create("b").elapsed.total_seconds() < 20


def test_a_client_that_hangs_up_in_the_middle_gets_its_ticket_made_all_the_same(
    run_tenant: RunTenant, connect: Connect
) -> None:
    client = connect(run_tenant(latency=(0.3, 0.3)))
    headers = client.headers()
    with pytest.raises(httpx.ReadTimeout):
        client.http.post(
            f"{client.path()}/sso-ticket",
            json={"connection_config": {"name": "a"}},
            headers=headers,
            timeout=0.1,
        )
    deadline = time.monotonic() + 5
    while not client.tenant.tickets and time.monotonic() < deadline:
        time.sleep(0.02)
    assert client.tenant.stats().by_status == {201: 1}


def test_a_stall_and_an_error_can_strike_one_call(client: Any) -> None:
    client.tenant.fault("stall", delay=0.1)
    client.tenant.fault("error_after")
    answer = client.create("a")
    assert answer.status_code == 500
    assert answer.elapsed.total_seconds() >= 0.1
    assert client.tenant.requests[0].faults == ("stall", "error_after")


def test_expired_tokens_are_refused_and_new_ones_work(client: Any) -> None:
    assert client.create("a").status_code == 201
    client.tenant.fault("expire_tokens")
    answer = client.create("b")
    assert (answer.status_code, answer.json()["message"]) == (401, "Invalid token")
    client.token = None
    assert client.create("b").status_code == 201


def test_a_throttled_token_endpoint_says_access_denied(client: Any) -> None:
    client.tenant.fault("token_throttle", count=2)
    answers = [client.ask_token() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 500, 200]
    assert answers[0].json() == {
        "error": "access_denied",
        "error_description": "Global limit has been reached",
    }


def test_a_throttled_token_endpoint_can_answer_429_too(client: Any) -> None:
    client.tenant.fault("token_throttle", status=429)
    answer = client.ask_token()
    assert (answer.status_code, answer.json()["error"]) == (429, "too_many_requests")


@pytest.mark.parametrize(
    ("kind", "details"),
    [("error_before", {"status": 503, "body": "html"}), ("error_after", {"status": 503}), ("drop_before", {})],
)
def test_a_fault_can_strike_the_token_endpoint_alone(client: Any, kind: str, details: dict[str, Any]) -> None:
    client.headers()
    client.tenant.fault(kind, route="token", **details)
    assert client.create("a").status_code == 201
    if details:
        assert client.ask_token().status_code == 503
    else:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            client.ask_token()
    assert client.ask_token().status_code == 200


def test_a_stalled_token_endpoint_holds_its_answer(client: Any) -> None:
    client.tenant.fault("stall", route="token", delay=0.2)
    assert client.ask_token().elapsed.total_seconds() >= 0.2


def test_tokens_can_be_refused_however_new_they_are(client: Any) -> None:
    client.tenant.fault("refuse_tokens", count=2)
    for name in "ab":
        client.token = None
        assert client.create(name).status_code == 401
    assert client.create("c").status_code == 201


def test_an_answers_headers_can_be_changed_doubled_and_taken_away(client: Any) -> None:
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


def test_an_answers_date_is_the_tenants(run_tenant: RunTenant, connect: Connect, clock: ManualClock) -> None:
    client = connect(run_tenant(clock=clock))
    assert client.create("a").headers["date"] == "Fri, 15 Jan 2027 08:00:00 GMT"


def test_an_odd_answer_hides_a_ticket_that_is_made(client: Any) -> None:
    client.tenant.fault("odd_answer", status=201, text='{"ticket": 7}')
    answer = client.create("a")
    assert (answer.status_code, answer.json()) == (201, {"ticket": 7})
    assert client.tenant.stats().tickets == 1


@pytest.mark.parametrize("body", ["huge", "bomb"])
def test_an_answer_can_be_huge_or_unpack_to_what_is(client: Any, body: str) -> None:
    client.headers()
    client.tenant.fault("error_before", status=503, body=body)
    request = {"json": {"connection_config": {"name": "a"}}, "headers": client.headers()}
    with client.http.stream("POST", f"{client.path()}/sso-ticket", **request) as answer:
        assert answer.status_code == 503
        size = 0
        for part in answer.iter_bytes():
            size += len(part)
            if size > 10_000_000:
                break
    assert size > 10_000_000


def test_an_answer_can_trickle(client: Any) -> None:
    client.tenant.fault("error_before", body="trickle", delay=0.05)
    request = {"json": {"connection_config": {"name": "a"}}, "headers": client.headers()}
    with client.http.stream("POST", f"{client.path()}/sso-ticket", **request) as answer:
        parts = answer.iter_raw()
        assert [next(parts), next(parts)] == [b" ", b" "]


def test_neighbours_drain_the_bucket(run_tenant: RunTenant, connect: Connect, clock: ManualClock) -> None:
    client = connect(run_tenant(clock=clock, plan={"size": 10, "refill": 2}))
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
def test_one_prospect_can_be_made_to_fail_always(client: Any, match: dict[str, str]) -> None:
    client.tenant.fault("fail_match", status=409, error_code="custom_domain_conflict", **match)
    organizations = [{"organization_id": "org_1"}, {"organization_id": "org_2"}]
    for _ in range(2):
        answer = client.create("globex", enabled_organizations=organizations)
        assert (answer.status_code, answer.json()["errorCode"]) == (409, "custom_domain_conflict")
    assert client.create("acme", enabled_organizations=organizations[:1]).status_code == 201


def test_any_fault_can_be_kept_to_one_organization(client: Any) -> None:
    client.tenant.fault("error_after", organization_id="org_1")
    other = [{"organization_id": "org_2"}]
    assert client.create("b", enabled_organizations=other).status_code == 201
    assert client.create("a", enabled_organizations=[{"organization_id": "org_1"}]).status_code == 500


def test_a_fault_can_strike_revoking(client: Any) -> None:
    client.ticket_url()
    client.tenant.fault("error_before", route="revoke")
    assert client.revoke(client.tenant.tickets[0].id).status_code == 500
    assert client.tenant.tickets[0].state == "live"
    assert client.revoke(client.tenant.tickets[0].id).status_code == 202


def test_a_call_that_is_refused_anyway_uses_up_no_fault(client: Any) -> None:
    client.tenant.fault("error_before")
    assert client.create("").status_code == 400
    assert client.create("a").status_code == 500


def test_faults_can_be_set_shown_and_cleared_over_http(client: Any) -> None:
    answer = client.http.post("/_sandbox/faults", json={"kind": "error_before", "count": 5, "status": 503})
    assert answer.status_code == 201
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
        {"kind": "stall", "seconds": 0},
        {"kind": "error_before", "status": 200},
        {"kind": "odd_answer", "status": 199},
        {"kind": "error_before", "headers": {"Date": 7}},
        {"kind": "stall", "cuont": 1},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(client: Any, details: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Fault(**details)
    assert client.http.post("/_sandbox/faults", json=details).status_code == 422


def test_the_settings_faults_are_armed_again_by_a_reset(run_tenant: RunTenant, connect: Connect) -> None:
    client = connect(run_tenant(faults=(Fault(kind="error_before"),)))
    assert statuses(client, 2) == [500, 201]
    client.tenant.reset()
    assert statuses(client, 2) == [500, 201]
