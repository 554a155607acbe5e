"""The rows of the ticket report: every row of the CSV exactly once, with what became of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

STATUSES = ("created", "reused", "planned", "conflict", "failed", "invalid", "not_attempted")

PRECEDENCE = ("created", "reused", "invalid", "conflict", "failed", "planned", "not_attempted")
"""Which of several outcomes of one row is kept when none, or each, of them knows a ticket."""


@dataclass(frozen=True)
class ReportRow:
    """One row of ``tickets.csv``; the fields are its columns, in order.

    :param row: data row of the input, from 1, over all files.
    :param status: one of :data:`STATUSES`.
    :param ticket_url: the link to mail, a bearer credential; empty when there is none.
    :param ticket_id: the link's ``ticket`` parameter, as good as the link itself.
    :param expires_at: ISO 8601 in UTC, or empty; so is ``created_at``.
    :param attempts: how often Auth0 was asked.
    :param duplicate_possible: an answer was lost, so that a second ticket may exist.
    """

    row: int
    organization_id: str = ""
    organization_name: str = ""
    prospect_name: str = ""
    prospect_email: str = ""
    connection_name: str = ""
    status: str = "not_attempted"
    ticket_url: str = field(default="", repr=False)
    ticket_id: str = field(default="", repr=False)
    expires_at: str = ""
    created_at: str = ""
    attempts: int = 0
    duplicate_possible: bool = False
    error: str = ""
    source: str = ""

    @property
    def needs_work(self) -> bool:
        """Whether somebody has to do something before this prospect is served."""
        return self.status in ("conflict", "failed", "invalid", "not_attempted") or self.duplicate_possible


COLUMNS = tuple(column.name for column in fields(ReportRow))


def join_rows(
    manifest_rows: Iterable[Mapping[str, Any]],
    outcomes: Iterable[Mapping[str, Any]],
    reason_not_attempted: str,
) -> list[ReportRow]:
    """Give every row of the manifest its outcome.

    Of several outcomes of one row, the one that knows a ticket is kept, so that no ticket is ever lost; then
    the first in :data:`PRECEDENCE`; then the later one. Attempts are the most that any of them counted, and
    one that suspects a duplicate is enough.

    :param manifest_rows: one mapping a CSV row: ``row``, ``source``, ``organization_id``,
        ``organization_name``, ``prospect_name``, ``prospect_email``, ``connection_name`` and ``error``, which
        is not empty for an invalid row.
    :param outcomes: mappings with the report's columns; other keys are ignored.
    :param reason_not_attempted: the error of a valid row that has no outcome.
    :return: every manifest row once, in row order.
    :raises ValueError: for an outcome that can't belong to the manifest (unknown row, or another
        organization), a row that stands twice in the manifest, or an unknown status.
    """
    inputs = _by_row(manifest_rows)
    results: dict[int, list[ReportRow]] = defaultdict(list)
    for outcome in outcomes:
        result = _report_row(outcome)
        _check_belongs(result, inputs.get(result.row))
        results[result.row].append(result)
    return [_join(inputs[row], results[row], reason_not_attempted) for row in sorted(inputs)]


def _by_row(manifest_rows: Iterable[Mapping[str, Any]]) -> dict[int, ReportRow]:
    inputs: dict[int, ReportRow] = {}
    for mapping in manifest_rows:
        status = "invalid" if mapping.get("error") else "not_attempted"
        row = _report_row({**mapping, "status": status})
        if row.row in inputs:
            raise ValueError(f"row {row.row} stands twice in the manifest: run load_prospects again")
        inputs[row.row] = row
    return inputs


def _report_row(mapping: Mapping[str, Any]) -> ReportRow:
    texts = {name: str(mapping[name]) for name in COLUMNS if mapping.get(name) is not None}
    row = int(texts.pop("row", 0))
    attempts = int(texts.pop("attempts", 0))
    duplicate_possible = texts.pop("duplicate_possible", "").lower() == "true"
    if texts.get("status") not in STATUSES:
        raise ValueError(f"row {row}: status {texts.get('status')!r} is none of {', '.join(STATUSES)}")
    return ReportRow(row=row, attempts=attempts, duplicate_possible=duplicate_possible, **texts)


def _check_belongs(result: ReportRow, asked: ReportRow | None) -> None:
    advice = "the manifest is of another CSV; clear load_prospects together with all that follows it"
    if asked is None:
        raise ValueError(f"an outcome names row {result.row}, which is not in the manifest: {advice}")
    if result.organization_id and result.organization_id != asked.organization_id:
        raise ValueError(
            f"the outcome of row {result.row} is of organization {result.organization_id!r}, "
            f"the manifest's row {result.row} is of {asked.organization_id!r}: {advice}"
        )


def _join(asked: ReportRow, results: Sequence[ReportRow], reason_not_attempted: str) -> ReportRow:
    best = min([asked, *reversed(results)], key=_rank)
    unasked = best is asked and asked.status == "not_attempted"
    return ReportRow(
        row=asked.row,
        organization_id=asked.organization_id,
        organization_name=asked.organization_name or best.organization_name,
        prospect_name=asked.prospect_name or best.prospect_name,
        prospect_email=asked.prospect_email or best.prospect_email,
        connection_name=asked.connection_name or best.connection_name,
        status=best.status,
        ticket_url=best.ticket_url,
        ticket_id=best.ticket_id,
        expires_at=best.expires_at,
        created_at=best.created_at,
        attempts=max((result.attempts for result in results), default=0),
        duplicate_possible=any(result.duplicate_possible for result in results),
        error=reason_not_attempted if unasked else best.error,
        source=asked.source or best.source,
    )


def _rank(row: ReportRow) -> tuple[bool, bool, int]:
    return (not row.ticket_url, not row.ticket_id, PRECEDENCE.index(row.status))
