"""The steps of a run that revokes tickets, as plain functions: selection → revocations → report."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include import reports
from include.files import PLAN_FOLDER, ChangedFileError, Hashed, json_bytes, write_batches, write_private
from include.reports.revocations import RevocationStatus
from include.reports.wording import plural
from include.run import FanOut, Run, first_errors, run_info

if TYPE_CHECKING:
    from include.files import AnyPath

_SELECTION = "selection.json"

log = logging.getLogger(__name__)


class NothingSelectedError(ValueError):
    """The parameters of the run select no ticket."""


@dataclass(frozen=True)
class TicketBatch:
    """The tickets that one mapped task revokes."""

    label: str
    tickets: Sequence[Mapping[str, Any]]


def require_selection(params: Mapping[str, Any]) -> None:
    """Check that the parameters of a run name a report, an organization, a prospect or all tickets."""
    named = "".join([*(params["organization_ids"] or []), *(params["prospect_keys"] or [])]).strip()
    if not (params["report_uri"] or named or params["all_live"]):
        raise NothingSelectedError(
            "Nothing is selected. Set report_uri, organization_ids, prospect_keys or all_live, and trigger another run."
        )


def reported_tickets(report_uri: AnyPath) -> list[dict[str, Any]]:
    """
    Return the rows of a run's report that have a ticket, or may have one that nobody has seen.

    :param report_uri: the report's folder, or its ``tickets.csv``.
    :raises ValueError: if there is no report, or it contains no ticket.
    """
    found = [
        ticket for ticket in reports.read_tickets(report_uri) if ticket["ticket_id"] or ticket["duplicate_possible"]
    ]
    if not found:
        raise ValueError(f"The report {report_uri} contains no ticket, so there is nothing to revoke.")
    return found


def plan(
    tickets: Sequence[Mapping[str, Any]], finished: Sequence[Mapping[str, Any]], fan_out: FanOut, folder: AnyPath
) -> tuple[list[dict[str, str]], str]:
    """
    Divide tickets among the mapped tasks, and write the selection into the run's folder.

    :param tickets: the keys of tickets in the ledger, without secrets.
    :param finished: rows of the report for tickets that need no task.
    :return: for each task its ``label`` and, as ``batch`` and ``sha256``, the path and digest of its batch file; then
        the digest of the selection.
    """
    tasks = min(len(tickets), fan_out.tasks)
    log.info("%d tickets, %d mapped tasks: %s", len(tickets), tasks, fan_out.reason)
    parts = [tickets[number::tasks] for number in range(tasks)]
    batches = write_batches([TicketBatch(plural(len(part), "ticket"), part) for part in parts], folder)
    content = Hashed([json_bytes({"tickets": tickets, "finished": finished})])
    write_private(folder / PLAN_FOLDER, _SELECTION, content)
    return batches, content.sha256


def read_selection(folder: AnyPath, sha256: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """
    Return the ``tickets`` and the ``finished`` rows that ``plan`` wrote into the run's folder.

    :raises ChangedFileError: if somebody has changed them since.
    """
    file = folder / PLAN_FOLDER / _SELECTION
    if file.exists() and not file.is_file():  # a read from a pipe may never end
        raise ChangedFileError(file, "select_tickets")
    with file.open("rb") as stream:
        lines = Hashed(stream)
        content = b"".join(lines)
    if lines.sha256 != sha256:
        raise ChangedFileError(file, "select_tickets")
    found = json.loads(content)
    return found["tickets"], found["finished"]


def export(
    results: Sequence[Mapping[str, Any]], stats: Sequence[Mapping[str, Any]], folder: AnyPath, run: Run
) -> dict[str, Any]:
    """Write the report of a run that ends now; ``stats`` and the result are those of ``create_tickets.export``."""
    summary = reports.write_revocations(folder, results, run_info(run, stats, ()))
    failed = (one for one in results if one["status"] == RevocationStatus.FAILED)
    errors = first_errors((one["organization_id"], one["error"]) for one in failed)
    return {"report_uri": str(folder), "summary": summary, "errors": errors}
