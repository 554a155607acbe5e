"""The steps of a run that revokes tickets, as plain functions: selection → revocations → report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include import reports
from include.files import make_private, write_private
from include.run import Run, run_info

if TYPE_CHECKING:
    from include.run import AnyPath

_PLAN_FOLDER = "plan"
_SELECTION = "selection.json"


def reported(report_uri: AnyPath) -> list[dict[str, Any]]:
    """
    Return the rows with a ticket of a run's report.

    :param report_uri: the report's folder, or its ``tickets.csv``.
    :raises ValueError: if there is no report, or it holds no ticket.
    """
    found = [ticket for ticket in reports.read_tickets(report_uri) if ticket["ticket_id"]]
    if not found:
        raise ValueError(f"The report {report_uri} holds no ticket, so there is nothing to revoke.")
    return found


def plan(
    tickets: Sequence[Mapping[str, Any]], finished: Sequence[Mapping[str, Any]], max_batches: int, folder: AnyPath
) -> list[dict[str, str]]:
    """
    Divide tickets among at most ``max_batches`` mapped tasks, and leave the selection in the run's folder.

    :param tickets: what names each in the ledger; it opens nothing.
    :param finished: rows of the report on tickets that need no task.
    :return: for each batch its ``label`` and, as ``batch``, the path of its file.
    """
    plan_folder = folder / _PLAN_FOLDER
    make_private(folder)
    make_private(plan_folder)
    selection = {"tickets": list(tickets), "settled": list(finished)}
    write_private(plan_folder, _SELECTION, [json.dumps(selection).encode()])
    batches = []
    most = int(max_batches)  # which JSON may have written as 16.0
    for number in range(min(len(tickets), most)):
        part = list(tickets[number::most])
        label = f"{len(part)} ticket{'s' if len(part) > 1 else ''}"
        content = json.dumps({"label": label, "tickets": part}).encode()
        path = write_private(plan_folder, f"batch-{number + 1:04d}.json", [content])
        batches.append({"label": label, "batch": path})
    return batches


def selection(folder: AnyPath) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what ``plan`` has left in the run's folder: the tickets that were divided, and the settled rows."""
    found = json.loads((folder / _PLAN_FOLDER / _SELECTION).read_text(encoding="utf-8"))
    return found["tickets"], found["settled"]


def export_revocations(
    results: Sequence[Mapping[str, Any]], stats: Sequence[Mapping[str, Any]], folder: AnyPath, run: Run
) -> dict[str, Any]:
    """Write the report of a run that revokes; the arguments and what is returned are those of ``export``."""
    summary = reports.write_revocations(folder, results, run_info(run, stats, ()))
    return {"report_uri": str(folder), "summary": summary}
