"""An Airflow on PostgreSQL whose parts can be killed and started again one by one."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from dev.local.airflow import LocalAirflow
from dev.local.background import PROJECT
from tests.support.services.processes import kill_sessions

SCHEDULER, API_SERVER, DAG_PROCESSOR = "scheduler", "api-server", "dag-processor"
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


@dataclass(frozen=True)
class Part:
    """The arguments of Airflow's command, and environment variables of this part alone."""

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


class AirflowInParts(LocalAirflow):
    """
    An Airflow that notices within seconds what was killed.

    :param home: its ``AIRFLOW_HOME``.
    :param database: the SQLAlchemy URL of a metadata database of its own.
    :param parts: further parts beside its services, such as workers.
    :param dags: folders of further DAGs, by the name of their bundle.
    :param env: further environment variables.
    """

    def __init__(
        self,
        home: Path,
        database: str,
        *,
        parts: Mapping[str, Part] | None = None,
        dags: Mapping[str, Path] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        settings = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database, **_SHORT_TIMEOUTS, **(env or {})}
        super().__init__(home, dags=dags, env=settings)
        self._metadata = database
        services = {name: Part((name,)) for name in (SCHEDULER, API_SERVER, DAG_PROCESSOR)}
        self._parts = {**services, **(parts or {})}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._sessions: set[int] = set()

    def start(self) -> None:
        """Start the parts that were killed or were not started yet, and wait until Airflow is healthy."""
        if not self._sessions:
            self.home.mkdir(parents=True, exist_ok=True)
            _end_idle_transactions(self._metadata)
            self._command("migrate", Part(("db", "migrate"))).wait(_MIGRATE_SECONDS)
        self.start_missing()
        self.wait_until_healthy()

    def start_missing(self) -> list[str]:
        """Start the parts that aren't running, without waiting for them; return their names."""
        missing = [name for name in self._parts if name not in self._running or self._running[name].poll() is not None]
        for name in missing:
            self._running[name] = self._command(name, self._parts[name])
            self._sessions.add(self._running[name].pid)
        return missing

    def kill(self, name: str, *, with_children: bool = True) -> None:
        """
        End a part with SIGKILL.

        :param with_children: and all that it has started, as when its container is killed.
        """
        process = self._running.pop(name)
        process.kill()
        if with_children:
            kill_sessions([process.pid])
        process.wait(_STOP_SECONDS)

    def kill_all(self) -> None:
        """End all parts with SIGKILL, and all that they have started, as when the machine loses its power."""
        for process in self._running.values():
            process.kill()
        for name in list(self._running):
            self.kill(name)

    def stop(self, grace: float = 0.0) -> None:
        """End all that was started here, orphans too, at once."""
        self.kill_all()
        kill_sessions(self._sessions)

    @property
    def sessions(self) -> frozenset[int]:
        """The sessions that its parts were started in."""
        return frozenset(self._sessions)

    def _command(self, name: str, part: Part) -> subprocess.Popen[bytes]:
        with (self.home / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [str(PROJECT / ".venv" / "bin" / "airflow"), *part.command],
                env={**self.env, **part.env},
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
