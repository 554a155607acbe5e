"""The access tokens a tenant has issued: making them, and checking the one a call brings."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jwt

from dev.sandbox.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows, until when (UNIX seconds)."""

    scopes: frozenset[str]
    expires_at: float


class Tokens:
    """Issued tokens. They are JWTs as Auth0's are, but a call's token is looked up, not verified."""

    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}
        self._withdrawn: set[str] = set()
        self._key = secrets.token_bytes(32)

    def issue(self, subject: str, audience: str, scopes: Sequence[str], now: float, lifetime: int) -> str:
        """Return a new token.

        :param subject: the client id
        :param audience: the API it is for
        :param scopes: what it allows
        :param now: UNIX time in seconds
        :param lifetime: seconds
        """
        claims = {
            "sub": f"{subject}@clients",
            "aud": audience,
            "iat": int(now),
            "exp": int(now) + lifetime,
            "scope": " ".join(scopes),
            "gty": "client-credentials",
            "jti": secrets.token_urlsafe(12),
        }
        token = jwt.encode(claims, self._key, algorithm="HS256")
        self._grants[token] = Grant(frozenset(scopes), now + lifetime)
        return token

    def issued(self) -> list[str]:
        """Return all tokens issued so far."""
        return list(self._grants)

    def withdraw_all(self) -> None:
        """Make every token issued so far invalid."""
        self._withdrawn.update(self._grants)

    def authorize(self, authorization: str | None, scope: str | None, now: float) -> None:
        """Let a call pass that brings a valid token with the scope.

        :param authorization: the Authorization header
        :param scope: the scope needed; nothing when any token will do
        :param now: UNIX time in seconds
        :raises ApiError: 401 for a missing or bad token, 400 for a bad header, 403 for a missing scope
        """
        grant = self._grant(_bearer(authorization), now)
        if scope is not None and scope not in grant.scopes:
            raise ApiError(403, f"Insufficient scope, expected any of: {scope}", "insufficient_scope")

    def _grant(self, token: str, now: float) -> Grant:
        grant = self._grants.get(token)
        if grant is None and token.count(".") == 2:
            raise ApiError(401, "Invalid signature received for JSON Web Token validation.")
        if grant is None or token in self._withdrawn:
            raise ApiError(401, "Invalid token")
        if now >= grant.expires_at:
            raise ApiError(401, "Expired token received for JSON Web Token validation.")
        return grant


def _bearer(authorization: str | None) -> str:
    if not authorization:
        raise ApiError(401, "Missing authentication")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token or " " in token:
        raise ApiError(400, "Bad HTTP authentication header format", "Bearer")
    return token
