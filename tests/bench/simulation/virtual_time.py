"""An asyncio event loop whose clock jumps to the next timer, so that hours of waiting take no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

_START = 1000.0
_TICK = 1e-7
_MAX_SECONDS = 1e6


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__(_VirtualSelector(self))
        self.now = _START

    def time(self) -> float:
        return self.now


class _VirtualSelector(selectors.SelectSelector):
    """Advances the loop's clock instead of waiting."""

    def __init__(self, loop: _VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("all tasks are blocked")
        self._loop.now += max(timeout, _TICK)
        return []


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in virtual time, up to eleven days of it."""
    loop = _VirtualLoop()
    try:
        return loop.run_until_complete(asyncio.wait_for(main, _MAX_SECONDS))
    finally:
        loop.close()


def now() -> float:
    """Return the running loop's time."""
    return asyncio.get_running_loop().time()
