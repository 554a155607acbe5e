"""The project's DAGs, as objects and as Airflow's processes parse them."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from tests.dags.parsing import PROJECT, Parsed, parse_afresh

DAG_FILES = sorted((PROJECT / "dags").rglob("*.py"))
# All variables that a parse depends on; a fresh clone has none of them.
ENVIRONMENTS: dict[str, dict[str, str]] = {
    "plain": {},
    "set": {
        "SSO_TICKETS_SCHEDULE": "30 6 * * 1-5",
        "SSO_TICKETS_FOLLOW_SCHEDULE": "*/20 * * * *",
        "SSO_TICKETS_PROSPECTS": "s3://crm/prospects/",
        "SSO_TICKETS_REPORTS": "s3://crm/reports/",
        "SSO_TICKETS_NOTIFY": "smtp:sso@example.com",
        "SSO_TICKETS_APPROVAL_TIMEOUT": "8",
        "SSO_TICKETS_MAIL_FROM": "Acme <sso@acme.example>",
    },
    "empty": {
        "SSO_TICKETS_SCHEDULE": "",
        "SSO_TICKETS_FOLLOW_SCHEDULE": "",
        "SSO_TICKETS_PROSPECTS": "",
        "SSO_TICKETS_REPORTS": "",
        "SSO_TICKETS_NOTIFY": "",
        "SSO_TICKETS_APPROVAL_TIMEOUT": "",
        "SSO_TICKETS_MAIL_FROM": "",
    },
}
MALFORMED = {"malformed": {"SSO_TICKETS_NOTIFY": "ops@example.com"}}


@pytest.fixture(scope="session")
def parsed() -> dict[tuple[str, str], Parsed]:
    """Return each DAG file, parsed in a process of its own, by name and environment."""
    environments = {**ENVIRONMENTS, **MALFORMED}
    jobs = [(file, name) for file in DAG_FILES for name in environments]
    answers = parse_afresh([(file, environments[name]) for file, name in jobs])
    return {(file.name, name): answer for (file, name), answer in zip(jobs, answers, strict=True)}


@pytest.fixture(scope="session")
def dags() -> dict[str, DAG]:
    """Return the DAGs by id."""
    return dict(DagBag(PROJECT / "dags").dags)


@pytest.fixture(params=DAG_FILES, ids=lambda file: file.name)
def dag_file(request: pytest.FixtureRequest) -> Path:
    """Return each DAG file in turn."""
    file: Path = request.param
    return file


@pytest.fixture
def dag(dag_file: Path, dags: dict[str, DAG]) -> DAG:
    """Return the one DAG of each file in turn."""
    (found,) = (dag for dag in dags.values() if Path(dag.fileloc) == dag_file)
    return found
