"""The virtual clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.bench.simulation import virtual_time


def test_a_day_of_waiting_takes_no_time_and_keeps_its_order() -> None:
    woken: list[tuple[str, float]] = []

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append((name, round(virtual_time.now() - began, 3)))

    async def main() -> None:
        await asyncio.gather(wait("day", 86_400), wait("hour", 3600), wait("second", 1))

    async def timed() -> None:
        nonlocal began
        began = virtual_time.now()
        await main()

    began = 0.0
    real = time.monotonic()
    virtual_time.run(timed())
    assert woken == [("second", 1), ("hour", 3600), ("day", 86_400)]
    assert time.monotonic() - real < 5


def test_tasks_that_wait_for_ever_end_in_an_error() -> None:
    with pytest.raises(TimeoutError):
        virtual_time.run(asyncio.Event().wait())
