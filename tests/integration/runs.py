"""Runs of the DAGs in this process."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from include import reports
from include.folders import relative_folder

Connect = Callable[..., None]
Trigger = Callable[..., "Run"]


class Run:
    """A run of a DAG that has ended, and what its tasks have logged."""

    def __init__(self, dag_run: Any, reports_folder: Path, log: str) -> None:
        self.dag_id = str(dag_run.dag_id)
        self.run_id = str(dag_run.run_id)
        self.state = str(dag_run.state)
        self.log = log
        self.instances = sorted(dag_run.get_task_instances(), key=lambda ti: ti.map_index)
        self.report = Path(reports_folder) / relative_folder(self.dag_id, self.run_id)

    def states(self, task_id: str) -> list[str]:
        return [str(ti.state) for ti in self.instances if ti.task_id == task_id]

    def labels(self, task_id: str) -> list[str]:
        return [str(ti.rendered_map_index) for ti in self.instances if ti.task_id == task_id]

    @property
    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = json.loads((self.report / "summary.json").read_text())
        return summary

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of ``tickets.csv``."""
        return [ticket.as_dict() for ticket in reports.read_tickets(self.report)]

    @property
    def setups(self) -> list[dict[str, str]]:
        """Return the rows of ``setups.csv``."""
        with (self.report / "setups.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    @property
    def revocations(self) -> list[dict[str, str]]:
        """Return the rows of ``revocations.csv``."""
        with (self.report / "revocations.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
