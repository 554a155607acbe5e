"""The rows of the ticket report: every row of the CSV exactly once, with its outcome."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class RowStatus(StrEnum):
    """The outcome of a row of the CSV."""

    CREATED = "created"
    REUSED = "reused"
    PLANNED = "planned"
    CONFLICT = "conflict"
    FAILED = "failed"
    INVALID = "invalid"
    NOT_ATTEMPTED = "not_attempted"


STATUSES: tuple[str, ...] = tuple(RowStatus)

PRECEDENCE = (
    RowStatus.CREATED,
    RowStatus.REUSED,
    RowStatus.INVALID,
    RowStatus.CONFLICT,
    RowStatus.FAILED,
    RowStatus.PLANNED,
    RowStatus.NOT_ATTEMPTED,
)
"""Which of several outcomes of one row is kept, if none or each of them has a ticket."""

_CARRIED = ("organization_id", "organization_name", "prospect_name", "prospect_email", "connection_name", "source")


@dataclass(frozen=True, slots=True)
class ReportRow:
    """
    One row of ``tickets.csv``; the fields are its columns, in order, and the times ISO 8601 in UTC.

    :param row: number of the data row, from 1, over all files.
    :param ticket_id: the link's ``ticket`` parameter, as secret as ``ticket_url`` itself.
    :param attempts: number of requests to Auth0.
    :param duplicate_possible: a response was lost, so that a second ticket may exist.
    """

    row: int
    organization_id: str = ""
    organization_name: str = ""
    prospect_name: str = ""
    prospect_email: str = ""
    connection_name: str = ""
    status: RowStatus = RowStatus.NOT_ATTEMPTED
    ticket_url: str = field(default="", repr=False)
    ticket_id: str = field(default="", repr=False)
    expires_at: str = ""
    created_at: str = ""
    attempts: int = 0
    duplicate_possible: bool = False
    error: str = ""
    source: str = ""

    @property
    def is_incomplete(self) -> bool:
        """Whether the row makes its run fail."""
        return self.status in (RowStatus.FAILED, RowStatus.NOT_ATTEMPTED)

    @property
    def needs_work(self) -> bool:
        """Whether a person has to do something about the row."""
        unserved = self.is_incomplete or self.status in (RowStatus.CONFLICT, RowStatus.INVALID)
        return unserved or self.duplicate_possible


COLUMNS = tuple(column.name for column in fields(ReportRow))


def join_rows(
    manifest_rows: Iterable[Mapping[str, Any]],
    outcomes: Iterable[Mapping[str, Any]],
    reason_not_attempted: str,
) -> list[ReportRow]:
    """
    Give every row of the manifest its outcome.

    Of several outcomes of one row, the one with a ticket is kept, so that no ticket is ever lost; then the first in
    :data:`PRECEDENCE`; then the later one. ``attempts`` is the largest of them, and ``duplicate_possible`` is true
    if it is for one of them.

    :param manifest_rows: see :func:`include.prospects.read_rows`; an invalid row has an ``error``.
    :param outcomes: mappings with the report's columns; other keys are ignored.
    :param reason_not_attempted: the error of a valid row without an outcome.
    :return: every manifest row once, in row order.
    :raises ValueError: for an outcome that can't belong to the manifest, a row that is twice in it, or an unknown
        status.
    """
    inputs: dict[int, ReportRow] = {}
    for mapping in manifest_rows:
        status = RowStatus.INVALID if mapping.get("error") else RowStatus.NOT_ATTEMPTED
        row = _report_row({**mapping, "status": status})
        if row.row in inputs:
            raise ValueError(f"row {row.row} is twice in the manifest: run load_prospects again")
        inputs[row.row] = row
    results: dict[int, list[ReportRow]] = defaultdict(list)
    for outcome in outcomes:
        result = _report_row(outcome)
        _check_belongs(result, inputs.get(result.row))
        results[result.row].append(result)
    return [_join(inputs[row], results[row], reason_not_attempted) for row in sorted(inputs)]


def _report_row(mapping: Mapping[str, Any]) -> ReportRow:
    cells: dict[str, Any] = {name: str(mapping[name]) for name in COLUMNS if mapping.get(name) is not None}
    row = int(cells.get("row", 0))
    if cells.get("status") not in STATUSES:
        raise ValueError(f"row {row}: status {cells.get('status')!r} is none of {', '.join(STATUSES)}")
    typed = {
        "row": row,
        "status": RowStatus(cells["status"]),
        "attempts": int(cells.get("attempts", 0)),
        "duplicate_possible": cells.get("duplicate_possible", "").lower() == "true",
    }
    return ReportRow(**{**cells, **typed})


def _check_belongs(result: ReportRow, row: ReportRow | None) -> None:
    advice = "the manifest is of another CSV; clear load_prospects together with all that follows it"
    if row is None:
        raise ValueError(f"an outcome names row {result.row}, which is not in the manifest: {advice}")
    if result.organization_id and result.organization_id != row.organization_id:
        raise ValueError(
            f"the outcome of row {result.row} is of organization {result.organization_id!r}, "
            f"the manifest's row {result.row} is of {row.organization_id!r}: {advice}"
        )


def _join(row: ReportRow, results: Sequence[ReportRow], reason_not_attempted: str) -> ReportRow:
    best = min([row, *reversed(results)], key=_rank)
    if best is row and row.status == RowStatus.NOT_ATTEMPTED:
        best = replace(row, error=reason_not_attempted)
    return replace(
        best,
        **{name: getattr(row, name) or getattr(best, name) for name in _CARRIED},
        attempts=max((result.attempts for result in results), default=0),
        duplicate_possible=any(result.duplicate_possible for result in results),
    )


def _rank(row: ReportRow) -> tuple[bool, bool, int]:
    return (not row.ticket_url, not row.ticket_id, PRECEDENCE.index(row.status))
