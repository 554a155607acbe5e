"""The access tokens a tenant has issued, and the check of the one that a call carries."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import jwt

from dev.sandbox.errors import api_error


@dataclass(slots=True)
class _Grant:
    scopes: Sequence[str]
    expires_at: float
    withdrawn: bool = False


class Tokens:
    """Issued tokens. They are JWTs as Auth0's are, but a call's token is looked up, not verified."""

    def __init__(self) -> None:
        self._grants: dict[str, _Grant] = {}
        self._key = secrets.token_bytes(32)

    def issue(self, subject: str, audience: str, scopes: Sequence[str], now: float, lifetime: int) -> str:
        """
        Return a new token.

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
        self._grants[token] = _Grant(scopes, now + lifetime)
        return token

    def issued(self) -> list[str]:
        """Return all tokens issued so far."""
        return list(self._grants)

    def withdraw_all(self) -> None:
        """Make every token issued so far invalid."""
        for grant in self._grants.values():
            grant.withdrawn = True

    def authorize(self, authorization: str | None, scope: str | None, now: float) -> Sequence[str]:
        """
        Accept a call that carries a valid token with the scope; return all scopes of the token.

        :param authorization: the Authorization header
        :param scope: the scope needed; ``None`` when any token will do
        :param now: UNIX time in seconds
        :raises ErrorResponse: 401 for a missing or bad token, 400 for a bad header, 403 for a missing scope
        """
        token = _bearer(authorization)
        grant = self._grants.get(token)
        if grant is None and token.count(".") == 2:
            raise api_error(401, "Invalid signature received for JSON Web Token validation.")
        if grant is None or grant.withdrawn:
            raise api_error(401, "Invalid token")
        if now >= grant.expires_at:
            raise api_error(401, "Expired token received for JSON Web Token validation.")
        if scope is not None and scope not in grant.scopes:
            raise api_error(403, f"Insufficient scope, expected any of: {scope}", "insufficient_scope")
        return grant.scopes


def _bearer(authorization: str | None) -> str:
    if not authorization:
        raise api_error(401, "Missing authentication")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token or " " in token:
        raise api_error(400, "Bad HTTP authentication header format", "Bearer")
    return token
