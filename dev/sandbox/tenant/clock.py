"""Clocks: callables that return UNIX time in seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]


def steady_clock() -> Clock:
    """Return a clock that starts at the present UNIX time and ignores later changes of the machine's clock."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time that was set, in UNIX seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass."""
        self.now += seconds
