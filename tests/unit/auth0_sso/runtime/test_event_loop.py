"""An event loop for one piece of work: it ends in order, and in time, whatever happens to the task."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout
from auth0_sso.runtime.event_loop import GuardedLoop
from auth0_sso.runtime.timeouts import Timeouts
from auth0_sso.runtime.worker_pool import WorkerPool


class Requests:
    """Work that is asked to end and lets each request under way have its answer."""

    def __init__(self, answer: Callable[[], Awaitable[object]], many: int = 3) -> None:
        self.begun = self.answered = 0
        self.reasons: list[str] = []
        self._answer = answer
        self._many = many
        self._told = asyncio.Event()
        self._workers: WorkerPool[int] = WorkerPool(self._ask, 1)

    async def run(self) -> None:
        await self._workers.run(range(self._many))

    def stop(self, reason: str) -> None:
        self.reasons.append(reason)
        self._workers.stop(reason)
        self._told.set()

    async def answer_after_the_stop(self) -> None:
        await self._told.wait()
        await asyncio.sleep(0.01)

    async def _ask(self, _item: int) -> None:
        with self._workers.uninterrupted():
            self.begun += 1
            await self._answer()
            self.answered += 1


PATIENT = Timeouts(shutdown=60)
HASTY = Timeouts(shutdown=0.05)


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def on_alarm() -> Iterator[Callable[[Callable[[int, object], None]], None]]:
    """Let a signal handler run in a moment, when the event loop waits for answers."""
    before = signal.getsignal(signal.SIGALRM)

    def strike(action: Callable[[int, object], None]) -> None:
        signal.signal(signal.SIGALRM, action)
        signal.setitimer(signal.ITIMER_REAL, 0.05)

    yield strike
    signal.signal(signal.SIGALRM, before)


OnAlarm = Callable[[Callable[[int, object], None]], None]


def never() -> Awaitable[object]:
    return asyncio.sleep(3600)


def time_out(_signal: int, _frame: object) -> None:
    raise AirflowTaskTimeout("Timeout")


def test_work_that_ends_by_itself_is_all_done() -> None:
    work = Requests(lambda: asyncio.sleep(0.001))
    GuardedLoop(work).run(work.run)
    assert (work.begun, work.answered, work.reasons) == (3, 3, [])


def test_what_the_work_raises_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("the reason")

    work = Requests(fail)
    with pytest.raises(ValueError, match="the reason"):
        GuardedLoop(work).run(work.run)


def test_before_the_deadline_the_work_is_told_and_what_is_under_way_is_answered() -> None:
    work = Requests(lambda: work.answer_after_the_stop())
    GuardedLoop(work, deadline=0.2, timeouts=PATIENT).run(work.run)
    assert (work.begun, work.answered) == (1, 1)
    assert work.reasons == ["the task's execution timeout is near"]


def test_work_that_ends_before_its_deadline_is_told_nothing() -> None:
    work = Requests(lambda: asyncio.sleep(0.001))
    GuardedLoop(work, deadline=30).run(work.run)
    assert work.reasons == []


def test_an_answer_that_never_comes_is_waited_for_only_so_long() -> None:
    def told_and_never_answered() -> Awaitable[object]:
        loop.stop("told to")
        return never()

    work = Requests(told_and_never_answered)
    loop = GuardedLoop(work, timeouts=HASTY)
    loop.run(work.run)
    assert (work.begun, work.answered) == (1, 0)


def test_a_signal_handler_may_stop_it(on_alarm: OnAlarm) -> None:
    def answer() -> Awaitable[object]:
        on_alarm(lambda _signal, _frame: loop.stop("told to"))
        return work.answer_after_the_stop()

    work = Requests(answer)
    loop = GuardedLoop(work, timeouts=PATIENT)
    loop.run(work.run)
    assert (work.begun, work.answered, work.reasons) == (1, 1, ["told to"])


def test_a_task_timeout_raised_inside_comes_out_after_the_answer_under_way(on_alarm: OnAlarm) -> None:
    def answer() -> Awaitable[object]:
        on_alarm(time_out)
        return work.answer_after_the_stop()

    work = Requests(answer)
    with pytest.raises(AirflowTaskTimeout):
        GuardedLoop(work, timeouts=PATIENT).run(work.run)
    assert (work.begun, work.answered) == (1, 1)


def test_a_task_timeout_raised_inside_is_not_held_up_by_an_answer_that_never_comes(on_alarm: OnAlarm) -> None:
    def answer() -> Awaitable[object]:
        on_alarm(time_out)
        return never()

    work = Requests(answer)
    with pytest.raises(AirflowTaskTimeout):
        GuardedLoop(work, timeouts=HASTY).run(work.run)
    assert (work.begun, work.answered) == (1, 0)


def test_what_the_work_has_left_behind_is_ended_too() -> None:
    left: list[str] = []

    async def linger() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            left.append("ended")

    class Careless(Requests):
        async def run(self) -> None:
            self.task = asyncio.create_task(linger())
            await asyncio.sleep(0)

    work = Careless(never)
    GuardedLoop(work, timeouts=HASTY).run(work.run)
    assert left == ["ended"]


def test_a_thread_of_the_work_is_waited_for() -> None:
    work = Requests(lambda: asyncio.to_thread(time.sleep, 0.01))
    GuardedLoop(work).run(work.run)
    assert work.answered == 3


def test_after_its_end_a_stop_does_nothing() -> None:
    work = Requests(lambda: asyncio.sleep(0))
    loop = GuardedLoop(work)
    loop.run(work.run)
    loop.stop("too late")
    assert work.reasons == []


def test_a_stop_before_it_runs_ends_it_at_once() -> None:
    work = Requests(never)
    loop = GuardedLoop(work, timeouts=HASTY)
    loop.stop("told to")
    loop.run(work.run)
    assert work.begun <= 1


TERMINATED = """
    import asyncio, signal, sys
    from auth0_sso.runtime.event_loop import GuardedLoop
    from auth0_sso.runtime.timeouts import Timeouts
    from auth0_sso.runtime.worker_pool import WorkerPool

    class Work:
        def __init__(self):
            self.answered = 0
            self.told = asyncio.Event()
            self.workers = WorkerPool(self.ask, 4)

        async def run(self):
            await self.workers.run(range(1000))

        def stop(self, reason):
            self.workers.stop(reason)
            self.told.set()

        async def ask(self, item):
            with self.workers.uninterrupted():
                print("asked", flush=True)
                await self.told.wait()
                self.answered += 1

    work = Work()
    loop = GuardedLoop(work, timeouts=Timeouts(shutdown=60, parent_poll_interval=0.05))
    signal.signal(signal.SIGTERM, lambda *_: loop.stop("The task was ended from outside."))
    loop.run(work.run)
    print(work.answered, work.workers.stopped)
"""


def test_a_process_that_is_asked_to_end_lets_what_is_under_way_be_answered() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(TERMINATED)],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        first = [process.stdout.readline() for _ in range(4)]  # type: ignore[union-attr]
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert first == ["asked\n"] * 4
    assert said.splitlines()[-1] == "4 The task was ended from outside."
    assert process.returncode == 0


WATCHED = """
    import subprocess, sys
    with subprocess.Popen([sys.executable, "-c", sys.argv[1]]):
        sys.stdin.read()
"""


def test_a_process_whose_watcher_is_killed_sends_nothing_more() -> None:
    watcher = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WATCHED), textwrap.dedent(TERMINATED)],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    first = [watcher.stdout.readline() for _ in range(4)]  # type: ignore[union-attr]
    watcher.kill()
    said, _ = watcher.communicate(timeout=60)  # until the orphan closes its end too
    assert first == ["asked\n"] * 4
    assert said.splitlines()[-1] == "4 the process that supervises the task is gone"
