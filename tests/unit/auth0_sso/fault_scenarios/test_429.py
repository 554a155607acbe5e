"""Refusals: a storm of 429, one that never ends, and a bucket that the tenant's other users drain."""

from __future__ import annotations

import asyncio

import pytest
from auth0_sso.exceptions import Auth0TransientError
from auth0_sso.ledger.store import Ledger
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, PAUSE_SPREAD, SLOWEST

from dev.sandbox.tenant.settings import Plan
from dev.sandbox.tenant.token_bucket import TokenBucket
from tests.support import factories
from tests.unit.auth0_sso.conftest import Connect, RunTenant
from tests.unit.auth0_sso.fault_scenarios import scenarios
from tests.unit.auth0_sso.fault_scenarios.scenarios import HastyClock, JumpingClock

PLAN = Plan(size=10, refill=2)


@pytest.mark.parametrize(("retry_after", "bare"), [(True, False), (False, True)], ids=["Retry-After", "bare"])
def test_a_storm_of_429_costs_no_row_and_flags_none(
    ledger: Ledger, run_tenant: RunTenant, connect: Connect, retry_after: bool, bare: bool
) -> None:
    clock = HastyClock()
    tenant = run_tenant(clock=clock.unix, plan=PLAN, retry_after=retry_after, bare_429=bare)
    connect(tenant)
    tasks = scenarios.fleet(ledger, 2, 5, clock=clock, rate=1, burst=5)
    tenant.fault("rate_limit_storm", seconds=45)
    outcomes = tasks.run()
    assert factories.statuses(outcomes) == {"created": 10}
    assert scenarios.flagged(outcomes) == []
    stats = tenant.stats()
    assert (stats.tickets, stats.token_requests) == (10, 1)
    assert stats.requests == 10 + stats.rate_limited
    assert 1 <= stats.rate_limited <= 2 * 10, "a task that is refused tries ever more seldom, and never with a burst"
    assert max(clock.slept) <= scenarios.LONGEST_PAUSE


def test_a_storm_that_does_not_end_ends_the_try_of_the_task_and_leaves_the_other_rows_for_the_next(
    ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    clock = HastyClock(speed=60)
    tenant = run_tenant(clock=clock.unix)
    connect(tenant)
    tenant.fault("rate_limit_storm", seconds=1e6)  # its Reset is days away
    tasks = scenarios.fleet(ledger, 1, 50, clock=clock, rate=1, retry_budget=1.0)
    outcomes = tasks.run()
    assert scenarios.statuses(outcomes) == {"failed", "not_attempted"}
    assert scenarios.flagged(outcomes) == []
    assert all("429" in error for error in scenarios.errors(outcomes))
    assert any("has answered no request for" in error for error in scenarios.errors(outcomes))
    assert tenant.stats().by_status == {429: tenant.stats().requests}
    assert tenant.stats().requests <= 4
    with pytest.raises(Auth0TransientError, match="so no more is tried now"):
        tasks.tasks[0].issuer.raise_if_incomplete()
    tenant.clear_faults()
    assert factories.statuses(scenarios.fleet(ledger, 1, 50).run()) == {"created": 50}
    assert tenant.stats().tickets == 50


def test_a_bucket_that_others_drain_for_a_minute_is_waited_for_and_hardly_asked(
    ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    clock = HastyClock(speed=50)
    tenant = run_tenant(clock=clock.unix, plan=PLAN)
    connect(tenant)
    tenant.fault("neighbours", rate=100, seconds=60)
    outcomes = scenarios.fleet(ledger, 2, 5, clock=clock, rate=1, burst=5).run()
    assert factories.statuses(outcomes) == {"created": 10}
    assert scenarios.flagged(outcomes) == []
    assert tenant.stats().tickets == 10
    assert tenant.stats().rate_limited <= 2 * 12
    assert max(clock.slept) <= scenarios.LONGEST_PAUSE


def test_after_a_storm_a_task_is_at_its_full_speed_again_after_thirty_answers() -> None:
    clock = JumpingClock()
    rate_limiter = RateLimiter(2.0, clock=clock, sleep=clock.sleep)
    for _ in range(20):
        _let_leave(rate_limiter)
        rate_limiter.observe(429, {})
    _let_leave(rate_limiter)
    assert rate_limiter.delay() == pytest.approx(1 / (2.0 * 0.98 * SLOWEST))
    began = clock.now
    for _ in range(30):
        rate_limiter.observe(201, {})
        _let_leave(rate_limiter)
    assert rate_limiter.delay() == pytest.approx(1 / (2.0 * 0.98))
    assert clock.now - began <= 170 / rate_limiter.rate


def test_after_a_storm_tasks_that_share_a_tenant_use_its_whole_rate_again() -> None:
    """Four tasks at half a request a second each, a bucket of ten that refills by two a second, a minute's storm."""
    clock = JumpingClock()
    bucket = TokenBucket(PLAN, clock.now)
    pacers = [RateLimiter(0.5, 2.0, clock=clock, sleep=clock.sleep) for _ in range(4)]
    accepted: list[float] = []
    refused = 0
    while clock.now < 1000 + 60 + 700:
        rate_limiter = min(pacers, key=RateLimiter.delay)
        _let_leave(rate_limiter)
        storm = clock.now < 1000 + 60
        reading = bucket.refuse(clock.now, clock.now + 1) if storm else bucket.take(clock.now)
        refused += not storm and not reading.allowed
        rate_limiter.observe(201 if reading.allowed else 429, {})
        if reading.allowed:
            accepted.append(clock.now)
    assert refused == 0
    assert min(accepted) <= 1060 + 16 * (1 + PAUSE_SPREAD) + 1
    late = [at for at in accepted if at >= 1060 + 400]
    assert len(late) >= 0.97 * 2 * 300, "170 seconds divided by the half request a second, and the last pause"


@pytest.mark.parametrize("refusals", [1, 3, 10, 1100])
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "86400"}], ids=str)
def test_no_row_of_refusals_and_no_header_pauses_longer_than_the_bound(refusals: int, headers: dict[str, str]) -> None:
    clock = JumpingClock()
    rate_limiter = RateLimiter(1000, clock=clock, sleep=clock.sleep)

    async def be_refused() -> None:
        for _ in range(refusals):
            rate_limiter.observe(429, headers)
            await rate_limiter.acquire()

    asyncio.run(be_refused())
    assert max(clock.slept) <= scenarios.LONGEST_PAUSE


def test_a_request_whose_pause_begins_while_its_turn_is_given_is_not_sent_and_not_in_doubt(
    ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(latency=(0.05, 0.05))
    connect(tenant)
    tenant.fault("rate_limit_storm", count=1)
    outcomes = scenarios.fleet(ledger, 1, 10, rate=100, burst=1).run()
    assert factories.statuses(outcomes) == {"created": 10}
    assert scenarios.flagged(outcomes) == []
    entries = ledger.entries_of_run(factories.FIRST_RUN.run)
    assert all(entry.answer_by - entry.requested_at <= 5 + DEFAULT_TIMEOUTS.answer_grace for entry in entries)


def _let_leave(rate_limiter: RateLimiter) -> None:
    asyncio.run(rate_limiter.acquire())
