"""What a tenant saw: every Management API call, and how many came in any window of time."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

NO_ANSWER = 0
"""The status of a call that has no answer, or none yet."""


@dataclass(slots=True)
class Seen:
    """One Management API call.

    :param at: UNIX time in seconds, on the tenant's clock, at which it came in
    :param monotonic: the same moment on the machine's monotonic clock
    :param method: HTTP method
    :param path: path template, so without ticket ids
    :param accepted: whether the rate limit let it pass
    :param status: HTTP status of the answer; 0 when there was none
    :param connection_name: of the ticket asked for
    :param organization_ids: of the ticket asked for
    :param made_ticket: whether a ticket was made, whatever the answer said
    :param faults: the kinds of the faults that struck it
    """

    at: float
    monotonic: float
    method: str
    path: str
    accepted: bool
    status: int = NO_ANSWER
    connection_name: str | None = None
    organization_ids: tuple[str, ...] = ()
    made_ticket: bool = False
    faults: tuple[str, ...] = ()


class Traffic:
    """All calls, in the order they came in."""

    def __init__(self) -> None:
        self._seen: list[Seen] = []

    def arrive(self, at: float, method: str, path: str, accepted: bool) -> Seen:
        """Note a call and return its entry, to be completed."""
        seen = Seen(at, time.monotonic(), method, path, accepted)
        self._seen.append(seen)
        return seen

    def all(self) -> list[Seen]:
        """Return all calls."""
        return list(self._seen)

    def by_status(self) -> dict[int, int]:
        """Return how many calls had each status; 0 stands for no answer."""
        return dict(Counter(seen.status for seen in self._seen))

    def max_in_window(self, seconds: float, which: Literal["all", "accepted"] = "all") -> int:
        """Return the most calls that came in within any span shorter than ``seconds``.

        :param which: all calls, or those that the rate limit let pass
        """
        return most_in_window((seen.at for seen in self._seen if which == "all" or seen.accepted), seconds)


def most_in_window(times: Iterable[float], seconds: float) -> int:
    """Return the most of the times that lie within any span shorter than ``seconds``."""
    ordered = sorted(times)
    most = first = 0
    for last, at in enumerate(ordered):
        while at - ordered[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
