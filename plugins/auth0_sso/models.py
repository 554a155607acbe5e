"""What passes between the layers: an access ticket and an access token."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class SsoTicket:
    """
    An access ticket.

    ``url`` is a bearer credential: whoever holds it configures the customer's single sign-on. So is the
    ``ticket_id`` in it. Neither is shown by ``repr``.
    """

    url: str = field(repr=False)

    @property
    def ticket_id(self) -> str:
        """The URL's ``ticket`` parameter; empty if it has none."""
        try:
            return parse_qs(urlsplit(self.url).query).get("ticket", [""])[0]
        except ValueError:  # its text would show the URL
            return ""


@dataclass(frozen=True)
class Token:
    """An access token, the UNIX time until which it is used, and its scopes; ``version`` counts renewals."""

    access_token: str = field(repr=False)
    expires_at: float
    scopes: frozenset[str]
    version: int = 0

    def serves(self, now: float) -> bool:
        """Whether a request that leaves ``now`` can use it."""
        return self.expires_at > now
