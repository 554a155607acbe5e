"""The rate limiter on a fake clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest
from auth0_sso.exceptions import Auth0RateLimitError
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, PAUSE_SPREAD, SLOWEST

from tests.unit.auth0_sso.conftest import FakeClock

MAX_PAUSE = DEFAULT_TIMEOUTS.longest_pause * (1 + PAUSE_SPREAD)


def limiter(clock: FakeClock, rate: float = 1.0, burst: float = 1.0, **options: Any) -> RateLimiter:
    return RateLimiter(rate, burst, clock=clock, sleep=clock.sleep, **options)


def send_times(rate_limiter: RateLimiter, clock: FakeClock, count: int) -> list[float]:
    """Return after how many seconds each of some requests leaves."""
    began = clock.now

    async def send() -> list[float]:
        left = []
        for _ in range(count):
            await rate_limiter.acquire()
            left.append(clock.now - began)
        return left

    return asyncio.run(send())


async def use_slot(rate_limiter: RateLimiter) -> None:
    async with rate_limiter.slot() as slot:
        await slot.acquire()


def pause_after(clock: FakeClock, status: int, headers: Mapping[str, str]) -> float:
    """Return how long an answer delays the next request."""
    rate_limiter = limiter(clock, rate=1000, burst=10)
    clock.now += 10
    rate_limiter.observe(status, headers)
    return send_times(rate_limiter, clock, 1)[0]


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (1, 0.5)])
def test_a_rate_or_burst_that_allows_no_request_is_refused(rate: float, burst: float) -> None:
    with pytest.raises(ValueError, match=f"not {rate} and {burst}"):
        RateLimiter(rate, burst)


@pytest.mark.parametrize(("held_for", "seconds"), [(0, 0.51), (0.25, 0.26), (-5, 5.51)])
def test_requests_are_earned_from_the_moment_the_pool_slot_is_taken(
    clock: FakeClock, held_for: float, seconds: float
) -> None:
    rate_limiter = limiter(clock, rate=2, since=clock.now - held_for)
    assert send_times(rate_limiter, clock, 1)[0] == pytest.approx(seconds, abs=0.01)


def test_no_more_than_the_burst_is_saved_up(clock: FakeClock) -> None:
    rate_limiter = limiter(clock, rate=1, burst=3, since=clock.now - 10_000)
    assert send_times(rate_limiter, clock, 5) == pytest.approx([0, 0, 0, 1, 2], abs=0.1)


def test_two_percent_of_the_rate_are_a_margin(clock: FakeClock) -> None:
    assert send_times(limiter(clock, rate=10), clock, 101)[-1] == pytest.approx(10.1 / 0.98, rel=1e-4)


def test_requests_are_counted_in_the_second_they_leave(clock: FakeClock) -> None:
    before = int(time.time())
    rate_limiter = limiter(clock, rate=100)
    send_times(rate_limiter, clock, 4)
    assert rate_limiter.requests == 4
    assert all(before <= second <= time.time() for second in rate_limiter.sent)


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "second", "last"])
def test_the_queue_moves_on_when_a_request_in_it_is_cancelled(clock: FakeClock, place: int) -> None:
    rate_limiter = limiter(clock)
    left: list[int] = []

    async def send(number: int) -> None:
        await use_slot(rate_limiter)
        left.append(number)

    async def main() -> None:
        tasks = [asyncio.create_task(send(number)) for number in range(3)]
        await asyncio.sleep(0)
        tasks[place].cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)

    asyncio.run(main())
    assert left == [number for number in range(3) if number != place]


def test_a_request_that_goes_first_waits_for_none_but_the_one_whose_turn_is_next(clock: FakeClock) -> None:
    rate_limiter = limiter(clock, rate=10)
    left: list[str] = []

    async def send(name: str, *, first: bool = False) -> None:
        async with rate_limiter.slot(first=first) as slot:
            await slot.acquire()
            left.append(name)

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            for name in ("1", "2", "3", "4"):
                tasks.create_task(send(name))
            await asyncio.sleep(0)
            tasks.create_task(send("urgent 1", first=True))
            tasks.create_task(send("urgent 2", first=True))

    asyncio.run(main())
    assert left == ["1", "2", "urgent 1", "urgent 2", "3", "4"]


def test_a_request_whose_pause_begins_after_it_got_its_slot_is_not_sent(clock: FakeClock) -> None:
    began = clock.now

    async def be_refused_meanwhile(seconds: float) -> None:
        await clock.sleep(seconds)
        rate_limiter.observe(429, {"Retry-After": "50"})

    rate_limiter = RateLimiter(1000, clock=clock, sleep=be_refused_meanwhile)

    with pytest.raises(Auth0RateLimitError, match="nothing was sent"):
        asyncio.run(asyncio.wait_for(use_slot(rate_limiter), 10))
    assert rate_limiter.requests == 0
    assert clock.now - began <= DEFAULT_TIMEOUTS.longest_delay


def test_the_pause_doubles_with_each_refusal_in_a_row(clock: FakeClock) -> None:
    rate_limiter = limiter(clock, rate=1000, burst=10)
    pauses = []
    for _ in range(8):
        rate_limiter.observe(429, {})
        pauses.append(send_times(rate_limiter, clock, 1)[0])
    assert pauses[:4] == pytest.approx([1.1, 2.2, 4.5, 9], rel=0.15)
    assert pauses[-1] <= 16 * 1.25 + 0.1


def test_many_refusals_pause_no_longer_than_the_bound(clock: FakeClock) -> None:
    rate_limiter = limiter(clock, rate=1000, burst=10)
    for _ in range(1100):  # 2.0 ** 1100 is too large for a float
        rate_limiter.observe(429, {"Retry-After": "86400", "X-RateLimit-Reset": "9" * 11})
        send_times(rate_limiter, clock, 1)
    assert max(clock.slept) <= MAX_PAUSE


def test_simultaneous_429s_are_one_refusal(clock: FakeClock) -> None:
    rate_limiter = limiter(clock, rate=10)
    for _ in range(50):
        rate_limiter.observe(429, {})
    assert rate_limiter.rate_limited == 50
    assert send_times(rate_limiter, clock, 1)[0] <= 1.25
    assert send_times(rate_limiter, clock, 10)[-1] == pytest.approx(2, rel=0.05), "half its rate, as after one"


def test_a_task_keeps_a_sixteenth_of_its_rate_and_thirty_successes_restore_it(clock: FakeClock) -> None:
    rate_limiter = limiter(clock, rate=2)
    for _ in range(20):
        send_times(rate_limiter, clock, 1)
        rate_limiter.observe(429, {})
    send_times(rate_limiter, clock, 1)
    assert rate_limiter.delay() == pytest.approx(1 / (2.0 * 0.98 * SLOWEST))
    began = clock.now
    for _ in range(30):
        rate_limiter.observe(201, {})
        send_times(rate_limiter, clock, 1)
    assert rate_limiter.delay() == pytest.approx(1 / (2.0 * 0.98))
    assert clock.now - began <= 170 / rate_limiter.rate


def test_a_success_ends_the_row_of_refusals(clock: FakeClock) -> None:
    rate_limiter = limiter(clock, rate=1000, burst=10)
    for _ in range(4):
        rate_limiter.observe(429, {})
        send_times(rate_limiter, clock, 1)
    rate_limiter.observe(201, {})
    rate_limiter.observe(429, {})
    assert send_times(rate_limiter, clock, 1)[0] <= 1.25


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (400, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 10}),
        (503, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 10}),
        (201, {}),
        (201, {"X-RateLimit-Remaining": "0"}),
        (201, {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "99999999999"}),
    ],
    ids=str,
)
def test_other_errors_and_successes_with_requests_left_pause_nothing(
    clock: FakeClock, status: int, headers: dict[str, str]
) -> None:
    assert pause_after(clock, status, headers) < 0.01


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "86400"}], ids=str)
def test_tasks_that_are_refused_together_do_not_resume_together(headers: dict[str, str]) -> None:
    assert len({round(pause_after(FakeClock(), 429, headers), 3) for _ in range(20)}) > 10


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"X-RateLimit-Reset": str(1_000_000_008), "Date": "Sun, 09 Sep 2001 01:46:40 GMT"}, 8),
        ({"Retry-After": "99999999999999999999"}, 60),
        ({"Retry-After": "0"}, 1),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "garbage", "Date": "garbage"}, 1),
    ],
    ids=str,
)
def test_the_pause_that_a_429_requests_is_kept_within_bounds(
    clock: FakeClock, headers: dict[str, str], seconds: float
) -> None:
    assert seconds <= pause_after(clock, 429, headers) <= seconds * 1.25 + 0.01


@pytest.mark.parametrize(("ahead", "seconds"), [(2, 2), (7200, 5), (10**9, 5)])
def test_after_the_last_request_of_the_bucket_the_pause_lasts_until_the_reset_or_five_seconds(
    clock: FakeClock, ahead: int, seconds: float
) -> None:
    reset = str(1_000_000_000 + ahead)
    headers = {"Date": "Sun, 09 Sep 2001 01:46:40 GMT", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    assert pause_after(clock, 201, headers) == pytest.approx(seconds, abs=0.01)


def test_a_later_answer_does_not_shorten_a_pause(clock: FakeClock) -> None:
    rate_limiter = limiter(clock, rate=1000, burst=10)
    rate_limiter.observe(429, {"Retry-After": "20"})
    rate_limiter.observe(201, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 1)})
    rate_limiter.observe(429, {})
    assert send_times(rate_limiter, clock, 1)[0] >= 20


def test_after_a_pause_one_request_is_sent_and_not_a_burst(clock: FakeClock) -> None:
    rate_limiter = limiter(clock, rate=1, burst=5, since=clock.now - 100)
    rate_limiter.observe(429, {"Retry-After": "50"})
    left = send_times(rate_limiter, clock, 2)
    assert left[1] - left[0] == pytest.approx(2 / 0.98, rel=0.01)


def test_after_a_success_the_burst_is_saved_up_again(clock: FakeClock) -> None:
    rate_limiter = limiter(clock, rate=1, burst=5)
    rate_limiter.observe(429, {})
    send_times(rate_limiter, clock, 1)
    rate_limiter.observe(201, {})
    clock.now += 100
    left = send_times(rate_limiter, clock, 6)
    assert left[4] < 0.01
    assert left[5] > 0.9


def level(remaining: object, limit: object) -> dict[str, str]:
    return {"X-RateLimit-Remaining": str(remaining), "X-RateLimit-Limit": str(limit)}


def rate_after(clock: FakeClock, status: int, headers: Mapping[str, str]) -> float:
    """Return how many requests a second leave after an answer, of a task that may send 10 and has saved up 1,000."""
    rate_limiter = limiter(clock, rate=10, burst=1000, since=clock.now - 1000)
    rate_limiter.observe(status, headers)
    left = send_times(rate_limiter, clock, 11)
    return 10 / max(left[-1] - left[0], 1e-9)


@pytest.mark.parametrize(
    ("remaining", "limit", "rate"),
    [(60, 60, 11), (40, 60, 10), (20, 60, 5), (11, 60, 2.75), (10, 60, 2.5), (0, 60, 2.5), (5, 10, 7.5)],
)
def test_a_task_slows_down_as_the_bucket_runs_dry(clock: FakeClock, remaining: int, limit: int, rate: float) -> None:
    assert rate_after(clock, 201, level(remaining, limit)) == pytest.approx(rate)


@pytest.mark.parametrize("remaining", [0, 1])
def test_a_bucket_of_two_slows_nobody_down(clock: FakeClock, remaining: int) -> None:
    assert rate_after(clock, 201, level(remaining, 2)) == pytest.approx(10)


@pytest.mark.parametrize("status", [400, 409, 503])
def test_every_answer_says_how_full_the_bucket_is(clock: FakeClock, status: int) -> None:
    assert rate_after(clock, status, level(20, 60)) == pytest.approx(5)


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-RateLimit-Remaining": "0"}, {"X-RateLimit-Limit": "60"}, level("soon", 60), level(5, 0), level(-5, 60)],
    ids=str,
)
def test_an_answer_that_does_not_say_how_full_the_bucket_is_slows_nobody_down(
    clock: FakeClock, headers: dict[str, str]
) -> None:
    assert rate_after(clock, 201, headers) > 1000


@pytest.mark.parametrize(("headers", "rate"), [(level(60, 60), 11), ({}, 1000)], ids=str)
def test_a_task_catches_up_when_the_bucket_is_full_again(
    clock: FakeClock, headers: dict[str, str], rate: float
) -> None:
    rate_limiter = limiter(clock, rate=10, burst=100)
    rate_limiter.observe(201, level(0, 60))
    send_times(rate_limiter, clock, 20)
    rate_limiter.observe(201, headers)
    left = send_times(rate_limiter, clock, 11)
    assert 10 / max(left[-1] - left[0], 0.01) == pytest.approx(rate)
