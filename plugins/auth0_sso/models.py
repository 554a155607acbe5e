"""A request for a ticket, a ticket, and an access token."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
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
