"""The error answers of the Management API and of the token endpoint, in Auth0's two shapes."""

from __future__ import annotations

from http import HTTPStatus

from fastapi.responses import JSONResponse


class ApiError(Exception):
    """An error answer of the Management API.

    :param status: HTTP status
    :param message: what is wrong; not given, the body has no message
    :param code: the ``errorCode``; not given, the body has none, as Auth0's often don't
    """

    def __init__(self, status: int, message: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code

    def response(self) -> JSONResponse:
        """Return the answer: ``statusCode``, ``error`` and, where known, ``message`` and ``errorCode``."""
        body: dict[str, object] = {"statusCode": self.status, "error": _phrase(self.status)}
        if self.message is not None:
            body["message"] = self.message
        if self.code is not None:
            body["errorCode"] = self.code
        return JSONResponse(body, self.status)


class TokenError(Exception):
    """An error answer of ``POST /oauth/token``, in OAuth's shape (RFC 6749, section 5.2).

    :param status: HTTP status
    :param error: OAuth error code
    :param description: what is wrong
    """

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description

    def response(self) -> JSONResponse:
        """Return the answer: ``error`` and ``error_description``."""
        return JSONResponse({"error": self.error, "error_description": self.description}, self.status)


def invalid_body(what: str) -> ApiError:
    """Return the 400 for a body that breaks the schema or a rule."""
    return ApiError(400, f"Payload validation error: {what}", "invalid_body")


def rate_limited(bare: bool) -> ApiError:
    """Return the 429; a bare one has neither message nor code."""
    return ApiError(429) if bare else ApiError(429, "Global limit has been reached", "too_many_requests")


def throttled_token(status: int = 500) -> TokenError:
    """Return the token endpoint's throttle answer: misleadingly an HTTP 500 that says ``access_denied``, or a 429."""
    error = "too_many_requests" if status == 429 else "access_denied"
    return TokenError(status, error, "Global limit has been reached")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
