"""Collect results: what a run's tasks have reported, and from the ledger what the others have done."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from airflow.sdk.configuration import conf

from auth0_sso.ledger.records import NO_ANSWER, Entry, EntryStatus, OutcomeStatus, RunAttempt
from auth0_sso.ledger.store import open_ledger
from auth0_sso.models import TicketRequest
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts
from auth0_sso.tickets.batch import request_from
from auth0_sso.tickets.outcomes import LOST_ANSWER, group_outcomes, status_in_run
from auth0_sso.xcom import decrypted

if TYPE_CHECKING:
    from airflow.sdk.types import DagRunProtocol, TaskInstance

log = structlog.get_logger(logger_name="task")

T = TypeVar("T")

STATS_KEY = "stats"
"""The XCom of what a task has sent, one entry a try."""

_ENDED = frozenset(("failed", "success"))

_EXPIRED = "Its link has expired: clear the task, or run again."
_FORGOTTEN = "Its link has expired, and the ledger doesn't keep its URL any more: run again."
_IDENTITY = ("organization_id", "prospect_name", "prospect_email", "connection_name")


def results_of(ti: TaskInstance, task_id: str) -> list[dict[str, Any]]:
    """Return what the mapped instances of a task have pushed, in one list, its tickets decrypted."""
    pushed = ti.xcom_pull(task_ids=[task_id], key="return_value")
    return [decrypted(item) for value in pushed if value for item in value]


def stats_of(ti: TaskInstance, task_id: str) -> list[dict[str, Any]]:
    """Return the ``stats`` of all tries of the mapped instances of a task."""
    return [one for tries in ti.xcom_pull(task_ids=[task_id], key=STATS_KEY) if tries for one in tries]


def outcomes_of(
    ti: TaskInstance,
    dag_run: DagRunProtocol,
    task_id: str,
    rows: Sequence[Mapping[str, Any]],
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
) -> list[dict[str, Any]]:
    """
    Return the outcomes of a run's rows, with the report's columns: from the tasks, or else from the ledger.

    :param task_id: the mapped task.
    :param rows: the input rows, with what identifies them; those with an ``error`` were never sent.
    :return: nothing for rows of which nothing is known.
    """

    def look() -> tuple[list[dict[str, Any]], list[Mapping[str, Any]]]:
        outcomes = _reported(ti, task_id, rows)
        known = {outcome["row"] for outcome in outcomes}
        return outcomes, [row for row in rows if row["row"] not in known and not row["error"]]

    outcomes, missing = wait_until_reported(ti, task_id, look, timeouts)
    return outcomes + (list(_from_ledger(missing, RunAttempt.of(dag_run))) if missing else [])


def wait_until_reported(
    ti: TaskInstance, task_id: str, look: Callable[[], tuple[list[dict[str, Any]], list[T]]], timeouts: Timeouts
) -> tuple[list[dict[str, Any]], list[T]]:
    """
    Return what was reported and what is missing, once nothing is missing or nothing can come any more.

    A task that was ended from outside still sends until its process has noticed: 15 seconds, with Airflow's defaults.
    """
    deadline = time.monotonic() + conf.getint("workers", "min_heartbeat_interval") + timeouts.process_exit
    while True:
        reported, missing = look()
        if not missing or time.monotonic() > deadline or _ENDED.isdisjoint(_states(ti, task_id).values()):
            return reported, missing
        log.info("A task has ended without reporting all it did; its process may still be ending", missing=len(missing))
        time.sleep(timeouts.poll_interval)


def _reported(ti: TaskInstance, task_id: str, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Return what the tasks have reported of these very rows, the newest ticket last.

    An instance that a second plan has no work for, or that didn't start again after a clear, still has its XCom of
    the plan before, where the row's number may be another prospect's, and a link may have expired since.
    """
    by_row = {row["row"]: _identity(row) for row in rows}
    outcomes = [outcome for organization in results_of(ti, task_id) for outcome in organization["tickets"]]
    outcomes = [outcome for outcome in outcomes if by_row.get(outcome["row"]) == _identity(outcome)]
    if outcomes and not _ENDED.issuperset(_states(ti, task_id).values()):
        valid = {"", *_valid_ticket_ids()}
        outcomes = [outcome for outcome in outcomes if outcome["ticket_id"] in valid]
    return sorted(outcomes, key=lambda outcome: str(outcome["created_at"]))


def _valid_ticket_ids() -> Iterator[str]:
    with closing(open_ledger()) as ledger:
        now = ledger.now()
        yield from (entry.ticket.ticket_id for entry in ledger.live_entries() if entry.ticket and entry.is_valid(now))


def _identity(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(row[name] for name in _IDENTITY)


def _states(ti: TaskInstance, task_id: str) -> dict[str, str]:
    """Return the states of the mapped instances of a task, by task and map index."""
    states = ti.get_task_states(ti.dag_id, task_ids=[task_id], run_ids=[ti.run_id])
    return dict(states.get(ti.run_id, {}))


def _from_ledger(rows: Sequence[Mapping[str, Any]], attempt: RunAttempt) -> Iterator[dict[str, Any]]:
    with closing(open_ledger()) as ledger:
        of_run = [entry for entry in ledger.entries_of_run(attempt.run) if attempt.owns(entry)]
        now = ledger.now()
    entries = {(entry.organization_id, entry.prospect, entry.profile_id): entry for entry in of_run}
    named = {(row["organization_id"], row["prospect"], row["profile_id"]) for row in rows}
    # A row that names no profile was sent with the run's: the one that no row of its prospect names.
    by_default = {(key[0], key[1], ""): entry for key, entry in entries.items() if key not in named}
    requests: dict[str, list[TicketRequest]] = defaultdict(list)
    found: dict[str, Entry] = {}
    for row in rows:
        key = (row["organization_id"], row["prospect"], row["profile_id"])
        entry = entries.get(key) or by_default.get(key)
        if entry is not None and entry.status != EntryStatus.DEFERRED:  # for which nothing was created
            found[entry.key] = entry
            requests[entry.key].append(request_from(row))
    for entry in found.values():
        status, error = _status(entry, attempt, now)
        yield from (outcome.as_dict() for outcome in group_outcomes(requests[entry.key], status, error, entry, now))


def _status(entry: Entry, attempt: RunAttempt, now: float) -> tuple[OutcomeStatus, str]:
    if entry.status in NO_ANSWER:
        return OutcomeStatus.FAILED, entry.error or LOST_ANSWER
    if entry.status == EntryStatus.CREATED and not entry.is_valid(now):
        return OutcomeStatus.FAILED, _EXPIRED if entry.ticket else _FORGOTTEN
    return status_in_run(entry, attempt)
