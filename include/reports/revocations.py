"""The rows of the revocation report: every selected ticket, and whether it was revoked."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class RevocationStatus(StrEnum):
    """The outcome of a selected ticket; one that is ``replaced`` or ``expired`` needs no request."""

    REVOKED = "revoked"
    REPLACED = "replaced"
    PLANNED = "planned"
    FAILED = "failed"
    NOT_ATTEMPTED = "not_attempted"
    EXPIRED = "expired"


REVOCATION_STATUSES: tuple[str, ...] = tuple(RevocationStatus)


@dataclass(frozen=True)
class RevocationRow:
    """
    One row of ``revocations.csv``; the fields are its columns, in order, and the times ISO 8601 in UTC.

    :param ticket_id: of a revoked ticket; empty for one that may still be valid, since its id is as secret as its link.
    :param revoked_by: ``dag_id/run_id`` of the run that revoked it, this one or an earlier one.
    """

    organization_id: str = ""
    organization_name: str = ""
    prospect: str = ""
    connection_name: str = ""
    status: RevocationStatus = RevocationStatus.NOT_ATTEMPTED
    ticket_id: str = field(default="", repr=False)
    created_at: str = ""
    expires_at: str = ""
    revoked_at: str = ""
    revoked_by: str = ""
    error: str = ""

    @property
    def is_incomplete(self) -> bool:
        """Whether the ticket may still be valid, which makes the run fail."""
        return self.status in (RevocationStatus.FAILED, RevocationStatus.NOT_ATTEMPTED)

    needs_work = is_incomplete


REVOCATION_COLUMNS = tuple(column.name for column in fields(RevocationRow))


def revocation_rows(mappings: Iterable[Mapping[str, Any]]) -> list[RevocationRow]:
    """Read the tasks' outcomes, in their order; an unknown status raises ValueError."""
    rows = []
    for number, mapping in enumerate(mappings, start=1):
        cells: dict[str, Any] = {
            name: str(mapping[name]) for name in REVOCATION_COLUMNS if mapping.get(name) is not None
        }
        if cells.get("status") not in REVOCATION_STATUSES:
            known = ", ".join(REVOCATION_STATUSES)
            raise ValueError(f"revocation {number}: status {cells.get('status')!r} is none of {known}")
        rows.append(RevocationRow(**{**cells, "status": RevocationStatus(cells["status"])}))
    return rows
