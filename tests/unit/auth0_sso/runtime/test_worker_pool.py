"""Workers share a list of items and stop together."""

from __future__ import annotations

import asyncio

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout
from auth0_sso.runtime.worker_pool import WorkerPool


@pytest.mark.parametrize("size", [1, 3])
def test_each_item_is_processed_once_and_so_many_at_a_time(size: int) -> None:
    processed: list[int] = []
    running: set[int] = set()
    most = 0

    async def process(item: int) -> None:
        nonlocal most
        running.add(item)
        most = max(most, len(running))
        await asyncio.sleep(0.001)
        running.remove(item)
        processed.append(item)

    asyncio.run(WorkerPool(process, size).run(range(10)))
    assert sorted(processed) == list(range(10))
    assert most == size


@pytest.mark.parametrize("error", [ValueError("the reason"), AirflowTaskTimeout("the reason")])
def test_an_error_stops_the_other_workers_and_is_raised_when_nothing_is_in_flight(error: BaseException) -> None:
    started: list[int] = []
    ended: list[int] = []

    async def process(item: int) -> None:
        started.append(item)
        if item == 1:
            raise error
        try:
            await asyncio.sleep(5)
        finally:
            ended.append(item)

    async def main() -> None:
        workers = WorkerPool(process, 3)
        with pytest.raises(type(error), match="the reason"):
            await workers.run(range(10))
        assert workers.stopped == "the reason"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert (started, ended) == ([0, 1], [0])


def test_after_a_stop_uninterruptible_parts_finish_and_no_other_part_and_no_item_is_started() -> None:
    log: list[str] = []

    async def process(item: int) -> None:
        for request in ("revoke", "create"):
            with workers.uninterrupted():
                log.append(f"{item} {request}")
                if item == 1:
                    workers.stop("the first reason")
                    workers.stop("a later reason")
                await asyncio.sleep(0)
                log.append(f"{item} answered")

    workers: WorkerPool[int] = WorkerPool(process, 2)
    asyncio.run(workers.run(range(10)))
    assert log == ["0 revoke", "1 revoke", "0 answered", "1 answered"]
    assert workers.stopped == "the first reason"


def test_what_must_follow_an_uninterruptible_part_finishes_too_and_may_have_such_parts_itself() -> None:
    log: list[str] = []

    async def process(item: int) -> None:
        with workers.uninterrupted():
            log.append(f"{item} revoke")
            workers.stop("stopped")
            await asyncio.sleep(0)
        with workers.finishing():
            await asyncio.sleep(0)
            with workers.uninterrupted():
                log.append(f"{item} create")
            workers.stop("stopped again")
            await asyncio.sleep(0)
            log.append(f"{item} created")
        with workers.uninterrupted():
            log.append(f"{item} goes on")

    workers: WorkerPool[int] = WorkerPool(process, 1)
    asyncio.run(workers.run(range(3)))
    assert log == ["0 revoke", "0 create", "0 created"]


def test_a_pool_that_is_stopped_before_it_runs_starts_nothing() -> None:
    workers: WorkerPool[int] = WorkerPool(lambda _item: pytest.fail("an item is started"), 2)
    workers.stop("stopped")
    asyncio.run(workers.run(range(3)))


def test_a_cancelled_run_leaves_no_task() -> None:
    async def main() -> None:
        running = asyncio.create_task(WorkerPool(lambda _item: asyncio.sleep(5), 3).run(range(9)))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
