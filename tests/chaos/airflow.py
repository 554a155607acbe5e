"""An Airflow whose parts can be killed and started again one by one."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from dev.local.airflow import LocalAirflow
from dev.local.background import PROJECT
from tests.chaos.processes import TaskProcess, kill_sessions, task_processes
from tests.support import commands

SCHEDULER, API_SERVER, DAG_PROCESSOR = PARTS = ("scheduler", "api-server", "dag-processor")
_MIGRATE_SECONDS = 180.0
_STOP_SECONDS = 20.0
# By default it takes Airflow five minutes to notice that a process was killed.
_SHORT_TIMEOUTS = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "AIRFLOW__CORE__PARALLELISM": "8",
}


class ChaosAirflow(LocalAirflow):
    """Airflow with a home, the SQLAlchemy URL of a metadata database of its own, and further environment variables."""

    def __init__(self, home: Path, database: str, env: Mapping[str, str]) -> None:
        settings = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database, **_SHORT_TIMEOUTS, **env}
        super().__init__(home, dags=commands.NAIVE_DAGS, env=settings)
        self._metadata = database
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._sessions: set[int] = set()

    def start(self) -> None:
        """Start the parts that aren't running, and wait until Airflow is healthy."""
        if not self._sessions:
            self.home.mkdir(parents=True, exist_ok=True)
            _end_idle_transactions(self._metadata)
            self._command("db", "migrate").wait(_MIGRATE_SECONDS)
        for part in PARTS:
            if part not in self._parts:
                self._parts[part] = self._command(part)
                self._sessions.add(self._parts[part].pid)
        self.wait_until_healthy()

    def kill(self, part: str, *, with_children: bool = True) -> None:
        """
        End a part with SIGKILL.

        :param with_children: and all that it has started, as when its container is killed.
        """
        process = self._parts.pop(part)
        process.kill()
        if with_children:
            kill_sessions([process.pid])
        process.wait(_STOP_SECONDS)

    def kill_all(self) -> None:
        """End all parts with SIGKILL, and all that they have started, as when the machine loses its power."""
        for process in self._parts.values():
            process.kill()
        for part in list(self._parts):
            self.kill(part)

    def task_processes(self) -> list[TaskProcess]:
        """Return the processes that run or supervise a task, orphans too."""
        return task_processes(self._sessions)

    def stop(self, grace: float = 0.0) -> None:
        """End all that was started here, orphans too, at once."""
        self.kill_all()
        kill_sessions(self._sessions)

    def _command(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{command[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [str(PROJECT / ".venv" / "bin" / "airflow"), *command],
                env=self.env,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def _end_idle_transactions(database: str) -> None:
    """
    Let the database end the transaction of a scheduler that was killed in the middle of it.

    The scheduler's workers run on and have inherited its connections, so the database sees none of them close. Without
    a limit the run's row stays locked, and the run stuck, until they end.
    """
    engine = create_engine(database)
    with engine.begin() as connection:
        name = make_url(database).database
        connection.execute(text(f"ALTER DATABASE \"{name}\" SET idle_in_transaction_session_timeout = '20s'"))
    engine.dispose()
