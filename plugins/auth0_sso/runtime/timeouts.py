"""
The upper bounds of all waits for Auth0, for the mail server, for other tasks and for the ledger.

A request has one more, the connection's extra ``timeout``: from its start to the last byte of the answer. So has each
command to a mail server, by the extra of its own connection.
"""

from __future__ import annotations

from dataclasses import dataclass

# Bytes that are read of an answer, after decompression. A page of 100 logs has some 200,000, a ticket some hundreds.
MAX_ANSWER_BYTES = 1_000_000
# Largest share of a pause that is added at random: tasks that were refused together resume at different times.
PAUSE_SPREAD = 0.25
# Share of its rate that a task keeps, however often it is refused.
SLOWEST = 1 / 16
# Factor by which each success raises that share again: 30 successes lead from the slowest to the full rate.
RECOVERY = 1.1
# Seconds before its expiry that a token is renewed; a tenth of its lifetime if that is shorter.
EXPIRY_MARGIN = 60.0
# Leases that a task waits for others to renew the token: one of a killed task, and one of a slow task after it.
LEASES_WAITED = 2.0
# Requests for one prospect in one try of its task whose result may be ambiguous: each may have created a ticket.
MAX_AMBIGUOUS = 3


@dataclass(frozen=True)
class Timeouts:
    """Upper bounds in seconds; ``timeout`` is the connection's."""

    connect: float = 10.0  # to the tenant: DNS, TCP and TLS; part of timeout
    connection_test: float = 60.0  # all requests of the connection form's Test together
    longest_pause: float = 60.0  # after a 429, before PAUSE_SPREAD; longest Retry-After honored after other failures
    longest_pause_when_empty: float = 5.0  # after an answer that has used the last request of the rate limit
    longest_delay: float = 1.0  # of a request whose slot was given and whose intent is recorded
    answer_grace: float = 5.0  # beyond timeout, to record an answer; then other tasks take the result as ambiguous
    lease_grace: float = 5.0  # beyond timeout, while one task alone may renew the token
    token_poll_interval: float = 0.2  # between two checks whether another task has renewed the token
    # Between two requests for a token, of all tasks, after failures: 1, 2, 4, … Also between two renewals of a token
    # that the tenant refuses although it is new.
    longest_cooldown: float = 30.0
    # Between two requests for one prospect or page after failures but a 429, and between two attempts to hand over a
    # mail: 4, 8, 16, …
    longest_backoff: float = 30.0
    # Retries of one prospect in one try of its task, or of one page that is read, without the request that runs then.
    retry_budget: float = 300.0
    poll_interval: float = 1.0  # between checks whether another task has finished, and between attempts to record
    ledger: float = 60.0  # for a lock of a SQLite ledger, and for a ledger that is away when an answer must be recorded
    # For PostgreSQL to carry out a statement, or for its machine to acknowledge it; less than ledger, so that another
    # connection can be tried.
    ledger_answer: float = 30.0
    shutdown: float = 4.0  # requests in flight when the task must end; Airflow's supervisor kills it after 5 seconds
    parent_poll_interval: float = 1.0  # between two checks that the task's supervisor, the parent process, exists
    # How long a task's process may still run once it has learned that its task was ended from outside: SIGTERM, and
    # twice 5 seconds.
    process_exit: float = 10.0
    mail_budget: float = 300.0  # attempts to hand over one mail, without the attempt that runs then
    # For the mail server to accept a text it has got, if timeout is shorter. It may scan the text first, and whoever
    # gives up too early can't know whether it was sent: RFC 5321, section 4.5.3.2.6, asks for 10 minutes.
    mail_acceptance: float = 120.0
    mail_quit: float = 5.0  # for the mail server's answer to the polite end of a connection

    def lease(self, timeout: float) -> float:
        """Return how long one task alone may renew the token, with a connection's ``timeout``."""
        return timeout + self.lease_grace

    def cooldown(self, failures: int, requested: float) -> float:
        """Return the pause before the next request for a token; ``requested`` is the last ``Retry-After``, or 0."""
        return self._exponential(failures - 1, self.longest_cooldown, requested)

    def backoff(self, failures: int, requested: float) -> float:
        """Return the pause before the next request for a prospect or a page, or the next attempt at a mail."""
        return self._exponential(failures + 1, self.longest_backoff, requested)

    def _exponential(self, power: int, longest: float, requested: float) -> float:
        return max(min(2.0 ** min(power, 10), longest), min(requested, self.longest_pause))


DEFAULT_TIMEOUTS = Timeouts()
