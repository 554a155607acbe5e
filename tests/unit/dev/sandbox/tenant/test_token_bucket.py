"""The rate limit's arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dev.sandbox.tenant.settings import Plan
from dev.sandbox.tenant.token_bucket import TokenBucket
from dev.sandbox.tenant.traffic import bucket_needed, each_second, most_in_window

NOW = 1_800_000_000.0

plans = st.builds(Plan, size=st.integers(1, 20), refill=st.floats(0.1, 50))
gaps = st.lists(st.one_of(st.just(0.0), st.floats(0, 0.1), st.floats(0, 3)), min_size=1, max_size=120)


def take_after(bucket: TokenBucket, delays: Sequence[float]) -> list[float]:
    """Take once after each delay, and return the times at which it was allowed."""
    now, allowed = NOW, []
    for delay in delays:
        now += delay
        if bucket.take(now).allowed:
            allowed.append(now)
    return allowed


@given(plan=plans, delays=gaps, window=st.floats(0.01, 10))
def test_no_window_holds_more_than_the_size_and_what_was_refilled_in_it(
    plan: Plan, delays: list[float], window: float
) -> None:
    allowed = take_after(TokenBucket(plan, NOW), delays)
    assert most_in_window(allowed, window) <= plan.size + plan.refill * window + 1e-3


@settings(max_examples=50)
@given(plan=plans)
def test_a_greedy_client_gets_all_that_the_plan_gives(plan: Plan) -> None:
    assume(plan.size > 1)  # else a quarter that is lost to rounding is lost to the cap as well
    gap = 0.25 / plan.refill
    allowed = take_after(TokenBucket(plan, NOW), [0.0] * (plan.size + 5) + [gap] * 200)
    assert len(allowed) == pytest.approx(plan.size + 200 * gap * plan.refill, abs=1.5)


def test_a_clock_that_goes_back_gives_no_tokens() -> None:
    bucket = TokenBucket(Plan(size=1, refill=1), NOW)
    readings = [bucket.take(NOW + shift) for shift in (0, -100, 0, 1)]
    assert [reading.allowed for reading in readings] == [True, False, False, True]
    assert readings[2].next_at == NOW + 1


def test_neighbours_above_the_refill_leave_nothing() -> None:
    bucket = TokenBucket(Plan(size=10, refill=4), NOW)
    bucket.share(rate=14, now=NOW, until=NOW + 100)
    assert [bucket.take(NOW + after).allowed for after in (0.5, 60, 100.25)] == [True, False, True]


@pytest.mark.parametrize(
    ("times", "needed"),
    [([], 0), ([0, 0.5, 1], 1), ([0, 0, 0], 3), ([5, 5, 0, 0, 5], 3), ([0, 0, 0.25, 0.25], 3.5)],
)
def test_the_smallest_bucket_that_lets_all_requests_pass(times: list[float], needed: float) -> None:
    assert bucket_needed(times, refill=2) == needed


def test_the_requests_of_each_second() -> None:
    assert each_second([12.5, 10, 10.9, 12.1], start=10) == [2, 0, 2]
    assert each_second([], start=10) == []
