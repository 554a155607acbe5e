"""What the commands that measure or kill a real Airflow share."""

from __future__ import annotations

import json
import os
import signal
import sys

from dev.local.background import PROJECT


def isolate(seconds: int, keep: str = "") -> None:
    """
    Drop the settings of a developer's shell, and limit the time; SIGTERM and a timeout exit as Ctrl-C does.

    :param seconds: after which the process exits.
    :param keep: an environment variable that is kept.
    """
    for name in [name for name in os.environ if name.startswith(("AIRFLOW_", "SSO_TICKETS_")) and name != keep]:
        del os.environ[name]
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    signal.alarm(seconds)


def with_naive_dag() -> dict[str, str]:
    """Return the environment variable that adds the DAG ``naive`` to the project's DAGs."""
    bundles = [
        {
            "name": name,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(PROJECT / folder)},
        }
        for name, folder in (("project", "dags"), ("naive", "tests/bench/dags"))
    ]
    return {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles)}
