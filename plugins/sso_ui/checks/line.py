"""The line of checks: a few run at once in this process, the others wait, and none holds up a request for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

AT_ONCE = 2
ASKED_SECONDS = 180.0
"""A check that nobody has asked for since is not started."""
KEPT_SECONDS = 600.0
"""So long the result of a check is kept for whoever asks again."""

_LOOK_SECONDS = 0.05

T = TypeVar("T")


@dataclass
class _Check(Generic[T]):
    work: Callable[[], T]
    asked_at: float
    future: Future[T] = field(default_factory=Future)
    is_running: bool = False
    ended_at: float | None = None


class CheckLine(Generic[T]):
    """
    Runs checks in their order, at most so many at once.

    Its threads are daemons, so that the api-server can stop at any time.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._checks: dict[Hashable, _Check[T]] = {}
        self._waiting: SimpleQueue[tuple[Hashable, _Check[T]]] = SimpleQueue()
        self._threads: list[Thread] = []
        self._lock = Lock()

    async def result(self, key: Hashable, work: Callable[[], T], *, seconds: float) -> T | None:
        """
        Return what the work returns or raises; None if it has not ended after so many seconds.

        :param key: whoever asks with the same key gets the same result; the first one's work is done, once.
        """
        until = time.monotonic() + seconds
        check = self._join(key, work)
        while not check.future.done():
            if time.monotonic() >= until:
                return None
            await asyncio.sleep(_LOOK_SECONDS)
        with self._lock:
            self._forget(key, check)
        return check.future.result()

    def is_running(self, key: Hashable) -> bool:
        """Whether a check has begun; False while it waits in line."""
        check = self._checks.get(key)
        return check is not None and check.is_running

    def _join(self, key: Hashable, work: Callable[[], T]) -> _Check[T]:
        now = time.monotonic()
        with self._lock:
            self._forget_ended(now - KEPT_SECONDS)
            if key not in self._checks:
                self._checks[key] = _Check(work, now)
                self._waiting.put((key, self._checks[key]))
            self._checks[key].asked_at = now
            if len(self._threads) < self._at_once:
                self._threads.append(Thread(target=self._run, name="sso-check", daemon=True))
                self._threads[-1].start()
            return self._checks[key]

    def _forget_ended(self, before: float) -> None:
        for key, check in list(self._checks.items()):
            if check.ended_at is not None and check.ended_at < before:
                self._forget(key, check)

    def _forget(self, key: Hashable, check: _Check[T]) -> None:
        if self._checks.get(key) is check:
            del self._checks[key]

    def _run(self) -> None:
        while True:
            key, check = self._waiting.get()
            with self._lock:
                if check.asked_at < time.monotonic() - ASKED_SECONDS:
                    self._forget(key, check)
                    continue
                check.is_running = True
            try:
                check.future.set_result(check.work())
            except Exception as error:
                check.future.set_exception(error)
            check.ended_at = time.monotonic()
