"""
The upper bounds of every wait.

A request has one more, the connection's extra ``timeout``: from its start to the last byte of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_ANSWER_BYTES = 1_000_000
"""Bytes that are read of an answer, after decompression. The API's answers have some hundreds."""

PAUSE_SPREAD = 0.25
"""Largest share of a pause that is added at random: tasks that were refused together resume at different times."""

SLOWEST = 1 / 16
"""Share of its rate that a task keeps, however often it is refused."""

RECOVERY = 1.1
"""Factor by which each success raises that share again: 30 successes lead from the slowest to the full rate."""

EXPIRY_MARGIN = 60.0
"""Seconds before its expiry that a token is renewed; a tenth of its lifetime if that is shorter."""

LEASES_WAITED = 2.0
"""Leases that a task waits for others to renew the token: one of a killed task, and one of a slow task after it."""

MOST_AMBIGUOUS = 3
"""Requests for one prospect in one try of its task whose result may be ambiguous: each may have created a ticket."""


@dataclass(frozen=True)
class Timeouts:
    """
    Upper bounds in seconds.

    :param connect: to connect to the tenant: DNS, TCP and TLS. Part of ``timeout``.
    :param connection_test: for all requests of the connection form's *Test* together.
    :param longest_pause: pause after a 429, before ``PAUSE_SPREAD``; also the longest ``Retry-After`` that is honored
        after other failures.
    :param longest_pause_when_empty: pause after an answer that has used the last request of the rate limit.
    :param longest_delay: delay of a request whose slot was given and whose intent is recorded.
    :param answer_grace: beyond ``timeout``, to record an answer. Then other tasks take the result as ambiguous.
    :param lease_grace: beyond ``timeout``, how long one task alone may renew the token.
    :param token_poll_interval: between two checks whether another task has renewed the token.
    :param longest_cooldown: between two requests for a token, of all tasks, after failures: 1, 2, 4, … Also between
        two renewals of a token that the tenant refuses although it is new.
    :param longest_backoff: between two requests for one prospect after failures other than a 429: 4, 8, 16, …
    :param retry_budget: retries of one prospect in one try of its task, without the request that runs then.
    :param poll_interval: between two checks whether another task has finished, and between two attempts to record.
    :param ledger: for a lock of a SQLite ledger, and for an unreachable ledger when an answer must be recorded.
    :param ledger_answer: for PostgreSQL to answer one call, locks included; less than ``ledger``, so that another
        connection can be tried.
    :param shutdown: for requests in flight when the task must end. Airflow's supervisor kills it after 5 seconds.
    :param parent_poll_interval: between two checks that the task's supervisor, the parent process, still exists.
    :param process_exit: how long a task's process may still run once it has learned that its task was ended from
        outside: SIGTERM, and twice 5 seconds.
    """

    connect: float = 10.0
    connection_test: float = 60.0
    longest_pause: float = 60.0
    longest_pause_when_empty: float = 5.0
    longest_delay: float = 1.0
    answer_grace: float = 5.0
    lease_grace: float = 5.0
    token_poll_interval: float = 0.2
    longest_cooldown: float = 30.0
    longest_backoff: float = 30.0
    retry_budget: float = 300.0
    poll_interval: float = 1.0
    ledger: float = 60.0
    ledger_answer: float = 30.0
    shutdown: float = 4.0
    parent_poll_interval: float = 1.0
    process_exit: float = 10.0

    def lease(self, timeout: float) -> float:
        """Return how long one task alone may renew the token, with a connection's ``timeout``."""
        return timeout + self.lease_grace

    def cooldown(self, failures: int, requested: float) -> float:
        """
        Return the pause before the next request for a token.

        :param failures: consecutive failures, from 1.
        :param requested: the last answer's ``Retry-After``, or 0.
        """
        return self._exponential(failures - 1, self.longest_cooldown, requested)

    def backoff(self, failures: int, requested: float) -> float:
        """Return the pause before the next request for a prospect; parameters as for ``cooldown``."""
        return self._exponential(failures + 1, self.longest_backoff, requested)

    def _exponential(self, power: int, longest: float, requested: float) -> float:
        return max(min(2.0 ** min(power, 10), longest), min(requested, self.longest_pause))


DEFAULT_TIMEOUTS = Timeouts()
