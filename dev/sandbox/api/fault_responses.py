"""What a fault sends instead of the tenant's response: errors, and bodies that no API sends."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Final

from fastapi import Response
from fastapi.responses import HTMLResponse, StreamingResponse

from dev.sandbox.api.hangup import DroppedConnection
from dev.sandbox.errors import api_error
from dev.sandbox.faults import Fault
from dev.sandbox.tenant.traffic import Seen

_HUGE_BYTES: Final = 100_000_000
_BLOCK: Final = b"0" * 65536


async def apply_faults(due: Iterator[tuple[Fault, float]], seen: Seen | None = None) -> Response | None:
    """
    Apply the faults that are due.

    :param seen: the call's entry in the tenant's traffic; each fault is added to it before it is applied
    :return: the response of the first that has one
    """
    for fault, _ in due:
        if seen is not None:
            seen.faults += (fault.kind,)
        if fault.action != "hold":
            return _bad_response(fault)
        await asyncio.sleep(fault.delay)
    return None


def change_headers(response: Response, fault: Fault) -> None:
    """Replace a response's headers by the fault's, and remove those that the fault removes."""
    for name, value in fault.headers.items():
        if name in response.headers:
            del response.headers[name]
        for line in [value] if isinstance(value, str) else value or ():
            response.headers.append(name, line)


def _bad_response(fault: Fault) -> Response:
    if fault.action == "drop":
        return DroppedConnection(status_code=0)
    response = _with_body(fault)
    change_headers(response, fault)
    return response


def _with_body(fault: Fault) -> Response:
    if fault.text is not None:
        return Response(fault.text, fault.status, media_type="application/json")
    match fault.body:
        case "html":
            return HTMLResponse(f"<html><body><h1>{fault.status}</h1></body></html>", fault.status)
        case "empty":
            return Response(status_code=fault.status)
        case "huge":
            return StreamingResponse(_huge(), fault.status)
        case "trickle":
            return StreamingResponse(_trickle(fault.delay), fault.status)
        case "bomb":
            return Response(_bomb(), fault.status, {"Content-Encoding": "gzip"})
    return api_error(fault.status, fault.message or "A fault of the sandbox", fault.error_code).response


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
