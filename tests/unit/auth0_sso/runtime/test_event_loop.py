"""A task's work ends cleanly and in time, also when the task is ended or times out."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout
from auth0_sso.runtime.event_loop import GuardedLoop
from auth0_sso.runtime.timeouts import Timeouts
from auth0_sso.runtime.worker_pool import WorkerPool

LONG = Timeouts(shutdown=60)
SHORT = Timeouts(shutdown=0.05)


class Requests:
    """Work that lets each request in flight have its answer after a stop."""

    def __init__(self, answer: Callable[[], Awaitable[object]]) -> None:
        self.sent = self.answered = 0
        self.reasons: list[str] = []
        self._answer = answer
        self._stopped = asyncio.Event()
        self._workers: WorkerPool[int] = WorkerPool(self._send, 1)

    async def run(self) -> None:
        await self._workers.run(range(3))

    def stop(self, reason: str) -> None:
        self.reasons.append(reason)
        self._workers.stop(reason)
        self._stopped.set()

    async def answer_after_the_stop(self) -> None:
        await self._stopped.wait()
        await asyncio.sleep(0.01)

    async def _send(self, _item: int) -> None:
        with self._workers.uninterrupted():
            self.sent += 1
            await self._answer()
            self.answered += 1


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def strike_soon() -> Iterator[Callable[[], None]]:
    """Let Airflow's task timeout strike in a moment, when the event loop waits for answers."""

    def time_out(_signal: int, _frame: object) -> None:
        raise AirflowTaskTimeout("Timeout")

    before = signal.signal(signal.SIGALRM, time_out)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.05) and None
    signal.signal(signal.SIGALRM, before)


def never() -> Awaitable[object]:
    return asyncio.sleep(3600)


def test_work_that_finishes_is_not_stopped() -> None:
    work = Requests(lambda: asyncio.to_thread(time.sleep, 0.001))
    loop = GuardedLoop(work, deadline=30)
    loop.run(work.run)
    loop.stop("too late")
    assert (work.sent, work.answered, work.reasons) == (3, 3, [])


def test_at_the_deadline_the_work_stops_and_requests_in_flight_are_answered() -> None:
    work = Requests(lambda: work.answer_after_the_stop())
    GuardedLoop(work, deadline=0.2, timeouts=LONG).run(work.run)
    assert (work.sent, work.answered) == (1, 1)
    assert work.reasons == ["the task's execution timeout is near"]


def test_after_a_stop_an_answer_is_waited_for_until_the_shutdown_timeout() -> None:
    def stop_without_an_answer() -> Awaitable[object]:
        loop.stop("stopped")
        return never()

    work = Requests(stop_without_an_answer)
    loop = GuardedLoop(work, timeouts=SHORT)
    loop.run(work.run)
    assert (work.sent, work.answered) == (1, 0)


@pytest.mark.parametrize(("answered", "timeouts"), [(1, LONG), (0, SHORT)], ids=["answered", "not answered"])
def test_a_task_timeout_is_raised_after_requests_in_flight_or_the_shutdown_timeout(
    strike_soon: Callable[[], None], answered: int, timeouts: Timeouts
) -> None:
    def answer() -> Awaitable[object]:
        strike_soon()
        return work.answer_after_the_stop() if answered else never()

    work = Requests(answer)
    with pytest.raises(AirflowTaskTimeout):
        GuardedLoop(work, timeouts=timeouts).run(work.run)
    assert (work.sent, work.answered) == (1, answered)


def test_tasks_that_the_work_leaves_behind_are_cancelled() -> None:
    tasks: list[asyncio.Task[None]] = []
    ended: list[bool] = []

    async def linger() -> None:
        try:
            await never()
        finally:
            ended.append(True)

    async def leave_it_behind() -> None:
        tasks.append(asyncio.create_task(linger()))
        await asyncio.sleep(0)

    GuardedLoop(Requests(never), timeouts=SHORT).run(leave_it_behind)
    assert ended == [True]


def worker() -> None:
    """Run in a process of its own, and print what was sent and answered."""

    def answer() -> Awaitable[object]:
        print("sent", flush=True)
        return work.answer_after_the_stop()

    work = Requests(answer)
    loop = GuardedLoop(work, timeouts=Timeouts(shutdown=60, parent_poll_interval=0.05))
    signal.signal(signal.SIGTERM, lambda *_: loop.stop("The task was ended from outside."))
    loop.run(work.run)
    print(work.sent, work.answered, *work.reasons)


WORKER = f"from {__name__} import worker; worker()"
SUPERVISOR = """
import subprocess, sys
with subprocess.Popen([sys.executable, "-c", sys.argv[1]]):
    sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("scripts", "sent_signal", "reason"),
    [
        ([WORKER], signal.SIGTERM, "The task was ended from outside."),
        ([SUPERVISOR, WORKER], signal.SIGKILL, "the process that supervises the task is gone"),
    ],
    ids=["SIGTERM", "killed supervisor"],
)
def test_a_process_that_must_end_sends_nothing_more_and_waits_for_its_answers(
    scripts: list[str], sent_signal: signal.Signals, reason: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", *scripts],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert "sent\n" in iter(process.stdout.readline, "")  # type: ignore[union-attr]
        process.send_signal(sent_signal)
        said, _ = process.communicate(timeout=60)  # until an orphan closes the pipe, too
    finally:
        process.kill()
    assert said == f"1 1 {reason}\n"
