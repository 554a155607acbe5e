"""The sandbox tenant in a process of its own, for an Airflow that is kept running."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from dev.local.api import DIRECTLY
from dev.local.background import BackgroundProcess
from dev.local.ports import require_free_port
from dev.sandbox.tenant.settings import SandboxSettings
from include.files import make_private

_START_SECONDS = 30.0


class LocalTenant:
    """
    A sandbox tenant that outlives the process that starts it.

    :param home: where its log and process id are kept.
    :param port: of 127.0.0.1.
    """

    def __init__(self, home: Path, port: int) -> None:
        self.settings = SandboxSettings()
        self.url = f"http://127.0.0.1:{port}"
        self.log_file = home / "sandbox.log"
        self._background = BackgroundProcess(home / "sandbox.pid", self.log_file)
        self._port = port

    def start(self) -> None:
        """
        Start it and wait until it answers.

        :raises PortTakenError: if its port is taken.
        :raises RuntimeError: if it doesn't answer; names the log.
        """
        # Whoever listens there would answer in its place.
        require_free_port(self._port, "SANDBOX_PORT")
        make_private(self.log_file.parent)
        command = [sys.executable, "-m", "dev.sandbox", "--port", str(self._port)]
        process = self._background.start(command)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            if self._answers():
                return
            time.sleep(0.1)
        raise RuntimeError(f"The sandbox tenant doesn't answer at {self.url}: see {self.log_file}")

    def stop(self) -> None:
        """End it, whoever has started it."""
        self._background.stop()

    def _answers(self) -> bool:
        try:
            DIRECTLY.open(self.url, timeout=1).close()
        except OSError:
            return False
        return True


def connection_env(
    *, host: str, client_id: str, client_secret: str, profile_id: str, conn_id: str = "auth0_default", **extra: Any
) -> dict[str, str]:
    """Return the environment variable that is the connection to a tenant."""
    connection = {
        "conn_type": "auth0",
        "host": host,
        "login": client_id,
        "password": client_secret,
        "extra": {"profile_id": profile_id, **extra},
    }
    return {f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(connection)}
