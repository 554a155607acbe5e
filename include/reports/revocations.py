"""The rows of the revocation report: every ticket that was to be revoked, and whether it was."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

REVOCATION_STATUSES = ("revoked", "replaced", "planned", "failed", "not_attempted", "expired")


@dataclass(frozen=True)
class RevocationRow:
    """One row of ``revocations.csv``; the fields are its columns, in order.

    :param status: one of :data:`REVOCATION_STATUSES`; ``expired`` tickets need no call, nor do ``replaced`` ones,
        whose prospect has a newer link by now, which is left alone.
    :param ticket_id: of a ticket that was revoked; that of one that may work would be as good as its link, so it
        stays empty.
    :param created_at: ISO 8601 in UTC, or empty; so are ``expires_at`` and ``revoked_at``.
    :param revoked_by: ``dag_id/run_id`` of the run that revoked it, this one or an earlier one.
    """

    organization_id: str = ""
    organization_name: str = ""
    prospect: str = ""
    connection_name: str = ""
    status: str = "not_attempted"
    ticket_id: str = field(default="", repr=False)
    created_at: str = ""
    expires_at: str = ""
    revoked_at: str = ""
    revoked_by: str = ""
    error: str = ""

    @property
    def needs_work(self) -> bool:
        """Whether the ticket may still work although it shouldn't."""
        return self.status in ("failed", "not_attempted")


REVOCATION_COLUMNS = tuple(column.name for column in fields(RevocationRow))


def revocation_rows(mappings: Iterable[Mapping[str, Any]]) -> list[RevocationRow]:
    """Read the tasks' outcomes, in their order; other keys are ignored.

    :raises ValueError: for a status that is none of :data:`REVOCATION_STATUSES`.
    """
    rows = []
    for number, mapping in enumerate(mappings, start=1):
        texts = {name: str(mapping[name]) for name in REVOCATION_COLUMNS if mapping.get(name) is not None}
        if texts.get("status") not in REVOCATION_STATUSES:
            known = ", ".join(REVOCATION_STATUSES)
            raise ValueError(f"revocation {number}: status {texts.get('status')!r} is none of {known}")
        rows.append(RevocationRow(**texts))
    return rows
