"""The figures themselves, without any Airflow."""

from __future__ import annotations

import pytest

from dev.sandbox.tenant.settings import Plan
from dev.sandbox.tenant.traffic import Seen
from tests.celery.figures import bucket_needed, use_of


def _seen(*times: float, accepted: bool = True) -> list[Seen]:
    return [Seen(at, "POST", "/", accepted, monotonic=at) for at in times]


@pytest.mark.parametrize(
    ("times", "needed"),
    [
        ([], 0),
        ([0, 0.5, 1], 1),
        ([0, 0, 0], 3),
        ([0, 0, 5, 5, 5], 3),
        ([0, 0, 0.25, 0.25], 3.5),
    ],
)
def test_the_smallest_bucket_that_would_have_accepted_all(times: list[float], needed: float) -> None:
    assert bucket_needed(_seen(*times), refill=2) == needed


def test_the_use_of_the_rate_counts_accepted_requests_alone() -> None:
    requests = [*_seen(0, 0.5, 1.5, 2), *_seen(0.1, 9, accepted=False)]
    assert use_of(requests, Plan(size=1, refill=2)) == (2, 0.75, [2, 1, 1])
