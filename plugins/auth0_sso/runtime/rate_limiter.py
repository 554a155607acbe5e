"""
Pacing: the Airflow pool is the rate limit.

A pool slot earns ``rate`` requests a second from the moment its task takes it, and saves up at most
``burst`` of them. Since every task starts with nothing, and the pool bounds the tasks that run, no more
than ``slots * (burst + rate * w)`` requests leave in any ``w`` seconds over all tasks together, with
nothing shared between them but the pool. There are two exceptions: Airflow frees the slots of a running task
that is cleared or marked at once, while its process may send until its next heartbeat, up to 5 seconds later
(``[workers] min_heartbeat_interval``); and tasks that run when the pool is made smaller keep their slots until
they end. Auth0 keeps a token bucket per tenant
(https://auth0.com/docs/troubleshoot/customer-support/operational-policies/rate-limit-policy).
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from auth0_sso.exceptions import Auth0RateLimitError
from auth0_sso.runtime.rate_limit_headers import bucket_is_empty, seconds_requested
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, PAUSE_SPREAD, RECOVERY, SLOWEST, Timeouts

# Requests reach the tenant a few milliseconds earlier or later than they left; two per cent in hand keeps
# two that leave a full interval apart from arriving closer than the bucket refills.
_MARGIN = 0.98
# How long before a request may leave its turn is given, to write down the intent meanwhile.
_LEAD = 0.05
# From here on a longer row of refusals changes nothing: half of 2 to the 5th, 16 seconds.
_MOST_REFUSALS = 5


class RateLimiter:
    """
    Say when the next request may leave.

    ``await pacer.depart()`` right before each request is enough. To have something ready at that moment,
    take a turn first::

        async with pacer.turn() as turn:  # first come, first served; can be cancelled
            ...  # write down what is about to be sent
            await turn.depart()  # the next in line may prepare

    :param rate: requests a second that this task's slots earn.
    :param burst: requests that may be saved up, at least 1.
    :param since: the time on ``clock`` from which credit is earned: when the slot was taken.
    :param clock: a monotonic clock, in seconds.
    :param sleep: ``asyncio.sleep`` or a stand-in.
    :param timeouts: how long the tenant may pause and delay requests.
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
        self._slowness = 1.0
        self._credit = 0.0
        self._earned_at = clock() if since is None else since
        self._paused_until = 0.0
        self._refusals = 0
        self._line = asyncio.Lock()

    @property
    def requests(self) -> int:
        """How many requests have left."""
        return self.sent.total()

    def slot(self) -> Slot:
        """Return the place in line for one request."""
        return Slot(self)

    async def acquire(self, within: float = math.inf) -> None:
        """
        Wait until a request may leave, and count it: it leaves now.

        :param within: seconds that it may take.
        :raises Auth0RateLimitError: if it would take longer; nothing is sent.
        """
        until = self._clock() + within
        while (wait := self.delay()) > 0:
            if self._clock() + wait > until:
                raise Auth0RateLimitError("The tenant has just asked to wait; nothing was sent.", status=429)
            await self._sleep(wait)
        self._credit -= 1
        self.sent[int(time.time())] += 1

    def delay(self) -> float:
        """Return the seconds until a request may leave."""
        now = self._clock()
        self._earn(now)
        return max((1 - self._credit) / self._earning, self._paused_until - now, 0.0)

    def observe(self, status: int, headers: Mapping[str, str]) -> None:
        """
        Heed an answer: the tenant has other users too.

        ``X-RateLimit-Reset`` is documented as the UNIX time, in seconds, at which more is added, elsewhere
        as the time at which the bucket is full; waiting for it is right under both. It is read against the
        answer's own ``Date``, so that a clock that is off does no harm, and bounded.

        :param status: the HTTP status.
        :param headers: the answer's headers.
        """
        now = self._clock()
        self._earn(now)
        if status == 429:
            self.rate_limited += 1
            if now >= self._paused_until:  # else it left before the pause: the same refusal, seen twice
                self._refusals += 1
                self._slowness = max(SLOWEST, self._slowness / 2)
            wait = max(seconds_requested(headers), 2.0 ** min(self._refusals, _MOST_REFUSALS) / 2)
            spread = 1 + random.random() * PAUSE_SPREAD  # noqa: S311
            self._pause(now + min(wait, self._timeouts.longest_pause) * spread)
        elif status < 400:
            self._refusals = 0
            self._slowness = min(1.0, self._slowness * RECOVERY)
            if bucket_is_empty(headers):
                self._pause(now + min(seconds_requested(headers), self._timeouts.longest_pause_when_empty))

    def _pause(self, until: float) -> None:
        self._paused_until = max(self._paused_until, until)

    def _earn(self, now: float) -> None:
        earned = max(0.0, now - self._earned_at) * self._earning
        # While the tenant refuses, nothing is saved up: after a pause one request tries, not a burst.
        self._credit = min(1.0 if self._refusals else self.burst, self._credit + earned)
        self._earned_at = max(self._earned_at, now)

    @property
    def _earning(self) -> float:
        return self.rate * _MARGIN * self._slowness


class Slot:
    """One request's place in a pacer's line."""

    def __init__(self, rate_limiter: RateLimiter) -> None:
        self._rate_limiter = rate_limiter
        self._first_in_line = False

    async def __aenter__(self) -> Slot:
        await self._rate_limiter._line.acquire()
        self._first_in_line = True
        try:
            while (wait := self._rate_limiter.delay() - _LEAD) > 0:
                await self._rate_limiter._sleep(wait)
        except BaseException:
            self._leave()
            raise
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        self._leave()

    async def acquire(self) -> None:
        """
        Wait for what is left, and let the next in line prepare: the request leaves now.

        :raises Auth0RateLimitError: if the tenant has asked to wait meanwhile; nothing is sent.
        """
        try:
            await self._rate_limiter.acquire(within=self._rate_limiter._timeouts.longest_delay)
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._first_in_line:
            self._first_in_line = False
            self._rate_limiter._line.release()
