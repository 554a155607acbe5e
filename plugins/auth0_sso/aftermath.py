"""What a run's tasks have told, and what the ledger tells of those that died before they could."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from auth0_sso.batch import TicketRequest
from auth0_sso.ledger import open_ledger
from auth0_sso.operators import STATS_KEY
from auth0_sso.outcomes import outcome
from auth0_sso.records import Entry
from auth0_sso.xcom_backend import readable

_DIED = "The task died before the answer came: clear it, or run again."
_STATUSES = {
    "created": "created",
    "conflict": "conflict",
    "failed": "failed",
    "asking": "failed",
    "unanswered": "failed",
}


class TaskInstance(Protocol):
    """The part of Airflow's task instance that is used here."""

    dag_id: str
    run_id: str

    def xcom_pull(self, *, task_ids: list[str], key: str) -> Any:
        """Return the values of all mapped instances."""


def results_of(ti: TaskInstance, task_id: str) -> list[dict[str, Any]]:
    """Return what the mapped instances of a task have pushed, in one list, its tickets readable."""
    pushed = ti.xcom_pull(task_ids=[task_id], key="return_value")
    return [readable(item) for value in pushed if value for item in value]


def stats_of(ti: TaskInstance, task_id: str) -> list[dict[str, Any]]:
    """Return the ``stats`` of the mapped instances of a task."""
    return [value for value in ti.xcom_pull(task_ids=[task_id], key=STATS_KEY) if value]


def outcomes_of(ti: TaskInstance, task_id: str, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Return the outcomes of a run's rows: from the tasks, or else from the ledger.

    :param ti: a task instance of the run.
    :param task_id: the mapped task.
    :param rows: the input rows, with what identifies them; those with an ``error`` were never sent.
    :return: outcomes with the report's columns; none for rows of which nothing is known.
    """
    told = [ticket for organization in results_of(ti, task_id) for ticket in organization["tickets"]]
    known = {ticket["row"] for ticket in told}
    untold = [row for row in rows if row["row"] not in known and not row["error"]]
    return told + (_from_ledger(untold, f"{ti.dag_id}/{ti.run_id}") if untold else [])


def _from_ledger(rows: Sequence[Mapping[str, Any]], run: str) -> list[dict[str, Any]]:
    ledger = open_ledger()
    try:
        of_run = ledger.entries_of_run(run)
    finally:
        ledger.close()
    entries = {(entry.organization_id, entry.prospect, entry.profile_id): entry for entry in of_run}
    named = {(row["organization_id"], row["prospect"], row["profile_id"]) for row in rows}
    # A row that names no profile was asked for with the run's: the one that no row of its prospect names.
    by_default = {(key[0], key[1], ""): entry for key, entry in entries.items() if key not in named}
    found: list[dict[str, Any]] = []
    reported: set[str] = set()
    for row in rows:
        key = (row["organization_id"], row["prospect"], row["profile_id"])
        entry = entries.get(key) or by_default.get(key)
        if entry is not None and entry.status in _STATUSES:
            found.append(_outcome(row, entry, repeats=entry.key in reported))
            reported.add(entry.key)
    return found


def _outcome(row: Mapping[str, Any], entry: Entry, *, repeats: bool) -> dict[str, Any]:
    names = TicketRequest.__dataclass_fields__
    request = TicketRequest(**{"body": {}, **{name: value for name, value in row.items() if name in names}})
    status = "reused" if repeats and entry.status == "created" else _STATUSES[entry.status]
    error = entry.error or (_DIED if status == "failed" else "")
    return outcome(request, status, error=error, entry=entry, now=time.time()).as_dict()
