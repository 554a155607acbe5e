"""The token bucket behind the Management API's rate limit (Auth0's rate-limit policy)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dev.sandbox.tenant.settings import RateLimit

# A float holds UNIX time to 2.4e-7 s, and a quick refill multiplies that error: a token this close to whole counts as
# whole. The level goes below zero by what it lacked, so no more is given over time.
_ROUNDING = 1e-4


@dataclass(frozen=True, slots=True)
class Reading:
    """
    The bucket's answer to one request.

    :param allowed: whether the request may pass
    :param limit: the bucket's size
    :param remaining: whole requests left
    :param full_at: UNIX time at which the bucket is full again
    :param next_at: UNIX time at which one more request is added
    """

    allowed: bool
    limit: int
    remaining: int
    full_at: float
    next_at: float

    @property
    def reset(self) -> int:
        """The value of ``X-RateLimit-Reset``, whole UNIX seconds: when the bucket is full again."""
        return math.ceil(self.full_at - _ROUNDING)


class TokenBucket:
    """
    A bucket that starts full, is refilled evenly and gives one token to each request.

    In any w seconds it lets at most ``size + refill * w`` requests pass.

    :param rate_limit: its size and refill
    :param now: UNIX time in seconds
    """

    def __init__(self, rate_limit: RateLimit, now: float) -> None:
        self._rate_limit = rate_limit
        self._level = float(rate_limit.size)
        self._at = now
        self._neighbour_rate = 0.0
        self._neighbours_until = now

    def take(self, now: float) -> Reading:
        """Take one token if there is one."""
        self._advance(now)
        allowed = self._level >= 1 - _ROUNDING
        if allowed:
            self._level -= 1
        size, refill = self._rate_limit.size, self._rate_limit.refill
        whole = max(0, math.floor(self._level + _ROUNDING))
        return Reading(
            allowed=allowed,
            limit=size,
            remaining=whole,
            full_at=now + (size - self._level) / refill,
            next_at=now + max(0.0, min(whole + 1, size) - self._level) / refill,
        )

    def refuse(self, now: float, until: float) -> Reading:
        """Refuse a request at any level, until a UNIX time."""
        self._advance(now)
        return Reading(False, self._rate_limit.size, 0, until, until)

    def share(self, rate: float, now: float, until: float) -> None:
        """
        Let the tenant's other users take ``rate`` requests a second until a UNIX time.

        They come first: at a rate above the refill nothing is left for anyone else.
        """
        self._advance(now)
        self._neighbour_rate = rate
        self._neighbours_until = until

    def _advance(self, now: float) -> None:
        shared_until = min(max(self._neighbours_until, self._at), now)
        self._flow(shared_until - self._at, self._rate_limit.refill - self._neighbour_rate)
        self._flow(now - max(shared_until, self._at), self._rate_limit.refill)
        self._at = max(self._at, now)

    def _flow(self, seconds: float, rate: float) -> None:
        if seconds > 0:
            lowest = min(0.0, self._level)
            self._level = min(float(self._rate_limit.size), max(lowest, self._level + seconds * rate))
