"""Missing and absurd rate-limit headers, and clocks that differ: pauses are bounded and no row is lost."""

from __future__ import annotations

import time
from typing import Any

import pytest
import time_machine
from auth0_sso.ledger.store import Ledger
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, PAUSE_SPREAD

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.unit.auth0_sso.conftest import Connect, FakeClock, RunTenant
from tests.unit.auth0_sso.fault_scenarios import scenarios

HOURS = 5
NOW = int(time.time())
HEADERS: dict[str, dict[str, Any]] = {
    "none": dict.fromkeys(("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Date")),
    "a Retry-After in the year 9999, without a date": {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": None},
    "two resets": {"X-RateLimit-Reset": [str(NOW + 10**9), "7"]},
    "two Retry-Afters": {"Retry-After": ["3", "86400"]},
    "a date decades ago": {"Date": "Thu, 01 Jan 1970 00:00:00 GMT"},
    "less than nothing remains": {"X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": str(NOW + 10**6)},
}


@pytest.mark.parametrize("headers", list(HEADERS.values()), ids=list(HEADERS))
def test_no_header_pauses_a_task_longer_than_the_bounds(
    ledger: Ledger, tenant: Sandbox, auth0_connection: dict[str, Any], headers: dict[str, Any], clock: FakeClock
) -> None:
    tenant.fault("headers", headers=headers)
    tenant.fault("rate_limit_storm", count=1)
    outcomes = scenarios.fleet(ledger, 1, 3, clock=clock, burst=1).run()
    scenarios.check_created(outcomes, 3)
    stats = tenant.stats()
    assert (stats.tickets, stats.requests, stats.rate_limited, stats.token_requests) == (3, 4, 1, 1)
    assert max(clock.slept) <= scenarios.MAX_PAUSE
    assert sum(clock.slept) <= scenarios.MAX_PAUSE + 3 * (DEFAULT_TIMEOUTS.longest_pause_when_empty + 1)


@pytest.mark.parametrize("hours", [-HOURS, HOURS])
@pytest.mark.parametrize("differs", ["tenant", "worker"])
def test_a_clock_that_differs_by_hours_changes_no_pause(
    ledger: Ledger, run_tenant: RunTenant, connect: Connect, clock: FakeClock, hours: int, differs: str
) -> None:
    """The Reset of the 429, a second or two ahead on the tenant's clock, is read relative to the tenant's date."""
    offset = hours * 3600
    tenant = run_tenant(clock=lambda: time.time() + offset if differs == "tenant" else time.time() - offset)
    connect(tenant)
    tenant.fault("rate_limit_storm", count=1)
    with time_machine.travel(time.time() + (offset if differs == "worker" else 0), tick=True):
        outcomes = scenarios.fleet(ledger, 1, 3, clock=clock).run()
    assert factories.statuses(outcomes) == {"created": 3}
    assert 0.9 <= max(clock.slept) <= 3 * (1 + PAUSE_SPREAD)
