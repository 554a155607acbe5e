"""Settings that Airflow reads when it is first imported: a home of the tests' own, inside the clone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_PROJECT = Path(__file__).parents[1]
_HOME = _PROJECT / ".airflow" / "unit"
_HOME.mkdir(parents=True, exist_ok=True)

os.environ.update(
    AIRFLOW_HOME=str(_HOME),
    AIRFLOW__CORE__DAGS_FOLDER=str(_PROJECT / "dags"),
    AIRFLOW__CORE__LOAD_EXAMPLES="false",
    AIRFLOW__CORE__PLUGINS_FOLDER=str(_PROJECT / "plugins"),
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{_HOME / 'airflow.db'}",
    AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(_HOME / "logs"),
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="false",
)
# What a developer's shell says must not decide what a test sees.
for _name in list(os.environ):
    _says = _name.startswith(("AIRFLOW_CONN_", "SSO_TICKETS_")) or _name.lower().endswith("_proxy")
    if _says and not _name.startswith("SSO_TICKETS_TEST_"):
        del os.environ[_name]


class _TestsOfOneAirflowTogether(LoadScopeScheduling):
    """Divides the tests among processes one by one, but those that share an Airflow as a whole."""

    def _split_scope(self, nodeid: str) -> str:
        shared = ("tests/integration/", "tests/e2e/")
        return next((folder for folder in shared if nodeid.startswith(folder)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _TestsOfOneAirflowTogether(config, log)
