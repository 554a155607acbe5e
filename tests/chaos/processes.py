"""The processes of an Airflow, found by the sessions that its parts were started in."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TITLE = "airflow worker -- "
_SUPERVISOR = f"{_TITLE}LocalExecutor: "


@dataclass(frozen=True)
class TaskProcess:
    """
    A process that runs or supervises a task.

    :param ti_id: the task instance's id.
    """

    pid: int
    ti_id: str
    supervises: bool


def task_processes(sessions: Collection[int]) -> list[TaskProcess]:
    """Return the processes that run or supervise a task."""
    found = []
    for pid in processes(sessions):
        title = _title(pid)
        if title.startswith(_SUPERVISOR):
            found.append(TaskProcess(pid, title.removeprefix(_SUPERVISOR).strip(), True))
        elif title.startswith(_TITLE):
            found.append(TaskProcess(pid, title.removeprefix(_TITLE).strip(), False))
    return [process for process in found if len(process.ti_id) == 36]  # an idle worker has none


def kill(pid: int) -> bool:
    """End a process with SIGKILL; return whether it was there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def kill_sessions(sessions: Collection[int]) -> None:
    """End all processes of those sessions with SIGKILL; tasks have process groups of their own."""
    while left := list(processes(sessions)):
        for pid in left:
            kill(pid)
        time.sleep(0.05)


def processes(sessions: Collection[int]) -> Iterator[int]:
    """Yield the ids of the processes of those sessions, without zombies."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # After the name in parentheses: state, parent, process group, session, see proc(5).
            state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) in sessions and state != "Z":
                yield int(folder.name)


def _title(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""
