"""
The check of a client assertion, with which a client authenticates (``private_key_jwt``).

Source: Auth0's page "Authenticate with Private Key JWT" and RFC 7523, section 3.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, Final

import jwt

from dev.sandbox.errors import ErrorResponse, token_error

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MAX_LIFETIME: Final = 300
# Times are checked against the tenant's clock, which tests move.
_OPTIONS: Final[Any] = {
    "require": ["iss", "sub", "aud", "exp", "jti"],
    **{f"verify_{claim}": False for claim in ("exp", "iat", "nbf")},
}


class AssertionChecker:
    """
    Checks assertions and remembers the ``jti`` of each, which can be used once.

    :param client_id: the ``iss`` and ``sub`` that an assertion must have
    :param public_keys: PEM public keys, one of which must have signed it (RS256)
    """

    def __init__(self, client_id: str, public_keys: Sequence[str]) -> None:
        self._client_id = client_id
        self._public_keys = public_keys
        self._used: set[str] = set()

    def check(self, assertion: str, audiences: Collection[str], now: float) -> None:
        """
        Accept an assertion, once.

        :param assertion: the JWT
        :param audiences: the tenant's addresses, with their final slash
        :param now: UNIX time in seconds
        :raises ErrorResponse: 401 ``invalid_client`` that says what is wrong
        """
        try:
            claims = self._decode(assertion, audiences)
        except jwt.InvalidTokenError as error:
            raise _invalid(str(error)) from error
        expires = claims["exp"]
        if not isinstance(expires, (int, float)) or expires <= now:
            raise _invalid("it is expired")
        if expires > now + _MAX_LIFETIME:
            raise _invalid("exp is over 5 minutes ahead")
        if claims["jti"] in self._used:
            raise _invalid("jti was used before")
        self._used.add(claims["jti"])

    def _decode(self, assertion: str, audiences: Collection[str]) -> dict[str, Any]:
        for key in self._public_keys:
            with suppress(jwt.InvalidSignatureError):
                return jwt.decode(
                    assertion,
                    key,
                    algorithms=["RS256"],
                    options=_OPTIONS,
                    audience=[*audiences],
                    issuer=self._client_id,
                    subject=self._client_id,
                )
        raise _invalid("its signature fits no key of the client")


def _invalid(reason: str) -> ErrorResponse:
    return token_error(401, "invalid_client", f"Client assertion refused: {reason}")
