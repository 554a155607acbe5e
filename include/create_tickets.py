"""The steps of a run that creates tickets, as plain functions: CSV → prospects → plan → tickets → report."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include import prospects, reports
from include.files import make_private
from include.run import Run, run_info

if TYPE_CHECKING:
    from include.run import AnyPath

DEFAULT_PROSPECTS = os.environ.get("SSO_TICKETS_PROSPECTS") or "include/data/prospects.csv"
_SHOWN_PROBLEMS = 20
_UNTOLD = "Nothing was sent for this row: see the first failed task of the run."

log = logging.getLogger(__name__)


class InvalidRowsError(ValueError):
    """The run was asked to send nothing while there are invalid rows."""


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
