"""A request for a ticket, and what of it is compared with another one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from unicodedata import normalize


@dataclass(frozen=True, kw_only=True, slots=True)
class InputRow:
    """
    What is carried of each row from the CSV to the report; a text that the row doesn't have is empty.

    :param row: number of the data row, from 1, over all files.
    :param source: name of the file.
    :param connection_name: of the connection to set up; empty for a ticket that edits one.
    """

    row: int = 0
    organization_id: str = ""
    organization_name: str = ""
    prospect_name: str = ""
    prospect_email: str = ""
    connection_name: str = ""
    source: str = ""


CARRIED = tuple(field.name for field in fields(InputRow))


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketRequest(InputRow):
    """
    One prospect's request for a ticket: what identifies it, what the report carries, and the request body.

    :param body: that of ``POST /api/v2/self-service-profiles/{id}/sso-ticket``.
    :param prospect: the prospect's stable identity in the organization, by which the ledger recognizes the request.
    :param profile_id: the self-service profile; empty: the run's or the connection's.
    :param custom_domain: for the ``auth0-custom-domain`` header; empty: the connection's.
    :param language: of a mail to the prospect, a tag such as ``de`` or ``pt-BR``; empty: the default.
    """

    organization_id: str
    body: dict[str, Any]
    prospect: str = ""
    profile_id: str = ""
    custom_domain: str = ""
    language: str = ""

    @property
    def connection(self) -> str:
        """The name of the connection that the ticket sets up, or the id of the one that it edits."""
        return self.connection_name or str(self.body.get("connection_id") or "")


@dataclass(slots=True)
class Organization:
    """An organization, with the first name that its rows give, if any, and its requests in row order."""

    organization_id: str
    organization_name: str
    requests: list[TicketRequest]


_FALSE_BY_DEFAULT = frozenset(
    {
        "use_for_organization_discovery",
        "is_domain_connection",
        "assign_membership_on_login",
        "sync_groups",
        "allow_configuration",
    }
)
_DOMAIN_LISTS = (("domain_aliases_config", "pending_domains"), ("connection_config", "options", "domain_aliases"))


def canonical_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a request body in its one canonical form, in which two bodies that ask for the same ticket are equal.

    Every list of the API's body is a set: each of its items stands once, and they are sorted. Domains are in lower
    case. What is malformed stays as it is, for Auth0 to refuse.
    """
    return {name: _canonical(value, (name,)) for name, value in body.items()}


def _canonical(value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        return {name: _canonical(item, (*path, name)) for name, item in value.items()}
    if not isinstance(value, list | tuple):
        return value
    items = [_canonical(item, path) for item in value]
    if path in _DOMAIN_LISTS:
        items = [item.lower() if isinstance(item, str) else item for item in items]
    by_text = {json.dumps(item, sort_keys=True, default=str): item for item in items}
    return [by_text[text] for text in sorted(by_text)]


def comparable_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what a canonical body asks for: two that compare equal ask for the same ticket, but for its lifetime.

    What is empty or null is absent, and so is a ``false`` that is the API's default. Unicode forms and white space
    don't count.
    """
    compared = _pruned({name: value for name, value in body.items() if name != "ttl_sec"})
    if compared.get("domain_aliases_config") == {"domain_verification": "none"}:
        del compared["domain_aliases_config"]
    return compared


def _pruned(body: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: _compared(value) for name, value in body.items()}
    return {
        name: value
        for name, value in values.items()
        if value not in (None, "", [], {}) and not (value is False and name in _FALSE_BY_DEFAULT)
    }


def _compared(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _pruned(value)
    if isinstance(value, list):
        return [_compared(item) for item in value]
    if isinstance(value, str):
        return " ".join(normalize("NFC", value).split())
    return value
