"""The processes of an Airflow, found by the sessions that its parts were started in."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass

import psutil

_TITLE = "airflow worker -- "
_SUPERVISOR = f"{_TITLE}LocalExecutor: "


@dataclass(frozen=True)
class TaskProcess:
    """A process that runs or supervises the task instance of this id."""

    pid: int
    ti_id: str
    supervises: bool


def task_processes(sessions: Collection[int]) -> list[TaskProcess]:
    """Return the processes that run or supervise a task."""
    found = []
    for process in processes(sessions):
        with suppress(psutil.NoSuchProcess):
            title = " ".join(process.cmdline()).strip()
            supervises = title.startswith(_SUPERVISOR)
            ti_id = title.removeprefix(_SUPERVISOR if supervises else _TITLE)
            if title.startswith(_TITLE) and len(ti_id) == 36:  # an idle worker has none
                found.append(TaskProcess(process.pid, ti_id, supervises))
    return found


def kill(pid: int) -> bool:
    """End a process with SIGKILL; return whether it was there."""
    try:
        psutil.Process(pid).kill()
    except psutil.NoSuchProcess:
        return False
    return True


def kill_sessions(sessions: Collection[int]) -> None:
    """End all processes of those sessions with SIGKILL; tasks have process groups of their own."""
    while left := list(processes(sessions)):
        for process in left:
            kill(process.pid)
        time.sleep(0.05)


def processes(sessions: Collection[int]) -> Iterator[psutil.Process]:
    """Yield the processes of those sessions, without zombies."""
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                yield process
