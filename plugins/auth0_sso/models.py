"""A ticket and an access token."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class SsoTicket:
    """
    An SSO access ticket.

    ``url`` and the ``ticket_id`` in it are bearer credentials: anyone who has one can configure the customer's single
    sign-on. ``repr`` shows neither.
    """

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
    """
    An access token.

    :param expires_at: UNIX seconds until which it is used.
    :param version: counts renewals.
    """

    access_token: str = field(repr=False)
    expires_at: float
    scopes: frozenset[str]
    version: int = 0

    def serves(self, now: float) -> bool:
        """Return whether a request at ``now``, in UNIX seconds, can use it."""
        return self.expires_at > now
