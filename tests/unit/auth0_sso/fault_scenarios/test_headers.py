"""Headers that are missing, late, off by hours or absurd: each answer is heeded within bounds, and no row is lost."""

from __future__ import annotations

import time
from typing import Any

import pytest
import time_machine
from auth0_sso.ledger.store import Ledger
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, PAUSE_SPREAD

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.unit.auth0_sso.conftest import Connect, RunTenant
from tests.unit.auth0_sso.fault_scenarios import scenarios
from tests.unit.auth0_sso.fault_scenarios.scenarios import JumpingClock

HOURS = 5
NOW = int(time.time())
NONE: dict[str, Any] = {"X-RateLimit-Limit": None, "X-RateLimit-Remaining": None, "X-RateLimit-Reset": None}
HEADERS: dict[str, dict[str, Any]] = {
    "none at all": {**NONE, "Date": None},
    "no rate limit": NONE,
    "no date": {"Date": None},
    "a reset in the past": {"X-RateLimit-Reset": str(NOW - 3600)},
    "a reset hours ahead": {"X-RateLimit-Reset": str(NOW + HOURS * 3600)},
    "a reset hours ahead, without a date": {"X-RateLimit-Reset": str(NOW + HOURS * 3600), "Date": None},
    "a reset of 0": {"X-RateLimit-Reset": "0"},
    "a reset that is no number": {"X-RateLimit-Reset": "NaN"},
    "a reset of 10^30": {"X-RateLimit-Reset": "1" + "0" * 30},
    "a reset in letters": {"X-RateLimit-Reset": "soon"},
    "an empty reset": {"X-RateLimit-Reset": ""},
    "two resets": {"X-RateLimit-Reset": [str(NOW + 10**9), "7"]},
    "a reset in milliseconds": {"X-RateLimit-Reset": str(NOW * 1000)},
    "a Retry-After decades ahead": {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"},
    "a Retry-After in the last year there is": {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": None},
    "a negative Retry-After": {"Retry-After": "-30"},
    "a Retry-After of 10^30": {"Retry-After": "1" + "0" * 30},
    "a Retry-After that is no number": {"Retry-After": "NaN"},
    "two Retry-Afters": {"Retry-After": ["3", "86400"]},
    "two Retry-Afters in one line": {"Retry-After": "3, 86400"},
    "an empty Retry-After": {"Retry-After": ""},
    "a date decades ago": {"Date": "Thu, 01 Jan 1970 00:00:00 GMT"},
    "a date decades ahead": {"Date": "Fri, 01 Jan 2100 00:00:00 GMT"},
    "a date that is none": {"Date": "yesterday"},
    "less than nothing remains": {"X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": str(NOW + 10**6)},
}


@pytest.mark.parametrize("headers", list(HEADERS.values()), ids=list(HEADERS))
def test_no_header_holds_up_a_task_for_longer_than_the_bounds(
    ledger: Ledger, tenant: Sandbox, auth0_connection: dict[str, Any], headers: dict[str, Any]
) -> None:
    """Each answer has them, one of them is a 429."""
    tenant.fault("headers", headers=headers)
    tenant.fault("rate_limit_storm", count=1)
    clock = JumpingClock()
    outcomes = scenarios.fleet(ledger, 1, 3, clock=clock, burst=1).run()
    assert factories.statuses(outcomes) == {"created": 3}
    assert scenarios.flagged(outcomes) == []
    stats = tenant.stats()
    assert (stats.tickets, stats.requests, stats.rate_limited, stats.token_requests) == (3, 4, 1, 1)
    assert max(clock.slept) <= scenarios.LONGEST_PAUSE
    assert sum(clock.slept) <= scenarios.LONGEST_PAUSE + 3 * (DEFAULT_TIMEOUTS.longest_pause_when_empty + 1)


@pytest.mark.parametrize("remaining", ["0", "-1", "-99", "00"])
def test_an_answer_that_has_used_the_last_request_pauses_for_seconds_only(
    ledger: Ledger, tenant: Sandbox, auth0_connection: dict[str, Any], remaining: str
) -> None:
    ahead = str(int(time.time()) + 10**6)
    tenant.fault("headers", headers={"X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": ahead})
    clock = JumpingClock()
    tasks = scenarios.fleet(ledger, 1, 1, clock=clock)
    tasks.run()
    assert tasks.tasks[0].rate_limiter.delay() == pytest.approx(DEFAULT_TIMEOUTS.longest_pause_when_empty, abs=0.1)


@pytest.mark.parametrize("hours", [-HOURS, HOURS])
def test_a_tenant_whose_clock_is_hours_off_is_waited_for_as_long_as_it_asks(
    ledger: Ledger, run_tenant: RunTenant, connect: Connect, hours: int
) -> None:
    tenant = run_tenant(clock=lambda: time.time() + hours * 3600)
    connect(tenant)
    _is_paused_for_seconds(ledger, tenant)


@pytest.mark.parametrize("hours", [-HOURS, HOURS])
def test_a_worker_whose_clock_is_hours_off_waits_as_long_as_it_is_asked_to(
    ledger: Ledger, tenant: Sandbox, auth0_connection: dict[str, Any], hours: int
) -> None:
    with time_machine.travel(time.time() + hours * 3600, tick=True):
        _is_paused_for_seconds(ledger, tenant)


def _is_paused_for_seconds(ledger: Ledger, tenant: Sandbox) -> None:
    """See that the storm's Reset, a second or two ahead on the tenant's clock, is read against the tenant's date."""
    tenant.fault("rate_limit_storm", count=1)
    clock = JumpingClock()
    outcomes = scenarios.fleet(ledger, 1, 3, clock=clock).run()
    assert factories.statuses(outcomes) == {"created": 3}
    assert 0.9 <= max(clock.slept) <= 3 * (1 + PAUSE_SPREAD)


@pytest.mark.parametrize("hours", [-HOURS, HOURS])
def test_without_a_date_a_clock_that_is_hours_off_costs_a_pause_and_no_more(
    ledger: Ledger, run_tenant: RunTenant, connect: Connect, hours: int
) -> None:
    tenant = run_tenant(clock=lambda: time.time() + hours * 3600)
    connect(tenant)
    tenant.fault("headers", headers={"Date": None})
    tenant.fault("rate_limit_storm", count=1)
    clock = JumpingClock()
    outcomes = scenarios.fleet(ledger, 1, 3, clock=clock).run()
    assert factories.statuses(outcomes) == {"created": 3}
    assert 0.9 <= max(clock.slept) <= scenarios.LONGEST_PAUSE
