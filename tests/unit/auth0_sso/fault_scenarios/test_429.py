"""Storms of 429, and a rate limit that other users of the tenant use up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from auth0_sso.ledger.store import Ledger
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, PAUSE_SPREAD

from dev.sandbox.tenant.settings import Plan
from dev.sandbox.tenant.token_bucket import TokenBucket
from tests.support import factories
from tests.unit.auth0_sso.conftest import Connect, FakeClock, RunTenant
from tests.unit.auth0_sso.fault_scenarios import scenarios
from tests.unit.auth0_sso.fault_scenarios.scenarios import FastClock

PLAN = Plan(size=10, refill=2)


@pytest.mark.answers("429, 5xx, no network")
@pytest.mark.parametrize(
    ("kind", "details", "settings"),
    [
        pytest.param("rate_limit_storm", {"seconds": 45}, {"retry_after": True}, id="storm with Retry-After"),
        pytest.param("rate_limit_storm", {"seconds": 45}, {"bare_429": True}, id="storm of bare 429s"),
        pytest.param("neighbours", {"rate": 100, "seconds": 60}, {}, id="others use the rate limit up"),
    ],
)
def test_a_minute_of_429_loses_no_row_marks_no_duplicate_and_sees_few_requests(
    ledger: Ledger,
    run_tenant: RunTenant,
    connect: Connect,
    kind: Any,
    details: dict[str, float],
    settings: dict[str, bool],
) -> None:
    clock = FastClock()
    tenant = run_tenant(clock=clock.unix, plan=PLAN, **settings)
    connect(tenant)
    tasks = scenarios.fleet(ledger, 2, 5, clock=clock, rate=1, burst=5)
    tenant.fault(kind, **details)
    scenarios.check_created(tasks.run(), 10)
    stats = tenant.stats()
    assert (stats.tickets, stats.token_requests) == (10, 1)
    assert stats.requests == 10 + stats.rate_limited
    assert 1 <= stats.rate_limited <= 2 * 12, "a refused task pauses longer each time, and never sends a burst"
    assert max(clock.slept) <= scenarios.LONGEST_PAUSE


def test_an_endless_storm_ends_the_try_of_the_task_and_the_next_one_creates_all_rows(
    ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    clock = FastClock(speed=60)
    tenant = run_tenant(clock=clock.unix)
    connect(tenant)
    tenant.fault("rate_limit_storm", seconds=1e6)  # its Reset is days away
    tasks = scenarios.fleet(ledger, 1, 50, clock=clock, rate=1, retry_budget=1.0)
    outcomes = scenarios.check_not_created(tasks, "429")
    assert any("has answered no request for" in error for error in scenarios.errors(outcomes))
    assert tenant.stats().by_status == {429: tenant.stats().requests}
    assert tenant.stats().requests <= 4
    tenant.clear_faults()
    assert factories.statuses(scenarios.fleet(ledger, 1, 50).run()) == {"created": 50}
    assert tenant.stats().tickets == 50


def test_after_a_storm_tasks_that_share_a_tenant_use_its_whole_rate_again() -> None:
    """Four tasks at half a request a second, a bucket of ten that refills by two a second, a storm of a minute."""
    clock = FakeClock()
    bucket = TokenBucket(PLAN, clock.now)
    limiters = [RateLimiter(0.5, 2.0, clock=clock, sleep=clock.sleep) for _ in range(4)]
    accepted: list[float] = []
    refused = 0
    while clock.now < 1000 + 60 + 700:
        rate_limiter = min(limiters, key=RateLimiter.delay)
        asyncio.run(rate_limiter.acquire())
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


def test_a_request_whose_pause_begins_after_it_got_its_slot_is_not_ambiguous(
    ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(latency=(0.05, 0.05))
    connect(tenant)
    tenant.fault("rate_limit_storm", count=1)
    outcomes = scenarios.fleet(ledger, 1, 10, rate=100, burst=1).run()
    scenarios.check_created(outcomes, 10)
    entries = ledger.entries_of_run(factories.FIRST_RUN.run)
    assert all(entry.answer_by - entry.requested_at <= 5 + DEFAULT_TIMEOUTS.answer_grace for entry in entries)
