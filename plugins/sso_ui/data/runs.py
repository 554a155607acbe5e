"""The runs of both DAGs, from Airflow's database."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from auth0_sso.models import RevocationStatus, TicketStatus
from sqlalchemy import select
from sqlalchemy.orm import Session

from include.prospects.manifest import FILE_NAME
from sso_ui.data.metadata import short_session
from sso_ui.data.report_files import UnreadableFileError, own_folder, read_file

REPORT_TASK = "export_report"
_COUNTED = tuple(dict.fromkeys(str(status) for status in (*TicketStatus, *RevocationStatus)))
_ENDED = ("success", "failed")


class NoManifestError(ValueError):
    """A run's checked CSV can't be read."""


@dataclass(frozen=True)
class RunLine:
    """
    A run in the list.

    :param started: ISO 8601, empty before it starts; so is ``ended``.
    :param by: who triggered it; ``schedule`` for one that nobody did.
    :param counts: rows by status, those that occur; empty before its report.
    """

    dag_id: str
    run_id: str
    state: str
    started: str
    ended: str
    by: str
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it will run any more."""
        return self.state in _ENDED


def list_runs(dag_ids: Collection[str], *, limit: int, offset: int = 0) -> list[RunLine]:
    """Return the runs of some DAGs, the latest first."""
    query = select(DagRun).where(DagRun.dag_id.in_(dag_ids)).order_by(DagRun.run_after.desc(), DagRun.id.desc())
    with short_session() as session:
        found = list(session.scalars(query.limit(limit).offset(offset)))
        summaries = _summaries(session, [run.run_id for run in found])
        return [_line(run, summaries.get((run.dag_id, run.run_id), {})) for run in found]


def find_run(dag_id: str, run_id: str) -> RunLine | None:
    """Return a run."""
    with short_session() as session:
        run = session.scalar(select(DagRun).filter_by(dag_id=dag_id, run_id=run_id))
        return run and _line(run, _summaries(session, [run_id]).get((dag_id, run_id), {}))


def xcom(dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> dict[str, Any]:
    """Return the XCom of a task that is not mapped, as plain data; users can set it. Empty if it is no object."""
    entry = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": -1, "key": key}
    with short_session() as session:
        return _plain(session.scalar(select(XComModel.value).filter_by(**entry)))


def configuration(dag_id: str, run_id: str) -> dict[str, Any]:
    """Return the parameters that a run was given; those it leaves out have their defaults."""
    with short_session() as session:
        return _plain(session.scalar(select(DagRun.conf).filter_by(dag_id=dag_id, run_id=run_id)))


def manifest_lines(dag_id: str, run_id: str) -> list[bytes]:
    """
    Return the manifest's line of each row of a run's CSV.

    :raises NoManifestError: if the CSV was not checked yet, or the run's files can't be read.
    """
    folder = own_folder(str(xcom(dag_id, run_id, "load_prospects").get("folder")), dag_id, run_id)
    if folder is None:
        raise NoManifestError(f"The run {run_id} has not checked its CSV yet, or its folder is not one of the reports.")
    try:
        return read_file(folder, FILE_NAME).splitlines()[1:]
    except UnreadableFileError as error:
        raise NoManifestError(str(error)) from None


def count(value: object) -> int:
    """Return a count in an XCom; 0 for anything else."""
    return value if isinstance(value, int) and value >= 0 else 0


def _summaries(session: Session, run_ids: Collection[str]) -> dict[tuple[str, str], Mapping[str, Any]]:
    query = select(XComModel.dag_id, XComModel.run_id, XComModel.value).where(
        XComModel.run_id.in_(run_ids),
        XComModel.task_id == REPORT_TASK,
        XComModel.key == "return_value",
        XComModel.map_index == -1,
    )
    return {(row.dag_id, row.run_id): _plain(row.value).get("summary") or {} for row in session.execute(query)}


def _line(run: DagRun, summary: object) -> RunLine:
    numbers = summary if isinstance(summary, dict) else {}
    counts = {status: count(numbers.get(status)) for status in _COUNTED}
    return RunLine(
        dag_id=run.dag_id,
        run_id=run.run_id,
        state=str(run.state),
        started=run.start_date.isoformat() if run.start_date else "",
        ended=run.end_date.isoformat() if run.end_date else "",
        by=run.triggering_user_name or ("schedule" if run.run_type == "scheduled" else ""),
        counts={status: number for status, number in counts.items() if number},
    )


def _plain(value: Any) -> dict[str, Any]:
    if isinstance(value, str):  # the UI saves JSON in JSON
        with suppress(ValueError):
            value = json.loads(value)
    return value if isinstance(value, dict) else {}
