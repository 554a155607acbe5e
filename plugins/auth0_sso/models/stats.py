"""What a task has sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TaskStats:
    """
    What one try of a task has sent.

    :param started: when it got its slots, UNIX seconds; so with ``finished``.
    :param rate: requests a second of its slots; ``burst``: how many of them the slots save up.
    :param requests: to the Management API; of those, ``rate_limited`` got a 429.
    :param sent: requests by UNIX second, which is a text, since JSON has no other keys.
    """

    started: float
    finished: float
    rate: float
    burst: float
    requests: int
    rate_limited: int
    sent: Mapping[str, int]
