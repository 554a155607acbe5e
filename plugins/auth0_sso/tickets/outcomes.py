"""What became of each request, as the report's rows, and in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from auth0_sso.ledger.records import NO_ANSWER, Entry, EntryStatus, RunAttempt
from auth0_sso.models import (
    CARRIED,
    Outcome,
    Setup,
    SetupState,
    TicketRequest,
    TicketStatus,
    canonical_body,
    iso,
)

_LOST_ANSWER = "The task ended before the answer came: clear it, or run again."

_MAY_BE_REVOKED = (
    "The revocation of its earlier link was begun and is not confirmed, so that link may still work, and no new one "
    "exists: clear the task, or run again."
)
_DUPLICATE = (
    "Another link exists that nobody holds: Auth0's logs show one more than the ledger knows. It expires by itself. "
    "Mail only the link of this row."
)
_WITH_TICKET = (TicketStatus.CREATED, TicketStatus.REUSED)
_NOT_SENT = (TicketStatus.REUSED, TicketStatus.PLANNED)


def outcome_of(
    request: TicketRequest,
    status: TicketStatus,
    error: str = "",
    entry: Entry | None = None,
    *,
    duplicate_possible: bool = False,
) -> Outcome:
    """
    Return a request's row of the report, **the ticket's URL in it**.

    :param entry: what the ledger knows of its prospect.
    """
    ticket = None
    # An entry in flight has a ticket only if that could not be recorded.
    if entry and (status in _WITH_TICKET or entry.status == EntryStatus.IN_FLIGHT):
        ticket = entry.ticket
    return Outcome(
        **{name: getattr(request, name) for name in CARRIED},
        status=status,
        ticket_url=ticket.url if ticket else "",
        ticket_id=ticket.ticket_id if ticket else "",
        expires_at=iso(entry.expires_at) if entry and ticket else "",
        created_at=iso(entry.created_at) if entry and ticket else "",
        attempts=entry.attempts if entry and status not in _NOT_SENT else 0,
        duplicate_possible=duplicate_possible,
        error=error,
    )


def group_outcomes(
    requests: Sequence[TicketRequest], status: TicketStatus, error: str, entry: Entry | None, now: float
) -> Iterator[Outcome]:
    """Return the outcomes of requests that share a ticket: of the first, whose status it is, and of its repetitions."""
    first = requests[0]
    duplicate_possible = entry is not None and entry.may_be_duplicate(now)
    if entry is not None and entry.duplicate_confirmed and duplicate_possible:
        error = f"{_DUPLICATE} {error}".strip()
    yield outcome_of(first, status, error, entry, duplicate_possible=duplicate_possible)
    for request in requests[1:]:
        ignored = "" if _requested(request) == _requested(first) else " What differs from that row is not requested."
        repeats = f"Repeats row {first.row}: one prospect, one ticket.{ignored} {error}".strip()
        repeated = TicketStatus.REUSED if status == TicketStatus.CREATED else status
        yield outcome_of(request, repeated, repeats, entry, duplicate_possible=duplicate_possible)


def status_in_run(entry: Entry, attempt: RunAttempt) -> tuple[TicketStatus, str]:
    """Return the status and the error that a finished entry has in the report of a run."""
    if entry.status == EntryStatus.CREATED:
        return (TicketStatus.CREATED if attempt.owns(entry) else TicketStatus.REUSED), ""
    if attempt.left_without_link(entry):
        return TicketStatus.FAILED, error_without_link(entry, attempt, entry.error)
    if entry.status in (EntryStatus.REVOKED, EntryStatus.REVOKING):
        return TicketStatus.FAILED, (
            f"Its link was revoked by {entry.revoked_by}. If another one is wanted, clear this task or run again."
        )
    return TicketStatus(entry.status), entry.error


def conflict_of_setup(setup: Setup | None) -> str:
    """Return the error of a row whose connection exists and is not enabled, so that nothing was sent."""
    if setup is None:
        return ""
    needed = [] if setup.connection_id else ["read:connections"]
    needed += [] if setup.knows_enabled else ["read:organization_connections"]
    advice = (
        f"A link to finish it needs the scope {' and '.join(needed)}, with which follow_sso_setups finds out more."
        if needed
        else "For a link to finish it, run again with on_conflict=edit."
    )
    return f"{_exists(setup)}. Nothing was sent. {advice}"


def _exists(setup: Setup) -> str:
    if setup.state == SetupState.WAITING_FOR_DOMAIN:
        return f"waiting_for_domain since {iso(setup.waiting_since)}: no domain of the connection is verified"
    if not setup.knows_enabled:
        return "connected: the connection exists, and it is not known whether it is enabled"
    return "connected: the connection exists and is not enabled"


def error_of_kept_link(entry: Entry, setup: Setup | None, *, is_changed: bool, is_unwanted: bool) -> str:
    """
    Return the error of a row whose link stays; empty if it is the one that the row asks for.

    :param is_changed: whether the row has other data than that of the link; ``is_unwanted``: that, or the run is to
        replace links.
    """
    if is_unwanted and setup is not None and setup.is_connected:
        return "The connection exists, so no other link can be created in place of this one, which stays."
    if is_changed:
        return (
            f"This link was created by the later run {entry.run} from a row with other data, and stays. "
            "If this row's data count, trigger another run."
        )
    return ""


def status_left(entry: Entry, attempt: RunAttempt, reason: str) -> tuple[TicketStatus, str] | None:
    """
    Return the status and the error of a row whose request was begun in this run and never finished.

    The task that was ended decides it if it can still report, else the task that collects the results.

    :param reason: why no link was created, of a row whose earlier link was revoked.
    :return: None if nothing was begun, or all of it was finished.
    """
    if attempt.owns(entry) and entry.status in NO_ANSWER:
        return TicketStatus.FAILED, error_without_link(entry, attempt, entry.error or _LOST_ANSWER)
    if attempt.left_without_link(entry):
        return TicketStatus.FAILED, error_without_link(entry, attempt, reason)
    return None


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
