"""Over all tasks of a pool, no w seconds hold more than slots * (burst + rate * w) requests; on a fake clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from auth0_sso.runtime.rate_limiter import RateLimiter
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.bench.simulation.scenario import most_over_allowed
from tests.bench.simulation.virtual_time import now, run

_ROUNDING = 1e-9


@dataclass(frozen=True)
class TaskOfPool:
    """A task that holds pool slots for some seconds, the first ones for its start."""

    holds: float
    startup: float
    workers: int
    record: float
    latencies: Sequence[float]
    statuses: Sequence[int]
    levels: Sequence[int] = (10,)


@dataclass(frozen=True)
class Pool:
    """Chains of tasks, each of which begins at the moment when the one before frees its slots."""

    rate: float
    burst: float
    widths: Sequence[int]
    chains: Sequence[Sequence[TaskOfPool]]
    make_limiter: Callable[..., RateLimiter] = RateLimiter

    @property
    def slots(self) -> int:
        return sum(self.widths)

    async def send_times(self) -> list[float]:
        seen: list[float] = []
        pairs = zip(self.widths, self.chains, strict=True)
        await asyncio.gather(*(self._run_chain(width, chain, seen) for width, chain in pairs))
        return sorted(seen)

    async def _run_chain(self, width: int, chain: Sequence[TaskOfPool], seen: list[float]) -> None:
        for task in chain:
            since = now()
            rate_limiter = self.make_limiter(width * self.rate, width * self.burst, since=since, clock=now)
            await asyncio.sleep(task.startup)
            workers = [asyncio.create_task(_send(rate_limiter, task, worker, seen)) for worker in range(task.workers)]
            await asyncio.sleep(max(0.0, since + task.holds - now()))
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


async def _send(rate_limiter: RateLimiter, task: TaskOfPool, worker: int, seen: list[float]) -> None:
    for number in range(worker, 10_000):
        async with rate_limiter.slot() as slot:
            await asyncio.sleep(task.record)
            await slot.acquire()
            seen.append(now())
            await asyncio.sleep(task.latencies[number % len(task.latencies)])
            status = task.statuses[number % len(task.statuses)]
            level = task.levels[number % len(task.levels)]
            rate_limiter.observe(status, {"X-RateLimit-Remaining": str(level), "X-RateLimit-Limit": "10"})


durations = st.floats(0, 4) | st.just(0.0)
tasks = st.builds(
    TaskOfPool,
    holds=st.floats(0, 12),
    startup=durations,
    workers=st.integers(1, 6),
    record=st.sampled_from([0.0, 0.002, 0.02, 0.2]),
    latencies=st.lists(st.floats(0, 2), min_size=1, max_size=4),
    statuses=st.lists(st.sampled_from([201, 201, 201, 400, 429, 500]), min_size=1, max_size=5),
    levels=st.lists(st.integers(0, 10), min_size=1, max_size=5),
)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    widths = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    chains = [draw(st.lists(tasks, min_size=1, max_size=5)) for _ in widths]
    rate = draw(st.floats(0.05, 8) | st.sampled_from([0.5, 1.0, 2.0]))
    burst = draw(st.floats(1, 10) | st.sampled_from([1.0, 2.0, 5.0]))
    return Pool(rate, burst, widths, chains)


def _short_tasks(width: int, *, count: int, holds: float) -> Pool:
    task = TaskOfPool(holds, 0.0, 4, 0.0, [0.0], [201])
    return Pool(1.0, 5.0, [width] * 4, [[task] * count] * 4)


@given(pool=pools())
@example(pool=_short_tasks(1, count=30, holds=1.03))
@example(pool=_short_tasks(2, count=20, holds=2.1))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_window_holds_more_requests_than_the_pool_allows(pool: Pool) -> None:
    send_times = run(pool.send_times())
    assert most_over_allowed(send_times, pool.slots, pool.rate, pool.burst) <= _ROUNDING


def _uncapped(rate: float, burst: float, *, since: float, clock: Callable[[], float]) -> RateLimiter:
    return RateLimiter(rate, 1e9, since=since, clock=clock)


def test_the_simulation_finds_a_rate_limiter_that_allows_too_much() -> None:
    idle_then_busy = TaskOfPool(6.0, 4.0, 6, 0.0, [0.0], [201])
    short = TaskOfPool(0.3, 0.0, 6, 0.0, [0.0], [201])
    pool = Pool(1.0, 1.0, [1] * 4, [[idle_then_busy, *[short] * 10]] * 4, _uncapped)
    assert most_over_allowed(run(pool.send_times()), pool.slots, pool.rate, pool.burst) > 0.5


async def _late_sleep(seconds: float) -> None:
    await asyncio.sleep(seconds + 0.001)


@pytest.mark.parametrize(
    ("sleep", "share"), [(asyncio.sleep, 0.97), (_late_sleep, 0.95)], ids=["exact timers", "timers 1 ms late"]
)
@pytest.mark.parametrize("rate", [1.0, 2.0, 4.0, 16.0])
def test_a_single_task_uses_nearly_its_whole_rate(rate: float, sleep: Any, share: float) -> None:
    """650 ms to an answer, and 20 ms to record an intent in a slot."""

    async def send_times() -> list[float]:
        rate_limiter = RateLimiter(rate, clock=now, sleep=sleep)
        task = TaskOfPool(0, 0, 0, 0.02, [0.65], [201])
        seen: list[float] = []
        workers = [asyncio.create_task(_send(rate_limiter, task, 0, seen)) for _ in range(int(rate * 4) + 1)]
        while len(seen) < 201:
            await asyncio.sleep(0.1)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        return seen[:201]

    seen = run(send_times())
    assert 200 / (seen[-1] - seen[0]) >= share * rate
