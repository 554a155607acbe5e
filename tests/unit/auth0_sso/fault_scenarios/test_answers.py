"""Answers that don't come, break off, come too late or are none; and refusals, which are final however they come."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from auth0_sso.exceptions import Auth0AmbiguousResultError, Auth0ConflictError, Auth0RowError, Auth0TransientError
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.store import Ledger
from auth0_sso.runtime.retry_policy import Auth0RetryPolicy
from auth0_sso.runtime.timeouts import LONGEST_ANSWER_BYTES, MOST_AMBIGUOUS

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.unit.auth0_sso.conftest import Connect
from tests.unit.auth0_sso.fault_scenarios import scenarios

TIMEOUT = 1.0  # where the test is about it
BEFORE = [
    pytest.param("error_before", {"status": 500}, "Auth0 answered 500", id="500"),
    pytest.param("error_before", {"status": 502, "body": "html"}, "Auth0 answered 502: no message", id="502, HTML"),
    pytest.param("error_before", {"status": 503, "body": "empty"}, "Auth0 answered 503: no message", id="503, empty"),
    pytest.param("error_before", {"status": 503, "body": "huge"}, "Auth0 answered 503: no message", id="503, huge"),
    pytest.param("error_before", {"status": 503, "body": "bomb"}, "Auth0 answered 503: no message", id="503, bomb"),
    pytest.param("drop_before", {}, "No answer from", id="dropped"),
]
AFTER = [
    pytest.param("error_after", {"status": 500}, "Auth0 answered 500", id="500"),
    pytest.param("error_after", {"status": 504, "body": "html"}, "Auth0 answered 504: no message", id="504, HTML"),
    pytest.param("drop_after", {}, "No answer from", id="dropped"),
    pytest.param("stall", {"delay": 3.0, "route": "create"}, "No answer from", id="stalled"),
    pytest.param("odd_answer", {"status": 201, "body": "trickle", "delay": 0.2}, "No answer from", id="trickling"),
    pytest.param("odd_answer", {"status": 201, "body": "huge"}, "201 without a ticket", id="huge"),
    pytest.param("odd_answer", {"status": 201, "body": "bomb"}, "201 without a ticket", id="gzip bomb"),
    pytest.param("odd_answer", {"status": 201, "text": '{"ticket": 7}'}, "201 without a ticket", id="no URL"),
    pytest.param("odd_answer", {"status": 201, "text": '{"ticket": "http'}, "201 without a ticket", id="cut off"),
    pytest.param("odd_answer", {"status": 200, "body": "empty"}, "200 without a ticket", id="empty"),
]


@pytest.fixture(autouse=True)
def _timeout(request: pytest.FixtureRequest, tenant: Sandbox, connect: Connect) -> None:
    """Wait for an answer that doesn't come or doesn't end for a second, and for any other as long as it takes."""
    details = getattr(request.node, "callspec", None)
    endless = details is None or any(word in str(details.params) for word in ("stall", "trickle"))
    connect(tenant, extra={"timeout": TIMEOUT if endless else 30})


@pytest.mark.parametrize(("kind", "details", "said"), BEFORE)
def test_an_answer_lost_before_the_ticket_exists_is_asked_again_and_flagged(
    ledger: Ledger, tenant: Sandbox, kind: Any, details: dict[str, Any], said: str
) -> None:
    _asked_again(ledger, tenant, kind, details, made=1)


@pytest.mark.parametrize(("kind", "details", "said"), AFTER)
def test_an_answer_lost_after_the_ticket_exists_is_asked_again_and_flagged(
    ledger: Ledger, tenant: Sandbox, kind: Any, details: dict[str, Any], said: str
) -> None:
    _asked_again(ledger, tenant, kind, details, made=2)


def _asked_again(ledger: Ledger, tenant: Sandbox, kind: Any, details: dict[str, Any], made: int) -> None:
    tenant.fault(kind, connection_name="connection-2", **details)
    outcomes = scenarios.fleet(ledger, 1, 3).run()
    assert factories.statuses(outcomes) == {"created": 3}
    assert scenarios.flagged(outcomes) == [2]
    assert outcomes[2]["attempts"] == 2
    assert scenarios.tickets_of(tenant, ["connection-1", "connection-2", "connection-3"]) == [1, made, 1]
    assert (factories.posts(tenant), tenant.stats().token_requests) == (4, 1)


@pytest.mark.parametrize(("kind", "details", "said"), [BEFORE[0], AFTER[2], AFTER[3], AFTER[7]])
def test_a_row_whose_answers_are_lost_each_time_risks_only_so_many_tickets_and_holds_up_no_other(
    ledger: Ledger, tenant: Sandbox, kind: Any, details: dict[str, Any], said: str
) -> None:
    tenant.fault(kind, count=100, connection_name="connection-2", **details)
    tasks = scenarios.fleet(ledger, 1, 3)
    outcomes = tasks.run()
    assert [outcomes[row]["status"] for row in (1, 2, 3)] == ["created", "failed", "created"]
    assert scenarios.flagged(outcomes) == [2]
    assert outcomes[2]["attempts"] == MOST_AMBIGUOUS
    assert said in outcomes[2]["error"]
    assert "ticket=" not in outcomes[2]["error"]
    assert factories.posts(tenant) == 2 + MOST_AMBIGUOUS
    with pytest.raises(Auth0TransientError, match="1 of 3 rows failed, 0 were not attempted"):
        tasks.tasks[0].issuer.raise_if_incomplete()


@pytest.mark.parametrize("kind", ["error_before", "drop_after"])
def test_a_tenant_that_answers_no_row_ends_the_try_after_the_patience(
    ledger: Ledger, tenant: Sandbox, kind: Any
) -> None:
    tenant.fault(kind, count=10_000)
    tasks = scenarios.fleet(ledger, 1, 400, rate=50, burst=1, retry_budget=0.6)
    outcomes = tasks.run()
    asked = {row for row, outcome in outcomes.items() if outcome["attempts"]}
    assert len(asked) < 200
    assert {outcome["status"] for row, outcome in outcomes.items() if row not in asked} == {"not_attempted"}
    assert {outcomes[row]["status"] for row in asked} == {"failed"}
    assert scenarios.flagged(outcomes) == sorted(asked), "exactly those that were asked for may have a ticket"


@pytest.mark.parametrize("body", ["huge", "bomb"])
def test_of_a_huge_answer_only_so_much_is_read_and_unpacked(
    ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    read, sizes = aiohttp.StreamReader.read, []

    async def measured(reader: aiohttp.StreamReader, most: int = -1) -> bytes:
        part = await read(reader, most)
        sizes.append(len(part))
        return part

    monkeypatch.setattr(aiohttp.StreamReader, "read", measured)
    tenant.fault("error_before", body=body)
    assert factories.statuses(scenarios.fleet(ledger, 1, 1).run()) == {"created": 1}
    assert LONGEST_ANSWER_BYTES < sum(sizes) < LONGEST_ANSWER_BYTES + 100_000


REFUSALS = [
    pytest.param(400, {"message": "Payload validation error", "error_code": "invalid_body"}, "failed", id="400"),
    pytest.param(409, {"message": "A connection with this name already exists."}, "conflict", id="409"),
    pytest.param(409, {"error_code": "connection_conflict"}, "conflict", id="409 by its code"),
    pytest.param(409, {"error_code": "custom_domain_conflict"}, "failed", id="409 that is about no connection"),
    pytest.param(409, {"body": "empty"}, "failed", id="409 that says nothing"),
    pytest.param(409, {"body": "huge"}, "failed", id="409 with a huge body"),
    pytest.param(400, {"body": "trickle", "delay": 0.2}, "failed", id="400 whose body does not end"),
]


@pytest.mark.parametrize(("status", "details", "row_status"), REFUSALS)
def test_a_refusal_is_final_in_its_run_whatever_the_weather_does_to_the_other_rows(
    ledger: Ledger, tenant: Sandbox, status: int, details: dict[str, Any], row_status: str
) -> None:
    tenant.fault("fail_match", connection_name="connection-1", status=status, **details)
    tenant.fault("error_before", count=100, connection_name="connection-2")
    for attempt in (1, 2):  # the weather has the task tried again, in the same round of the same run
        tasks = scenarios.fleet(ledger, 1, 3)
        outcomes = tasks.run()
        assert [outcomes[row]["status"] for row in (1, 2, 3)] == [row_status, "failed", "created"]
        assert f"Auth0 answered {status}" in outcomes[1]["error"]
        assert scenarios.flagged(outcomes) == [2]
        assert sum(seen.connection_name == "connection-1" for seen in tenant.requests) == 1, f"at try {attempt}"
        with pytest.raises(Auth0TransientError) as raised:
            tasks.tasks[0].issuer.raise_if_incomplete()
        assert "retry" in repr(Auth0RetryPolicy().evaluate(raised.value, attempt, 3)).lower()
    cleared = RunAttempt(factories.FIRST_RUN.run, factories.FIRST_RUN.number + 4)
    scenarios.fleet(ledger, 1, 1, who=cleared).run()
    assert sum(seen.connection_name == "connection-1" for seen in tenant.requests) == 2, "a person has cleared the task"


@pytest.mark.parametrize("refusal", [Auth0RowError("400"), Auth0ConflictError("409")])
def test_a_task_that_failed_by_refusals_alone_is_not_tried_again(refusal: Auth0RowError) -> None:
    decision = Auth0RetryPolicy().evaluate(refusal, 1, 3)
    assert "fail" in str(decision.action).lower()


@pytest.mark.parametrize("body", ["huge", "bomb", "trickle", "html", "empty"])
def test_a_429_is_one_whatever_its_body_is(tenant: Sandbox, ledger: Ledger, body: str) -> None:
    tenant.fault("error_before", status=429, body=body, delay=0.2, connection_name="connection-1")
    clock = scenarios.JumpingClock()
    tasks = scenarios.fleet(ledger, 1, 1, clock=clock)
    outcomes = tasks.run()
    assert (outcomes[1]["status"], outcomes[1]["duplicate_possible"]) == ("created", False)
    assert tasks.tasks[0].rate_limiter.rate_limited == 1


def test_a_stalled_answer_is_waited_for_no_longer_than_the_timeout(tenant: Sandbox) -> None:
    tenant.fault("stall", delay=20, route="create")
    hook = Auth0Hook()

    async def ask() -> None:
        async with hook.open():
            await hook.create_sso_ticket(tenant.profile_id, {"connection_config": {"name": "acme"}})

    with pytest.raises(Auth0AmbiguousResultError):
        asyncio.run(ask())
