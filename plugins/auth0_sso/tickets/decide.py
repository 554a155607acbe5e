"""Decide from the ledger what to do for a prospect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from auth0_sso.ledger.records import REFUSED, Entry, EntryStatus, RunAttempt, TicketSpec
from auth0_sso.ledger.store import Ledger
from auth0_sso.tickets.batch import RequestGroup, group_requests


class Action(Enum):
    """What to do next for a prospect."""

    CREATE = "create"
    REPLACE = "replace"  # revoke the valid ticket, then create
    RETIRE = "retire"  # revoke, if the token may, a ticket that has only just expired, then create
    KEEP = "keep"  # its state is known; nothing is sent
    WAIT = "wait"  # somebody else's request is under way


def decide(entry: Entry | None, spec: TicketSpec, attempt: RunAttempt, *, reissue: bool, now: float) -> Action:
    """
    Decide from the ledger what to do for a prospect.

    A run issues at most one ticket for a prospect, however often its tasks are tried again or cleared, unless
    the request has changed or the ticket isn't valid any more. It never replaces what a later run has issued. A
    refusal, and a revocation by somebody else, stand until a person clears the task or starts another run.

    :param reissue: whether a valid ticket of an earlier run is replaced.
    :param now: the ledger's UNIX time.
    """
    if entry is None:
        return Action.CREATE
    if entry.status == EntryStatus.IN_FLIGHT and entry.answer_by > now:
        return Action.WAIT
    if entry.is_valid(now):
        return _with_valid_ticket(entry, spec, attempt, reissue=reissue)
    if entry.may_work(now):  # a revocation that wasn't confirmed is done again, which does no harm
        return Action.REPLACE if entry.status == EntryStatus.REVOKING else Action.RETIRE
    stands = entry.status in REFUSED or (entry.status == EntryStatus.REVOKED and entry.revoked_by != attempt.run)
    if stands and attempt.owns(entry) and (entry.run_attempt, entry.fingerprint) == (attempt.number, spec.fingerprint):
        return Action.KEEP
    return Action.CREATE


_WOULD = {
    Action.CREATE: "create",
    Action.RETIRE: "create",
    Action.WAIT: "create",
    Action.REPLACE: "replace",
    Action.KEEP: "reuse",
}
_REQUESTS = {"create": 1, "replace": 2}


@dataclass(frozen=True)
class Expected:
    """What a run would do now for the requests of one prospect; ``entry`` is what the ledger knows of it."""

    group: RequestGroup
    action: Action
    entry: Entry | None

    @property
    def would(self) -> str:
        """``create``, ``reuse`` or ``replace``; empty if nothing is sent, since a refusal or a revocation stands."""
        stands = self.action is Action.KEEP and self.entry is not None and self.entry.status != EntryStatus.CREATED
        return "" if stands else _WOULD[self.action]

    @property
    def requests(self) -> int:
        """How many requests that takes, if none is repeated."""
        return _REQUESTS.get(self.would, 0)


def expected_actions(
    ledger: Ledger, specs: Iterable[TicketSpec], attempt: RunAttempt, *, reissue: bool
) -> Iterator[Expected]:
    """Decide for all prospects at once, without sending anything; see :func:`decide`."""
    groups = group_requests(specs)
    entries = ledger.entries([group.first.key for group in groups])
    now = ledger.now()
    for group in groups:
        entry = entries.get(group.first.key)
        led = group.led_by(entry, now)
        yield Expected(led, decide(entry, led.first, attempt, reissue=reissue, now=now), entry)


@dataclass(frozen=True)
class ExpectedCounts:
    """
    What a run would do now, in numbers of prospects.

    :param create: without a valid ticket; also those whose request is still under way.
    :param reuse: with a valid ticket that stays.
    :param replace: with a ticket that is revoked first.
    :param prospects: all, also those whose refusal stands, which are in none of the three.
    """

    prospects: int
    create: int
    reuse: int
    replace: int

    @property
    def requests(self) -> int:
        """How many requests that takes, if none is repeated."""
        return self.create + 2 * self.replace


def count_expected(expected: Iterable[Expected]) -> ExpectedCounts:
    """Count what :func:`expected_actions` yields."""
    kinds = Counter(one.would for one in expected)
    return ExpectedCounts(kinds.total(), kinds["create"], kinds["reuse"], kinds["replace"])


def _with_valid_ticket(entry: Entry, spec: TicketSpec, attempt: RunAttempt, *, reissue: bool) -> Action:
    unchanged = entry.fingerprint == spec.fingerprint
    if attempt.owns(entry):
        return Action.KEEP if unchanged else Action.REPLACE
    if entry.run_after >= attempt.run_after:
        return Action.KEEP
    return Action.KEEP if unchanged and not reissue else Action.REPLACE
