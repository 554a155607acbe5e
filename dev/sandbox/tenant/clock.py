"""Clocks: callables that return UNIX time in seconds."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable

Clock = Callable[[], float]


def steady_clock() -> Clock:
    """Return a clock that starts at the present UNIX time and never jumps.

    A rate limit measured with ``time.time`` would break whenever the machine's clock is set.
    """
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


def http_date(now: float) -> str:
    """Return UNIX seconds as HTTP writes a date."""
    return email.utils.formatdate(now, usegmt=True)


class ManualClock:
    """A clock that stands still until it is moved.

    :param now: UNIX time in seconds at which it starts
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time it stands at."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move it forward."""
        self.now += seconds
