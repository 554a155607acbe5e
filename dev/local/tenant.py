"""The sandbox tenant in a process of its own, for an Airflow that is kept running; and the connection to a tenant."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from dev.local.api import DIRECTLY
from dev.local.background import BackgroundProcess
from dev.local.ports import free_port, require_free_port
from dev.sandbox.tenant.settings import SandboxSettings
from include.files import make_private

CONNECTION = "auth0_default"
CONNECTION_VARIABLE = f"AIRFLOW_CONN_{CONNECTION.upper()}"
_MAIL_CONNECTION_VARIABLE = "AIRFLOW_CONN_SMTP_DEFAULT"
_MAIL_FROM_VARIABLE = "SSO_TICKETS_MAIL_FROM"
_START_SECONDS = 60.0


class LocalTenant:
    """
    A sandbox tenant and its mail server, which run on after the process that starts them.

    :param home: the folder of its log and its process id.
    :param port: of 127.0.0.1.
    """

    def __init__(self, home: Path, port: int) -> None:
        self.settings = SandboxSettings()
        self.url = f"http://127.0.0.1:{port}"
        self.log_file = home / "sandbox.log"
        self._background = BackgroundProcess(home / "sandbox.pid", self.log_file)
        self._port = port
        self._mail_port = free_port()

    @property
    def outbox_url(self) -> str:
        """The page with the mails that its mail server has accepted."""
        return f"{self.url}/_sandbox/outbox"

    def mail_env(self) -> dict[str, str]:
        """Return the environment of an Airflow that mails to its mail server; empty if this one's mails elsewhere."""
        if any(os.environ.get(name) for name in (_MAIL_CONNECTION_VARIABLE, _MAIL_FROM_VARIABLE)):
            return {}
        without_tls = {"disable_ssl": True, "disable_tls": True}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": self._mail_port, "extra": without_tls}
        return {
            _MAIL_CONNECTION_VARIABLE: json.dumps(connection),
            _MAIL_FROM_VARIABLE: "Sandbox <sso@sandbox.example>",
        }

    def start(self) -> None:
        """
        Start it and wait until it responds.

        :raises PortTakenError: if its port is taken.
        :raises RuntimeError: if it doesn't respond; names the log.
        """
        require_free_port(self._port, "SANDBOX_PORT")  # another server there would respond in its place
        make_private(self.log_file.parent)
        ports = ["--port", str(self._port), "--mail-port", str(self._mail_port)]
        process = self._background.start([sys.executable, "-m", "dev.sandbox", *ports])
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                DIRECTLY.open(self.url, timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"The sandbox tenant doesn't respond at {self.url}: see {self.log_file}")

    def stop(self) -> None:
        """Stop it; also one that another process has started in the same home."""
        self._background.stop()


def connection_fields(url: str, settings: SandboxSettings, **extra: Any) -> dict[str, Any]:
    """Return the fields of Airflow's connection to a sandbox tenant."""
    return {
        "conn_type": "auth0",
        "host": url,
        "login": settings.client_id,
        "password": settings.client_secret,
        "extra": {"profile_id": settings.profile_ids[0], **extra},
    }


def connection_env(url: str, settings: SandboxSettings, **extra: Any) -> dict[str, str]:
    """Return the environment variable that makes that connection."""
    return {CONNECTION_VARIABLE: json.dumps(connection_fields(url, settings, **extra))}
