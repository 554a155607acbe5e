"""Decide from the ledger what to do for a prospect."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from auth0_sso.ledger.records import REFUSED, Entry, EntryStatus, RunAttempt, TicketSpec
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import ExpectedCounts
from auth0_sso.tickets.batch import RequestGroup, group_requests, recognized


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


@dataclass(frozen=True)
class Expected:
    """
    What a run would do now for the requests of one prospect.

    :param entry: what the ledger knows of the prospect.
    :param others: entries of prospects that no request is for, whose tickets may work for the same connection.
    :param revokes_others: whether those are revoked first.
    """

    group: RequestGroup
    action: Action
    entry: Entry | None
    others: Sequence[Entry] = ()
    revokes_others: bool = False

    @property
    def would(self) -> str:
        """``create``, ``reuse``, or ``replace`` a valid ticket; empty if nothing is sent, since a refusal stands."""
        if self.action is Action.KEEP:
            return "reuse" if self.entry is not None and self.entry.status == EntryStatus.CREATED else ""
        is_valid = self.entry is not None and self.entry.status == EntryStatus.CREATED
        return "replace" if self.action is Action.REPLACE and is_valid else "create"

    @property
    def requests(self) -> int:
        """How many requests that takes, if none is repeated."""
        own = {Action.KEEP: 0, Action.REPLACE: 2}.get(self.action, 1)
        return own + len(self.revoked_others)

    @property
    def revoked_others(self) -> Sequence[Entry]:
        """The entries of other prospects whose tickets are revoked first."""
        return self.others if self.revokes_others and self.would else ()


def expected_actions(
    ledger: Ledger,
    specs: Iterable[TicketSpec],
    attempt: RunAttempt,
    *,
    reissue: bool,
    one_link_per_connection: bool = False,
) -> Iterator[Expected]:
    """
    Decide for all prospects at once, without sending anything; see :func:`decide`.

    :param one_link_per_connection: whether other prospects' tickets for the same connection are revoked first.
    """
    groups = group_requests(recognized(ledger, specs))
    entries = ledger.entries([group.first.key for group in groups])
    others = _other_links(ledger, groups, attempt)
    now = ledger.now()
    for group in groups:
        entry = entries.get(group.first.key)
        led = group.led_by(entry, now)
        action = decide(entry, led.first, attempt, reissue=reissue, now=now)
        yield Expected(led, action, entry, others.get(connection_of(led.first), ()), one_link_per_connection)


def connection_of(spec: TicketSpec) -> tuple[str, str]:
    """Return the tenant and the name or id of the connection that a request's ticket is for."""
    return spec.tenant, spec.connection


def count_expected(expected: Iterable[Expected]) -> ExpectedCounts:
    """Count what :func:`expected_actions` yields."""
    kinds: Counter[str] = Counter()
    requests = 0
    for one in expected:
        kinds[one.would] += 1
        requests += one.requests
    return ExpectedCounts(kinds.total(), kinds["create"], kinds["reuse"], kinds["replace"], requests)


def _other_links(
    ledger: Ledger, groups: Sequence[RequestGroup], attempt: RunAttempt
) -> dict[tuple[str, str], list[Entry]]:
    """Return the tickets that may work of prospects that are not in the groups, by tenant and connection."""
    names: dict[str, set[str]] = defaultdict(set)
    for tenant, name in (connection_of(group.first) for group in groups):
        if name:
            names[tenant].add(name)
    known = {group.first.key for group in groups}
    found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for tenant, of_tenant in names.items():
        for entry in ledger.entries_for(tenant, sorted(of_tenant), attempt, besides=known):
            found[tenant, entry.connection_name].append(entry)
    return found


def _with_valid_ticket(entry: Entry, spec: TicketSpec, attempt: RunAttempt, *, reissue: bool) -> Action:
    unchanged = entry.fingerprint == spec.fingerprint
    if attempt.owns(entry):
        return Action.KEEP if unchanged else Action.REPLACE
    if entry.run_after >= attempt.run_after:
        return Action.KEEP
    return Action.KEEP if unchanged and not reissue else Action.REPLACE
