"""The errors of Auth0 and of the mail server: of the request or the mail, of the settings, or transient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowException

SET_PROFILE = "Set profile_id in the request or the connection's extra to a self-service profile of this tenant."
GRANT_SCOPE = (
    "Grant the application the scope in the Auth0 dashboard: "
    "Applications > APIs > Auth0 Management API > Machine to Machine Applications."
)


class Auth0Error(AirflowException):
    """
    What happened, and what to do about it; its text is both.

    :param message: what happened.
    :param advice: what to do about it.
    :param status: of the answer; 0 without one.
    :param error_code: Auth0's ``errorCode``, which is often absent and then empty.
    :param headers: of the answer, case-insensitive.
    """

    def __init__(
        self,
        message: str,
        *,
        advice: str = "",
        status: int = 0,
        error_code: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message = _printable(message)
        super().__init__(f"{self.message} {_printable(advice)}".strip())
        self.status = status
        self.error_code = error_code
        self.advice = advice
        self.headers: Mapping[str, str] = headers or {}


class Auth0RowError(Auth0Error):
    """The request is refused. Others are not affected, and a retry changes nothing."""


class Auth0ConflictError(Auth0RowError):
    """A connection of that name exists: it is enabled, or waits for its domain or for somebody to enable it."""


class Auth0RunError(Auth0Error):
    """No request can succeed until the settings are fixed: credentials, scopes, profile or tenant."""


class Auth0ScopeError(Auth0RunError):
    """The access token lacks a scope, which the text names."""


class Auth0TokenError(Auth0RunError):
    """The access token is refused."""


class Auth0ProfileError(Auth0RunError):
    """The tenant has no such self-service profile."""


class Auth0ConnectionError(Auth0RunError):
    """The Airflow connection is incomplete or wrong."""


class LedgerError(Auth0RunError):
    """The ledger can't be used as it is set up."""


class Auth0ReadError(Auth0Error):
    """What was read can't be used: it has another shape than Auth0 documents, or can't be complete."""


class Auth0TransientError(Auth0Error):
    """The tenant is busy, down or unreachable; a later retry may succeed."""

    ambiguous = False  # the request may have been carried out, although no valid answer came
    handled_by_rate_limiter = False  # the rate limiter pauses already, so no other delay is needed


class Auth0RateLimitError(Auth0TransientError):
    """Refused with 429 and not carried out."""

    handled_by_rate_limiter = True


class Auth0TokenRateLimitError(Auth0TransientError):
    """The token endpoint, which has a rate limit of its own, issues no token for now."""


class Auth0UnreachableError(Auth0TransientError):
    """The request was never sent: no address, no connection or no TLS."""


class Auth0AmbiguousResultError(Auth0TransientError):
    """The request was sent and no valid answer came: it may have been carried out."""

    ambiguous = True


class MailRefusedError(Auth0RowError):
    """The mail server has refused this mail for good (5xx), or no server could take it. It was not sent."""


class MailUnclearRefusalError(MailRefusedError):
    """The same, and the reply does not tell whether the server would refuse every mail."""


class MailTransientError(Auth0TransientError):
    """The mail was not sent, and a later attempt may succeed: 4xx, or no connection until the text began to leave."""


class MailSettingsError(Auth0RunError):
    """No mail can be sent until the Airflow connection to the mail server, or the sender, is fixed."""


class MailPossiblySentError(Auth0Error):
    """The mail's text began to leave and no answer came: it may have been sent, so it must not be sent again."""


def _printable(text: str) -> str:
    """Return a text that databases and logs accept: neither NUL nor half a surrogate pair, which JSON may contain."""
    return "".join(sign if sign.isprintable() or sign.isspace() else "\ufffd" for sign in text)


def error_from_answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> Auth0Error:
    """
    Return the error for an unsuccessful answer of the Management API.

    The statuses are those of the endpoint's API page. ``errorCode`` is often absent, so the status counts first.
    """
    code = str(body.get("errorCode") or "")
    said = " ".join(str(body.get("message") or body.get("error") or "").split())[:500]
    kind, advice = _kind_and_advice(status, code, said)
    message = f"Auth0 answered {status}{f' {code}' if code else ''}: {said or 'no message'}."
    return kind(message, advice=advice, status=status, error_code=code, headers=headers)


def _kind_and_advice(status: int, code: str, said: str) -> tuple[type[Auth0Error], str]:
    if status == 429:
        return Auth0RateLimitError, "The tenant's rate limit is reached; lower the pool's slots."
    if status >= 500 or status == 408:
        return Auth0AmbiguousResultError, "Auth0 has trouble; see its status page."
    if status == 401:
        return Auth0TokenError, "Check the connection's client id, client secret and audience."
    if status == 403:
        return _kind_and_advice_on_403(code, said)
    if status == 404 and "profile" in said.lower():
        return Auth0ProfileError, SET_PROFILE
    if status == 400 and code == "Bearer":
        return Auth0RunError, "The access token is malformed: check the connection's extra 'token'."
    if 300 <= status < 400:
        return Auth0RunError, "Set the connection's host to the tenant's own domain, without a redirect."
    if status == 409 and "connection" in (code or said).lower():
        return Auth0ConflictError, (
            "It is set up, or waits until its domain is verified, which can take 24 to 48 hours; to finish or edit it, "
            "give connection_id instead. Without enabled_clients, somebody has to enable it in the Auth0 dashboard."
        )
    return Auth0RowError, "Fix the request."


def _kind_and_advice_on_403(code: str, said: str) -> tuple[type[Auth0Error], str]:
    if "entitlement" in code:
        return Auth0RunError, "The tenant's plan does not include self-service SSO: ask Auth0 to add it."
    if "scope" in code or "scope" in said.lower():
        return Auth0ScopeError, GRANT_SCOPE
    return Auth0RunError, "Check what the application may do in the Auth0 dashboard: Applications > APIs."
