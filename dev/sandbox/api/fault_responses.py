"""What a fault answers instead of the tenant: errors, and bodies that no API sends."""

from __future__ import annotations

import asyncio
import zlib
from functools import cache
from typing import TYPE_CHECKING, Final

from fastapi import Response
from fastapi.responses import HTMLResponse, StreamingResponse

from dev.sandbox.api.hangup import DroppedConnection
from dev.sandbox.errors import ApiError
from dev.sandbox.tenant.traffic import NO_ANSWER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from dev.sandbox.faults import Fault
    from dev.sandbox.tenant.traffic import Seen

_HUGE_BYTES: Final = 100_000_000
_BLOCK: Final = b"0" * 65536


async def struck_by(due: Iterator[tuple[Fault, float]], seen: Seen | None = None) -> Response | None:
    """Suffer the faults that are due.

    :param seen: the call's entry in the tenant's traffic; it names each fault from the moment it strikes
    :return: the answer of the first that gives one
    """
    for fault, _ in due:
        if seen is not None:
            seen.faults += (fault.kind,)
        if fault.action != "hold":
            return _bad_answer(fault)
        await asyncio.sleep(fault.delay)
    return None


def dress(response: Response, fault: Fault) -> None:
    """Give an answer the fault's headers, and take away those that are to be missing."""
    for name, value in fault.headers.items():
        if name in response.headers:
            del response.headers[name]
        for line in [value] if isinstance(value, str) else value or ():
            response.headers.append(name, line)


def _bad_answer(fault: Fault) -> Response:
    if fault.action == "drop":
        return DroppedConnection(status_code=NO_ANSWER)
    response = _body_of(fault)
    dress(response, fault)
    return response


def _body_of(fault: Fault) -> Response:
    if fault.text is not None:
        return Response(fault.text, fault.status, media_type="application/json")
    if fault.body == "html":
        return HTMLResponse(f"<html><body><h1>{fault.status}</h1></body></html>", fault.status)
    if fault.body == "empty":
        return Response(status_code=fault.status)
    if fault.body == "huge":
        return StreamingResponse(_huge(), fault.status)
    if fault.body == "trickle":
        return StreamingResponse(_trickle(fault.delay), fault.status)
    if fault.body == "bomb":
        return Response(_bomb(), fault.status, {"Content-Encoding": "gzip"})
    return ApiError(fault.status, fault.message or "An error was asked for", fault.error_code).response()


async def _huge() -> AsyncIterator[bytes]:
    for _ in range(_HUGE_BYTES // len(_BLOCK)):
        yield _BLOCK


async def _trickle(every: float) -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(every)


@cache
def _bomb() -> bytes:
    packer = zlib.compressobj(level=1, wbits=31)
    return b"".join([*(packer.compress(_BLOCK) for _ in range(_HUGE_BYTES // len(_BLOCK))), packer.flush()])
