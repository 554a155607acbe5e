"""No wait is without end: each one's bound, and what a try of a task adds up to."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from airflow.sdk import BaseOperator
from auth0_sso.exceptions import (
    Auth0AmbiguousResultError,
    Auth0RateLimitError,
    Auth0TokenRateLimitError,
    Auth0TransientError,
    Auth0UnreachableError,
)
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.hooks.connection import Auth0Settings
from auth0_sso.ledger.store import Ledger
from auth0_sso.operators.sso_tickets import SsoTicketsOperator
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.runtime.retry import OutageTimer, RetryBudget
from auth0_sso.runtime.retry_policy import RETRIES, Auth0RetryPolicy
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, LEASES_WAITED, MOST_AMBIGUOUS, PAUSE_SPREAD, SLOWEST, Timeouts
from auth0_sso.tickets.issue import IssueOptions
from auth0_sso.tickets.preflight import check_before_creating
from auth0_sso.tickets.revoke import TicketRevoker

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.unit.auth0_sso.conftest import Connect
from tests.unit.auth0_sso.fault_scenarios import scenarios

CREATING = {"max_mapped_tasks": 128, "profile_id": "", "on_existing": "reuse", "dry_run": False}


class Now:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


class TestPatience:
    @pytest.mark.parametrize(
        ("error", "wait"),
        [
            pytest.param(Auth0RateLimitError("429", status=429), [0, 0, 0, 0], id="after a 429 the pacer waits"),
            pytest.param(Auth0TokenRateLimitError("429", status=429), [4, 8, 16, 30], id="not after the token's"),
            pytest.param(Auth0UnreachableError("away"), [4, 8, 16, 30], id="what is out of reach is tried more seldom"),
            pytest.param(Auth0TransientError("503", headers={"Retry-After": "20"}), [20, 20, 20, 30], id="Retry-After"),
            pytest.param(Auth0TransientError("503", headers={"Retry-After": "9999"}), [60] * 4, id="an absurd one"),
            pytest.param(
                Auth0TransientError("503", headers={"X-RateLimit-Reset": "9" * 10}), [4, 8, 16, 30], id="Reset"
            ),
        ],
    )
    def test_each_failure_is_waited_for_longer_up_to_a_bound(
        self, now: Now, error: Auth0TransientError, wait: list[float]
    ) -> None:
        retry_budget = RetryBudget(DEFAULT_TIMEOUTS.retry_budget, OutageTimer(now))
        assert [retry_budget.next_delay(error, risked=True) for _ in range(4)] == wait

    def test_it_ends_with_its_time_and_no_wait_leads_beyond_it(self, now: Now) -> None:
        retry_budget = RetryBudget(DEFAULT_TIMEOUTS.retry_budget, OutageTimer(now))
        error = Auth0UnreachableError("away")
        began = now.seconds

        def wait_for_ever() -> None:
            while True:
                now.seconds += retry_budget.next_delay(error, risked=True)

        with pytest.raises(Auth0UnreachableError, match="away"):
            wait_for_ever()
        assert now.seconds - began == DEFAULT_TIMEOUTS.retry_budget

    def test_it_ends_after_so_many_unanswered_requests_that_may_have_made_a_ticket(self, now: Now) -> None:
        retry_budget = RetryBudget(DEFAULT_TIMEOUTS.retry_budget, OutageTimer(now))
        for _ in range(MOST_AMBIGUOUS - 1):
            retry_budget.next_delay(Auth0AmbiguousResultError("lost"), risked=True)
        with pytest.raises(Auth0AmbiguousResultError):
            retry_budget.next_delay(Auth0AmbiguousResultError("lost"), risked=True)

    def test_revocations_without_an_answer_risk_nothing(self, now: Now) -> None:
        retry_budget = RetryBudget(DEFAULT_TIMEOUTS.retry_budget, OutageTimer(now))
        for _ in range(10 * MOST_AMBIGUOUS):
            retry_budget.next_delay(Auth0AmbiguousResultError("lost"), risked=False)

    def test_with_a_tenant_that_is_silent_to_all_a_row_that_begins_late_has_none_left(self, now: Now) -> None:
        outage = OutageTimer(now)
        now.seconds += DEFAULT_TIMEOUTS.retry_budget - 1
        late = RetryBudget(DEFAULT_TIMEOUTS.retry_budget, outage)
        assert late.next_delay(Auth0UnreachableError("away"), risked=True) == 1
        now.seconds += 1
        with pytest.raises(Auth0UnreachableError):
            late.next_delay(Auth0UnreachableError("away"), risked=True)
        outage.end()
        assert (
            RetryBudget(DEFAULT_TIMEOUTS.retry_budget, outage).next_delay(Auth0UnreachableError("away"), risked=True)
            == 4
        )


def test_another_tasks_request_that_never_ends_is_waited_for_no_longer_than_the_retry_budget(
    ledger: Ledger, tenant: Sandbox, auth0_connection: dict[str, Any]
) -> None:
    """Its task died, and the clock of the ledger's machine was set back by hours."""
    waiting = scenarios.fleet(ledger, 1, 1, retry_budget=0.4)
    ledger.begin(factories.spec(factories.request(1, "org_1")), None, factories.SECOND_RUN, answer_within=5 * 3600)
    outcomes = waiting.run()
    assert outcomes[1]["status"] == "failed"
    assert "Another task's request for this prospect does not end. Check if another run" in outcomes[1]["error"]
    assert factories.posts(tenant) == 0
    with pytest.raises(Auth0TransientError):
        waiting.tasks[0].issuer.raise_if_incomplete()


def test_revoking_ends_after_the_retry_budget_with_a_tenant_that_does_not_answer(
    ledger: Ledger, tenant: Sandbox, auth0_connection: dict[str, Any]
) -> None:
    scenarios.fleet(ledger, 1, 100).run()
    tenant.fault("drop_before", route="revoke", count=10_000)
    hook = factories.open_hook(ledger, rate=20, burst=1)
    revoker = factories.Revoker(ledger.live_entries(), hook, ledger, "revoke/run-1", retry_budget=0.4)
    asyncio.run(revoker.run())
    results = revoker.results()
    assert {result["status"] for result in results} == {"failed", "not_attempted"}
    assert all("No answer from" in result["error"] for result in results)
    assert factories.revocations(tenant) < 100
    with pytest.raises(Auth0TransientError, match="so no more is tried now"):
        revoker.raise_if_incomplete()


def test_the_connections_test_button_gives_up_in_the_end(tenant: Sandbox, connect: Connect) -> None:
    connect(tenant, extra={"timeout": 300})
    tenant.fault("stall", route="token", delay=20)
    works, said = Auth0Hook(timeouts=Timeouts(connection_test=0.6)).test_connection()
    assert not works
    assert said == f"{tenant.domain} has not answered all requests within 1 seconds."


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        pytest.param("rate_limit_storm", {"count": 1}, id="429"),
        pytest.param("error_before", {"route": "profile", "status": 503}, id="503"),
        pytest.param("stall", {"route": "profile", "delay": 20}, id="stalled"),
        pytest.param("stall", {"route": "token", "delay": 20}, id="token stalled"),
        pytest.param("token_throttle", {"status": 429}, id="token throttled"),
    ],
)
def test_the_check_before_a_run_waits_for_one_answer_each_and_leaves_the_rest_to_airflow(
    tenant: Sandbox,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    sqlite_url: str,
    kind: Any,
    details: dict[str, Any],
) -> None:
    monkeypatch.setenv("SSO_TICKETS_LEDGER", sqlite_url.removeprefix("sqlite:///"))
    connect(tenant, extra={"timeout": 0.5 if kind == "stall" else 5})
    tenant.fault(kind, **details)
    with pytest.raises(Auth0TransientError) as raised:
        check_before_creating(factories.TaskInstance(BaseOperator(task_id="plan_fan_out")), CREATING, {""})
    assert "retry" in repr(Auth0RetryPolicy().evaluate(raised.value, 1, 3)).lower()
    assert tenant.stats().requests <= 1
    assert tenant.stats().token_requests == 1


def test_a_departure_that_would_take_too_long_is_none(tenant: Sandbox) -> None:
    clock = scenarios.JumpingClock()

    async def refuse_meanwhile(seconds: float) -> None:
        await clock.sleep(seconds)
        rate_limiter.observe(429, {"Retry-After": "50"})

    rate_limiter = RateLimiter(1000, clock=clock, sleep=refuse_meanwhile)

    async def acquire() -> None:
        async with rate_limiter.slot() as slot:
            await slot.acquire()

    with pytest.raises(Auth0RateLimitError, match="nothing was sent"):
        asyncio.run(asyncio.wait_for(acquire(), 10))
    assert rate_limiter.requests == 0
    assert clock.now <= 1000 + DEFAULT_TIMEOUTS.longest_delay


def test_a_try_of_a_task_and_all_its_tries_end() -> None:
    """With the defaults: 30 seconds to an answer, a request a second."""
    timeout, rate = Auth0Settings(base_url="https://acme.eu.auth0.com").timeout, 1.0
    longest_pause = DEFAULT_TIMEOUTS.longest_pause * (1 + PAUSE_SPREAD)
    next_turn = longest_pause + 1 / (rate * SLOWEST * 0.98)
    token = LEASES_WAITED * DEFAULT_TIMEOUTS.lease(timeout) + timeout
    last_request = token + next_turn + DEFAULT_TIMEOUTS.longest_delay + timeout
    longest_try = DEFAULT_TIMEOUTS.retry_budget + last_request
    policy, retries = Auth0RetryPolicy(), RETRIES["retries"]
    decisions = [policy.evaluate(Auth0TransientError("away"), number, retries) for number in range(1, retries + 1)]
    between = sum(decision.retry_delay.total_seconds() for decision in decisions if decision.retry_delay)
    assert longest_try <= 9 * 60
    assert between == 60 + 120 + 240
    assert (1 + retries) * longest_try + between <= 43 * 60


@pytest.mark.parametrize("options", [IssueOptions, TicketRevoker, SsoTicketsOperator])
def test_one_retry_budget_holds_everywhere(options: type) -> None:
    assert inspect.signature(options).parameters["retry_budget"].default == DEFAULT_TIMEOUTS.retry_budget


def test_a_task_that_is_told_to_end_is_done_before_the_supervisor_kills_it() -> None:
    assert DEFAULT_TIMEOUTS.shutdown < 5
