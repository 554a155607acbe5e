"""A process that runs on after the one that starts it, and is stopped with all that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 20.0


class BackgroundProcess:
    """
    A process in a session of its own, run in the project's folder.

    :param pid_file: holds its number and when it was started, for other processes.
    :param log_file: its output is appended here.
    """

    def __init__(self, pid_file: Path, log_file: Path) -> None:
        self._pid_file = pid_file
        self._log_file = log_file

    def start(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a command as the leader of a process group of its own, with its output in the log file."""
        with self._log_file.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603
                command,
                env=env,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid_file.write_text(f"{process.pid} {psutil.Process(process.pid).create_time()}")
        return process

    def is_running(self) -> bool:
        """Whether it, or anything that it has started, is running; also if another process has started it."""
        return self._group() is not None

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """
        Stop it with all that it has started. Another process that now has its number is left alone.

        :param grace: seconds until what is still running is killed.
        """
        group = self._group()
        for signal_number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, STOP_SECONDS)):
            if group is not None and _signal(group, signal_number):
                _wait_for_end(group, seconds)
        self._pid_file.unlink(missing_ok=True)

    def _group(self) -> int | None:
        """Return its process group, if that is running."""
        try:
            number, started = self._pid_file.read_text().split()
            group, started_at = int(number), float(started)
        except (FileNotFoundError, ValueError):  # a cut-off file identifies no process
            return None
        return group if _is_session(group, started_at) and _signal(group, 0) else None


def _wait_for_end(group: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and _signal(group, 0):
        with suppress(ChildProcessError):  # a child of this process remains until it is waited for
            os.waitpid(-group, os.WNOHANG)
        time.sleep(0.1)


def _is_session(number: int, started: float) -> bool:
    """Whether a session was opened by a process that was started then."""
    with suppress(psutil.NoSuchProcess):
        since: float = psutil.Process(number).create_time()
        return abs(since - started) < 2  # Linux computes it from a boot time in whole seconds
    for process in psutil.process_iter(["cwd"]):  # that process has ended; what it has started may run on
        with suppress(ProcessLookupError):
            if process.info["cwd"] == str(PROJECT) and os.getsid(process.pid) == number:
                return True
    return False


def _signal(group: int, signal_number: int) -> bool:
    """Send a signal to a process group; return whether there is one."""
    try:
        os.killpg(group, signal_number)
    except ProcessLookupError:
        return False
    return True
