"""Some workers that share a list of work, and end in order whatever happens."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")

# Enough requests in flight for answers that take this long; more would only be more doubt after a crash.
_SLOW_ANSWER_SECONDS = 4.0


def worker_count(rate: float) -> int:
    """Return how many workers can keep up ``rate`` requests a second."""
    return math.ceil(rate * _SLOW_ANSWER_SECONDS) + 1


class WorkerPool(Generic[Item]):
    """
    Settle items side by side.

    ``stopped`` says why no more are begun; empty while it goes on.

    :param settle: settles one item; what it raises stops the others.
    :param size: how many are settled at once.
    """

    def __init__(self, settle: Callable[[Item], Awaitable[None]], size: int) -> None:
        self.stopped = ""
        self._process = settle
        self._size = size
        self._tasks: list[asyncio.Task[None]] = []
        self._uninterruptible: set[asyncio.Task[None] | None] = set()

    async def run(self, items: Collection[Item]) -> None:
        """
        Settle all items, or those that are begun before it is stopped; nothing is under way afterwards.

        :raises Exception: what ``settle`` raised first.
        """
        shared = iter(items)
        if not self.stopped:
            self._tasks = [asyncio.create_task(self._work(shared)) for _ in range(min(self._size, len(items)))]
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result

    def stop(self, reason: str) -> None:
        """Begin nothing more; what must not be interrupted still ends."""
        self.stopped = self.stopped or reason
        for task in self._tasks:
            if task not in self._uninterruptible:
                task.cancel()

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """
        Mark a part of ``settle`` that ``stop`` lets end: between an intent and its result.

        :raises asyncio.CancelledError: if it is stopped already: no such part is begun any more.
        """
        if self.stopped:
            raise asyncio.CancelledError(self.stopped)
        task = asyncio.current_task()
        self._uninterruptible.add(task)
        try:
            yield
        finally:
            self._uninterruptible.discard(task)

    async def _work(self, shared: Iterator[Item]) -> None:
        for item in shared:
            try:
                await self._process(item)
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # Airflow's task timeout is no Exception
                self.stop(str(error) or type(error).__name__)
                raise
            if self.stopped:
                return
