"""The simulation reports what its scenarios must not do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from dev.sandbox.tenant.settings import PLANS
from tests.bench import simulation
from tests.bench.simulation.scenario import Outcome, Scenario, jain_index
from tests.bench.simulation.tenant import OtherUsers

SCENARIO = Scenario("Free", PLANS["free"], 2, 1, 1, organizations=100, tasks=4, others=OtherUsers(0.5))
FINE = Outcome(SCENARIO, 100, 100, 1, 0.5, seconds=110.0, above_bound=-1.0, fairness=1.0, longest_to_median=1.0)


def test_a_run_without_loss_is_fine() -> None:
    assert simulation.problems([FINE, FINE]) == []


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


def test_the_table_has_a_row_for_each_scenario() -> None:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(simulation.table([[FINE], [replace(FINE, refused=3)]]))
    rows = [line for line in captured.get().splitlines() if "Free" in line]
    assert ["1.00%" in rows[0], "3.00%" in rows[1], len(rows)] == [True, True, 2]


def test_jains_index_is_one_if_all_have_the_same() -> None:
    assert jain_index([3, 3, 3]) == jain_index([0, 0]) == 1
    assert jain_index([9, 0, 0]) == pytest.approx(1 / 3)
