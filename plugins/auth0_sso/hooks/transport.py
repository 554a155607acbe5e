"""What Auth0Hook adds to aiohttp and to the HTTP provider's session."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from auth0_sso.exceptions import Auth0Error, Auth0RunError, Auth0UnreachableError
from auth0_sso.runtime.rate_limiter import Slot
from auth0_sso.runtime.timeouts import MAX_ANSWER_BYTES

# Raised when a request was sent and its answer is missing or incomplete.
ANSWER_LOST = (aiohttp.ClientError, OSError)
# The slot of the request that is sent next; without one, it leaves at once.
current_slot: ContextVar[Slot | None] = ContextVar("current_slot", default=None)

_PROXY_SETTINGS = "the connection's extra 'proxy' or, without it, the worker's environment: HTTPS_PROXY and NO_PROXY"


@dataclass(frozen=True)
class Answer:
    """An answer of the tenant; ``decoded`` is its JSON, or None if it has none."""

    status: int
    decoded: object = field(repr=False)
    headers: Mapping[str, str]

    @property
    def body(self) -> Mapping[str, Any]:
        """The JSON object; an empty one if it is anything else."""
        return self.decoded if isinstance(self.decoded, dict) else {}


class NotConnectedError(aiohttp.ClientConnectionError):
    """There is no connection to the tenant, so nothing was sent; ``__cause__`` is the reason."""


class RateLimitedConnector(aiohttp.TCPConnector):
    """
    Connects first and uses the request's slot then.

    Otherwise, requests that are due while the network stalls would leave all at once when it is back. The number of
    connections is not limited, since a request must not wait for another one's answer.
    """

    def __init__(self) -> None:
        super().__init__(limit=0)

    async def connect(self, *request: Any, **options: Any) -> aiohttp.connector.Connection:
        """Return a connection, when the request may leave."""
        connection = await self._connect(*request, **options)
        if (slot := current_slot.get()) is None:
            return connection
        try:
            await slot.acquire()
        except BaseException:
            connection.release()
            raise
        if connection.protocol is not None and connection.protocol.is_connected():
            return connection
        connection.close()  # a kept-alive one that the tenant has closed in the meantime
        return await self._connect(*request, **options)

    async def _connect(self, *request: Any, **options: Any) -> aiohttp.connector.Connection:
        try:
            return await super().connect(*request, **options)
        except aiohttp.ClientError as error:  # including a proxy's answer, which would look like the tenant's
            raise NotConnectedError from error


def without_urls(request: Callable[..., Awaitable[aiohttp.ClientResponse]]) -> Callable[..., Any]:
    """Hide from the session, which logs them, errors with a URL: that of a revocation contains the ticket's id."""

    async def send(url: str, **options: Any) -> aiohttp.ClientResponse:
        try:
            return await request(url, **options)
        except aiohttp.ClientResponseError as error:
            raise aiohttp.ClientPayloadError(f"malformed answer: {error.message}") from None

    return send


async def read_json(response: aiohttp.ClientResponse) -> object:
    """
    Return the decoded JSON of an answer, or None if it has none.

    No more is read than a real answer can have, since it may be endless or decompress to gigabytes.

    :raises aiohttp.ClientError, TimeoutError: if the body of a success is incomplete. A refusal is one without it.
    """
    body = bytearray()
    try:
        while len(body) <= MAX_ANSWER_BYTES and (part := await response.content.read(65536)):
            body += part
    except ANSWER_LOST:
        if 200 <= response.status < 300:
            raise
        return None
    try:
        return json.loads(bytes(body))
    except (ValueError, RecursionError):
        return None


def not_connected(domain: str, error: BaseException) -> Auth0Error:
    """Return the error for a request to the tenant that was never sent."""
    cause = error.__cause__ if isinstance(error, NotConnectedError) else error
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        return proxy_refusal(domain, cause.status, cause.message)
    if isinstance(cause, aiohttp.ClientProxyConnectionError):
        message = f"No connection to the proxy {cause.host}:{cause.port}: {cause_of(cause)}."
        return Auth0UnreachableError(message, advice=f"Check {_PROXY_SETTINGS}.")
    return _unreachable(domain, cause_of(cause or error))


def proxy_refusal(domain: str, status: int, reason: str) -> Auth0Error:
    """Return the error for a proxy's own answer, with its status and reason phrase; nothing was sent to the tenant."""
    said = f"{status} {reason[:100]}".strip()
    if status == 407:
        return Auth0RunError(
            f"The proxy demands another user or password: {said}.",
            advice=f"Write them as http://user:password@host:port into {_PROXY_SETTINGS}.",
        )
    if 400 <= status < 500 and status not in (408, 429):
        return Auth0RunError(
            f"The proxy refuses a connection to {domain}: {said}.",
            advice=f"Have the proxy allow that host, or change {_PROXY_SETTINGS}.",
        )
    return _unreachable(domain, f"the proxy answers {said}")


def _unreachable(domain: str, cause: str) -> Auth0UnreachableError:
    return Auth0UnreachableError(
        f"No connection to {domain}: {cause}.",
        advice="Check the connection's host, DNS, the proxy and the firewall between the worker and Auth0.",
    )


def cause_of(error: BaseException) -> str:
    """Return an error's text, with URLs cut to their host: a path or a proxy's password must not be shown."""
    return re.sub(r"(https?://)(?:[^/\s@]*@)?([^/\s'\"]+)[^\s'\"]*", r"\1\2", str(error)) or type(error).__name__
