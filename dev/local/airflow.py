"""``airflow standalone`` on this machine, in its own session, which is stopped as a whole."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from subprocess import Popen
from typing import Any

from dev.local.api import AirflowApi, ApiError
from dev.local.background import PROJECT, STOP_SECONDS, BackgroundProcess
from dev.local.ports import free_port, require_free_port
from include.files import make_private

POOL = "auth0_management_api"
USER = "admin"
_DAGS = {"create_sso_tickets", "follow_sso_setups", "mail_sso_tickets", "revoke_sso_tickets"}
_START_SECONDS = 600.0  # half a minute on a quiet machine; it fails at once if Airflow ends


class LocalAirflowError(RuntimeError):
    """Airflow didn't start."""


class LocalAirflow:
    """
    Airflow with SQLite and the LocalExecutor, and this project's DAGs and plugins.

    ``env`` is the environment that its processes run in.

    :param home: its ``AIRFLOW_HOME``; created if missing.
    :param port: of its UI and API; 0 takes a free one.
    :param dags: folders of further DAGs, by the name of their bundle.
    :param env: further environment variables, such as connections; they override those set here.
    :param on_wait: called twice a second while it starts, with what isn't ready yet.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int = 0,
        dags: Mapping[str, Path] | None = None,
        env: Mapping[str, str] | None = None,
        on_wait: Callable[[str], object] = lambda _missing: None,
    ) -> None:
        self.home = home
        self._on_wait = on_wait
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_file = home / "standalone.log"
        self._background = BackgroundProcess(home / "standalone.pid", self.log_file)
        self._database = home / "airflow.db"
        self.env = {**_inherited(), **self._settings(dags or {}), **(env or {})}
        self._process: Popen[bytes] | None = None

    def __enter__(self) -> LocalAirflow:
        try:
            self.start()
            self.wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.stop(grace=2.0)  # its home is used no more, so nothing is lost

    @property
    def password(self) -> str:
        """The admin user's generated password."""
        passwords: dict[str, str] = json.loads((self.home / "passwords.json").read_text())
        return passwords[USER]

    def start(self) -> None:
        """
        Start it, without waiting until it is healthy.

        :raises PortTakenError: if its port is taken.
        """
        require_free_port(self.port, "AIRFLOW_PORT")
        make_private(self.home)  # its database keeps XComs, and ticket URLs among them
        # With a write-ahead log, a setting that the file keeps, readers and the writer don't block each other.
        with closing(sqlite3.connect(self._database)) as database:
            database.execute("PRAGMA journal_mode=WAL")
        command = [str(Path(sys.executable).with_name("airflow")), "standalone"]
        self._process = self._background.start(command, self.env)

    def wait_until_healthy(self) -> AirflowApi:
        """
        Wait until it is healthy and its DAGs are parsed.

        :raises LocalAirflowError: if it ends or takes too long; names the log.
        """
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise LocalAirflowError(f"Airflow ended with {self._process.returncode}: see {self.log_file}")
            missing = "API server"
            with suppress(ApiError, OSError, ValueError, KeyError):  # not up yet
                api = self.api()
                missing = ", ".join(api.unhealthy() or sorted(_DAGS - api.dag_ids()))
                if not missing:
                    return api
            self._on_wait(missing)
            time.sleep(0.5)
        raise LocalAirflowError(f"Airflow wasn't healthy after {_START_SECONDS:.0f} s: see {self.log_file}")

    def api(self) -> AirflowApi:
        """Return its API, logged in as the admin."""
        return AirflowApi(self.url, USER, self.password)

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """
        Stop it with all that it has started; also one that another process has started in the same home.

        :param grace: seconds until what is still running is killed.
        """
        self._background.stop(grace)

    def is_running(self) -> bool:
        """Whether an Airflow of this home is running."""
        return self._background.is_running()

    def remove(self) -> None:
        """Delete its home, with its database and logs."""
        shutil.rmtree(self.home, ignore_errors=True)

    def _settings(self, dags: Mapping[str, Path]) -> dict[str, str]:
        bundles = [_bundle(*named) for named in {"project": PROJECT / "dags", **dags}.items()]
        return {
            "AIRFLOW_HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(PROJECT),
            "NO_COLOR": "1",
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "8",  # processes that it forks at its start
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._database}?timeout=60",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS": "dev.local.sqlite.CONNECT_ARGS",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "SSO_TICKETS_SCHEDULE": "",
            "SSO_TICKETS_FOLLOW_SCHEDULE": "",
            # Beside the ledger: a run on an empty ledger refuses to repeat what older reports list.
            "SSO_TICKETS_REPORTS": os.environ.get("SSO_TICKETS_REPORTS") or str(self.home / "reports"),
        }


def _bundle(name: str, folder: Path) -> dict[str, Any]:
    classpath = "airflow.dag_processing.bundles.local.LocalDagBundle"
    return {"name": name, "classpath": classpath, "kwargs": {"path": str(folder)}}


def _inherited() -> dict[str, str]:
    """Return the environment without another Airflow's settings, and without a proxy for this machine."""
    own = ("AIRFLOW__", "AIRFLOW_HOME", "AIRFLOW_CONFIG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    others = kept.get("no_proxy") or kept.get("NO_PROXY")
    directly = ",".join(filter(None, (others, "127.0.0.1", "localhost")))
    return {**kept, "no_proxy": directly, "NO_PROXY": directly}
