"""What became of each request for a ticket, and of each ticket that was to be revoked: the rows of the reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Self, TypeVar

from auth0_sso.models.request import InputRow

_Status = TypeVar("_Status", bound=StrEnum)


class TicketStatus(StrEnum):
    """What became of a row of the CSV."""

    CREATED = "created"
    REUSED = "reused"
    PLANNED = "planned"
    CONFLICT = "conflict"
    FINISHED = "finished"  # its single sign-on is enabled: nothing was sent
    FAILED = "failed"
    INVALID = "invalid"
    NOT_ATTEMPTED = "not_attempted"


class RevocationStatus(StrEnum):
    """What became of a ticket that a run was to revoke; one that is ``replaced`` or ``expired`` needs no request."""

    REVOKED = "revoked"
    REPLACED = "replaced"  # its prospect has a newer ticket, which is valid
    PLANNED = "planned"
    FAILED = "failed"
    NOT_ATTEMPTED = "not_attempted"
    EXPIRED = "expired"


INCOMPLETE = frozenset(("failed", "not_attempted"))
"""The statuses, of both kinds, that make a run fail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome(InputRow):
    """
    What became of a row; the fields are the columns of ``tickets.csv``, and the times ISO 8601 in UTC.

    :param ticket_id: the link's ``ticket`` parameter, as secret as ``ticket_url`` itself.
    :param attempts: number of requests to Auth0.
    :param duplicate_possible: an answer was lost, or an older link may still work, so there may be a second ticket.
    """

    status: TicketStatus = TicketStatus.NOT_ATTEMPTED
    ticket_url: str = field(default="", repr=False)
    ticket_id: str = field(default="", repr=False)
    expires_at: str = ""
    created_at: str = ""
    attempts: int = 0
    duplicate_possible: bool = False
    error: str = ""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """
        Return the outcome that :meth:`as_dict` has made a mapping of, or a person: what has no column is left out.

        :raises ValueError: if the status is unknown, or a number is none; the message names the row.
        """
        cells: dict[str, Any] = {name: str(values[name]) for name in COLUMNS if values.get(name) is not None}
        row = int(cells.get("row", 0))
        typed = {
            "row": row,
            "organization_id": cells.get("organization_id", ""),
            "status": _known(TicketStatus, cells.get("status", TicketStatus.NOT_ATTEMPTED), f"row {row}"),
            "attempts": int(cells.get("attempts", 0)),
            "duplicate_possible": cells.get("duplicate_possible", "").lower() == "true",
        }
        return cls(**{**cells, **typed})

    def as_dict(self) -> dict[str, Any]:
        """Return the columns as JSON can hold them, **the ticket's URL among them**."""
        return {**{name: getattr(self, name) for name in COLUMNS}, "status": self.status.value}

    @property
    def is_incomplete(self) -> bool:
        """Whether the row makes its run fail."""
        return self.status in INCOMPLETE

    @property
    def needs_work(self) -> bool:
        """Whether a person has to do something about the row."""
        unserved = self.is_incomplete or self.status in (TicketStatus.CONFLICT, TicketStatus.INVALID)
        return unserved or self.duplicate_possible


COLUMNS = tuple(sorted((column.name for column in fields(Outcome)), key=lambda name: name == "source"))
"""The columns of ``tickets.csv``, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RevocationOutcome:
    """
    What became of a ticket that was to be revoked; times are ISO 8601 in UTC.

    :param key: of its prospect in the ledger, which identifies the ticket with ``issued``, when it was created in UNIX
        seconds; empty for a ticket that the ledger doesn't know.
    :param prospect: the person.
    :param ticket_id: of a revoked ticket; empty for one that may still be valid, since its id is as secret as its link.
    :param revoked_by: ``dag_id/run_id`` of the run that revoked it, this one or an earlier one.
    """

    key: str = ""
    issued: float = 0.0
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

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the outcome that :meth:`as_dict` has made a mapping of; ValueError if the status is unknown."""
        cells: dict[str, Any] = {
            name: str(values[name]) for name in ("key", *REVOCATION_COLUMNS) if values.get(name) is not None
        }
        organization = cells.get("organization_id", "")
        status = cells.get("status", RevocationStatus.NOT_ATTEMPTED)
        typed = {
            "status": _known(RevocationStatus, status, f"a link of organization {organization}"),
            "issued": float(values.get("issued") or 0.0),
        }
        return cls(**{**cells, **typed})

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {**asdict(self), "status": self.status.value}

    @property
    def is_incomplete(self) -> bool:
        """Whether the ticket may still be valid, which makes the run fail."""
        return self.status in INCOMPLETE

    needs_work = is_incomplete


REVOCATION_COLUMNS = tuple(column.name for column in fields(RevocationOutcome) if column.name not in ("key", "issued"))
"""The columns of ``revocations.csv``, in order."""


def _known(statuses: type[_Status], given: str, what: str) -> _Status:
    try:
        return statuses(given)
    except ValueError:
        raise ValueError(f"{what}: status {given!r} is none of {', '.join(statuses)}") from None
