"""
How long anything is waited for at most: every bound in one place, in seconds unless it says otherwise.

Auth0 documents no bounds of its own beyond its rate-limit headers
(https://auth0.com/docs/troubleshoot/customer-support/operational-policies/rate-limit-policy), and those are
heeded within the bounds given here, so that an absurd header holds up nobody. A request's own bound is the
connection's ``timeout``, 30 by default and 300 at most: from its beginning to the last byte of its answer.
"""

from __future__ import annotations

CONNECT = 10.0
"""For a connection to the tenant: its name looked up, TCP and TLS set up. Part of ``timeout``."""

LONGEST_ANSWER_BYTES = 1_000_000
"""Of an answer no more is read, unpacked; the API's own answers have some hundreds of bytes."""

LONGEST_PAUSE = 60.0
"""That a refusal (429) pauses a task's requests, whatever its headers say, before it is spread out."""

PAUSE_SPREAD = 0.25
"""Share of a pause that chance adds to it, so that tasks refused together don't come back together."""

LONGEST_PAUSE_WHEN_EMPTY = 5.0
"""That an answer which has used the bucket's last request pauses a task's requests."""

SLOWEST = 1 / 16
"""Share of its rate that a task keeps however often it is refused."""

RECOVERY = 1.1
"""By what each success multiplies the share of its rate: 30 lead from the slowest back to the full rate."""

LONGEST_DELAY = 1.0
"""That a request may be delayed after its turn was given and its intent written down."""

ANSWER_GRACE = 5.0
"""Beyond ``timeout``: for writing an answer down. Then the request's outcome is in doubt for all tasks."""

LEASE_GRACE = 5.0
"""Beyond ``timeout``: how long the renewal of the token is one task's alone, also if that task is killed."""

LEASES_WAITED = 2.0
"""How many such times a task waits for others to renew the token: a killed one's, and a slow one's after it."""

LONGEST_REST = 30.0
"""That the token endpoint is left alone after it has failed, by all tasks together; doubled from 1 with each
failure in a row. A ``Retry-After`` is heeded up to ``LONGEST_PAUSE``. A token that has replaced a refused one and is
refused as well is renewed after this time at the earliest."""

LONGEST_BACKOFF = 30.0
"""That a prospect waits after a failure that isn't the rate limit's; doubled from 4 with each in a row.
A ``Retry-After`` is heeded up to ``LONGEST_PAUSE``."""

EXPIRY_MARGIN = 60.0
"""Before its expiry a token is renewed, so that no request leaves with one that expires on its way; of a token that
lives less than ten minutes, a tenth of its life."""

POLL = 1.0
"""Between two looks whether another task's request for the same prospect has ended."""

TOKEN_POLL = 0.2
"""Between two looks whether another task has renewed the token."""

PATIENCE = 300.0
"""That bad weather may hold up one prospect in one try of its task; what is under way then still ends."""

MOST_UNANSWERED = 3
"""Requests without an answer for one prospect in one try: each may have made a ticket, so only so many are risked."""

DRAIN = 4.0
"""For what is under way when a task is told to end: the supervisor kills it five seconds after it has asked."""

LEDGER = 60.0
"""For a lock in a SQLite ledger; and for a ledger that is away to come back, so that an answer which has come can
still be written down."""

LEDGER_ANSWER = 30.0
"""For PostgreSQL to answer a call, its wait for a lock included. Then the connection is dropped, and there is time to
try another one."""

WATCH = 1.0
"""Between two looks whether the process that watches over the task is still there; without it nothing more is sent."""

CONNECTION_TEST = 60.0
"""For the connection form's *Test*, all its requests together."""


def lease(timeout: float) -> float:
    """Return how long the renewal of the token is one task's alone, with a connection's ``timeout``."""
    return timeout + LEASE_GRACE


def longest_renewal(timeout: float) -> float:
    """Return how long a task waits at most to have a token, its own request for one included."""
    return LEASES_WAITED * lease(timeout) + timeout


def rest(failures: int, asked: float) -> float:
    """
    Return how long the token endpoint is left alone.

    :param failures: how many there were in a row, from 1.
    :param asked: the seconds that its last answer asked for.
    """
    return max(_doubled(failures - 1, LONGEST_REST), min(asked, LONGEST_PAUSE))


def backoff(failures: int, asked: float) -> float:
    """
    Return how long a prospect waits before it is asked for again.

    :param failures: how many there were in a row, from 1.
    :param asked: the seconds that the last answer asked for.
    """
    return max(_doubled(failures + 1, LONGEST_BACKOFF), min(asked, LONGEST_PAUSE))


def _doubled(times: int, longest: float) -> float:
    return float(min(2.0 ** min(times, 10), longest))
