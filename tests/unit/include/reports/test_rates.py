"""The tasks' own counts become one curve of requests and one of the limit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.reports import RateSample, rate_samples
from include.reports.charts.rate_samples import MAX_SAMPLES


def stats(started: float, finished: float, rate: float = 1.0, **sent: int) -> dict[str, Any]:
    counts = {second.removeprefix("at_"): count for second, count in sent.items()}
    return {"started": started, "finished": finished, "rate": rate, "burst": 1.0, "sent": counts}


def test_requests_and_rates_of_tasks_at_work_together_are_added() -> None:
    samples = rate_samples([stats(100, 103, at_100=1, at_102=2), stats(101, 103, rate=0.5, at_102=1)])
    assert samples == [RateSample(100, 1, 1.0), RateSample(101, 0, 1.5), RateSample(102, 3, 1.5)]


def test_a_slot_that_passes_from_task_to_task_counts_once() -> None:
    samples = rate_samples([stats(100.0, 101.4, at_101=1), stats(101.4, 103.0, at_101=1)])
    assert [sample.allowed for sample in samples] == [1.0, 1.0, 1.0]


def test_slots_given_back_at_a_full_second_do_not_count_in_the_next_one() -> None:
    samples = rate_samples([stats(100, 101), stats(100, 101), stats(100, 103)])
    assert [sample.allowed for sample in samples] == [3.0, 1.0, 1.0]


def test_a_gap_between_tasks_is_filled_with_zeros() -> None:
    samples = rate_samples([stats(100, 101, at_100=1), stats(104, 105, at_104=1)])
    assert samples[1:4] == [RateSample(second, 0, 0.0) for second in (101, 102, 103)]


def test_no_tasks_give_no_samples() -> None:
    assert rate_samples([]) == []


@pytest.mark.parametrize("span", [599, 600, 601, 86_400, 2_000_000_000])
def test_a_long_run_is_bounded_and_keeps_its_busiest_second(span: int) -> None:
    busy = {str(span // 2): 9, "0": 1}
    samples = rate_samples([{"started": 0, "finished": span, "rate": 2.0, "burst": 1.0, "sent": busy}])
    assert len(samples) <= MAX_SAMPLES
    assert max(sample.sent for sample in samples) == 9
    assert {sample.allowed for sample in samples} == {2.0}


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(1, 60), st.dictionaries(st.integers(0, 59), st.integers(1, 9))),
        min_size=1,
        max_size=20,
    )
)
def test_no_request_is_lost_in_a_run_that_fits(tasks: list[tuple[int, int, dict[int, int]]]) -> None:
    given_stats = [
        {
            "started": begin,
            "finished": begin + length,
            "rate": 1.0,
            "burst": 1.0,
            "sent": {str(begin + second): count for second, count in sent.items()},
        }
        for begin, length, sent in tasks
    ]
    samples = rate_samples(given_stats)
    assert sum(sample.sent for sample in samples) == sum(sum(sent.values()) for _, _, sent in tasks)
    assert [sample.second for sample in samples] == list(range(samples[0].second, samples[-1].second + 1))
    for sample in samples:
        held = sum(begin <= sample.second < begin + length for begin, length, _ in tasks)
        assert sample.allowed == held
