"""What a run's tasks have told, and what the ledger tells of those that died before they could."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import structlog
from airflow.sdk.configuration import conf

from auth0_sso.ledger.records import NO_ANSWER, DagRun, Entry, EntryStatus, RunAttempt
from auth0_sso.ledger.store import open_ledger
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts
from auth0_sso.tickets.batch import TicketRequest
from auth0_sso.tickets.outcomes import reported, shared
from auth0_sso.xcom import decrypted

log = structlog.get_logger(logger_name="task")

T = TypeVar("T")

STATS_KEY = "stats"
"""The XCom of what a task has sent, one entry a try."""

_ENDED = frozenset(("failed", "success"))

_DIED = "The task died before the answer came: clear it, or run again."
_EXPIRED = "Its link has expired: clear the task, or run again."
_FORGOTTEN = "Its link has expired, and the ledger doesn't keep its URL any more: run again."
_IDENTITY = ("organization_id", "prospect_name", "prospect_email", "connection_name")


class TaskInstance(Protocol):
    """The part of Airflow's task instance that is used here."""

    dag_id: str
    run_id: str

    def xcom_pull(self, *, task_ids: list[str], key: str) -> Any:
        """Return the values of all mapped instances."""

    def get_task_states(self, dag_id: str, *, task_ids: list[str], run_ids: list[str]) -> dict[str, Any]:
        """Return the states of a run's task instances, by run and then by task and map index."""


def results_of(ti: TaskInstance, task_id: str) -> list[dict[str, Any]]:
    """Return what the mapped instances of a task have pushed, in one list, its tickets readable."""
    pushed = ti.xcom_pull(task_ids=[task_id], key="return_value")
    return [decrypted(item) for value in pushed if value for item in value]


def stats_of(ti: TaskInstance, task_id: str) -> list[dict[str, Any]]:
    """Return the ``stats`` of all tries of the mapped instances of a task."""
    return [one for tries in ti.xcom_pull(task_ids=[task_id], key=STATS_KEY) if tries for one in tries]


def outcomes_of(
    ti: TaskInstance,
    dag_run: DagRun,
    task_id: str,
    rows: Sequence[Mapping[str, Any]],
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
) -> list[dict[str, Any]]:
    """
    Return the outcomes of a run's rows: from the tasks, or else from the ledger.

    :param ti: a task instance of the run.
    :param dag_run: the run.
    :param task_id: the mapped task.
    :param rows: the input rows, with what identifies them; those with an ``error`` were never sent.
    :param timeouts: how long a task's process that ends is waited for.
    :return: outcomes with the report's columns; none for rows of which nothing is known.
    """

    def look() -> tuple[list[dict[str, Any]], list[Mapping[str, Any]]]:
        outcomes = _told(ti, task_id, rows)
        known = {outcome["row"] for outcome in outcomes}
        return outcomes, [row for row in rows if row["row"] not in known and not row["error"]]

    outcomes, untold = finished(ti, task_id, look, timeouts)
    return outcomes + (list(_from_ledger(untold, RunAttempt.of(dag_run))) if untold else [])


def finished(
    ti: TaskInstance, task_id: str, look: Callable[[], tuple[list[dict[str, Any]], list[T]]], timeouts: Timeouts
) -> tuple[list[dict[str, Any]], list[T]]:
    """
    Look what was told and what was not, until all is told or nothing can come any more.

    A task that doesn't tell may have been ended from outside, and until its process has noticed, it still sends.
    With Airflow's defaults that is 15 seconds.
    """
    deadline = time.monotonic() + conf.getint("workers", "min_heartbeat_interval") + timeouts.process_exit
    while True:
        reported, untold = look()
        if not untold or time.monotonic() > deadline or _ENDED.isdisjoint(_states(ti, task_id).values()):
            return reported, untold
        log.info("A task has ended and not told all it did; its process may still be ending", untold=len(untold))
        time.sleep(timeouts.poll_interval)


def _told(ti: TaskInstance, task_id: str, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Return what the tasks told of these very rows.

    An instance that a second plan has no work for, or that didn't start again after a clear, still has its XCom of
    the plan before, where the row's number may be another prospect's, and a link may be dead by now. The newest
    ticket comes last.
    """
    by_row = {row["row"]: _identity(row) for row in rows}
    outcomes = (outcome for organization in results_of(ti, task_id) for outcome in organization["tickets"])
    of_rows = [outcome for outcome in outcomes if by_row.get(outcome["row"]) == _identity(outcome)]
    if of_rows and not _ENDED.issuperset(_states(ti, task_id).values()):
        living = {"", *_living_tickets()}
        of_rows = [outcome for outcome in of_rows if outcome["ticket_id"] in living]
    return sorted(of_rows, key=lambda outcome: str(outcome["created_at"]))


def _living_tickets() -> Iterator[str]:
    ledger = open_ledger()
    try:
        now = ledger.now()
        yield from (entry.ticket.ticket_id for entry in ledger.live_entries() if entry.ticket and entry.is_live(now))
    finally:
        ledger.close()


def _identity(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(row[name] for name in _IDENTITY)


def _states(ti: TaskInstance, task_id: str) -> dict[str, str]:
    states = ti.get_task_states(ti.dag_id, task_ids=[task_id], run_ids=[ti.run_id])
    return dict(states.get(ti.run_id, {}))


def _from_ledger(rows: Sequence[Mapping[str, Any]], attempt: RunAttempt) -> Iterator[dict[str, Any]]:
    ledger = open_ledger()
    try:
        of_run = [entry for entry in ledger.entries_of_run(attempt.run) if attempt.owns(entry)]
        now = ledger.now()
    finally:
        ledger.close()
    entries = {(entry.organization_id, entry.prospect, entry.profile_id): entry for entry in of_run}
    named = {(row["organization_id"], row["prospect"], row["profile_id"]) for row in rows}
    # A row that names no profile was asked for with the run's: the one that no row of its prospect names.
    by_default = {(key[0], key[1], ""): entry for key, entry in entries.items() if key not in named}
    requests: dict[str, list[TicketRequest]] = defaultdict(list)
    found: dict[str, Entry] = {}
    for row in rows:
        key = (row["organization_id"], row["prospect"], row["profile_id"])
        entry = entries.get(key) or by_default.get(key)
        if entry is not None and entry.status != EntryStatus.DEFERRED:  # for which nothing was made
            found[entry.key] = entry
            requests[entry.key].append(_request(row))
    for entry in found.values():
        status, error = _status(entry, attempt, now)
        yield from (outcome.as_dict() for outcome in shared(requests[entry.key], status, error, entry, now=now))


def _request(row: Mapping[str, Any]) -> TicketRequest:
    names = TicketRequest.__dataclass_fields__
    return TicketRequest(**{"body": {}, **{name: value for name, value in row.items() if name in names}})


def _status(entry: Entry, attempt: RunAttempt, now: float) -> tuple[str, str]:
    if entry.status in NO_ANSWER:
        return "failed", entry.error or _DIED
    if entry.status == EntryStatus.CREATED and not entry.is_live(now):
        return "failed", _EXPIRED if entry.ticket else _FORGOTTEN
    return reported(entry, attempt)
