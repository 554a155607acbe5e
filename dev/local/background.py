"""A process that outlives the one that starts it, and is ended with all that it has started."""

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
_STOP_SECONDS = 20.0


class BackgroundProcess:
    """
    A process in a session of its own, run in the project's folder.

    :param pid_file: tells other processes which one it is: its number and when it was started.
    :param log_file: what it writes is added here.
    """

    def __init__(self, pid_file: Path, log_file: Path) -> None:
        self._pid_file = pid_file
        self._log_file = log_file

    def start(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start it."""
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
        if not self._pid_file.exists():
            return False
        number, started = self._pid_file.read_text().split()
        return _is_session(int(number), float(started)) and _signal(int(number), 0)

    def stop(self) -> None:
        """End it with all that it has started. A process that has merely got its number since is left alone."""
        if self.is_running():
            group = int(self._pid_file.read_text().split()[0])
            for sent in (signal.SIGTERM, signal.SIGKILL):
                if _signal(group, sent):
                    _wait_for_end(group)
        self._pid_file.unlink(missing_ok=True)


def _wait_for_end(group: int) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline and _signal(group, 0):
        with suppress(ChildProcessError):  # a child of this process has ended when its end is taken note of
            os.waitpid(-group, os.WNOHANG)
        time.sleep(0.1)


def _is_session(number: int, started: float) -> bool:
    """Whether a session is the one that a process which was started then has opened."""
    with suppress(psutil.NoSuchProcess):
        since: float = psutil.Process(number).create_time()
        return abs(since - started) < 2  # on Linux it is reckoned from a boot time in whole seconds
    for process in psutil.process_iter(["cwd"]):  # it was killed alone
        with suppress(ProcessLookupError):
            if process.info["cwd"] == str(PROJECT) and os.getsid(process.pid) == number:
                return True
    return False


def _signal(group: int, sent: int) -> bool:
    """Send a signal to a process group; whether there is one."""
    try:
        os.killpg(group, sent)
    except ProcessLookupError:
        return False
    return True
