"""Some workers share a list of work, and end in order whatever happens."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from auth0_sso.runtime.worker_pool import WorkerPool


def test_each_item_is_settled_once() -> None:
    settled: Counter[int] = Counter()

    async def settle(item: int) -> None:
        await asyncio.sleep(0)
        settled[item] += 1

    asyncio.run(WorkerPool(settle, 4).run(range(50)))
    assert settled == Counter(range(50))


@pytest.mark.parametrize("size", [1, 3])
def test_no_more_than_so_many_are_settled_at_once(size: int) -> None:
    under_way = 0
    most = 0

    async def settle(_item: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1

    asyncio.run(WorkerPool(settle, size).run(range(10)))
    assert most == size


def test_an_error_stops_the_others_and_is_raised_when_nothing_is_under_way_any_more() -> None:
    begun: list[int] = []
    ended: list[int] = []

    async def settle(item: int) -> None:
        begun.append(item)
        if item == 1:
            raise ValueError("the reason")
        try:
            await asyncio.sleep(5)
        finally:
            ended.append(item)

    async def main() -> set[asyncio.Task[None]]:
        workers = WorkerPool(settle, 3)
        with pytest.raises(ValueError, match="the reason"):
            await workers.run(range(10))
        assert workers.stopped == "the reason"
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    assert asyncio.run(main()) == set()
    assert begun == [0, 1]
    assert ended == [0]


class TaskTimeoutError(BaseException):
    """Like Airflow's, no Exception: it is raised by a signal, in whatever runs at that moment."""


def test_a_task_timeout_stops_the_others_too() -> None:
    begun: list[int] = []

    async def settle(item: int) -> None:
        begun.append(item)
        await asyncio.sleep(0)
        if item == 1:
            raise TaskTimeoutError
        await asyncio.sleep(0)

    async def main() -> None:
        with pytest.raises(TaskTimeoutError):
            await WorkerPool(settle, 2).run(range(100))

    asyncio.run(main())
    assert len(begun) < 5


def test_after_a_stop_what_must_not_be_interrupted_ends_and_nothing_more_is_begun() -> None:
    said: list[str] = []

    async def settle(item: int) -> None:
        with workers.uninterrupted():
            said.append(f"{item} asked")
            if item == 1:
                workers.stop("the first reason")
                workers.stop("a later reason")
            await asyncio.sleep(0)
            said.append(f"{item} answered")

    workers: WorkerPool[int] = WorkerPool(settle, 2)
    asyncio.run(workers.run(range(10)))
    assert said == ["0 asked", "1 asked", "0 answered", "1 answered"]
    assert workers.stopped == "the first reason"


def test_after_a_stop_no_second_request_is_begun_for_an_item_under_way() -> None:
    said: list[str] = []

    async def settle(item: int) -> None:
        for request in ("revoke", "create"):
            with workers.uninterrupted():
                said.append(f"{item} {request}")
                workers.stop("told to")
                await asyncio.sleep(0)

    workers: WorkerPool[int] = WorkerPool(settle, 1)
    asyncio.run(workers.run(range(3)))
    assert said == ["0 revoke"]


def test_workers_that_were_stopped_before_they_ran_begin_nothing() -> None:
    async def settle(_item: int) -> None:
        raise AssertionError("begun")

    workers = WorkerPool(settle, 2)
    workers.stop("too late")
    asyncio.run(workers.run(range(3)))


def test_a_cancelled_run_leaves_no_task() -> None:
    async def settle(_item: int) -> None:
        await asyncio.sleep(5)

    async def main() -> set[asyncio.Task[None]]:
        running = asyncio.create_task(WorkerPool(settle, 3).run(range(9)))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    assert asyncio.run(main()) == set()
