"""How long a task retries one prospect's request within one try of the task."""

from __future__ import annotations

import time
from collections.abc import Callable

from auth0_sso.exceptions import Auth0TransientError
from auth0_sso.runtime.rate_limit_headers import retry_after
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, MAX_AMBIGUOUS, Timeouts


class OutageTimer:
    """Measures for how long the tenant has neither accepted nor refused any request of a task."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._answered_at = clock()

    def end(self) -> None:
        """Start to count again: the tenant has answered."""
        self._answered_at = self.clock()

    @property
    def seconds(self) -> float:
        """The seconds since the last answer; before the first, since the task began."""
        return self.clock() - self._answered_at

    def reason(self, error: Auth0TransientError) -> str:
        """Return why the task stops retrying."""
        return f"Auth0 has answered no request for {self.seconds:.0f} seconds, so no more is tried now. {error}"


class RetryBudget:
    """
    Bounds the retries of one prospect in one try of its task.

    Its seconds count from the prospect's first request, or from the tenant's last answer to any.
    """

    def __init__(self, outage: OutageTimer, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        self._outage = outage
        self._timeouts = timeouts
        self._since = outage.clock()
        self._failures = 0
        self._ambiguous = 0

    def next_delay(self, error: Auth0TransientError, *, risked: bool) -> float:
        """
        Return the seconds until the next attempt, or raise ``error``, the last attempt's, if the budget is used up.

        :param risked: whether that attempt may have created a ticket.
        """
        self._failures += 1
        self._ambiguous += error.ambiguous and risked
        if self._remaining() <= 0 or self._ambiguous >= MAX_AMBIGUOUS:
            raise error
        if error.handled_by_rate_limiter:
            return 0.0
        return min(self._timeouts.backoff(self._failures, retry_after(error.headers)), self._remaining())

    def look_again(self) -> float:
        """Return the seconds until the next check of another task's request; raise if the budget is used up."""
        if self._remaining() <= 0:
            raise Auth0TransientError(
                "Another task's request for this prospect does not end.",
                advice="Check if another run is under way, or if the clock of the ledger's machine was set back.",
            )
        return self._timeouts.poll_interval

    def _remaining(self) -> float:
        return self._timeouts.retry_budget - max(self._outage.clock() - self._since, self._outage.seconds)
