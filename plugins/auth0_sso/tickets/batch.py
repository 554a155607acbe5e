"""
The batch file that a mapped task works on.

A batch is a JSON document: ``{"label": str, "organizations": [{"organization_id", "organization_name",
"requests": [{"row", "source", "organization_id", "organization_name", "prospect_name", "prospect_email",
"connection_name", "profile_id", "custom_domain", "prospect", "body"}]}]}``. Whoever plans the run writes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

from airflow.sdk import ObjectStoragePath

from auth0_sso.exceptions import Auth0RunError
from auth0_sso.ledger.records import Entry, TicketSpec


@dataclass(frozen=True, kw_only=True)
class TicketRequest:
    """
    One prospect's request: what identifies it, what the report carries, and the request body.

    :param prospect: the prospect's stable identity in the organization: with it the ledger knows the request again.
    :param body: the body of ``POST /api/v2/self-service-profiles/{id}/sso-ticket``.
    :param profile_id: empty: the operator's, or the connection's.
    :param custom_domain: empty: the connection's.
    """

    organization_id: str
    body: dict[str, Any]
    organization_name: str = ""
    prospect: str = ""
    prospect_name: str = ""
    prospect_email: str = ""
    connection_name: str = ""
    profile_id: str = ""
    custom_domain: str = ""
    row: int = 0
    source: str = ""


@dataclass(frozen=True)
class Organization:
    """An organization and its requests, in row order."""

    organization_id: str
    organization_name: str
    requests: list[TicketRequest]


@dataclass(frozen=True)
class IssuedTicket:
    """
    A ticket that the ledger knows, named without its id, which would be as good as its URL.

    :param key: its prospect's key in the ledger.
    :param created_at: when it was made, UNIX seconds, as the ledger has it.
    """

    key: str
    created_at: float


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


def read_tickets(uri: str) -> list[IssuedTicket]:
    """
    Read a batch of tickets: ``{"label": str, "tickets": [{"key": str, "created_at": float}, …]}``.

    :param uri: path or URI of the JSON document.
    :raises Auth0RunError: if it isn't there or isn't one.
    """
    return [IssuedTicket(ticket["key"], ticket["created_at"]) for ticket in _read(uri, "tickets")]


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


@dataclass(frozen=True)
class Prospect:
    """
    The rows of a prospect, which share a ticket.

    :param rows: each with what it would ask for, which may differ; the first is the one that is asked for.
    """

    rows: list[tuple[TicketRequest, TicketSpec]]

    @property
    def spec(self) -> TicketSpec:
        """What is asked for."""
        return self.rows[0][1]

    @property
    def requests(self) -> list[TicketRequest]:
        """The rows alone."""
        return [request for request, _ in self.rows]

    def as_asked_before(self, entry: Entry | None, now: float) -> Prospect:
        """
        Return the prospect with that row first from which its ticket that lives was made.

        Otherwise rows that come in another order would replace it.

        :param entry: what the ledger knows of it, if anything.
        :param now: UNIX seconds.
        """
        if entry is None or not entry.is_live(now):
            return self
        return Prospect(sorted(self.rows, key=lambda row: row[1].fingerprint != entry.fingerprint))


def prospects_of(requests: Iterable[TicketRequest], ask_for: Callable[[TicketRequest], TicketSpec]) -> list[Prospect]:
    """
    Divide rows among their prospects, in the order of the first rows.

    :param requests: the rows.
    :param ask_for: tells what a row asks for.
    """
    by_key: dict[str, Prospect] = {}
    for request in requests:
        spec = ask_for(request)
        by_key.setdefault(spec.key, Prospect([])).rows.append((request, spec))
    return list(by_key.values())
