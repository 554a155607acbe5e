"""
The Airflow pool is the rate limit.

A pool slot earns ``rate`` requests a second from the moment its task takes it, and saves up at most ``burst`` of
them. Every task starts with none, and the pool bounds the tasks that run. So all tasks together send no more than
``slots * (burst + rate * w)`` requests in any ``w`` seconds, and share nothing but the pool. Two exceptions: the
process of a running task that is cleared or marked may send until its next heartbeat, up to 5 seconds
(``[workers] min_heartbeat_interval``), and tasks that run when the pool is made smaller keep their slots. Auth0's rule:
https://auth0.com/docs/troubleshoot/customer-support/operational-policies/rate-limit-policy.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext

from auth0_sso.exceptions import Auth0RateLimitError
from auth0_sso.models import TaskStats
from auth0_sso.runtime.rate_limit_headers import bucket_is_empty, bucket_level, seconds_requested
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, PAUSE_SPREAD, RECOVERY, SLOWEST, Timeouts

# Network delay varies by some milliseconds. Without this margin, two requests that leave a full interval apart could
# arrive closer together than the bucket refills.
_MARGIN = 0.98
# A slot is given this long before its request may leave, so that the intent can be recorded in the meantime.
_LEAD = 0.05
# The pause after consecutive refusals grows to 2 ** 5 / 2 = 16 seconds.
_MAX_REFUSALS = 5
# The lowest speed bounds what a wrong header can do. The highest lets a task catch up, but slowly: with a higher one,
# tasks would swing between too fast and too slow if answers take longer than the bucket needs to fill.
_LOWEST_SPEED, _HIGHEST_SPEED = 1 / 4, 1.1


class RateLimiter:
    """
    Decides when the next request may leave.

    ``await rate_limiter.acquire()`` right before each request is enough. To prepare something first, take a slot::

        async with rate_limiter.slot() as slot:
            ...  # record the intent
            await slot.acquire()  # the request leaves now, and the next one may prepare

    :param rate: requests a second of this task's pool slots.
    :param burst: requests that may be saved up, at least 1.
    :param since: when the task took its pool slots, on the monotonic ``clock``; by default now.
    """

    def __init__(
        self,
        rate: float,
        burst: float = 1.0,
        *,
        since: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"rate must be above 0 and burst at least 1, not {rate} and {burst}")
        self.rate = rate
        self.burst = burst
        self.rate_limited = 0
        self.sent: Counter[int] = Counter()
        self._clock = clock
        self._sleep = sleep
        self._timeouts = timeouts
        self._rate_share = 1.0
        self._credit = 0.0
        self._earned_at = clock() if since is None else since
        self._left_at = -math.inf
        self._pace = math.inf
        self._paused_until = 0.0
        self._refusals = 0
        self._queue = asyncio.Lock()
        self._end_of_queue = asyncio.Lock()

    @property
    def requests(self) -> int:
        """The number of requests that have left."""
        return self.sent.total()

    def stats(self, started: float) -> TaskStats:
        """Return what has been sent until now by a task that got its slots at this UNIX time."""
        return TaskStats(
            started=started,
            finished=time.time(),
            rate=self.rate,
            burst=self.burst,
            requests=self.requests,
            rate_limited=self.rate_limited,
            sent={str(second): count for second, count in sorted(self.sent.items())},
        )

    @asynccontextmanager
    async def slot(self, *, first: bool = False) -> AsyncGenerator[Slot, None]:
        """
        Queue for one request; enter shortly before it may leave.

        :param first: whether it goes before the others that wait, but the one whose turn is next.
        """
        async with nullcontext() if first else self._end_of_queue:
            await self._queue.acquire()
        slot = Slot(self)
        try:
            while (wait := self.delay() - _LEAD) > 0:
                await self._sleep(wait)
            yield slot
        finally:
            slot.release()

    async def acquire(self, within: float = math.inf) -> None:
        """Wait until a request may leave, and count it; Auth0RateLimitError if that takes over ``within`` seconds."""
        until = self._clock() + within
        while (wait := self.delay()) > 0:
            if self._clock() + wait > until:
                raise Auth0RateLimitError("The tenant has just requested a pause; nothing was sent.", status=429)
            await self._sleep(wait)
        self._credit -= 1
        self._left_at = self._clock()
        self.sent[int(time.time())] += 1

    def delay(self) -> float:
        """Return the seconds until a request may leave."""
        now = self._clock()
        self._earn(now)
        next_at = max(self._left_at + 1 / self._pace, self._paused_until)
        return max((1 - self._credit) / self._earning, next_at - now, 0.0)

    def observe(self, status: int, headers: Mapping[str, str]) -> None:
        """
        Adapt to an answer, since others use the tenant too: to how full the bucket is, and to a refusal.

        ``X-RateLimit-Reset`` is documented as the UNIX time at which a request is added to the bucket, and elsewhere
        as the time at which the bucket is full. Waiting for it is right in both cases.
        """
        now = self._clock()
        self._earn(now)
        self._pace = self.rate * _speed(headers)
        if status == 429:
            self.rate_limited += 1
            if now >= self._paused_until:  # else it left before the pause, which counts its refusal already
                self._refusals += 1
                self._rate_share = max(SLOWEST, self._rate_share / 2)
            wait = max(seconds_requested(headers), 2.0 ** min(self._refusals, _MAX_REFUSALS) / 2)
            spread = 1 + random.random() * PAUSE_SPREAD  # noqa: S311
            self._pause(now + min(wait, self._timeouts.longest_pause) * spread)
        elif status < 400:
            self._refusals = 0
            self._rate_share = min(1.0, self._rate_share * RECOVERY)
            if bucket_is_empty(headers):
                self._pause(now + min(seconds_requested(headers), self._timeouts.longest_pause_when_empty))

    def _pause(self, until: float) -> None:
        self._paused_until = max(self._paused_until, until)

    def _earn(self, now: float) -> None:
        earned = max(0.0, now - self._earned_at) * self._earning
        # While the tenant refuses, nothing is saved up: after a pause one request is sent, not a burst.
        self._credit = min(1.0 if self._refusals else self.burst, self._credit + earned)
        self._earned_at = max(self._earned_at, now)

    @property
    def _earning(self) -> float:
        return self.rate * _MARGIN * self._rate_share


def _speed(headers: Mapping[str, str]) -> float:
    """
    Return how fast a task may send, as a multiple of its rate, when the tenant's bucket is as full as an answer says.

    That is its rate while two thirds of the bucket are left, and proportionally less below. So when others use a part
    of the refill, the level falls until all tasks together send what the others leave, before anyone is refused.
    Alone, the tasks send no more than the refill, so the level rises again after their first requests. A bucket of two
    is nearly empty after each request, so it slows nobody down.
    """
    bucket = bucket_level(headers)
    if bucket is None:
        return math.inf
    remaining, limit = bucket
    return min(max(_LOWEST_SPEED, max(2.0, 1.5 * remaining) / limit), _HIGHEST_SPEED)


class Slot:
    """The first place in the queue of a rate limiter; see :meth:`RateLimiter.slot`."""

    def __init__(self, rate_limiter: RateLimiter) -> None:
        self._rate_limiter = rate_limiter
        self._is_first = True

    async def acquire(self) -> None:
        """Wait like ``RateLimiter.acquire``, but only for a short delay, and let the next request prepare."""
        try:
            await self._rate_limiter.acquire(within=self._rate_limiter._timeouts.longest_delay)
        finally:
            self.release()

    def release(self) -> None:
        """Let the next request prepare."""
        if self._is_first:
            self._is_first = False
            self._rate_limiter._queue.release()
