"""Whether a run is complete: every row has a final outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Exported:
    """
    What the task that exports a run's report returns; nothing of it is a ticket.

    :param report_uri: the report's folder.
    :param summary: see :func:`include.reports.summary.summarize`.
    :param errors: the first ones in words.
    """

    report_uri: str
    summary: Mapping[str, Any]
    errors: Sequence[str]


class IncompleteRunError(ValueError):
    """The run has ended, and some of its rows have no final outcome; a retry of the check changes nothing."""


def require_complete(exported: Exported | None, advice: str = "Fix what their errors name.") -> None:
    """
    Check that every row of a run has a final outcome.

    :param exported: of the run's report; None if there is none.
    :param advice: what to do about rows that failed.
    :raises IncompleteRunError: if a row is ``failed`` or ``not_attempted``, or there is no report.
    """
    if exported is None:
        raise IncompleteRunError("There is no report: see the log of the run's first failed task.")
    summary = exported.summary
    incomplete = {status: summary[status] for status in ("failed", "not_attempted") if summary[status]}
    if not incomplete:
        return
    counts = " and ".join(f"{count} {status.replace('_', ' ')}" for status, count in incomplete.items())
    numbers = ", ".join(map(str, summary["incomplete_rows"]))
    more = ", …" if sum(incomplete.values()) > len(summary["incomplete_rows"]) else ""
    errors = "".join(f"\n{error}" for error in exported.errors)
    raise IncompleteRunError(
        f"{counts} of {summary['rows']} rows: the report says why, row by row: {exported.report_uri} "
        f"(rows {numbers}{more}). {advice} Then clear the failed tasks or trigger another run: rows that are "
        f"done are not done again.{errors}"
    )
