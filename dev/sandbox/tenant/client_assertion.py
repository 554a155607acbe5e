"""Checking a client assertion, the private_key_jwt way to prove who asks for a token.

Source: Auth0's page "Authenticate with Private Key JWT" and RFC 7523, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import jwt

from dev.sandbox.errors import TokenError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_LIFE: Final = 300
"""Seconds that an assertion's ``exp`` may lie ahead."""

# The claims are checked against the tenant's clock, which tests move.
_UNCHECKED: Final[Any] = {f"verify_{claim}": False for claim in ("exp", "iat", "nbf", "aud", "iss", "sub", "jti")}


class AssertionChecker:
    """Checks assertions and remembers the ``jti`` of each, which can be used once.

    :param client_id: the ``iss`` and ``sub`` that an assertion must have
    :param public_keys: PEM public keys, one of which must have signed it (RS256)
    """

    def __init__(self, client_id: str, public_keys: Sequence[str]) -> None:
        self._client_id = client_id
        self._public_keys = public_keys
        self._used: set[str] = set()

    def check(self, assertion: str, audiences: Collection[str], now: float) -> None:
        """Accept an assertion, once.

        :param assertion: the JWT
        :param audiences: the tenant's addresses, with their final slash
        :param now: UNIX time in seconds
        :raises TokenError: 401 ``invalid_client`` that says which claim is wrong
        """
        claims = self._claims(assertion)
        wrong = self._wrong_claim(claims, audiences, now)
        if wrong is not None:
            raise _invalid(wrong)
        self._used.add(claims["jti"])

    def _claims(self, assertion: str) -> Mapping[str, Any]:
        found = (_verified(assertion, key) for key in self._public_keys)
        claims = next((claims for claims in found if claims is not None), None)
        if claims is None:
            raise _invalid("its signature fits no key of the client")
        return claims

    def _wrong_claim(self, claims: Mapping[str, Any], audiences: Collection[str], now: float) -> str | None:
        expires, jti = claims.get("exp"), claims.get("jti")
        checks = (
            (claims.get("iss") == self._client_id, "iss must be the client_id"),
            (claims.get("sub") == self._client_id, "sub must be the client_id"),
            (_names(claims.get("aud"), audiences), "aud must be the tenant's address with a final slash"),
            (isinstance(expires, (int, float)) and expires > now, "it is expired or has no exp"),
            (
                isinstance(expires, (int, float)) and expires <= now + LONGEST_LIFE,
                "exp is over 5 minutes ahead",
            ),
            (isinstance(jti, str) and bool(jti), "jti is missing"),
            (jti not in self._used, "jti was used before"),
        )
        return next((wrong for holds, wrong in checks if not holds), None)


def _verified(assertion: str, key: str) -> Mapping[str, Any] | None:
    try:
        return jwt.decode(assertion, key, algorithms=["RS256"], options=_UNCHECKED)
    except jwt.InvalidTokenError:
        return None


def _names(audience: object, accepted: Collection[str]) -> bool:
    named = audience if isinstance(audience, list) else [audience]
    return any(one in accepted for one in named)


def _invalid(why: str) -> TokenError:
    return TokenError(401, "invalid_client", f"Client assertion refused: {why}")
