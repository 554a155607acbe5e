"""
Run a worker's coroutine on an event loop of its own, so that it ends whatever happens to the task.

No call to Airflow is made while the loop runs: a task that ends with such a call in flight stays
``running`` for ever. Connections are read before, XComs are pushed after.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts


class Work(Protocol):
    """Work that can be told to send nothing more."""

    async def run(self) -> None:
        """Do it."""

    def stop(self, reason: str) -> None:
        """Send nothing more; what is under way still ends."""


class GuardedLoop:
    """
    An event loop for one piece of work.

    The work is also told to stop when its parent process is gone: that is the one that watches over an
    Airflow task, and without it the task will be started again while this process would still send.

    :param work: what is told to stop.
    :param deadline: seconds after which it is, so that it ends before Airflow's execution timeout.
    :param timeouts: how long its end is waited for, and how often the parent process is looked for.
    """

    def __init__(self, work: Work, deadline: float | None = None, *, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        self._work = work
        self._deadline = deadline
        self._timeouts = timeouts
        self._loop = asyncio.new_event_loop()
        self._last_wait: asyncio.TimerHandle | None = None

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run ``main`` to its end; whatever is raised, nothing is under way any more afterwards."""
        task = self._loop.create_task(main())
        if self._deadline is not None:
            self._loop.call_later(self._deadline, self._stop, "the task's execution timeout is near")
        self._watch(os.getppid())
        try:
            self._loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass  # it was told to stop and took too long; the work says so itself
        finally:
            self._drain()

    def stop(self, reason: str) -> None:
        """Tell the work to stop; may be called from a signal handler."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop, reason)

    def _watch(self, parent: int) -> None:
        if os.getppid() != parent:
            self._stop("the process that watched over the task is gone")
        else:
            self._loop.call_later(self._timeouts.parent_poll_interval, self._watch, parent)

    def _stop(self, reason: str) -> None:
        self._work.stop(reason)
        # An answer that doesn't come is not waited for longer than the supervisor waits.
        if self._last_wait is None:
            self._last_wait = self._loop.call_later(self._timeouts.shutdown, self._cancel_all)

    def _cancel_all(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    def _drain(self) -> None:
        try:
            if left := asyncio.all_tasks(self._loop):
                self._stop("the task was ended")
                self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            if self._last_wait is not None:
                self._last_wait.cancel()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()
