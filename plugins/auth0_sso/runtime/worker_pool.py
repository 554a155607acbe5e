"""Workers that share a list of items and stop together."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")

# Enough requests in flight for answers that take this long. More would only be more ambiguous results after a crash.
_SLOW_ANSWER_SECONDS = 4.0


def worker_count(rate: float) -> int:
    """Return how many workers keep up ``rate`` requests a second."""
    return math.ceil(rate * _SLOW_ANSWER_SECONDS) + 1


class WorkerPool(Generic[Item]):
    """
    Process up to ``size`` items at once; an exception of ``process`` stops all workers.

    ``stopped`` is the reason why no more items are started; empty until then.
    """

    def __init__(self, process: Callable[[Item], Awaitable[None]], size: int) -> None:
        self.stopped = ""
        self._process = process
        self._size = size
        self._tasks: list[asyncio.Task[None]] = []
        self._uninterruptible: set[asyncio.Task[None] | None] = set()

    async def run(self, items: Collection[Item]) -> None:
        """Process all items, or those started before a stop; nothing is in flight afterwards."""
        shared = iter(items)
        if not self.stopped:
            self._tasks = [asyncio.create_task(self._work(shared)) for _ in range(min(self._size, len(items)))]
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result

    def stop(self, reason: str) -> None:
        """Start no more items; what must not be interrupted, like a request under way, still finishes."""
        self.stopped = self.stopped or reason
        for task in self._tasks:
            if task not in self._uninterruptible:
                task.cancel()

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """
        Let a part of ``process`` finish after a stop, such as from intent to result. A part may contain another one.

        :raises asyncio.CancelledError: if already stopped, unless it is within such a part.
        """
        if self.stopped and asyncio.current_task() not in self._uninterruptible:
            raise asyncio.CancelledError(self.stopped)
        with self.finishing():
            yield

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Let what must follow such a part finish, too, even if a stop has come in the meantime."""
        task = asyncio.current_task()
        is_outermost = task not in self._uninterruptible
        self._uninterruptible.add(task)
        try:
            yield
        finally:
            if is_outermost:
                self._uninterruptible.discard(task)

    async def _work(self, shared: Iterator[Item]) -> None:
        for item in shared:
            try:
                await self._process(item)
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # Airflow's task timeout is not an Exception
                self.stop(str(error) or type(error).__name__)
                raise
            if self.stopped:
                return
