"""A ticket and an access token, and for how long a ticket works."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

MAX_TTL_SEC = 432_000
"""The longest lifetime in seconds, five days; also the one that Auth0 gives by default (``ttl_sec`` of the API)."""

OPEN_SECONDS = 5 * 3600.0
"""
For how long the holder of a ticket can use it after opening it first. The lifetime counts until then.

So a ticket that was opened at its last moment works until then. Whether it was opened is only in the tenant's logs.
(Auth0: "Manage Self-Service Enterprise Configuration")
"""


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


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    """
    What identifies a ticket without its id, which would be as good as its URL.

    :param key: of its prospect in the ledger.
    :param created_at: UNIX seconds.
    """

    key: str
    created_at: float


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
