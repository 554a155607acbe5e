"""Settings that Airflow reads when it is first imported, with a home for the tests inside the clone."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support.services.postgres import STARTED_VARIABLE, PostgresError, postgres_server

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
# An example may take long on a busy machine.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")
# A commit to a ledger waits for the disk, so its files are in memory if there is enough of it.
_MEMORY = Path("/dev/shm")
if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 4 * 2**30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
# The settings of a developer's shell must not change what a test sees.
for _name in list(os.environ):
    _is_setting = _name.startswith(("AIRFLOW_CONN_", "SSO_TICKETS_")) or _name.lower().endswith("_proxy")
    if _is_setting and not _name.startswith("SSO_TICKETS_TEST_"):
        del os.environ[_name]


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("numprocesses", None):  # one PostgreSQL for all processes of the tests
        with suppress(PostgresError):
            os.environ[STARTED_VARIABLE] = postgres_server()


class _ByWhatTheyShare(LoadScopeScheduling):
    """Runs tests in one process that share an Airflow, the parsed DAGs, a tenant, or a file's fixtures."""

    def _split_scope(self, nodeid: str) -> str:
        shared = ("tests/e2e/", "tests/integration/", "tests/dags/", "tests/contract/")
        return next((folder for folder in shared if nodeid.startswith(folder)), nodeid.split("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _ByWhatTheyShare(config, log)
