"""The rate limiter in virtual time: many tasks, others who use the tenant too, tasks that are killed or cleared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import mean

from rich.console import Console
from rich.table import Table

from dev.sandbox.tenant.settings import PLANS, Plan
from tests.bench.simulation.pool import run_scenario
from tests.bench.simulation.scenario import Outcome, Scenario
from tests.bench.simulation.tenant import NOBODY, OtherUsers

_ROUNDING = 1e-6

_HALF = OtherUsers(0.5)
_OTHERS = (NOBODY, OtherUsers(0.25), OtherUsers(0.25, burst=0.25), _HALF, OtherUsers(0.5, burst=0.25))

_LARGE = Scenario("750/s", PLANS["private-1500"], 50, 15, 15, organizations=100_000, tasks=100)
_LARGER = replace(_LARGE, name="1,500/s", plan=Plan(size=750, refill=1500), requests_per_slot=30)
_ENTERPRISE = Scenario("Enterprise, 4 slots", PLANS["enterprise"], 4, 4, 12, organizations=300, tasks=8, runs=20)
_MANY_SLOTS = Scenario("Enterprise, 16 slots", PLANS["enterprise"], 16, 1, 3, organizations=300, tasks=128, runs=20)
_PROFESSIONAL = Scenario("Professional", PLANS["professional"], 2, 1.25, 5, organizations=100, tasks=4, runs=20)
_FREE = Scenario("Free", PLANS["free"], 2, 1, 1, organizations=100, tasks=4, runs=20)
# The tasks save up 48 requests before they start, so that they find out about others only after the bucket is empty.
_SLOW_START = replace(_ENTERPRISE, name="Enterprise, slow start", startup=3.0, most_refused=0.02)

SCENARIOS = (
    *(
        replace(scenario, others=others)
        for scenario in (_LARGE, _LARGER, _ENTERPRISE, _MANY_SLOTS, _PROFESSIONAL)
        for others in _OTHERS
    ),
    replace(_LARGE, name="750/s, tasks killed", killed=0.1),
    replace(_LARGE, name="750/s, tasks cleared", cleared_at=20.0),
    _SLOW_START,
    replace(_SLOW_START, others=_HALF),
    # Here only 429s tell a task that there are others: without the headers, and in a bucket of two.
    replace(_ENTERPRISE, name="Enterprise, no headers", others=_HALF, headers=False, most_refused=1.0),
    _FREE,
    replace(_FREE, others=_HALF, most_refused=1.0, least_used=0.3),
)


def run(console: Console) -> list[str]:
    """Run all scenarios; return what went wrong."""
    found = []
    for scenario in SCENARIOS:
        console.print(f"simulation: {scenario.name}, {_described(scenario.others)} …")
        found.append([run_scenario(scenario, seed) for seed in range(scenario.runs)])
    console.print(table(found))
    return [problem for outcomes in found for problem in problems(outcomes)]


def problems(outcomes: Sequence[Outcome]) -> list[str]:
    """Return what is wrong with the runs of a scenario."""
    scenario = outcomes[0].scenario
    what = f"simulation: {scenario.name}, {_described(scenario.others)}: "
    missing = sum(scenario.organizations - one.tickets for one in outcomes)
    refused, used = _refused(outcomes), mean(one.used for one in outcomes)
    above = max(one.above_bound for one in outcomes)
    found = [
        (missing > 0, f"{missing} tickets missing"),
        (refused > scenario.most_refused, f"{refused:.1%} of the requests refused"),
        (used < scenario.least_used, f"only {used:.0%} of the rate used"),
        (above > _ROUNDING and not scenario.cleared_at, f"{above:.1f} requests more than the pool allows"),
    ]
    return [what + problem for is_wrong, problem in found if is_wrong]


def table(found: Sequence[Sequence[Outcome]]) -> Table:
    """Return a table with a row a scenario, the mean of its runs."""
    shown = Table(
        title="simulation: 429s as shares of the requests, tickets as a share of what the others leave of the rate",
        caption="above bound: requests in the fullest window, less those that the pool allows; Jain: 1 if even",
        title_justify="left",
        caption_justify="left",
    )
    for heading in ("scenario", "others request"):
        shown.add_column(heading)
    for heading in ("tickets", "429s", "others' 429s", "seconds", "used", "above bound", "Jain", "longest ÷ median"):
        shown.add_column(heading, justify="right")
    for outcomes in found:
        scenario = outcomes[0].scenario
        shown.add_row(
            scenario.name,
            _described(scenario.others),
            f"{mean(one.tickets for one in outcomes):,.0f}",
            f"{_refused(outcomes):.2%}",
            f"{mean(one.others_refused for one in outcomes):.1%}" if scenario.others.share else "",
            f"{mean(one.seconds for one in outcomes):.1f}",
            f"{mean(one.used for one in outcomes):.1%}",
            f"{max(one.above_bound for one in outcomes):.0f}",
            f"{mean(one.fairness for one in outcomes):.3f}",
            f"{mean(one.longest_to_median for one in outcomes):.2f}",
        )
    return shown


def _refused(outcomes: Sequence[Outcome]) -> float:
    return sum(one.refused for one in outcomes) / sum(one.sent for one in outcomes)


def _described(others: OtherUsers) -> str:
    return f"{others.share:.0%}{' in bursts' if others.burst else ''}" if others.share else "nothing"
