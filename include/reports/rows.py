"""The rows of the ticket report: every row of the CSV exactly once, with its outcome."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from auth0_sso.models import CARRIED, Outcome, TicketStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auth0_sso.models import TicketRequest

PRECEDENCE = (
    TicketStatus.CREATED,
    TicketStatus.REUSED,
    TicketStatus.INVALID,
    TicketStatus.FINISHED,
    TicketStatus.CONFLICT,
    TicketStatus.FAILED,
    TicketStatus.PLANNED,
    TicketStatus.NOT_ATTEMPTED,
)
"""Which of several outcomes of one row is kept, if none or each of them has a ticket."""

_FROM_INPUT = tuple(name for name in CARRIED if name != "row")


def join_rows(
    requests: Iterable[TicketRequest],
    invalid: Iterable[Outcome],
    outcomes: Iterable[Outcome],
    reason_not_attempted: str,
) -> list[Outcome]:
    """
    Give every row of the input its outcome.

    Of several outcomes of one row, the one with a ticket is kept, so that no ticket is ever lost; then the first in
    :data:`PRECEDENCE`; then the later one. ``attempts`` is the largest of them, and ``duplicate_possible`` is true
    if it is for one of them.

    :param requests: of the valid rows.
    :param invalid: the other rows.
    :param reason_not_attempted: the error of a valid row without an outcome.
    :return: every row once, in row order.
    :raises ValueError: for an outcome that can't belong to the input, or a row that is twice in it.
    """
    inputs: dict[int, Outcome] = {}
    carried = ({name: getattr(request, name) for name in CARRIED} for request in requests)
    unknown = (Outcome(**cells, error=reason_not_attempted) for cells in carried)
    for row in (*unknown, *invalid):
        if row.row in inputs:
            raise ValueError(f"row {row.row} is twice in the manifest: run load_prospects again")
        inputs[row.row] = row
    results: dict[int, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        _check_belongs(outcome, inputs.get(outcome.row))
        results[outcome.row].append(outcome)
    return [_join(inputs[row], results[row]) for row in sorted(inputs)]


def _check_belongs(outcome: Outcome, row: Outcome | None) -> None:
    advice = "the manifest is of another CSV; clear load_prospects together with all that follows it"
    if row is None:
        raise ValueError(f"an outcome names row {outcome.row}, which is not in the manifest: {advice}")
    if outcome.organization_id and outcome.organization_id != row.organization_id:
        raise ValueError(
            f"the outcome of row {outcome.row} is of organization {outcome.organization_id!r}, "
            f"the manifest's row {outcome.row} is of {row.organization_id!r}: {advice}"
        )


def _join(row: Outcome, outcomes: Sequence[Outcome]) -> Outcome:
    best = min([row, *reversed(outcomes)], key=_rank)
    return replace(
        best,
        **{name: getattr(row, name) or getattr(best, name) for name in _FROM_INPUT},
        attempts=max((outcome.attempts for outcome in outcomes), default=0),
        duplicate_possible=any(outcome.duplicate_possible for outcome in outcomes),
    )


def _rank(row: Outcome) -> tuple[bool, bool, int]:
    return (not row.ticket_url, not row.ticket_id, PRECEDENCE.index(row.status))
