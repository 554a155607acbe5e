"""The simulated tenant: a bucket that others draw on, too."""

from __future__ import annotations

import random

import pytest

from dev.sandbox.tenant.settings import Plan
from tests.bench.simulation.tenant import NOBODY, OtherUsers, SimulatedTenant

PLAN = Plan(size=10, refill=4)


def tenant(others: OtherUsers = NOBODY, *, headers: bool = True) -> SimulatedTenant:
    return SimulatedTenant(PLAN, others, 0.0, random.Random(1), headers=headers)


def test_a_request_is_refused_when_the_bucket_is_empty() -> None:
    simulated = tenant()
    statuses = [simulated.answer(simulated.receive(0.0), 0.3)[0] for _ in range(12)]
    assert statuses == [201] * 10 + [429] * 2
    assert (simulated.send_times, simulated.refused) == ([0.0] * 12, 2)


def test_an_answer_says_what_the_bucket_held_when_its_request_arrived() -> None:
    simulated = tenant()
    reading = simulated.receive(100.0)
    simulated.receive(100.1)
    assert simulated.answer(reading, 100.6) == (
        201,
        {
            "Date": "Thu, 01 Jan 1970 00:01:40 GMT",
            "X-RateLimit-Limit": "10",
            "X-RateLimit-Remaining": "9",
            "X-RateLimit-Reset": "101",
        },
    )


def test_a_tenant_without_the_headers_sends_only_its_date() -> None:
    simulated = tenant(headers=False)
    assert list(simulated.answer(simulated.receive(0.0), 0.3)[1]) == ["Date"]


@pytest.mark.parametrize(("burst", "at_once"), [(0, 1), (0.5, 5)])
def test_others_request_their_share_of_the_refill_one_by_one_or_in_bursts(burst: float, at_once: int) -> None:
    simulated = tenant(OtherUsers(0.5, burst))
    simulated.receive(10_000.0)
    assert simulated.others_sent == pytest.approx(10_000 * 2, rel=0.05)
    assert simulated.others_sent % at_once == 0
    assert simulated.others_refused < simulated.others_sent * 0.1


def test_others_leave_less_to_the_tasks() -> None:
    def accepted(others: OtherUsers) -> int:
        simulated = tenant(others)
        return sum(simulated.receive(number * 1.07).allowed for number in range(1000))

    assert accepted(NOBODY) == 1000
    assert accepted(OtherUsers(5.0)) < 500
