"""What ``POST /oauth/token`` is sent, and what its answers mean."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from auth0_sso.exceptions import Auth0RunError, Auth0TokenRateLimitError, Auth0TransientError
from auth0_sso.hooks.connection import Auth0Settings
from auth0_sso.hooks.identifiers import CAN_BE_SENT
from auth0_sso.models import Token
from auth0_sso.runtime.timeouts import EXPIRY_MARGIN

_ASSERTION_SECONDS = 60
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def token_request(settings: Auth0Settings) -> dict[str, str]:
    """
    Build the body of ``POST /oauth/token`` for the client credentials grant.

    With a private key, the secret is replaced by a signed assertion, fresh each time
    (https://auth0.com/docs/get-started/authentication-and-authorization-flow/authenticate-with-private-key-jwt).
    """
    body = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "audience": settings.audience,
    }
    if not settings.private_key.get_secret_value():
        return {**body, "client_secret": settings.client_secret.get_secret_value()}
    import jwt  # with cryptography, a tenth of a second that only this way of authenticating needs

    now = int(time.time())
    claims = {
        "iss": settings.client_id,
        "sub": settings.client_id,
        "aud": f"https://{settings.domain}/",
        "iat": now,
        "exp": now + _ASSERTION_SECONDS,
        "jti": uuid.uuid4().hex,
    }
    try:
        assertion = jwt.encode(claims, settings.private_key.get_secret_value(), algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        raise Auth0RunError(
            "The connection's extra 'private_key' can't sign.",
            advice="Give the whole PEM of an RSA private key, its line ends as \\n.",
        ) from None
    return {**body, "client_assertion_type": _ASSERTION_TYPE, "client_assertion": assertion}


def read_token_answer(status: int, body: object, headers: Mapping[str, str], requested_at: float) -> Token:
    """
    Read the answer of ``POST /oauth/token``.

    :param status: the HTTP status.
    :param body: the decoded JSON, or anything else.
    :param headers: the answer's headers.
    :param requested_at: the UNIX time at which it was asked for, from which it lives.
    :raises Auth0RunError: if the credentials, the grant or the audience are refused.
    :raises Auth0TransientError: if the tenant is throttled or has trouble.
    """
    fields: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    token = fields.get("access_token")
    if status == 200 and isinstance(token, str) and CAN_BE_SENT.fullmatch(token):
        scopes = frozenset(str(fields.get("scope") or "").split())
        return Token(token, requested_at + _useful_life(fields.get("expires_in")), scopes)
    error = str(fields.get("error") or "")
    said = " ".join(str(fields.get("error_description") or "").split())[:300]
    message = f"Auth0 gives no access token: {status} {error or 'no error code'}: {said or 'no description'}."
    # A throttled token endpoint also answers 500 access_denied "Global limit has been reached".
    if status == 429 or (status >= 500 and "limit" in said.lower()):
        raise Auth0TokenRateLimitError(message, advice="It is asked again later.", status=status, headers=headers)
    if status >= 500 or status in (200, 408):
        raise Auth0TransientError(message, advice="See Auth0's status page.", status=status, headers=headers)
    raise Auth0RunError(message, advice=_advice(status, error), status=status, error_code=error, headers=headers)


def _useful_life(expires_in: object) -> float:
    """Seconds that a token is used: renewed before it expires. 0, so that it serves once, if the answer doesn't say."""
    try:
        lifetime = max(0.0, float(str(expires_in)))
    except ValueError:
        return 0.0
    return lifetime - min(EXPIRY_MARGIN, lifetime / 10)


def _advice(status: int, error: str) -> str:
    if error == "unauthorized_client":
        return "Switch the application's Client Credentials grant on: Applications > Advanced Settings > Grant Types."
    if status == 403:
        return (
            "Authorize the application for the Management API in the Auth0 dashboard, "
            "and check the connection's extra 'audience'."
        )
    if status == 404 or 300 <= status < 400:
        return "Check the connection's host: it must be the tenant's domain."
    return "Check the connection's login (client id) and password (client secret)."
