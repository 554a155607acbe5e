"""The steps of a run that revokes tickets, as plain functions: selection → revocations → report."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auth0_sso.models import IssuedTicket, Outcome, RevocationOutcome, RevocationStatus, TaskStats, first_errors

from include import reports
from include.check_outcome import Exported
from include.fan_out import FanOut
from include.files import PLAN_FOLDER, json_bytes, read_checked, write_batches, write_checked
from include.reports.wording import plural

if TYPE_CHECKING:
    from include.files import AnyPath
    from include.folders import Run

_SELECTION = "selection.json"

log = logging.getLogger(__name__)


class NothingSelectedError(ValueError):
    """The parameters of the run select no ticket."""


@dataclass(frozen=True)
class TicketBatch:
    """The tickets that one mapped task revokes."""

    label: str
    tickets: Sequence[IssuedTicket]


def require_selection(params: Mapping[str, Any]) -> None:
    """Check that the parameters of a run name a report, an organization, a prospect or all tickets."""
    named = "".join([*(params["organization_ids"] or []), *(params["prospect_keys"] or [])]).strip()
    if not (params["report"] or named or params["all_live"]):
        raise NothingSelectedError(
            "Nothing is selected. Set report, organization_ids, prospect_keys or all_live, and trigger another run."
        )


def reported_tickets(report: AnyPath) -> list[Outcome]:
    """
    Return the rows of a run's report that have a ticket, or may have one that nobody has seen.

    :param report: the report's folder, or its ``tickets.csv``.
    :raises ValueError: if there is no report, or it contains no ticket.
    """
    found = [row for row in reports.read_tickets(report) if row.ticket_id or row.duplicate_possible]
    if not found:
        raise ValueError(f"The report {report} contains no ticket, so there is nothing to revoke.")
    return found


def plan(
    tickets: Sequence[IssuedTicket], finished: Sequence[RevocationOutcome], fan_out: FanOut, folder: AnyPath
) -> tuple[list[dict[str, str]], str]:
    """
    Divide tickets among the mapped tasks, and write the selection into the run's folder.

    :param finished: rows of the report for tickets that need no task.
    :return: for each task its ``label`` and, as ``batch`` and ``sha256``, the path and digest of its batch file; then
        the digest of the selection.
    """
    tasks = min(len(tickets), fan_out.tasks)
    log.info("%d tickets, %d mapped tasks: %s", len(tickets), tasks, fan_out.reason)
    parts = [tickets[number::tasks] for number in range(tasks)]
    batches = write_batches([TicketBatch(plural(len(part), "ticket"), part) for part in parts], folder)
    selection = json_bytes({"tickets": tickets, "finished": finished})
    return batches, write_checked(folder / PLAN_FOLDER, _SELECTION, selection)


def read_selection(folder: AnyPath, sha256: str) -> tuple[list[IssuedTicket], list[RevocationOutcome]]:
    """
    Return the ``tickets`` and the ``finished`` rows that ``plan`` wrote into the run's folder.

    :raises ChangedFileError: if somebody has changed them since.
    """
    found = json.loads(read_checked(folder / PLAN_FOLDER / _SELECTION, sha256, "select_tickets"))
    tickets = [IssuedTicket(**ticket) for ticket in found["tickets"]]
    return tickets, [RevocationOutcome.from_dict(row) for row in found["finished"]]


def export(results: Sequence[RevocationOutcome], stats: Sequence[TaskStats], folder: AnyPath, run: Run) -> Exported:
    """Write the report of a run that ends now; see :func:`include.create_tickets.export`."""
    summary = reports.write_revocations(folder, results, reports.run_info(run, stats, ()))
    failed = ((one.organization_id, one.error) for one in results if one.status == RevocationStatus.FAILED)
    return Exported(str(folder), summary, first_errors(failed))
