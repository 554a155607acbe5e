"""What the commands that measure or kill a real Airflow share."""

from __future__ import annotations

import os
import signal
import sys

from dev.local.background import PROJECT

NAIVE_DAGS = {"naive": PROJECT / "tests" / "bench" / "ways" / "dags"}
"""The folder of the DAG ``naive``, for ``LocalAirflow``."""


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
