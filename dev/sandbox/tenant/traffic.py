"""The Management API calls that a tenant received, and how many arrived in any window of time."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Seen:
    """
    One Management API call.

    :param at: UNIX time in seconds, on the tenant's clock, at which it arrived
    :param method: HTTP method
    :param path: path template, so without ticket ids
    :param accepted: whether the rate limit accepted it
    :param monotonic: when it arrived, on the machine's monotonic clock
    :param status: HTTP status of the response; 0 when there was none, or not yet
    :param connection_name: of the requested ticket
    :param organization_ids: of the requested ticket
    :param made_ticket: whether a ticket was created, even if the response says otherwise
    :param faults: the kinds of the faults that were applied to it
    """

    at: float
    method: str
    path: str
    accepted: bool
    monotonic: float = field(default_factory=time.monotonic)
    status: int = 0
    connection_name: str | None = None
    organization_ids: tuple[str, ...] = ()
    made_ticket: bool = False
    faults: tuple[str, ...] = ()


def most_in_window(times: Iterable[float], seconds: float) -> int:
    """Return the most of the times that lie within any span shorter than ``seconds``."""
    ordered = sorted(times)
    most = first = 0
    for last, at in enumerate(ordered):
        while at - ordered[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def bucket_needed(times: Iterable[float], refill: float) -> float:
    """
    Return the size of the smallest bucket that lets all of the times pass.

    So each span of ``w`` seconds has at most the bucket's size of them, plus ``refill * w``.

    :param refill: a second
    """
    most = level = 0.0
    before = -math.inf
    for at in sorted(times):
        level = max(0.0, level - refill * (at - before)) + 1
        most, before = max(most, level), at
    return most


def each_second(times: Iterable[float], start: float) -> list[int]:
    """Return how many of the times lie in each second from the start to the last of them."""
    counts = Counter(int(at - start) for at in times)
    return [counts[second] for second in range(max(counts, default=-1) + 1)]
