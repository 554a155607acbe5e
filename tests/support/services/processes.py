"""Ending processes with all that they have started, as when their container is killed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import suppress

import psutil

_END_SECONDS = 20.0


def kill(pid: int) -> bool:
    """End a process with SIGKILL; return whether it was there."""
    try:
        psutil.Process(pid).kill()
    except psutil.NoSuchProcess:
        return False
    return True


def kill_family(process: subprocess.Popen[bytes]) -> None:
    """End a process, its children and theirs with SIGKILL, unless it has ended: another may have its number."""
    if process.poll() is not None:
        return
    with suppress(psutil.NoSuchProcess):
        leader = psutil.Process(process.pid)
        leader.suspend()  # else it may start others meanwhile
        family = leader.children(recursive=True)
        for one in (leader, *family):
            kill(one.pid)
        psutil.wait_procs(family, _END_SECONDS)
    process.wait(_END_SECONDS)


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
