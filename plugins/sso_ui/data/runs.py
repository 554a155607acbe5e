"""The runs of the DAGs, from Airflow's database."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from auth0_sso.models import DeliveryStatus, RevocationStatus, SetupState, TicketStatus

from include.prospects.manifest import FILE_NAME
from sso_ui.access import CREATE_DAG, FOLLOW_DAG, MAIL_DAG, REVOKE_DAG
from sso_ui.airflow import Run, configuration, find_run, find_runs, xcom, xcoms_of_runs
from sso_ui.data.report_files import UnreadableFileError, find_folder, read_lines

REPORT_TASK = "export_report"
_STATUSES = (*TicketStatus, *RevocationStatus, *SetupState, *DeliveryStatus)
_COUNTED = tuple(dict.fromkeys(str(status) for status in _STATUSES))
_DOES = {
    CREATE_DAG: "creates links",
    REVOKE_DAG: "revokes links",
    FOLLOW_DAG: "reads setups",
    MAIL_DAG: "mails links",
}
_ENDED = ("success", "failed")


class NoManifestError(ValueError):
    """A run's checked input can't be read."""


@dataclass(frozen=True)
class RunLine(Run):
    """
    A run in the list.

    :param counts: rows by status, or by the state of their setup, those that occur; empty before its report.
    """

    counts: dict[str, int] = field(default_factory=dict)

    @property
    def does(self) -> str:
        """What its DAG does."""
        return _DOES[self.dag_id]

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it will run any more."""
        return self.state in _ENDED


def list_runs(dag_ids: Collection[str], *, limit: int, offset: int = 0) -> list[RunLine]:
    """Return the runs of some DAGs, the latest first."""
    found = find_runs(dag_ids, limit=limit, offset=offset)
    exported = xcoms_of_runs([run.run_id for run in found], REPORT_TASK)
    return [_line(run, exported.get((run.dag_id, run.run_id))) for run in found]


def read_run(dag_id: str, run_id: str) -> RunLine | None:
    """Return a run; None if there is none."""
    run = find_run(dag_id, run_id)
    return _line(run, xcom(dag_id, run_id, REPORT_TASK)) if run else None


def parameters(dag_id: str, run_id: str) -> dict[str, Any]:
    """Return the parameters that a run was given; those it leaves out have their defaults."""
    return as_object(configuration(dag_id, run_id))


def manifest_lines(dag_id: str, run_id: str) -> Iterator[bytes]:
    """
    Yield the manifest's line of each row of a run's input.

    :raises NoManifestError: if the input was not checked yet, or the run's files can't be read.
    """
    try:
        folder = find_folder(dag_id, run_id, FILE_NAME)
    except UnreadableFileError as error:
        reason = f"The run {run_id} has not checked its input yet, or it can't be found. {error}"
        raise NoManifestError(reason) from None
    try:
        yield from islice(read_lines(folder, FILE_NAME), 1, None)
    except UnreadableFileError as error:
        raise NoManifestError(str(error)) from None


def as_object(value: object) -> dict[str, Any]:
    """Return an object of an XCom, which users can set; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def count(value: object) -> int:
    """Return a count in an XCom; 0 for anything else."""
    return value if isinstance(value, int) and value >= 0 else 0


def _line(run: Run, exported: object) -> RunLine:
    summary = as_object(as_object(exported).get("summary"))
    numbers = {**summary, **as_object(summary.get("setups"))}
    counts = {status: count(numbers.get(status)) for status in _COUNTED}
    return RunLine(**vars(run), counts={status: number for status, number in counts.items() if number})
