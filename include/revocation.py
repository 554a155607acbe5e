"""The steps of a run that revokes tickets, as plain functions: selection → revocations → report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include import reports
from include.files import make_private, write_private
from include.pipeline import Run, run_info

if TYPE_CHECKING:
    from include.pipeline import AnyPath


def ticket_ids(report_uri: AnyPath) -> list[str]:
    """
    Return the ids of the tickets in a run's report.

    :param report_uri: the report's folder, or its ``tickets.csv``.
    :raises ValueError: if there is no report, or it holds no ticket.
    """
    found = [ticket["ticket_id"] for ticket in reports.read_tickets(report_uri) if ticket["ticket_id"]]
    if not found:
        raise ValueError(f"The report {report_uri} holds no ticket, so there is nothing to revoke.")
    return found


def plan_keys(keys: Sequence[str], max_batches: int, folder: AnyPath) -> list[dict[str, str]]:
    """
    Divide ledger keys among at most ``max_batches`` mapped tasks.

    :return: for each its ``label`` and, as ``batch``, the path of its batch file.
    """
    plan_folder = folder / "plan"
    make_private(folder)
    make_private(plan_folder)
    batches = []
    for number in range(min(len(keys), max_batches)):
        part = list(keys[number::max_batches])
        label = f"{len(part)} ticket{'s' if len(part) > 1 else ''}"
        content = json.dumps({"label": label, "keys": part}).encode()
        path = write_private(plan_folder, f"batch-{number + 1:04d}.json", [content])
        batches.append({"label": label, "batch": path})
    return batches


def export_revocations(
    results: Sequence[Mapping[str, Any]], stats: Sequence[Mapping[str, Any]], folder: AnyPath, run: Run
) -> dict[str, Any]:
    """Write the report of a run that revokes; the arguments and what is returned are those of ``export``."""
    summary = reports.write_revocations(folder, results, run_info(run, stats, ()))
    return {"report_uri": str(folder), "summary": summary}
