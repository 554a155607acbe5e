"""
The bodies of requests: read after the login and the rights, and no more of each than its limit.

FastAPI reads a body, and stores its files, before it asks a dependency. So a route that takes one has no parameter for
it, but a dependency that reads it: those of the router and the route come first.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TypeVar

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.types import Message

MAX_BYTES = 64 * 2**10
"""Bytes of a small form, or of JSON."""

Model = TypeVar("Model", bound=BaseModel)


def limited(request: Request, most: int, reason: str = "This request is too large.") -> Request:
    """
    Return the request with a body that ends in an error once more than so many bytes have come.

    :param reason: what the page says then.
    :raises HTTPException: 413, at once if ``Content-Length`` says that there are more.
    """
    too_large = HTTPException(413, reason)
    declared = 0
    with suppress(ValueError):
        declared = int(request.headers.get("content-length", ""))
    if declared > most:
        raise too_large
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > most:
            raise too_large
        return message

    return Request(request.scope, receive)


async def read_form(request: Request, model: type[Model]) -> Model:
    """Read a small form; 422 if its fields are not those of the model."""
    async with limited(request, MAX_BYTES).form(max_files=0) as form:
        fields = dict(form)
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise _refused(error) from None


async def read_json(request: Request, model: type[Model]) -> Model:
    """Read a small JSON object; 422 if it is not one of the model."""
    body = await limited(request, MAX_BYTES).body()
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _refused(error) from None


def _refused(error: ValidationError) -> RequestValidationError:
    return RequestValidationError(error.errors(include_url=False, include_context=False, include_input=False))
