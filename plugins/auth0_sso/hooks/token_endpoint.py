"""The requests and answers of ``POST /oauth/token``."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from auth0_sso.exceptions import Auth0RunError, Auth0TokenRateLimitError, Auth0TransientError
from auth0_sso.hooks.identifiers import HEADER_SAFE
from auth0_sso.hooks.settings import Auth0Settings
from auth0_sso.models import Token
from auth0_sso.runtime.timeouts import EXPIRY_MARGIN

# Auth0 takes an assertion that expires within five minutes: so the worker's clock may be half of that off.
_ASSERTION_SECONDS = 150
_CLOCK_SLACK = 10
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def token_request(settings: Auth0Settings) -> dict[str, str]:
    """
    Return the body for the client credentials grant, with the client secret or an assertion of the private key.

    See https://auth0.com/docs/get-started/authentication-and-authorization-flow/authenticate-with-private-key-jwt.
    """
    body = {"grant_type": "client_credentials", "client_id": settings.client_id, "audience": settings.audience}
    private_key = settings.private_key.get_secret_value()
    if not private_key:
        return {**body, "client_secret": settings.client_secret.get_secret_value()}
    import jwt  # takes a tenth of a second, and only this way of authenticating needs it

    now = int(time.time())
    claims = {
        "iss": settings.client_id,
        "sub": settings.client_id,
        "aud": f"https://{settings.domain}/",
        "iat": now - _CLOCK_SLACK,
        "exp": now + _ASSERTION_SECONDS,
        "jti": uuid.uuid4().hex,
    }
    try:
        assertion = jwt.encode(claims, private_key, algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        raise Auth0RunError(
            "The connection's extra 'private_key' can't sign.",
            advice="Give the whole PEM of an RSA private key, its line ends as \\n.",
        ) from None
    return {**body, "client_assertion_type": _ASSERTION_TYPE, "client_assertion": assertion}


def read_token_answer(
    status: int, body: Mapping[str, Any], headers: Mapping[str, str], requested_at: float, *, signed: bool = False
) -> Token:
    """
    Return the token of an answer.

    :param requested_at: UNIX seconds, from which ``expires_in`` counts.
    :param signed: whether a private key has signed the request, instead of the client secret.
    :raises Auth0RunError: if the credentials, the grant or the audience are refused.
    :raises Auth0TransientError: if the tenant is throttled or has trouble.
    """
    token = body.get("access_token")
    if status == 200 and isinstance(token, str) and HEADER_SAFE.fullmatch(token):
        scopes = frozenset(str(body.get("scope") or "").split())
        return Token(token, requested_at + _usable_seconds(body.get("expires_in")), scopes)
    error = str(body.get("error") or "")
    said = " ".join(str(body.get("error_description") or "").split())[:300]
    message = f"Auth0 gives no access token: {status} {error or 'no error code'}: {said or 'no description'}."
    # A throttled token endpoint also answers 500 access_denied "Global limit has been reached".
    if status == 429 or (status >= 500 and "limit" in said.lower()):
        raise Auth0TokenRateLimitError(message, advice="It is requested again later.", status=status, headers=headers)
    if status >= 500 or status in (200, 408):
        raise Auth0TransientError(message, advice="See Auth0's status page.", status=status, headers=headers)
    raise Auth0RunError(
        message, advice=_advice(status, error, signed), status=status, error_code=error, headers=headers
    )


def _usable_seconds(expires_in: object) -> float:
    """Return how long to use a token: until shortly before it expires, or 0 if the answer has no lifetime."""
    try:
        lifetime = max(0.0, float(str(expires_in)))
    except ValueError:
        return 0.0
    return lifetime - min(EXPIRY_MARGIN, lifetime / 10)


def _advice(status: int, error: str, signed: bool) -> str:
    if error == "unauthorized_client":
        return "Switch the application's Client Credentials grant on: Applications > Advanced Settings > Grant Types."
    if status == 403:
        return (
            "Authorize the application for the Management API in the Auth0 dashboard, "
            "and check the connection's extra 'audience'."
        )
    if status == 404 or 300 <= status < 400:
        return "Check the connection's host: it must be the tenant's domain."
    if signed:
        return (
            "Check the connection's login (client id), its extra 'private_key', whose public key the application must "
            "have, and the clock of this worker: an assertion is refused if that is minutes off."
        )
    return "Check the connection's login (client id) and password (client secret)."
