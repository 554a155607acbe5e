"""The pacer on a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import Mapping
from typing import Any

import pytest
from auth0_sso.runtime.rate_limiter import RateLimiter


class Clock:
    """Stands still but for the sleeps on it, which it notes."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds + 1e-9
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def rate_limiter(clock: Clock, rate: float = 1.0, burst: float = 1.0, **options: Any) -> RateLimiter:
    return RateLimiter(rate, burst, clock=clock, sleep=clock.sleep, **options)


def departures(rate_limiter: RateLimiter, clock: Clock, count: int) -> list[float]:
    """Return when each of some requests left, counted from now."""
    begun = clock.now

    async def leave() -> list[float]:
        left = []
        for _ in range(count):
            await rate_limiter.acquire()
            left.append(clock.now - begun)
        return left

    return asyncio.run(leave())


def pause_after(clock: Clock, status: int, headers: Mapping[str, str], **options: Any) -> float:
    """Return how long a rested pacer holds back the next request after an answer."""
    paced = rate_limiter(clock, rate=1000, burst=10, **options)
    clock.now += 10
    paced.observe(status, headers)
    return departures(paced, clock, 1)[0]


def http_date(seconds: float) -> str:
    return email.utils.formatdate(seconds, usegmt=True)


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0.5), (1, 0)])
def test_a_rate_or_burst_that_lets_nothing_pass_is_refused(rate: float, burst: float) -> None:
    with pytest.raises(ValueError, match=f"not {rate} and {burst}"):
        RateLimiter(rate, burst)


def test_a_task_that_has_just_begun_has_no_credit(clock: Clock) -> None:
    assert departures(rate_limiter(clock, rate=2), clock, 1)[0] == pytest.approx(0.5, rel=0.03)


def test_credit_is_earned_from_the_moment_the_slot_was_taken(clock: Clock) -> None:
    assert departures(rate_limiter(clock, rate=2, since=clock.now - 0.25), clock, 1)[0] == pytest.approx(0.26, abs=0.01)


def test_nothing_is_earned_before_the_slot_is_taken(clock: Clock) -> None:
    assert departures(rate_limiter(clock, since=clock.now + 5), clock, 1)[0] == pytest.approx(6, rel=0.02)


def test_a_long_rest_saves_up_no_more_than_the_burst(clock: Clock) -> None:
    paced = rate_limiter(clock, rate=1, burst=3, since=clock.now - 10_000)
    assert departures(paced, clock, 5) == pytest.approx([0, 0, 0, 1, 2], abs=0.1)


def test_a_burst_is_used_up_once(clock: Clock) -> None:
    paced = rate_limiter(clock, rate=1, burst=3, since=clock.now - 10_000)
    departures(paced, clock, 3)
    clock.now += 1
    assert departures(paced, clock, 2)[1] > 0.9


def test_requests_are_counted_in_the_second_they_leave(clock: Clock) -> None:
    before = int(time.time())
    paced = rate_limiter(clock, rate=100)
    departures(paced, clock, 4)
    assert paced.requests == 4
    assert all(before <= second <= time.time() for second in paced.sent)


def test_turns_are_given_first_come_first_served(clock: Clock) -> None:
    paced = rate_limiter(clock)
    order: list[int] = []

    async def send(number: int) -> None:
        async with paced.slot() as slot:
            await slot.acquire()
            order.append(number)

    async def all_of_them() -> None:
        await asyncio.gather(*(send(number) for number in range(8)))

    asyncio.run(all_of_them())
    assert order == list(range(8))


def test_the_next_in_line_prepares_while_the_one_before_waits_for_its_answer(clock: Clock) -> None:
    paced = rate_limiter(clock, rate=1000)
    answered = asyncio.Event()
    prepared: list[str] = []

    async def slow() -> None:
        async with paced.slot() as slot:
            await slot.acquire()
            await answered.wait()

    async def next_one() -> None:
        async with paced.slot():
            prepared.append("next")
            answered.set()

    async def both() -> None:
        await asyncio.wait_for(asyncio.gather(slow(), next_one()), 5)

    asyncio.run(both())
    assert prepared == ["next"]


def test_a_turn_that_ends_without_a_departure_lets_the_next_go_and_costs_nothing(clock: Clock) -> None:
    paced = rate_limiter(clock)

    async def give_up_then_send() -> float:
        async with paced.slot():
            pass
        begun = clock.now
        async with paced.slot() as slot:
            await slot.acquire()
        return clock.now - begun

    assert asyncio.run(give_up_then_send()) == pytest.approx(0.05, abs=0.01)
    assert paced.requests == 1


def test_a_turn_is_given_a_moment_before_the_request_may_leave(clock: Clock) -> None:
    paced = rate_limiter(clock)

    async def both_moments() -> tuple[float, float]:
        async with paced.slot() as slot:
            given = clock.now
            await slot.acquire()
            return given - 100, clock.now - given

    given, left = asyncio.run(both_moments())
    assert given == pytest.approx(0.97, abs=0.01)
    assert left == pytest.approx(0.05, abs=0.001)


@pytest.mark.parametrize("place", [0, 1, 2], ids=["who is first", "who is second", "who is last"])
def test_the_line_moves_on_when_somebody_in_it_is_cancelled(clock: Clock, place: int) -> None:
    paced = rate_limiter(clock)
    left: list[int] = []

    async def send(number: int) -> None:
        async with paced.slot() as slot:
            await slot.acquire()
            left.append(number)

    async def cancel_one() -> None:
        tasks = [asyncio.create_task(send(number)) for number in range(3)]
        await asyncio.sleep(0)
        tasks[place].cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)

    asyncio.run(cancel_one())
    assert left == [number for number in range(3) if number != place]


def test_the_line_moves_on_when_a_departure_is_cancelled(clock: Clock) -> None:
    paced = rate_limiter(clock)
    sent: list[int] = []

    async def cancel_in_departure() -> None:
        async def send(number: int) -> None:
            async with paced.slot() as slot:
                if number == 0:
                    asyncio.get_running_loop().call_soon(first.cancel)
                await slot.acquire()
                sent.append(number)

        first, second = asyncio.create_task(send(0)), asyncio.create_task(send(1))
        await asyncio.wait_for(asyncio.gather(first, second, return_exceptions=True), 5)

    asyncio.run(cancel_in_departure())
    assert sent == [1]


def test_a_429_pauses_all_requests_of_the_task(clock: Clock) -> None:
    assert 1 <= pause_after(clock, 429, {}) <= 1.25


def test_refusals_in_a_row_pause_longer_and_longer_up_to_a_bound(clock: Clock) -> None:
    paced = rate_limiter(clock, rate=1000, burst=10)
    pauses = []
    for _ in range(8):
        paced.observe(429, {})
        pauses.append(departures(paced, clock, 1)[0])
    assert pauses[:4] == pytest.approx([1.1, 2.2, 4.5, 9], rel=0.15)
    assert pauses[-1] <= 16 * 1.25 + 0.1


def test_a_429_slows_the_task_down_and_success_brings_it_back(clock: Clock) -> None:
    paced = rate_limiter(clock, rate=10)
    paced.observe(429, {})
    departures(paced, clock, 1)
    assert departures(paced, clock, 10)[-1] == pytest.approx(2, rel=0.05)
    for _ in range(20):
        paced.observe(201, {})
    assert departures(paced, clock, 10)[-1] == pytest.approx(1, rel=0.05)


def test_however_often_it_is_refused_a_task_keeps_a_sixteenth_of_its_rate(clock: Clock) -> None:
    paced = rate_limiter(clock, rate=16)
    for _ in range(30):
        paced.observe(429, {})
        departures(paced, clock, 1)
    assert departures(paced, clock, 10)[-1] == pytest.approx(10, rel=0.05)


def test_simultaneous_429s_are_one_refusal(clock: Clock) -> None:
    many = rate_limiter(clock, rate=10)
    for _ in range(50):
        many.observe(429, {})
    assert many.rate_limited == 50
    assert departures(many, clock, 1)[0] <= 1.25
    assert departures(many, clock, 10)[-1] == pytest.approx(2, rel=0.05), "half its rate, as after one"


def test_a_success_ends_the_row_of_refusals(clock: Clock) -> None:
    paced = rate_limiter(clock, rate=1000, burst=10)
    for _ in range(4):
        paced.observe(429, {})
        departures(paced, clock, 1)
    paced.observe(201, {})
    paced.observe(429, {})
    assert departures(paced, clock, 1)[0] <= 1.25


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500, 503])
def test_other_errors_leave_the_pace_as_it_is(clock: Clock, status: int) -> None:
    assert pause_after(clock, status, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 10}) < 0.01


def test_tasks_that_are_refused_together_do_not_come_back_together(clock: Clock) -> None:
    pauses = {round(pause_after(Clock(), 429, {}), 4) for _ in range(20)}
    assert len(pauses) > 10


@pytest.mark.parametrize(
    ("headers", "shortest", "longest"),
    [
        ({"Retry-After": "7"}, 7, 7 * 1.25),
        ({"Retry-After": " 7 "}, 7, 7 * 1.25),
        ({"Retry-After": "0"}, 1, 1.25),
        ({"Retry-After": "99999999999999999999"}, 60, 75),
        ({"Retry-After": "-30"}, 1, 1.25),
        ({"Retry-After": "soon"}, 1, 1.25),
        ({"Retry-After": ""}, 1, 1.25),
        ({"Retry-After": "1e3"}, 1, 1.25),
        ({"Retry-After": "Thu, 99 Foo 2026 25:61:61 GMT"}, 1, 1.25),
        ({"X-RateLimit-Reset": "garbage"}, 1, 1.25),
        ({"X-RateLimit-Reset": "-5"}, 1, 1.25),
        ({"X-RateLimit-Reset": "9" * 400}, 60, 75),
        ({"X-RateLimit-Reset": "0"}, 1, 1.25),
        ({"Date": "garbage", "Retry-After": "3"}, 3, 3 * 1.25),
    ],
    ids=str,
)
def test_what_a_429_asks_for_is_honoured_within_bounds(
    clock: Clock, headers: dict[str, str], shortest: float, longest: float
) -> None:
    assert shortest <= pause_after(clock, 429, headers) <= longest + 0.01


@pytest.mark.parametrize("off", [0.0, 5 * 3600.0, -5 * 3600.0], ids=["right", "5 h ahead", "5 h behind"])
@pytest.mark.parametrize("header", ["Retry-After", "X-RateLimit-Reset"])
def test_a_time_is_read_against_the_answers_own_date(clock: Clock, header: str, off: float) -> None:
    servers_now = int(time.time() + off)
    until = servers_now + 8
    value = http_date(until) if header == "Retry-After" else str(until)
    assert 8 <= pause_after(clock, 429, {"Date": http_date(servers_now), header: value}) <= 10.01


@pytest.mark.parametrize("header", ["Retry-After", "X-RateLimit-Reset"])
def test_a_time_without_a_date_is_read_against_the_own_clock(clock: Clock, header: str) -> None:
    until = time.time() + 8
    value = http_date(until) if header == "Retry-After" else str(int(until))
    assert 6 <= pause_after(clock, 429, {header: value}) <= 10.01


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_reset_that_is_hours_off_pauses_a_minute_at_most_and_what_spreads_it(clock: Clock, hours: int) -> None:
    assert pause_after(clock, 429, {"X-RateLimit-Reset": str(int(time.time()) + hours * 3600)}) <= 75.01


@pytest.mark.parametrize("refusals", [1, 5, 20])
def test_no_pause_is_longer_than_a_minute_and_what_spreads_it_whatever_is_said(clock: Clock, refusals: int) -> None:
    paced = rate_limiter(clock, rate=1000, burst=10)
    for _ in range(refusals):
        paced.observe(429, {"Retry-After": "86400", "X-RateLimit-Reset": "99999999999"})
        assert departures(paced, clock, 1)[0] <= 75.01


def test_the_last_request_of_the_bucket_pauses_until_the_reset(clock: Clock) -> None:
    servers_now = int(time.time())
    headers = {"Date": http_date(servers_now), "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(servers_now + 2)}
    assert pause_after(clock, 201, headers) == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("reset", ["99999999999", str(int(time.time()) + 7200)], ids=["in 3,000 years", "in two hours"])
def test_an_empty_bucket_pauses_five_seconds_at_most(clock: Clock, reset: str) -> None:
    assert pause_after(clock, 201, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}) <= 5.01


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-RateLimit-Remaining": "0"}, {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "99999999999"}],
    ids=str,
)
def test_a_success_that_asks_for_nothing_pauses_nothing(clock: Clock, headers: dict[str, str]) -> None:
    assert pause_after(clock, 201, headers) < 0.01


def test_a_later_answer_does_not_shorten_a_pause(clock: Clock) -> None:
    paced = rate_limiter(clock, rate=1000, burst=10)
    paced.observe(429, {"Retry-After": "20"})
    paced.observe(201, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 1)})
    paced.observe(429, {})
    assert departures(paced, clock, 1)[0] >= 20


def test_after_a_pause_one_request_tries_and_not_a_burst(clock: Clock) -> None:
    paced = rate_limiter(clock, rate=1, burst=5, since=clock.now - 100)
    paced.observe(429, {"Retry-After": "50"})
    left = departures(paced, clock, 2)
    assert left[1] - left[0] == pytest.approx(2 / 0.98, rel=0.01)


def test_after_a_success_a_rest_saves_up_the_burst_again(clock: Clock) -> None:
    paced = rate_limiter(clock, rate=1, burst=5)
    paced.observe(429, {})
    departures(paced, clock, 1)
    paced.observe(201, {})
    clock.now += 100
    left = departures(paced, clock, 6)
    assert left[4] < 0.01
    assert left[5] > 0.9


def test_tasks_that_are_told_to_wait_for_ever_do_not_come_back_together_either(clock: Clock) -> None:
    pauses = {round(pause_after(Clock(), 429, {"Retry-After": "86400"}), 3) for _ in range(20)}
    assert len(pauses) > 10


def test_after_thousands_of_refusals_it_still_waits_as_after_a_few(clock: Clock) -> None:
    paced = rate_limiter(clock, rate=1000)
    for _ in range(1100):  # 2.0 ** 1100 is too much for a float
        paced.observe(429, {})
        assert departures(paced, clock, 1)[0] <= 16 * 1.25 + 0.1


def test_a_clock_that_steps_back_gives_nothing(clock: Clock) -> None:
    paced = rate_limiter(clock, rate=1, burst=5)
    departures(paced, clock, 1)
    clock.now -= 50
    paced.observe(201, {})
    clock.now += 50
    assert departures(paced, clock, 1)[0] == pytest.approx(1, abs=0.05)


def test_two_percent_are_kept_in_hand(clock: Clock) -> None:
    assert departures(rate_limiter(clock, rate=10), clock, 101)[-1] == pytest.approx(10.1 / 0.98, rel=1e-4)
