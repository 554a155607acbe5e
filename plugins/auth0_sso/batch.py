"""
The batch file that a mapped task works on, and the outcome of each of its rows.

A batch is a JSON document: ``{"label": str, "organizations": [{"organization_id", "organization_name",
"requests": [{"row", "source", "organization_id", "organization_name", "prospect_name", "prospect_email",
"connection_name", "profile_id", "custom_domain", "prospect", "body"}]}]}``. Whoever plans the run writes it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from typing import Any

from airflow.sdk import ObjectStoragePath

from auth0_sso.errors import Auth0RunError
from auth0_sso.records import Entry


@dataclass(frozen=True)
class TicketRequest:
    """One prospect's row: what identifies it, what the report carries, and the request body."""

    row: int
    organization_id: str
    organization_name: str
    prospect_name: str
    prospect_email: str
    connection_name: str
    prospect: str
    body: dict[str, Any]
    profile_id: str = ""
    custom_domain: str = ""
    source: str = ""


@dataclass(frozen=True)
class Organization:
    """An organization and its requests, in row order."""

    organization_id: str
    organization_name: str
    requests: list[TicketRequest]


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


def read_batch(uri: str) -> list[Organization]:
    """
    Read a batch.

    :param uri: path or URI of the JSON document.
    :raises Auth0RunError: if it isn't there or isn't one.
    """
    return [
        Organization(
            organization["organization_id"],
            organization["organization_name"],
            [_request(request) for request in organization["requests"]],
        )
        for organization in _read(uri, "organizations")
    ]


def read_keys(uri: str) -> list[str]:
    """
    Read a batch of ledger keys: ``{"label": str, "keys": [str, …]}``.

    :param uri: path or URI of the JSON document.
    :raises Auth0RunError: if it isn't there or isn't one.
    """
    return _read(uri, "keys")


def outcome(
    request: TicketRequest, status: str, *, error: str = "", entry: Entry | None = None, now: float = 0
) -> Outcome:
    """
    Put together a row's outcome.

    :param request: the row.
    :param status: its state.
    :param error: what went wrong, if something did.
    :param entry: what the ledger knows of it.
    :param now: UNIX seconds, to tell whether an unseen ticket may still live.
    """
    carried = {field.name: getattr(request, field.name) for field in fields(request) if field.name in _CARRIED}
    ticket = entry.ticket if entry and status in ("created", "reused") else None
    return Outcome(
        **carried,
        status=status,
        ticket_url=ticket.url if ticket else "",
        ticket_id=ticket.ticket_id if ticket else "",
        expires_at=iso(entry.expires_at) if entry and ticket else "",
        created_at=iso(entry.created_at) if entry and ticket else "",
        attempts=entry.attempts if entry and status not in ("reused", "planned") else 0,
        duplicate_possible=bool(entry and entry.may_be_double(now)),
        error=error,
    )


def iso(seconds: float | None) -> str:
    """Return UNIX seconds as ISO 8601 in UTC, to the second."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, tz=timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


_CARRIED = {
    "row",
    "organization_id",
    "organization_name",
    "prospect_name",
    "prospect_email",
    "connection_name",
    "source",
}


def _request(fields_: dict[str, Any]) -> TicketRequest:
    return TicketRequest(
        **{field.name: fields_[field.name] for field in fields(TicketRequest) if field.name in fields_}
    )


def _read(uri: str, name: str) -> list[Any]:
    try:
        return list(json.loads(ObjectStoragePath(uri).read_text(encoding="utf-8"))[name])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Auth0RunError(
            f"The batch {uri} can't be read: {type(error).__name__}: {error}.",
            advice="Clear the task that plans the run, which writes it; all workers must reach the run's folder.",
        ) from None
