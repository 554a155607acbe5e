"""The simulation reports what its scenarios must not do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dev.sandbox.tenant.settings import PLANS
from tests.bench import simulation
from tests.bench.simulation.scenario import Outcome, Scenario
from tests.bench.simulation.tenant import OtherUsers

SCENARIO = Scenario("Free", PLANS["free"], 2, 1, 1, organizations=100, tasks=4, others=OtherUsers(0.5))
FINE = Outcome(SCENARIO, 100, 100, 1, 0.5, seconds=110.0, above_bound=-1.0, fairness=1.0, longest_to_median=1.0)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"tickets": 97}, "3 tickets missing"),
        ({"refused": 4}, "2.5% of the requests refused"),
        ({"seconds": 400.0}, "only 58% of the rate used"),
        ({"above_bound": 0.5}, "0.5 requests more than the pool allows"),
    ],
    ids=str,
)
def test_what_a_run_must_not_do_is_reported(change: dict[str, float], problem: str) -> None:
    assert simulation.problems([FINE, replace(FINE, **change)]) == [f"simulation: Free, 50%: {problem}"]


def test_tasks_that_are_cleared_may_exceed_the_bound() -> None:
    cleared = replace(FINE, scenario=replace(SCENARIO, cleared_at=5.0), above_bound=20.0)
    assert simulation.problems([cleared]) == []
