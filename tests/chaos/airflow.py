"""An Airflow with the LocalExecutor, and the processes of its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support import commands
from tests.support.services.airflow import AirflowInParts
from tests.support.services.processes import processes

_TITLE = "airflow worker -- "
_SUPERVISOR = f"{_TITLE}LocalExecutor: "


@dataclass(frozen=True)
class TaskProcess:
    """A process that runs or supervises the task instance of this id."""

    pid: int
    ti_id: str
    supervises: bool


class ChaosAirflow(AirflowInParts):
    """Airflow with a home, the SQLAlchemy URL of a metadata database of its own, and further environment variables."""

    def __init__(self, home: Path, database: str, env: Mapping[str, str]) -> None:
        super().__init__(home, database, dags=commands.NAIVE_DAGS, env=env)

    def task_processes(self) -> list[TaskProcess]:
        """Return the processes that run or supervise a task, orphans too."""
        found = []
        for process in processes(self.sessions):
            with suppress(psutil.NoSuchProcess):
                title = " ".join(process.cmdline()).strip()
                supervises = title.startswith(_SUPERVISOR)
                ti_id = title.removeprefix(_SUPERVISOR if supervises else _TITLE)
                if title.startswith(_TITLE) and len(ti_id) == 36:  # an idle worker has none
                    found.append(TaskProcess(process.pid, ti_id, supervises))
        return found
