"""A run as a whole: where its files are, what its report says of it, and whether it is complete."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from include import reports

if TYPE_CHECKING:
    from upath import UPath

    AnyPath: TypeAlias = UPath | Path

PROJECT = Path(__file__).resolve().parents[1]
DEFAULT_REPORTS = os.environ.get("SSO_TICKETS_REPORTS") or "reports"


class Run(Protocol):
    """What is used here of a DAG run."""

    dag_id: str
    run_id: str
    start_date: datetime | None


class IncompleteRunError(ValueError):
    """The run has ended, and something is still owed; looking again changes nothing."""


def absolute(uri: str) -> str:
    """
    Return where a path or URI points to; a relative path starts at the project's folder.

    :param uri: ``reports``, ``/data/in.csv``, ``s3://bucket/key``, …
    """
    return uri if "://" in uri else str(PROJECT / os.path.expanduser(uri))


def run_folder(base: AnyPath, run: Run) -> AnyPath:
    """Return the folder of a run's report."""
    return reports.run_folder(base, run.dag_id, run.run_id)


def require_complete(exported: Mapping[str, Any] | None) -> None:
    """
    Check that a run may be green.

    :param exported: what the task that exports the report returned; None if it didn't.
    :raises IncompleteRunError: if a row failed or was not attempted, or there is no report.
    """
    if exported is None:
        raise IncompleteRunError("There is no report: see the log of the run's first failed task.")
    summary = exported["summary"]
    incomplete = {status: summary[status] for status in ("failed", "not_attempted") if summary[status]}
    if incomplete:
        counts = " and ".join(f"{count} {status.replace('_', ' ')}" for status, count in incomplete.items())
        raise IncompleteRunError(
            f"{counts} of {summary['rows']} rows: the report says why, row by row: {exported['report_uri']}. "
            "When it is mended, clear the failed tasks or trigger another run: what is done is not done again."
        )


def run_info(run: Run, stats: Sequence[Mapping[str, Any]], warnings: Sequence[str]) -> reports.RunInfo:
    """
    Put together what a report says of its run as a whole.

    :param run: the run, which ends now.
    :param stats: what each task says it sent.
    :param warnings: sentences for the reader.
    """
    now = datetime.now(UTC)
    started = run.start_date or now
    return reports.RunInfo(
        dag_id=run.dag_id,
        run_id=run.run_id,
        started_at=_iso(started),
        finished_at=_iso(now),
        seconds=(now - started).total_seconds(),
        requests=sum(task["requests"] for task in stats),
        rate_limited=sum(task["rate_limited"] for task in stats),
        samples=reports.rate_samples(stats),
        warnings=warnings,
    )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
