"""
How long anything is waited for at most: every bound in one place.

Auth0 documents no bounds of its own beyond its rate-limit headers
(https://auth0.com/docs/troubleshoot/customer-support/operational-policies/rate-limit-policy), and those are
heeded within the bounds given here, so that an absurd header holds up nobody. A request's own bound is the
connection's ``timeout``, 30 by default and 300 at most: from its beginning to the last byte of its answer.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_ANSWER_BYTES = 1_000_000
"""Of an answer no more is read, unpacked; the API's own answers have some hundreds of bytes."""

PAUSE_SPREAD = 0.25
"""Share of a pause that chance adds to it, so that tasks refused together don't come back together."""

SLOWEST = 1 / 16
"""Share of its rate that a task keeps however often it is refused."""

RECOVERY = 1.1
"""By what each success multiplies the share of its rate: 30 lead from the slowest back to the full rate."""

EXPIRY_MARGIN = 60.0
"""Seconds before its expiry that a token is renewed, so that no request leaves with one that expires on its way; of a
token that lives less than ten minutes, a tenth of its life."""

LEASES_WAITED = 2.0
"""How many leases a task waits for others to renew the token: a killed one's, and a slow one's after it."""

MOST_AMBIGUOUS = 3
"""Requests without an answer for one prospect in one try: each may have made a ticket, so only so many are risked."""


@dataclass(frozen=True)
class Timeouts:
    """
    The bounds of all waiting, in seconds.

    :param connect: for a connection to the tenant: its name looked up, TCP and TLS set up. Part of ``timeout``.
    :param connection_test: for the connection form's *Test*, all its requests together.
    :param longest_pause: that a refusal (429) pauses a task's requests, whatever its headers say, before it is
        spread out; and the longest ``Retry-After`` that is heeded after any other failure.
    :param longest_pause_when_empty: that an answer which has used the bucket's last request pauses a task's requests.
    :param longest_delay: that a request may be delayed after its turn was given and its intent written down.
    :param answer_grace: beyond ``timeout``: for writing an answer down. Then the request's outcome is in doubt for
        all tasks.
    :param lease_grace: beyond ``timeout``: how long the renewal of the token is one task's alone, also if that task
        is killed.
    :param token_poll: between two looks whether another task has renewed the token.
    :param longest_cooldown: that the token endpoint is left alone after it has failed, by all tasks together; doubled
        from 1 with each failure in a row. A token that has replaced a refused one and is refused as well is renewed
        after this time at the earliest.
    :param longest_backoff: that a prospect waits after a failure that isn't the rate limit's; doubled from 4 with
        each in a row.
    :param retry_budget: that transient errors may hold up one prospect in one try of its task; what is under way then
        still ends.
    :param poll: between two looks whether another task has ended what it does: its request for the same prospect,
        or its process.
    :param ledger: for a lock in a SQLite ledger; and for a ledger that is away to come back, so that an answer which
        has come can still be written down.
    :param ledger_answer: for PostgreSQL to answer a call, its wait for a lock included. Then the connection is
        dropped, and there is time to try another one.
    :param drain: for what is under way when a task is told to end: the supervisor kills it five seconds after it has
        asked.
    :param watch: between two looks whether the process that watches over the task is still there; without it nothing
        more is sent.
    :param dying: that a task's process may live on after the heartbeat which tells it that its task was ended from
        outside: SIGTERM, and twice five seconds.
    """

    connect: float = 10.0
    connection_test: float = 60.0
    longest_pause: float = 60.0
    longest_pause_when_empty: float = 5.0
    longest_delay: float = 1.0
    answer_grace: float = 5.0
    lease_grace: float = 5.0
    token_poll: float = 0.2
    longest_cooldown: float = 30.0
    longest_backoff: float = 30.0
    retry_budget: float = 300.0
    poll: float = 1.0
    ledger: float = 60.0
    ledger_answer: float = 30.0
    drain: float = 4.0
    watch: float = 1.0
    dying: float = 10.0

    def lease(self, timeout: float) -> float:
        """Return how long the renewal of the token is one task's alone, with a connection's ``timeout``."""
        return timeout + self.lease_grace

    def longest_renewal(self, timeout: float) -> float:
        """Return how long a task waits at most to have a token, its own request for one included."""
        return LEASES_WAITED * self.lease(timeout) + timeout

    def cooldown(self, failures: int, asked: float) -> float:
        """
        Return how long the token endpoint is left alone.

        :param failures: how many there were in a row, from 1.
        :param asked: the seconds that its last answer asked for.
        """
        return max(_doubled(failures - 1, self.longest_cooldown), min(asked, self.longest_pause))

    def backoff(self, failures: int, asked: float) -> float:
        """
        Return how long a prospect waits before it is asked for again.

        :param failures: how many there were in a row, from 1.
        :param asked: the seconds that the last answer asked for.
        """
        return max(_doubled(failures + 1, self.longest_backoff), min(asked, self.longest_pause))


DEFAULT_TIMEOUTS = Timeouts()


def _doubled(times: int, longest: float) -> float:
    return float(min(2.0 ** min(times, 10), longest))
