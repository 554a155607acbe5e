"""Dropping a connection without a response, which ASGI has no message for."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_HANG_UP: Final = "sandbox.hang_up"


class HangUpProtocol(H11Protocol):
    """Uvicorn's HTTP protocol, with a way for the application to abort its connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner: Any = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[_HANG_UP] = self.transport.abort
            await inner(scope, receive, send)

        self.app = app


class DroppedConnection(Response):
    """A response that is never sent: the connection is aborted. The server must use :class:`HangUpProtocol`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort the connection and wait until it is closed, so that the server sends nothing of its own."""
        scope["extensions"][_HANG_UP]()
        while (await receive())["type"] != "http.disconnect":
            pass
