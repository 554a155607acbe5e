"""Decide from the ledger what to do for a prospect."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from auth0_sso.ledger.records import REFUSED, Entry, EntryStatus, RunAttempt, TicketSpec, UnfinishedConnection
from auth0_sso.ledger.setup_log import NOT_FOLLOWED, Followed, SetupLog
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import ExpectedCounts, LinkState, Setup, SetupState
from auth0_sso.tickets.batch import RequestGroup, group_requests, recognized


class Action(Enum):
    """What to do next for a prospect."""

    CREATE = "create"
    REPLACE = "replace"  # revoke the valid ticket, then create
    RETIRE = "retire"  # revoke, if the token may, a ticket that has only just expired or is used up, then create
    KEEP = "keep"  # its state is known; nothing is sent
    WAIT = "wait"  # somebody else's request is under way
    FINISH = "finish"  # its single sign-on is enabled; nothing is sent
    CONFLICT = "conflict"  # its connection exists and is not enabled; nothing is sent


NOTHING_SENT = frozenset((Action.KEEP, Action.FINISH, Action.CONFLICT))


@dataclass(frozen=True)
class Policy:
    """
    What a run does about what exists.

    :param reissue: whether a valid ticket of an earlier run is replaced.
    :param edit: whether a prospect whose connection exists and is not enabled gets a ticket to finish it.
    """

    reissue: bool = False
    edit: bool = False


DEFAULT_POLICY = Policy()


@dataclass(frozen=True)
class Decision:
    """
    What to do next for a prospect.

    :param spec: what is requested, if anything is.
    :param setup: of its connection, if that decides.
    """

    action: Action
    spec: TicketSpec
    setup: Setup | None = None


def decide_with_setup(
    entry: Entry | None, spec: TicketSpec, attempt: RunAttempt, policy: Policy, followed: Followed, now: float
) -> Decision:
    """
    Decide what to do for a prospect from its entry, and from what its customer has done with its links.

    A customer who has finished needs no link. If only the logs tell that, a run that reissues links asks Auth0 by a
    request, since the connection may be gone. Where the connection exists and is not enabled, a request for a new one
    would be refused: nothing is sent, unless the run is to request tickets that finish it. A link that was opened too
    often or too long ago is replaced. Otherwise :func:`decide` decides.
    """
    if spec.flow_type == "update":  # a row that edits a connection may do so at any time
        return Decision(decide(entry, spec, attempt, reissue=policy.reissue, now=now), spec)
    link = followed.link_state(entry, now) if entry is not None else LinkState.NONE
    setup = followed.setup(now)
    is_asked_again = policy.reissue and link != LinkState.VALID and setup is not None and "API" not in setup.seen_in
    if setup is not None and setup.state == SetupState.ENABLED and not is_asked_again:
        return Decision(Action.FINISH, spec, setup)
    if setup is not None and setup.is_connected and setup.state != SetupState.ENABLED:
        can_edit = policy.edit and setup.knows_enabled and bool(setup.connection_id)
        if link == LinkState.VALID and not (policy.reissue and can_edit):
            return Decision(Action.KEEP, spec, setup)
        if not can_edit:
            return Decision(Action.CONFLICT, spec, setup)
        is_waiting = setup.state == SetupState.WAITING_FOR_DOMAIN
        spec = replace(spec, unfinished=UnfinishedConnection(setup.connection_id, is_waiting))
    edits_nothing = setup is not None and not setup.is_connected and setup.state != SetupState.UNKNOWN
    is_used_up = link == LinkState.USED_UP or (entry is not None and entry.flow_type == "update" and edits_nothing)
    return Decision(decide(entry, spec, attempt, reissue=policy.reissue, now=now, is_used_up=is_used_up), spec, setup)


def decide(
    entry: Entry | None,
    spec: TicketSpec,
    attempt: RunAttempt,
    *,
    reissue: bool,
    now: float,
    is_used_up: bool = False,
) -> Action:
    """
    Decide from the ledger what to do for a prospect.

    A run issues at most one ticket for a prospect, however often its tasks are tried again or cleared, unless
    the request has changed or the ticket isn't valid any more. It never replaces what a later run has issued. A
    refusal, and a revocation by somebody else, stand until a person clears the task or starts another run.

    :param reissue: whether a valid ticket of an earlier run is replaced.
    :param now: the ledger's UNIX time.
    :param is_used_up: whether its ticket opens nothing any more, although it has not expired.
    """
    if entry is None:
        return Action.CREATE
    if entry.status == EntryStatus.IN_FLIGHT and entry.answer_by > now:
        return Action.WAIT
    if entry.is_valid(now) and not is_used_up:
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

    :param entry: what the ledger knows of the prospect; ``followed`` what it knows of the connection.
    :param others: entries of prospects that no request is for, whose tickets may work for the same connection.
    :param revokes_others: whether those are revoked first.
    """

    group: RequestGroup
    decision: Decision
    entry: Entry | None
    followed: Followed = NOT_FOLLOWED
    others: Sequence[Entry] = ()
    revokes_others: bool = False

    @property
    def would(self) -> str:
        """
        What happens to the prospect's ticket.

        ``create``, ``reuse``, ``replace`` a valid one, or ``edit``: create one that finishes a connection. Where
        nothing is sent: ``finished``, ``conflict``, or empty if a refusal stands.
        """
        action = self.decision.action
        is_valid = self.entry is not None and self.entry.status == EntryStatus.CREATED
        if action is Action.FINISH:
            return "finished"
        if action is Action.CONFLICT:
            return "conflict"
        if action is Action.KEEP:
            return "reuse" if is_valid else ""
        if action is Action.REPLACE and is_valid:
            return "replace"
        return "edit" if self.decision.spec.unfinished else "create"

    @property
    def requests(self) -> int:
        """How many requests that takes, if none is repeated."""
        own = {**dict.fromkeys(NOTHING_SENT, 0), Action.REPLACE: 2}.get(self.decision.action, 1)
        return own + len(self.revoked_others)

    @property
    def revoked_others(self) -> Sequence[Entry]:
        """The entries of other prospects whose tickets are revoked first."""
        gets_one = self.would in ("create", "reuse", "replace", "edit")
        return self.others if self.revokes_others and gets_one else ()

    def again(self, attempt: RunAttempt, policy: Policy, now: float) -> Expected:
        """Return what a run with another policy would do."""
        spec = self.group.first
        return replace(self, decision=decide_with_setup(self.entry, spec, attempt, policy, self.followed, now))


def expected_actions(
    ledger: Ledger,
    specs: Iterable[TicketSpec],
    attempt: RunAttempt,
    policy: Policy,
    *,
    one_link_per_connection: bool = False,
) -> Iterator[Expected]:
    """
    Decide for all prospects at once, without sending anything; see :func:`decide_with_setup`.

    :param one_link_per_connection: whether other prospects' tickets for the same connection are revoked first.
    """
    groups = group_requests(recognized(ledger, specs))
    entries = ledger.entries([group.first.key for group in groups])
    others = _other_links(ledger, groups, attempt)
    followed = followed_connections(ledger, [group.first for group in groups])
    now = ledger.now()
    for group in groups:
        entry = entries.get(group.first.key)
        led = group.led_by(entry, now)
        connection = connection_of(led.first)
        known = followed.get(connection, NOT_FOLLOWED)
        decision = decide_with_setup(entry, led.first, attempt, policy, known, now)
        yield Expected(led, decision, entry, known, others.get(connection, ()), one_link_per_connection)


def followed_connections(ledger: Ledger, specs: Iterable[TicketSpec]) -> dict[tuple[str, str], Followed]:
    """Return what is known of the connections of some requests, by tenant and name, see :func:`connection_of`."""
    names = _names_by_tenant(specs)
    return {
        (tenant, name): followed
        for tenant, of_tenant in names.items()
        for name, followed in SetupLog(ledger.database, tenant).followed(sorted(of_tenant)).items()
    }


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
    counts = {name: kinds[name] for name in ("create", "edit", "reuse", "replace", "finished", "conflict")}
    return ExpectedCounts(prospects=kinds.total(), requests=requests, **counts)


def _other_links(
    ledger: Ledger, groups: Sequence[RequestGroup], attempt: RunAttempt
) -> dict[tuple[str, str], list[Entry]]:
    """Return the tickets that may work of prospects that are not in the groups, by tenant and connection."""
    names = _names_by_tenant(group.first for group in groups)
    known = {group.first.key for group in groups}
    found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for tenant, of_tenant in names.items():
        for entry in ledger.entries_for(tenant, sorted(of_tenant), attempt, besides=known):
            found[tenant, entry.connection_name].append(entry)
    return found


def _names_by_tenant(specs: Iterable[TicketSpec]) -> dict[str, set[str]]:
    names: dict[str, set[str]] = defaultdict(set)
    for tenant, name in map(connection_of, specs):
        if name:
            names[tenant].add(name)
    return names


def _with_valid_ticket(entry: Entry, spec: TicketSpec, attempt: RunAttempt, *, reissue: bool) -> Action:
    unchanged = entry.fingerprint == spec.fingerprint
    if attempt.owns(entry):
        return Action.KEEP if unchanged else Action.REPLACE
    if entry.run_after >= attempt.run_after:
        return Action.KEEP
    return Action.KEEP if unchanged and not reissue else Action.REPLACE
