"""Storms of 429, and a rate limit that other users of the tenant use up."""

from __future__ import annotations

from typing import Any

import pytest
from auth0_sso.ledger.store import Ledger

from dev.sandbox.tenant.settings import Plan
from tests.support import factories
from tests.unit.auth0_sso.conftest import Connect, RunTenant
from tests.unit.auth0_sso.fault_scenarios import scenarios
from tests.unit.auth0_sso.fault_scenarios.scenarios import FastClock

PLAN = Plan(size=10, refill=2)


@pytest.mark.answers("429, 5xx, no network")
@pytest.mark.parametrize(
    ("kind", "details", "settings"),
    [
        pytest.param(
            "rate_limit_storm", {"seconds": 45}, {"bare_429": True, "retry_after": True}, id="storm of bare 429s"
        ),
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
    assert max(clock.slept) <= scenarios.MAX_PAUSE


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
