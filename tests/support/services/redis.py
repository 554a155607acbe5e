"""A Redis for tests, from the machine's package, on a loopback port; it can be killed and started again."""

from __future__ import annotations

import atexit
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from dev.local.ports import free_port
from tests.support.services.processes import kill_family

_START_SECONDS = 30.0


class RedisError(RuntimeError):
    """There is no Redis."""


class RedisServer:
    """
    A Redis that keeps nothing when it is killed.

    ``url`` is its address as Celery takes it.

    :param log_file: its output is appended here.
    :raises RedisError: if the machine has no Redis.
    """

    def __init__(self, log_file: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise RedisError("There is no program redis-server; Debian's package redis-server has it.")
        self._port = free_port()
        self._command = [program, "--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._log_file = log_file
        self._server: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}"
        atexit.register(self.kill)

    def start(self) -> None:
        """Start it, and return when it can be used."""
        with self._log_file.open("ab") as log:
            self._server = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._server.poll() is None:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            time.sleep(0.05)
        raise RedisError(f"Redis did not start: see {self._log_file}")

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._server is not None:
            kill_family(self._server)
