"""What the HTTP provider's session is given and what it gives back, made safe and whole."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from auth0_sso.waits import LONGEST_ANSWER_BYTES

_PART_BYTES = 65536


class AnyAnswer(aiohttp.ClientResponse):
    """An answer that is looked at whatever its status: the provider's own error would lose body and headers."""

    def raise_for_status(self) -> None:
        """Raise nothing."""


def without_urls(request: Callable[..., Awaitable[aiohttp.ClientResponse]]) -> Callable[..., Any]:
    """Keep from the session, which logs it, an error that names the URL: a revocation's holds the ticket's id."""

    async def send(url: str, **options: Any) -> aiohttp.ClientResponse:
        try:
            return await request(url, **options)
        except aiohttp.ClientResponseError as error:
            raise aiohttp.ClientPayloadError(f"malformed answer: {error.message}") from None

    return send


async def read_body(response: aiohttp.ClientResponse) -> object:
    """
    Read an answer's body, but no more of it than an answer can have: it may be endless, or unpack to gigabytes.

    :return: the decoded JSON, or the beginning of what is none.
    :raises aiohttp.ClientError: if it breaks off.
    :raises asyncio.TimeoutError: if it takes too long.
    """
    body = bytearray()
    while len(body) <= LONGEST_ANSWER_BYTES and (part := await response.content.read(_PART_BYTES)):
        body += part
    return json_or_text(bytes(body))


def cause_of(error: BaseException) -> str:
    """Say what happened on the network, without the path of the URL."""
    return re.sub(r"(https?://[^/\s'\"]+)[^\s'\"]*", r"\1", str(error)) or type(error).__name__


def json_or_text(raw: bytes) -> object:
    """Return the decoded JSON, or the beginning of what is none."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return re.sub(r"\s+", " ", raw[:500].decode("utf-8", "replace"))
