"""The steps of a run as plain functions: CSV → prospects → plan → tickets → report."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from include import prospects, reports
from include.files import make_private

if TYPE_CHECKING:
    from upath import UPath

    AnyPath: TypeAlias = UPath | Path

PROJECT = Path(__file__).resolve().parents[1]
DEFAULT_PROSPECTS = os.environ.get("SSO_TICKETS_PROSPECTS") or "include/data/prospects.csv"
DEFAULT_REPORTS = os.environ.get("SSO_TICKETS_REPORTS") or "reports"
_SHOWN_PROBLEMS = 20
_UNTOLD = "Nothing was sent for this row: see the first failed task of the run."

log = logging.getLogger(__name__)


class Run(Protocol):
    """What is used here of a DAG run."""

    dag_id: str
    run_id: str
    start_date: datetime | None


class InvalidRowsError(ValueError):
    """The run was asked to send nothing while there are invalid rows."""


class OwedError(ValueError):
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


def load(source: AnyPath | None, text: str, default_ttl_sec: int, folder: AnyPath) -> dict[str, Any]:
    """
    Read and check the CSV, and leave the manifest in the run's folder.

    :param source: the CSV, or a folder of them.
    :param text: a pasted CSV; wins over ``source``.
    :param default_ttl_sec: seconds, for rows that set none.
    :param folder: the run's folder.
    :return: ``folder``, ``manifest``, and the counts ``rows``, ``valid``, ``invalid``, ``organizations``.
    :raises ProspectsError: if the input can't be read as a whole.
    """
    found = prospects.load_prospects(source, text=text, default_ttl_sec=default_ttl_sec)
    for warning in found.warnings:
        log.warning(warning)
    for invalid in found.invalid[:_SHOWN_PROBLEMS]:
        log.warning("Invalid: %s", "; ".join(map(str, invalid.problems)))
    make_private(folder)
    return {
        "folder": str(folder),
        "manifest": prospects.write_manifest(found, folder),
        "rows": len(found.valid) + len(found.invalid),
        "valid": len(found.valid),
        "invalid": len(found.invalid),
        "organizations": len({prospect.organization_id for prospect in found.valid}),
    }


def read(manifest: AnyPath, *, on_invalid_rows: str = "skip") -> prospects.Prospects:
    """
    Read the manifest.

    :param manifest: what ``load`` has left.
    :param on_invalid_rows: ``skip`` them, or ``fail``.
    :raises InvalidRowsError: if it is ``fail`` and a row is invalid; lists what is wrong.
    """
    found = prospects.read_manifest(manifest)
    if on_invalid_rows == "fail" and found.invalid:
        problems = [str(problem) for row in found.invalid for problem in row.problems]
        more = len(problems) - _SHOWN_PROBLEMS
        raise InvalidRowsError(
            "\n".join(
                [
                    f"{len(found.invalid)} rows are invalid and on_invalid_rows is 'fail', so nothing is sent:",
                    *problems[:_SHOWN_PROBLEMS],
                    *([f"… and {more} more, see the report"] if more > 0 else []),
                    "Mend them in the CSV, or set on_invalid_rows to 'skip'.",
                ]
            )
        )
    return found


def plan(found: prospects.Prospects, max_batches: int, folder: AnyPath) -> list[dict[str, str]]:
    """
    Divide the organizations among at most ``max_batches`` mapped tasks.

    :return: for each its ``label`` and, as ``batch``, the path of its batch file.
    """
    return prospects.write_plan(prospects.plan_batches(found, int(max_batches)), folder)


def manifest_rows(found: prospects.Prospects) -> list[dict[str, Any]]:
    """Return what is asked with every input row, and what is wrong with an invalid one as its ``error``."""
    carried = ("row", "source", "organization_id", "organization_name", "prospect_name", "prospect_email")
    rows: list[dict[str, Any]] = []
    for prospect in found.valid:
        asked = ("connection_name", "profile_id", "custom_domain", "prospect", "body")
        row = {name: getattr(prospect, name) for name in (*carried, *asked)}
        rows.append({**row, "error": ""})
    for invalid in found.invalid:
        row = {name: getattr(invalid, name) for name in (*carried, "connection_name")}
        rows.append({**row, "error": "; ".join(map(str, invalid.problems))})
    return rows


def export(
    found: prospects.Prospects,
    outcomes: Iterable[Mapping[str, Any]],
    stats: Sequence[Mapping[str, Any]],
    folder: AnyPath,
    run: Run,
) -> dict[str, Any]:
    """
    Write the run's report, every input row exactly once.

    :param found: the manifest.
    :param outcomes: the tasks' outcomes, with the report's columns.
    :param stats: what each task says it sent, see :func:`include.reports.rate_samples`.
    :param folder: the run's folder.
    :param run: the run, which ends now.
    :return: ``report_uri`` and ``summary``, without any ticket.
    """
    rows = reports.join_rows(manifest_rows(found), outcomes, _UNTOLD)
    summary = reports.write_report(folder, rows, run_info(run, stats, found.warnings))
    return {"report_uri": str(folder), "summary": summary}


def require_nothing_owed(exported: Mapping[str, Any] | None) -> None:
    """
    Check that a run may be green.

    :param exported: what the task that exports the report returned; None if it didn't.
    :raises OwedError: if a row failed or was not attempted, or there is no report.
    """
    if exported is None:
        raise OwedError("There is no report: see the log of the run's first failed task.")
    summary = exported["summary"]
    owed = {status: summary[status] for status in ("failed", "not_attempted") if summary[status]}
    if owed:
        counts = " and ".join(f"{count} {status.replace('_', ' ')}" for status, count in owed.items())
        raise OwedError(
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
