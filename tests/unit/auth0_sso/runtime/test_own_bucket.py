"""The rate limiter of requests with a bucket of their own, on a fake clock."""

from __future__ import annotations

import asyncio

import pytest
from auth0_sso.runtime.own_bucket import OwnBucketRateLimiter
from auth0_sso.runtime.rate_limiter import RateLimiter

from tests.unit.auth0_sso.conftest import FakeClock

EMPTY = {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"}


@pytest.fixture
def shared(clock: FakeClock) -> RateLimiter:
    """Return a task's rate limiter, of two requests a second, with one saved up."""
    return RateLimiter(2.0, since=clock.now - 10, clock=clock, sleep=clock.sleep)


def send(clock: FakeClock, *rate_limiters: RateLimiter) -> list[float]:
    """Return after how many seconds the requests of these limiters leave, one after another."""
    began = clock.now

    async def leave() -> list[float]:
        left = []
        for rate_limiter in rate_limiters:
            await rate_limiter.acquire()
            left.append(round(clock.now - began, 1))
        return left

    return asyncio.run(leave())


def test_each_kind_takes_requests_of_the_task_and_none_waits_twice(clock: FakeClock, shared: RateLimiter) -> None:
    logs, connections = OwnBucketRateLimiter(shared), OwnBucketRateLimiter(shared)
    assert send(clock, logs, connections, shared, logs) == [0.0, 0.5, 1.0, 1.5]
    assert (shared.requests, logs.requests, connections.requests) == (4, 2, 1)


@pytest.mark.parametrize(("status", "pause"), [(200, 5.0), (429, 60.0)])
def test_an_answer_delays_only_the_requests_of_its_kind(
    clock: FakeClock, shared: RateLimiter, status: int, pause: float
) -> None:
    logs, connections = OwnBucketRateLimiter(shared), OwnBucketRateLimiter(shared)
    send(clock, logs)
    logs.observe(status, EMPTY)
    assert send(clock, shared, connections) == [0.5, 1.0]
    assert send(clock, logs)[0] >= pause - 1.1


def test_the_tasks_own_pause_delays_all_kinds(clock: FakeClock, shared: RateLimiter) -> None:
    logs = OwnBucketRateLimiter(shared)
    shared.observe(200, EMPTY)
    assert send(clock, logs) == [5.0]
