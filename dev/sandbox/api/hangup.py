"""Dropping a connection without an answer, which ASGI has no message for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_HANG_UP: Final = "sandbox.hang_up"


class HangUpProtocol(H11Protocol):
    """Uvicorn's HTTP protocol, which hands the application a way to cut its connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner: Any = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[_HANG_UP] = self.transport.abort
            await inner(scope, receive, send)

        self.app = app


class DroppedConnection(Response):
    """An answer that is never sent: the connection is cut instead.

    :raises RuntimeError: when the server isn't one that uses :class:`HangUpProtocol`
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Cut the connection and wait until it is gone, so that the server sends nothing of its own."""
        hang_up = scope.get("extensions", {}).get(_HANG_UP)
        if hang_up is None:
            raise RuntimeError("This server can't drop a connection: run the sandbox with its own server")
        hang_up()
        while (await receive())["type"] != "http.disconnect":
            pass
