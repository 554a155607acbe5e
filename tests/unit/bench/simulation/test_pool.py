"""The simulated pool: what its tasks send, alone and with others, killed and cleared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from auth0_sso.runtime.rate_limiter import RateLimiter

from dev.sandbox.tenant.settings import PLANS
from tests.bench.simulation.pool import run_scenario
from tests.bench.simulation.scenario import Scenario
from tests.bench.simulation.tenant import OtherUsers

ALONE = Scenario("Enterprise", PLANS["enterprise"], 4, 4, 12, organizations=300, tasks=8)
WITH_OTHERS = replace(ALONE, others=OtherUsers(0.5))


def test_tasks_that_are_alone_use_the_whole_rate() -> None:
    outcome = run_scenario(ALONE, seed=1)
    assert (outcome.tickets, outcome.sent, outcome.refused) == (300, 300, 0)
    # Each slot starts two tasks, a second each, and the last answer arrives up to 0.65 s later.
    assert 300 / 16 / 0.98 <= outcome.seconds <= 300 / 16 / 0.98 + 1.5
    assert outcome.fairness > 0.99


@pytest.mark.parametrize("seed", range(3))
def test_tasks_make_room_for_others_before_they_are_refused(seed: int) -> None:
    outcome = run_scenario(WITH_OTHERS, seed)
    assert outcome.tickets == 300
    assert outcome.refused <= 0.01 * outcome.sent
    assert outcome.used > 1 / 1.3


def test_without_the_headers_they_learn_of_others_only_when_they_are_refused() -> None:
    outcome = run_scenario(replace(WITH_OTHERS, headers=False), seed=1)
    assert outcome.refused > 0.04 * outcome.sent


def test_a_killed_task_starts_again_and_makes_its_tickets() -> None:
    outcome = run_scenario(replace(ALONE, killed=0.5), seed=1)
    assert outcome.tickets == 300
    assert outcome.sent > 300, "an answer that is lost is requested again"
    assert outcome.seconds > run_scenario(ALONE, seed=1).seconds + 20


def test_cleared_tasks_send_beside_those_that_take_their_slots() -> None:
    """With answers that say nothing about the rate limit, so that nothing but the pool bounds the rate."""
    scenario = replace(ALONE, headers=False)
    outcome = run_scenario(replace(scenario, cleared_at=5.0), seed=1)
    assert outcome.tickets == 300
    assert outcome.above_bound > run_scenario(scenario, seed=1).above_bound + 20


def test_a_rate_limiter_that_allows_too_much_exceeds_the_bound() -> None:
    def twice_the_rate(rate: float, burst: float, *, since: float, clock: Callable[[], float]) -> RateLimiter:
        return RateLimiter(2 * rate, burst, since=since, clock=clock)

    assert run_scenario(ALONE, seed=1).above_bound <= 0
    assert run_scenario(replace(ALONE, headers=False), 1, twice_the_rate).above_bound > 10
