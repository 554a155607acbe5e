"""Error responses, in the shapes of the Management API and of the token endpoint."""

from __future__ import annotations

from http.client import responses

from fastapi.responses import JSONResponse


class ErrorResponse(Exception):
    """Ends a call with ``response``."""

    def __init__(self, status: int, body: dict[str, object]) -> None:
        super().__init__(status, body)
        self.response = JSONResponse(body, status)


def api_error(status: int, message: str | None = None, code: str | None = None) -> ErrorResponse:
    """Return an error of the Management API; its body omits ``message`` and ``errorCode`` where they are not given."""
    body: dict[str, object] = {"statusCode": status, "error": responses.get(status, "Error")}
    optional = {"message": message, "errorCode": code}
    return ErrorResponse(status, body | {name: text for name, text in optional.items() if text is not None})


def invalid_body(message: str) -> ErrorResponse:
    """Return the 400 for a body that breaks the schema or a rule."""
    return api_error(400, f"Payload validation error: {message}", "invalid_body")


def token_error(status: int, error: str, description: str) -> ErrorResponse:
    """Return an error of ``POST /oauth/token`` (RFC 6749, section 5.2)."""
    return ErrorResponse(status, {"error": error, "error_description": description})


def throttled_token(status: int = 500) -> ErrorResponse:
    """Return the token endpoint's throttle response: an HTTP 500 that says ``access_denied``, or a 429."""
    error = "too_many_requests" if status == 429 else "access_denied"
    return token_error(status, error, "Global limit has been reached")
