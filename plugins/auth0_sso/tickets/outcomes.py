"""What became of each request: the report's columns, as the tasks push them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from auth0_sso.ledger.records import NO_ANSWER, Entry, EntryStatus, OutcomeStatus, RunAttempt
from auth0_sso.models import TicketRequest, canonical_body

LOST_ANSWER = "The task ended before the answer came: clear it, or run again."

_CARRIED = ("organization_id", "organization_name", "prospect_name", "prospect_email", "connection_name")
_MOST_NAMED, _MOST_ERRORS = 20, 5
_MAY_BE_REVOKED = (
    "The revocation of its earlier link was begun and is not confirmed, so that link may still work, and no new one "
    "exists: clear the task, or run again."
)
_WITH_TICKET = (OutcomeStatus.CREATED, OutcomeStatus.REUSED)
_NOT_SENT = (OutcomeStatus.REUSED, OutcomeStatus.PLANNED)


@dataclass(frozen=True)
class Outcome:
    """What became of a request; ``entry`` is what the ledger knows of its prospect."""

    request: TicketRequest
    status: OutcomeStatus
    error: str = ""
    entry: Entry | None = None
    duplicate_possible: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the report's columns, **the ticket's URL among them**; times are ISO 8601 in UTC."""
        entry, ticket = self.entry, None
        # An entry in flight has a ticket only if that could not be recorded.
        if entry and (self.status in _WITH_TICKET or entry.status == EntryStatus.IN_FLIGHT):
            ticket = entry.ticket
        return {
            "row": self.request.row,
            **{name: getattr(self.request, name) for name in _CARRIED},
            "status": self.status.value,
            "ticket_url": ticket.url if ticket else "",
            "ticket_id": ticket.ticket_id if ticket else "",
            "expires_at": iso(entry.expires_at) if entry and ticket else "",
            "created_at": iso(entry.created_at) if entry and ticket else "",
            "attempts": entry.attempts if entry and self.status not in _NOT_SENT else 0,
            "duplicate_possible": self.duplicate_possible,
            "error": self.error,
            "source": self.request.source,
        }


def group_outcomes(
    requests: Sequence[TicketRequest], status: OutcomeStatus, error: str, entry: Entry | None, now: float
) -> Iterator[Outcome]:
    """Return the outcomes of requests that share a ticket: of the first, whose status it is, and of its repetitions."""
    first = requests[0]
    duplicate_possible = entry is not None and entry.may_be_duplicate(now)
    yield Outcome(first, status, error, entry, duplicate_possible)
    for request in requests[1:]:
        ignored = "" if _requested(request) == _requested(first) else " What differs from that row is not requested."
        repeats = f"Repeats row {first.row}: one prospect, one ticket.{ignored} {error}".strip()
        repeated = OutcomeStatus.REUSED if status == OutcomeStatus.CREATED else status
        yield Outcome(request, repeated, repeats, entry, duplicate_possible)


def status_in_run(entry: Entry, attempt: RunAttempt) -> tuple[OutcomeStatus, str]:
    """Return the status and the error that a finished entry has in the report of a run."""
    if entry.status == EntryStatus.CREATED:
        return (OutcomeStatus.CREATED if attempt.owns(entry) else OutcomeStatus.REUSED), ""
    if attempt.left_without_link(entry):
        return OutcomeStatus.FAILED, error_without_link(entry, attempt, entry.error)
    if entry.status in (EntryStatus.REVOKED, EntryStatus.REVOKING):
        return OutcomeStatus.FAILED, (
            f"Its link was revoked by {entry.revoked_by}. If another one is wanted, clear this task or run again."
        )
    return OutcomeStatus(entry.status), entry.error


def error_without_link(entry: Entry | None, attempt: RunAttempt, error: str) -> str:
    """Return the error of a row, which says so if its link was revoked, or may be, and no new one is there."""
    if entry is None or not attempt.left_without_link(entry):
        return error
    if entry.status == EntryStatus.REVOKING:
        return f"{_MAY_BE_REVOKED} {error}".strip()
    if entry.status in NO_ANSWER:
        return f"Its earlier link was revoked. {error}".strip()
    return f"Its earlier link was revoked, no new one exists: clear the task, or run again. {error}".strip()


def error_of_connection(error: str) -> str:
    """Return the error of a row for which another prospect's link was revoked, and which has none itself."""
    return f"Another prospect's link for this connection was revoked first, and no new one exists. {error}".strip()


def _requested(request: TicketRequest) -> tuple[dict[str, Any], str]:
    return canonical_body(request.body), request.custom_domain.lower()


def name_some(names: Sequence[object], noun: str) -> str:
    """Return the first of what is counted, such as `` (rows 2, 5)``; nothing for none of them."""
    if not names:
        return ""
    more = ", …" if len(names) > _MOST_NAMED else ""
    return f" ({noun}{'s' if len(names) > 1 else ''} {', '.join(map(str, names[:_MOST_NAMED]))}{more})"


def first_errors(errors: Sequence[str]) -> str:
    """Return the first errors of many in one line."""
    return " | ".join(errors[:_MOST_ERRORS])


def iso(seconds: float | None) -> str:
    """Return UNIX seconds as ISO 8601 in UTC, to the second."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
