"""
Parse DAG files as Airflow's DAG processor does: a fork for each, of a process that has imported only Airflow.

``python -m tests.dags.parsing`` reads a JSON list of jobs, ``{"file": str, "env": {name: value}}``, from standard
input, and writes the result of each, see :class:`Parsed`, as a JSON list.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]


@dataclass
class Parsed:
    """
    The result of a parse.

    :param errors: import errors, by file
    :param modules: all modules that are imported afterwards
    :param defaults: the parameters' values in a scheduled run, by DAG
    :param schedules: by DAG; of one that is no text, the name of its class
    :param serialized: the DAGs as Airflow's database keeps them, by DAG
    """

    errors: dict[str, str] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)
    defaults: dict[str, dict[str, Any]] = field(default_factory=dict)
    schedules: dict[str, str | None] = field(default_factory=dict)
    serialized: dict[str, dict[str, Any]] = field(default_factory=dict)


def parse_afresh(jobs: list[tuple[Path, dict[str, str]]]) -> list[Parsed]:
    """Parse DAG files, each with its own environment variables, in new processes."""
    ours = ("AIRFLOW__CORE__", "AIRFLOW_CONN_", "SSO_TICKETS_", "PYTHONPATH")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
        "PYTHONPATH": str(PROJECT),  # dags/ and plugins/ are found by Airflow itself
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.dags.parsing"],
        input=json.dumps([{"file": str(file), "env": variables} for file, variables in jobs]),
        capture_output=True,
        text=True,
        env=env,
        cwd=PROJECT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [Parsed(**parsed) for parsed in json.loads(done.stdout)]


def parse(job: dict[str, Any]) -> dict[str, Any]:
    """Parse one DAG file in this process."""
    os.environ.update(job["env"])
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    bag = DagBag(job["file"])
    parsed = Parsed(errors=bag.import_errors, modules=sorted(sys.modules))
    for dag_id, dag in bag.dags.items():
        is_text = dag.schedule is None or isinstance(dag.schedule, str)
        parsed.schedules[dag_id] = dag.schedule if is_text else type(dag.schedule).__name__
        parsed.defaults[dag_id] = dag.params.dump()
        parsed.serialized[dag_id] = DagSerialization.to_dict(dag)
    return asdict(parsed)


def main() -> None:
    """Run the jobs from standard input."""
    with contextlib.redirect_stdout(sys.stderr):  # where Airflow's log may go
        import airflow.dag_processing.dagbag  # noqa: F401  (before the forks, once)

        with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as processes:
            answers = processes.map(parse, json.load(sys.stdin), chunksize=1)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
