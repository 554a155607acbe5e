"""A request for a ticket and what of it is compared, a ticket, and an access token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from unicodedata import normalize
from urllib.parse import parse_qs, urlsplit


def is_true(value: object) -> bool:
    """Whether a setting, or a rendered template, is true: ``true``, ``1`` or ``yes``."""
    return str(value).strip().lower() in ("true", "1", "yes")


@dataclass(frozen=True, kw_only=True)
class TicketRequest:
    """
    One prospect's request: what identifies it, what the report carries, and the request body.

    ``prospect`` is the prospect's stable identity in the organization, by which the ledger recognizes the request.
    ``body`` is that of ``POST /api/v2/self-service-profiles/{id}/sso-ticket``. An empty ``profile_id`` is the
    operator's or the connection's, an empty ``custom_domain`` the connection's.
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


@dataclass(frozen=True)
class SsoTicket:
    """An SSO access ticket; ``repr`` doesn't show it, since whoever has it can configure single sign-on."""

    url: str = field(repr=False)

    @property
    def ticket_id(self) -> str:
        """The URL's parameter ``ticket``; empty if there is none."""
        try:
            return parse_qs(urlsplit(self.url).query).get("ticket", [""])[0]
        except ValueError:  # its message would show the URL
            return ""


@dataclass(frozen=True)
class Token:
    """An access token, used until ``expires_at`` (UNIX seconds); ``version`` counts renewals."""

    access_token: str = field(repr=False)
    expires_at: float
    scopes: frozenset[str]
    version: int = 0

    def serves(self, now: float) -> bool:
        """Return whether a request at ``now``, in UNIX seconds, can use it."""
        return self.expires_at > now
