"""What the HTTP provider's session is given and what it gives back, made safe and whole."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import aiohttp

from auth0_sso.exceptions import Auth0Error, proxy_refusal, proxy_unreachable, unreachable
from auth0_sso.runtime.timeouts import LONGEST_ANSWER_BYTES

BROKEN_OFF = (aiohttp.ClientError, OSError)
"""What says that an answer was lost on its way."""

_PART_BYTES = 65536


class Departure(Protocol):
    """Says when a request may leave."""

    async def acquire(self) -> None:
        """Return when it leaves."""


_departure: ContextVar[Departure | None] = ContextVar("departure", default=None)


@contextmanager
def leaving_by(departure: Departure | None) -> Iterator[None]:
    """Let the block's request leave when it may; with None, at once."""
    before = _departure.set(departure)
    try:
        yield
    finally:
        _departure.reset(before)


class NotConnectedError(aiohttp.ClientConnectionError):
    """There is no connection to the tenant, so that nothing was sent; ``__cause__`` says why."""


class PunctualConnector(aiohttp.TCPConnector):
    """
    Gets the connection first, and lets the request leave then.

    Requests whose time has come while the network stalls would all leave at once when it is back. No limit of
    connections: a request must not wait for another's answer.
    """

    def __init__(self) -> None:
        super().__init__(limit=0)

    async def connect(self, *request: Any, **options: Any) -> aiohttp.connector.Connection:
        """Return a connection on which the request may leave at once."""
        connection = await self._connect(*request, **options)
        if (departure := _departure.get()) is None:
            return connection
        try:
            await departure.acquire()
        except BaseException:
            connection.release()
            raise
        if connection.protocol is not None and connection.protocol.is_connected():
            return connection
        connection.close()  # the tenant has just closed it: an older one, that had been kept
        return await self._connect(*request, **options)

    async def _connect(self, *request: Any, **options: Any) -> aiohttp.connector.Connection:
        try:
            return await super().connect(*request, **options)
        except aiohttp.ClientError as error:  # a proxy's answer too, which would look like the tenant's
            raise NotConnectedError from error


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


async def body_of(response: aiohttp.ClientResponse) -> object:
    """
    Return an answer's body; of a refusal an empty one if it breaks off, since it is one whatever its reason was.

    :raises aiohttp.ClientError: if the body of a success breaks off, or takes too long.
    """
    try:
        return await _read_body(response)
    except BROKEN_OFF:
        if 200 <= response.status < 300:
            raise
        return ""


async def _read_body(response: aiohttp.ClientResponse) -> object:
    """
    Read an answer's body, but no more of it than an answer can have: it may be endless, or unpack to gigabytes.

    :return: the decoded JSON, or the beginning of what is none.
    :raises aiohttp.ClientError: if it breaks off.
    :raises TimeoutError: if it takes too long.
    """
    body = bytearray()
    while len(body) <= LONGEST_ANSWER_BYTES and (part := await response.content.read(_PART_BYTES)):
        body += part
    return json_or_text(bytes(body))


def not_connected(domain: str, error: BaseException) -> Auth0Error:
    """Return the error that says why a request to the tenant was never sent."""
    cause = error.__cause__ if isinstance(error, NotConnectedError) else error
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        return proxy_refusal(domain, cause.status, cause.message)
    if isinstance(cause, aiohttp.ClientProxyConnectionError):
        return proxy_unreachable(f"{cause.host}:{cause.port}", cause_of(cause))
    return unreachable(domain, cause_of(cause or error))


def cause_of(error: BaseException) -> str:
    """Say what happened on the network, of a URL its host only: a path or a proxy's password is nobody's business."""
    return re.sub(r"(https?://)(?:[^/\s@]*@)?([^/\s'\"]+)[^\s'\"]*", r"\1\2", str(error)) or type(error).__name__


def json_or_text(raw: bytes) -> object:
    """Return the decoded JSON, or the beginning of what is none."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return re.sub(r"\s+", " ", raw[:500].decode("utf-8", "replace"))
