"""How much bad weather one prospect's request meets before its task gives up."""

from __future__ import annotations

import time
from collections.abc import Callable

from auth0_sso.exceptions import Auth0TransientError
from auth0_sso.runtime.rate_limit_headers import retry_after
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, MOST_AMBIGUOUS, Timeouts


class OutageTimer:
    """
    Since when the tenant has said neither yes nor no to any request of a task; at first, since the task began.

    :param clock: a monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._answered_at = clock()

    def end(self) -> None:
        """Note an answer."""
        self._answered_at = self.clock()

    @property
    def seconds(self) -> float:
        """For how long it has lasted."""
        return self.clock() - self._answered_at

    def reason(self, error: Auth0TransientError) -> str:
        """Say why no more is tried for now."""
        return f"Auth0 has answered no request for {self.seconds:.0f} seconds, so no more is tried now. {error}"


class RetryBudget:
    """
    The patience with one prospect in one try of its task.

    :param seconds: for how long it lasts, with the prospect or with a tenant that is silent to all.
    :param outage: the task's.
    :param timeouts: how long is waited between two tries.
    """

    def __init__(self, seconds: float, outage: OutageTimer, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        self._seconds = seconds
        self._outage = outage
        self._timeouts = timeouts
        self._since = outage.clock()
        self._failures = 0
        self._ambiguous = 0

    def next_delay(self, error: Auth0TransientError, *, risked: bool) -> float:
        """
        Return the seconds to wait before it is asked for again.

        :param error: what has just gone wrong.
        :param risked: whether the request, if it was carried out, has made a ticket.
        :raises Auth0TransientError: the error itself, if the patience is over.
        """
        self._failures += 1
        self._ambiguous += error.ambiguous and risked
        if self._left() <= 0 or self._ambiguous >= MOST_AMBIGUOUS:
            raise error
        if error.handled_by_rate_limiter:
            return 0.0
        return min(self._timeouts.backoff(self._failures, retry_after(error.headers)), self._left())

    def look_again(self) -> float:
        """
        Return the seconds until it is worth looking whether another task's request has ended.

        :raises Auth0TransientError: if the patience is over: where a clock was set back it may end in hours.
        """
        if self._left() <= 0:
            raise Auth0TransientError(
                "Another task's request for this prospect does not end.",
                advice="See whether another run is under way, or the clock of the ledger's machine was set back.",
            )
        return self._timeouts.poll_interval

    def _left(self) -> float:
        return self._seconds - max(self._outage.clock() - self._since, self._outage.seconds)
