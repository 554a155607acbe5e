"""The rate limit of requests that the tenant counts in a bucket of their own."""

from __future__ import annotations

import math

from auth0_sso.runtime.rate_limiter import RateLimiter


class OwnBucketRateLimiter(RateLimiter):
    """
    Decides when the next request of one kind may leave.

    Auth0 has a bucket for some kinds of requests, and an answer's headers tell of the bucket that has counted it. So an
    answer that is observed here slows down this kind alone. As the pool bounds all requests of a task together, each
    also waits for the task's rate limiter. Where the tenant has no such bucket, the answers tell of the common one, and
    each kind adapts to it by itself. Auth0's rule:
    https://auth0.com/docs/troubleshoot/customer-support/operational-policies/rate-limit-policy.

    :param shared: the task's rate limiter, which is not told of the answers.
    """

    def __init__(self, shared: RateLimiter) -> None:
        super().__init__(
            shared.rate,
            shared.burst,
            since=-math.inf,  # what the task may send, the shared one knows
            clock=shared._clock,
            sleep=shared._sleep,
            timeouts=shared._timeouts,
        )
        self._shared = shared

    async def acquire(self, within: float = math.inf) -> None:
        """Wait like ``RateLimiter.acquire``, first for this kind and then for the task's rate limiter."""
        await super().acquire(within)
        await self._shared.acquire(within)
