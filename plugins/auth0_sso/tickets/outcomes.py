"""What became of each row: the report's columns, as the tasks push them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from auth0_sso.ledger.records import Entry, EntryStatus, RunAttempt, TicketSpec
from auth0_sso.tickets.batch import TicketRequest

_CARRIED = {
    "row",
    "organization_id",
    "organization_name",
    "prospect_name",
    "prospect_email",
    "connection_name",
    "source",
}


@dataclass(frozen=True)
class Outcome:
    """
    What became of a row, with the report's columns; times are ISO 8601 in UTC.

    ``status`` is ``created``, ``reused``, ``planned``, ``conflict``, ``failed`` or ``not_attempted``.
    """

    row: int
    organization_id: str
    organization_name: str
    prospect_name: str
    prospect_email: str
    connection_name: str
    status: str
    ticket_url: str = ""
    ticket_id: str = ""
    expires_at: str = ""
    created_at: str = ""
    attempts: int = 0
    duplicate_possible: bool = False
    error: str = ""
    source: str = ""

    def __repr__(self) -> str:  # a ticket's URL opens it, so it is never shown by chance
        return f"Outcome(row={self.row}, status={self.status!r})"

    def as_dict(self) -> dict[str, Any]:
        """Return the report's columns, the URL among them."""
        return asdict(self)


def outcome(
    request: TicketRequest, status: str, *, error: str = "", entry: Entry | None = None, now: float = 0
) -> Outcome:
    """
    Put together a row's outcome.

    :param request: the row.
    :param status: its state.
    :param error: what went wrong, if something did.
    :param entry: what the ledger knows of it.
    :param now: the ledger's UNIX time, to tell whether an unseen ticket may still live.
    """
    carried = {field.name: getattr(request, field.name) for field in fields(request) if field.name in _CARRIED}
    # An intent has a ticket only if that could not be recorded.
    ticket = (
        entry.ticket if entry and (status in ("created", "reused") or entry.status == EntryStatus.IN_FLIGHT) else None
    )
    return Outcome(
        **carried,
        status=status,
        ticket_url=ticket.url if ticket else "",
        ticket_id=ticket.ticket_id if ticket else "",
        expires_at=iso(entry.expires_at) if entry and ticket else "",
        created_at=iso(entry.created_at) if entry and ticket else "",
        attempts=entry.attempts if entry and status not in ("reused", "planned") else 0,
        duplicate_possible=bool(entry and entry.may_be_duplicate(now)),
        error=error,
    )


def outcomes_of(
    requests: Sequence[TicketRequest],
    spec: TicketSpec,
    entry: Entry | None,
    *,
    planned: bool,
    attempt: RunAttempt,
    now: float,
) -> Iterator[Outcome]:
    """
    Return the outcomes of the rows of one settled prospect, which share its ticket.

    :param requests: the rows; the first is the one that is asked for.
    :param spec: what is asked.
    :param entry: what the ledger knows of the prospect.
    :param planned: whether its request is only planned.
    :param attempt: the run; a ticket of another one is ``reused``.
    :param now: the ledger's UNIX time.
    """
    if planned or entry is None:
        status, error = "planned", ""
    else:
        status, error = reported(entry, attempt)
    if status == "reused" and entry is not None and entry.fingerprint != spec.fingerprint:
        error = (
            f"This link was made by the later run {entry.run} from a row with other data, and stays. "
            "If this row's data count, trigger another run."
        )
    yield from shared(requests, status, error, entry, now=now)


def reported(entry: Entry, attempt: RunAttempt) -> tuple[str, str]:
    """Return the status and the error with which a settled entry stands in the report of a run."""
    if entry.status == EntryStatus.CREATED:
        return ("created" if attempt.owns(entry) else "reused"), ""
    if entry.status in (EntryStatus.REVOKED, EntryStatus.REVOKING):
        return "failed", (
            f"Its link was revoked by {entry.revoked_by}. If another one is wanted, clear this task or run again."
        )
    return entry.status, entry.error


def shared(
    requests: Sequence[TicketRequest], status: str, error: str, entry: Entry | None, *, now: float
) -> Iterator[Outcome]:
    """
    Return the outcomes of rows that are one prospect's: the first row's, and those of the rows that repeat it.

    :param requests: the rows.
    :param status: the first one's.
    :param error: the first one's, or empty.
    :param entry: what the ledger knows of the prospect.
    :param now: the ledger's UNIX time.
    """
    first = requests[0]
    yield outcome(first, status, error=error, entry=entry, now=now)
    for request in requests[1:]:
        same = request.body == first.body and request.custom_domain == first.custom_domain
        ignored = "" if same else " What differs from that row is not asked for."
        repeats = f"Repeats row {first.row}: one prospect, one ticket.{ignored} {error}".strip()
        yield outcome(request, "reused" if status == "created" else status, error=repeats, entry=entry, now=now)


def iso(seconds: float | None) -> str:
    """Return UNIX seconds as ISO 8601 in UTC, to the second."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
