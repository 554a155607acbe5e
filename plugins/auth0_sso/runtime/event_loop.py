"""
The event loop of a task's work, which ends cleanly even if the task is ended or times out.

Nothing calls Airflow while it runs: a task that ends with such a call in flight stays ``running`` forever.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts
from auth0_sso.runtime.worker_pool import WorkerPool


class GuardedLoop:
    """
    Run work, and stop its workers after ``deadline`` seconds or when the parent process is gone.

    The parent process supervises the task. Without it, Airflow starts the task again while this process still sends.
    """

    def __init__(
        self, workers: WorkerPool[Any], deadline: float | None = None, *, timeouts: Timeouts = DEFAULT_TIMEOUTS
    ) -> None:
        self._workers = workers
        self._deadline = deadline
        self._timeouts = timeouts
        self._loop = asyncio.new_event_loop()
        self._cancel_timer: asyncio.TimerHandle | None = None

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run ``main``; nothing is in flight afterwards, even after an exception."""
        task = self._loop.create_task(main())
        if self._deadline is not None:
            self._loop.call_later(self._deadline, self._stop, "the task's execution timeout is near")
        self._check_parent(os.getppid())
        try:
            self._loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass  # it was stopped and took too long; the work reports that itself
        finally:
            self._finish()

    def stop(self, reason: str) -> None:
        """Stop the work; may be called from a signal handler."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop, reason)

    def _check_parent(self, parent: int) -> None:
        if os.getppid() != parent:
            self._stop("the process that supervises the task is gone")
        else:
            self._loop.call_later(self._timeouts.parent_poll_interval, self._check_parent, parent)

    def _stop(self, reason: str) -> None:
        self._workers.stop(reason)
        # Requests in flight get as long as Airflow's supervisor allows.
        if self._cancel_timer is None:
            self._cancel_timer = self._loop.call_later(self._timeouts.shutdown, self._cancel_all)

    def _cancel_all(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    def _finish(self) -> None:
        try:
            if remaining := asyncio.all_tasks(self._loop):
                self._stop("the task was ended")
                self._loop.run_until_complete(asyncio.gather(*remaining, return_exceptions=True))
            if self._cancel_timer is not None:
                self._cancel_timer.cancel()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()
