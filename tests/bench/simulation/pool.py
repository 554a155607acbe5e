"""Mapped tasks in virtual time: they wait for slots of the pool, send at the rate limiter's pace, and are killed."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median

from auth0_sso.exceptions import Auth0RateLimitError, Auth0TransientError
from auth0_sso.runtime.rate_limiter import RateLimiter, Slot
from auth0_sso.runtime.retry import OutageTimer, RetryBudget
from auth0_sso.runtime.worker_pool import WorkerPool, worker_count

from tests.bench.results.measured import LATENCY
from tests.bench.simulation import virtual_time
from tests.bench.simulation.scenario import Outcome, Scenario, jain_index, most_over_allowed
from tests.bench.simulation.tenant import SimulatedTenant
from tests.bench.simulation.virtual_time import now

# Seconds to record an intent, until a killed task starts again, and until a failed one is tried again.
_RECORD, _RESTART, _RETRY = 0.005, 30.0, 60.0
# Seconds for which the process of a cleared task still sends: Airflow's heartbeat interval.
_HEARTBEAT = 5.0


def run_scenario(scenario: Scenario, seed: int, make_limiter: Callable[..., RateLimiter] = RateLimiter) -> Outcome:
    """Run a scenario; with the same seed, the outcome is the same."""
    random.seed(seed)  # the rate limiter draws from the module's generator
    return virtual_time.run(_Run(scenario, random.Random(seed), make_limiter).outcome())  # type: ignore[no-any-return]


class _Todo(deque[int]):
    """Organizations without a ticket; whoever iterates takes them."""

    def __iter__(self) -> Iterator[int]:
        while self:
            yield self.popleft()


@dataclass
class _Task:
    todo: _Todo
    ticket_times: list[float] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0


class _Run:
    def __init__(self, scenario: Scenario, chance: random.Random, make_limiter: Callable[..., RateLimiter]) -> None:
        self._scenario = scenario
        self._chance = chance
        self._make_limiter = make_limiter
        self._pool = asyncio.Semaphore(scenario.slots)
        numbers = range(scenario.organizations)
        self._tasks = [_Task(_Todo(numbers[first :: scenario.tasks])) for first in range(scenario.tasks)]

    async def outcome(self) -> Outcome:
        scenario, tasks = self._scenario, self._tasks
        began = now()
        tenant = SimulatedTenant(scenario.plan, scenario.others, began, self._chance, headers=scenario.headers)
        killed = set(self._chance.sample(range(scenario.tasks), round(scenario.tasks * scenario.killed)))
        cleared_at = began + scenario.cleared_at
        await asyncio.gather(
            *(self._run_task(task, tenant, number in killed, cleared_at) for number, task in enumerate(tasks))
        )
        seconds = [task.ended - task.began for task in tasks]
        return Outcome(
            scenario,
            sum(len(task.ticket_times) for task in tasks),
            len(tenant.send_times),
            tenant.refused,
            tenant.others_refused / max(tenant.others_sent, 1),
            max(task.ended for task in tasks) - began,
            most_over_allowed(tenant.send_times, scenario.slots, scenario.requests_per_slot, scenario.burst_per_slot),
            self._fairness(),
            max(seconds) / median(seconds),
        )

    async def _run_task(self, task: _Task, tenant: SimulatedTenant, is_killed: bool, cleared_at: float) -> None:
        expected = self._scenario.startup + len(task.todo) / self._scenario.requests_per_slot
        kill_after = self._chance.uniform(0, expected) if is_killed else None
        while task.todo:
            await self._pool.acquire()
            task.began = task.began or now()
            process = _Process(self._scenario, task, tenant, self._chance, self._make_limiter)
            work = asyncio.create_task(process.run(since=now()))
            clear_after = cleared_at - now() if cleared_at > now() else None
            await asyncio.wait([work], timeout=kill_after or clear_after)
            self._pool.release()
            if work.done():
                work.result()
                await asyncio.sleep(_RETRY if task.todo else 0)
            elif kill_after:
                kill_after = None
                work.cancel()
                await asyncio.sleep(_RESTART)
            else:
                asyncio.get_running_loop().call_later(_HEARTBEAT, process.workers.stop, "The task was cleared.")
        task.ended = now()

    def _fairness(self) -> float:
        """Compare the tasks that start first, from the moment at which all send to that at which one ends."""
        first = [task.ticket_times for task in self._tasks[: self._scenario.slots]]
        start, end = max(times[0] for times in first), min(times[-1] for times in first)
        return jain_index([sum(start <= at <= end for at in times) for times in first])


class _Process:
    """One try of a task: the requests of TicketIssuer and TicketRequester, without their ledger."""

    def __init__(
        self,
        scenario: Scenario,
        task: _Task,
        tenant: SimulatedTenant,
        chance: random.Random,
        make_limiter: Callable[..., RateLimiter],
    ) -> None:
        self._scenario = scenario
        self._task = task
        self._tenant = tenant
        self._chance = chance
        self._make_limiter = make_limiter
        self._outage = OutageTimer(now)
        self.workers = WorkerPool(self._process, worker_count(scenario.requests_per_slot))

    async def run(self, since: float) -> None:
        rate, burst = self._scenario.requests_per_slot, self._scenario.burst_per_slot
        self._rate_limiter = self._make_limiter(rate, burst, since=since, clock=now)
        await asyncio.sleep(self._scenario.startup)
        self._outage.end()
        with suppress(Auth0TransientError):
            await self.workers.run(self._task.todo)

    async def _process(self, organization: int) -> None:
        budget = RetryBudget(self._outage)
        try:
            while True:
                try:
                    async with self._rate_limiter.slot() as slot:
                        with self.workers.uninterrupted():
                            await asyncio.sleep(_RECORD)
                            return await self._request(slot)
                except Auth0TransientError as error:
                    await asyncio.sleep(budget.next_delay(error, risked=False))
        except BaseException:
            self._task.todo.append(organization)
            raise

    async def _request(self, slot: Slot) -> None:
        await slot.acquire()
        reading = self._tenant.receive(now())
        await asyncio.sleep(self._chance.uniform(*LATENCY))
        status, headers = self._tenant.answer(reading, now())
        self._rate_limiter.observe(status, headers)
        if status == 429:
            raise Auth0RateLimitError("refused", status=status, headers=headers)
        self._outage.end()
        self._task.ticket_times.append(now())
