"""Collect results: what a run's tasks have reported, and from the ledger what the others have done."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk.configuration import conf

from auth0_sso.airflow_internals import task_log
from auth0_sso.ledger.records import NO_ANSWER, Entry, EntryStatus, RunAttempt, TicketSpec
from auth0_sso.ledger.revocation_log import RevocationLog
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.models import Outcome, TaskStats, TicketRequest, TicketStatus, iso
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts
from auth0_sso.tickets.batch import recognized
from auth0_sso.tickets.outcomes import (
    error_of_connection,
    group_outcomes,
    status_in_run,
    status_left,
)
from auth0_sso.xcom import decrypted

if TYPE_CHECKING:
    from airflow.sdk.types import DagRunProtocol, TaskInstance


R = TypeVar("R")
T = TypeVar("T")

STATS_KEY = "stats"
"""The XCom of what a task has sent, with an entry for each try."""

_SAID_WITHOUT_LINK = frozenset(
    (TicketStatus.FAILED, TicketStatus.CONFLICT, TicketStatus.FINISHED, TicketStatus.PLANNED)
)
_ENDED = frozenset(("failed", "success"))

_EXPIRED = "Its link has expired: clear the task, or run again."
_FOREIGN = (
    "The link that the task reported for this row is not the ledger's, so it is left out: a later run has replaced it, "
    "or somebody has changed the XCom. Do not mail a link that came from there; run again to get the valid one."
)
_FORGOTTEN = "Its link has expired, and the ledger doesn't keep its URL any more: run again."
_identity = attrgetter("organization_id", "prospect_name", "prospect_email", "connection_name")


def results_of(ti: TaskInstance, task_id: str) -> list[dict[str, Any]]:
    """Return what the mapped instances of a task have pushed, in one list, its tickets decrypted."""
    pushed = ti.xcom_pull(task_ids=[task_id], key="return_value")
    return [decrypted(item) for value in pushed if value for item in value]


def stats_of(ti: TaskInstance, task_id: str) -> list[TaskStats]:
    """Return the ``stats`` of all tries of the mapped instances of a task."""
    pushed = ti.xcom_pull(task_ids=[task_id], key=STATS_KEY)
    return [TaskStats(**one) for tries in pushed if tries for one in tries]


@dataclass(frozen=True)
class Results:
    """
    What became of a run's rows.

    :param outcomes: of the rows of which something is known.
    :param replaced: the rows for whose ticket a valid one was revoked.
    """

    outcomes: list[Outcome]
    replaced: list[int]


def outcomes_of(
    ti: TaskInstance,
    dag_run: DagRunProtocol,
    task_id: str,
    requests: Sequence[TicketRequest],
    *,
    tenant: str,
    profile_id: str,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
) -> Results:
    """
    Return what became of a run's requests.

    It is what the tasks have reported, as far as the ledger has the same links, since users may write XComs. What is
    missing or was not attempted is looked up in the ledger: a task may have ended before it reported all it did.

    :param task_id: the mapped task.
    :param requests: of the valid rows.
    :param tenant: what the run was planned for; so with ``profile_id``, of requests that name none.
    """

    def look() -> tuple[list[Outcome], list[TicketRequest]]:
        outcomes = _reported(ti, task_id, requests)
        known = {outcome.row for outcome in outcomes}
        return outcomes, [request for request in requests if request.row not in known]

    reported, _ = wait_until_reported(ti, task_id, look, timeouts)
    specs = [TicketSpec(request, tenant, request.profile_id or profile_id) for request in requests]
    all_ended = _ENDED.issuperset(_states(ti, task_id).values())
    with closing(open_ledger()) as ledger:
        keys = {spec.request.row: spec.key for spec in recognized(ledger, specs)}
        view = _LedgerView(ledger, RunAttempt.of(dag_run), keys, must_be_valid=not all_ended)
        return view.results(requests, reported)


class _LedgerView:
    """
    What the ledger knows of a run's rows.

    :param keys: of the rows' prospects, by row.
    :param must_be_valid: whether a reported link counts only while it is valid, since its task has not run again.
    """

    def __init__(self, ledger: Ledger, attempt: RunAttempt, keys: Mapping[int, str], *, must_be_valid: bool) -> None:
        self._attempt = attempt
        self._keys = keys
        self._must_be_valid = must_be_valid
        self._entries = ledger.entries(list(keys.values()))
        self._revocations = RevocationLog(ledger.database)
        self._revoked = [*self._revocations.by_run(attempt).values()]
        self._revoked_others = {one.revoked_for for one in self._revoked if one.revoked_for != one.key}
        self._now = ledger.now()

    def results(self, requests: Sequence[TicketRequest], reported: Sequence[Outcome]) -> Results:
        """Return the outcome of each request of which something is known."""
        confirmed = [self._as_in_ledger(one) for one in reported if self._confirms(one)]
        known = {one.row for one in confirmed}
        unconfirmed = [one for one in reported if one.row not in known]
        revoked = self._revocations.by_ticket([one.ticket_id for one in unconfirmed])
        foreign = [_without_link(one, _FOREIGN) for one in unconfirmed if self._is_foreign(one, revoked)]
        known |= {one.row for one in foreign}
        looked_up = list(self._look_up([request for request in requests if request.row not in known]))
        known |= {one.row for one in looked_up}
        others = [self._left_over(one) for one in unconfirmed if one.row not in known]
        outcomes = [*confirmed, *foreign, *looked_up, *others]
        replaced = {revocation.revoked_for for revocation in self._revoked if revocation.was_valid}
        created = [one.row for one in outcomes if one.status == TicketStatus.CREATED]
        return Results(outcomes, sorted(row for row in created if self._keys[row] in replaced))

    def _confirms(self, outcome: Outcome) -> bool:
        """Whether the ledger has the link of an outcome; one without a link says itself what became of its row."""
        if not _has_link(outcome):
            return outcome.status in _SAID_WITHOUT_LINK
        entry = self._entries.get(self._keys[outcome.row])
        if entry is None or (self._must_be_valid and not entry.is_valid(self._now)):
            return False
        return _is_of(outcome, entry)

    def _as_in_ledger(self, outcome: Outcome) -> Outcome:
        """Return a confirmed outcome with what the ledger says of its link."""
        entry = self._entries.get(self._keys[outcome.row])
        if not _has_link(outcome) or entry is None:
            return outcome
        return replace(
            outcome,
            created_at=iso(entry.created_at),
            expires_at=iso(entry.expires_at),
            duplicate_possible=entry.may_be_duplicate(self._now),
        )

    def _is_foreign(self, outcome: Outcome, revoked: Collection[str]) -> bool:
        """Whether the ledger has never had the link of an outcome, as far as it can tell."""
        entry = self._entries.get(self._keys[outcome.row])
        if entry is None:
            return _has_link(outcome)
        explained = entry.status in NO_ANSWER or self._has_forgotten(entry) or _is_of(outcome, entry)
        return _has_link(outcome) and not (explained or outcome.ticket_id in revoked)

    def _has_forgotten(self, entry: Entry) -> bool:
        """Whether the ledger has dropped the URL of a ticket that has expired."""
        return entry.status == EntryStatus.CREATED and entry.ticket is None and not entry.is_valid(self._now)

    def _left_over(self, outcome: Outcome) -> Outcome:
        """Return an outcome whose link, if it has one, is of no use any more, and why."""
        if not _has_link(outcome):
            return _without_link(outcome, outcome.error, outcome.status)
        entry = self._entries.get(self._keys[outcome.row])
        return _without_link(outcome, self._why_gone(outcome, entry) if entry is not None else _FOREIGN)

    def _why_gone(self, outcome: Outcome, entry: Entry) -> str:
        if entry.status in (EntryStatus.REVOKED, EntryStatus.REVOKING):
            return status_in_run(entry, self._attempt)[1]
        if self._has_forgotten(entry):
            return _FORGOTTEN
        return _EXPIRED if _is_of(outcome, entry) else _FOREIGN

    def _look_up(self, requests: Iterable[TicketRequest]) -> Iterator[Outcome]:
        """Return what the ledger knows of requests whose task has not said what became of them."""
        by_key: dict[str, list[TicketRequest]] = defaultdict(list)
        for request in requests:
            by_key[self._keys[request.row]].append(request)
        for key, repeated in by_key.items():
            entry = self._entries.get(key)
            if found := self._status(key, entry):
                yield from group_outcomes(repeated, *found, entry, self._now)

    def _status(self, key: str, entry: Entry | None) -> tuple[TicketStatus, str] | None:
        """Return the status and the error that an entry stands for in this run; None if nothing was done for it."""
        found = self._status_of(entry) if entry is not None else None
        if found is not None and found[0] == TicketStatus.CREATED:
            return found
        if key in self._revoked_others:
            return TicketStatus.FAILED, error_of_connection(found[1] if found else "")
        return found

    def _status_of(self, entry: Entry) -> tuple[TicketStatus, str] | None:
        left = status_left(entry, self._attempt, entry.error)
        if left is not None:
            return left
        if not self._attempt.owns(entry) or entry.status == EntryStatus.DEFERRED:
            return None
        if entry.status == EntryStatus.CREATED and not entry.is_valid(self._now):
            return TicketStatus.FAILED, _EXPIRED if entry.ticket else _FORGOTTEN
        return status_in_run(entry, self._attempt)


def _has_link(outcome: Outcome) -> bool:
    return bool(outcome.ticket_url or outcome.ticket_id)


def _is_of(outcome: Outcome, entry: Entry) -> bool:
    ticket = entry.ticket
    return ticket is not None and (ticket.url, ticket.ticket_id) == (outcome.ticket_url, outcome.ticket_id)


def _without_link(outcome: Outcome, error: str, status: TicketStatus = TicketStatus.FAILED) -> Outcome:
    """Return an outcome without a link; it has failed, unless its status says that nothing was sent."""
    kept = status if status in (TicketStatus.NOT_ATTEMPTED, TicketStatus.FAILED) else TicketStatus.FAILED
    return replace(outcome, status=kept, error=error, ticket_url="", ticket_id="", created_at="", expires_at="")


def wait_until_reported(
    ti: TaskInstance, task_id: str, look: Callable[[], tuple[list[R], list[T]]], timeouts: Timeouts
) -> tuple[list[R], list[T]]:
    """
    Return what was reported and what is missing, once nothing is missing or nothing can come any more.

    A task that was ended from outside still sends until its process has noticed: 15 seconds, with Airflow's defaults.
    """
    deadline = time.monotonic() + conf.getint("workers", "min_heartbeat_interval") + timeouts.process_exit
    while True:
        reported, missing = look()
        if not missing or time.monotonic() > deadline or _ENDED.isdisjoint(_states(ti, task_id).values()):
            return reported, missing
        task_log.info(
            "A task has ended without reporting all it did; its process may still be ending", missing=len(missing)
        )
        time.sleep(timeouts.poll_interval)


def _reported(ti: TaskInstance, task_id: str, requests: Iterable[TicketRequest]) -> list[Outcome]:
    """
    Return what the tasks have reported of these very requests, the newest ticket last.

    An instance that a second plan has no work for, or that didn't start again after a clear, still has its XCom of
    the plan before, where the row's number may be another prospect's.
    """
    by_row = {request.row: _identity(request) for request in requests}
    pushed = [outcome for organization in results_of(ti, task_id) for outcome in organization["tickets"]]
    outcomes = [outcome for outcome in map(_outcome, pushed) if outcome is not None]
    of_these = [outcome for outcome in outcomes if by_row.get(outcome.row) == _identity(outcome)]
    return sorted(of_these, key=attrgetter("created_at"))


def _outcome(pushed: Mapping[str, Any]) -> Outcome | None:
    """Return an outcome; None for what no task has pushed, so that the ledger says what became of the row."""
    try:
        return Outcome.from_dict(pushed)
    except ValueError as error:
        task_log.warning("An outcome in an XCom is malformed, so it is left out", reason=str(error))
        return None


def _states(ti: TaskInstance, task_id: str) -> dict[str, str]:
    """Return the states of the mapped instances of a task, by task and map index."""
    states = ti.get_task_states(ti.dag_id, task_ids=[task_id], run_ids=[ti.run_id])
    return dict(states.get(ti.run_id, {}))
