"""Settings that Airflow reads when it is first imported: a home of the tests' own, inside the clone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_HOME = Path(__file__).parents[1] / ".airflow" / "unit"
_HOME.mkdir(parents=True, exist_ok=True)

os.environ.update(
    AIRFLOW_HOME=str(_HOME),
    AIRFLOW__CORE__LOAD_EXAMPLES="false",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{_HOME / 'airflow.db'}",
    AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(_HOME / "logs"),
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="false",
)
# Each commit to a ledger waits for the disk, but not in memory, where there is enough of it.
_MEMORY = Path("/dev/shm")
if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 4 * 2**30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
# What a developer's shell says must not decide what a test sees.
for _name in list(os.environ):
    _says = _name.startswith(("AIRFLOW_CONN_", "SSO_TICKETS_")) or _name.lower().endswith("_proxy")
    if _says and not _name.startswith("SSO_TICKETS_TEST_"):
        del os.environ[_name]


class _TestsOfOneAirflowTogether(LoadScopeScheduling):
    """Divides the tests among processes one by one, but those end to end, which share an Airflow, as a whole."""

    def _split_scope(self, nodeid: str) -> str:
        return "e2e" if nodeid.startswith("tests/e2e/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _TestsOfOneAirflowTogether(config, log)
