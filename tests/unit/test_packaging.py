"""What the distribution and deploy/ say agrees with what the project installs and tests."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import auth0_sso
import yaml
from auth0_sso.models import TENANT
from auth0_sso.runtime.pool import SMALLEST_PLAN_SLOTS
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NEEDED = {needed.name: needed for needed in map(Requirement, PROJECT["dependencies"])}


def named_in(file: str) -> list[Requirement]:
    """Return what a file of requirements, or a lock, names."""
    lines = (line.removesuffix("\\") for line in (ROOT / file).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line[:1].isalpha()]


PINNED = named_in("requirements.txt")
ASTRO, MWAA = named_in("deploy/astro/requirements.txt"), named_in("deploy/mwaa/requirements.txt")
HELM: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "helm" / "values.yaml").read_text(encoding="utf-8"))
CONNECTIONS = {"AIRFLOW_CONN_AUTH0_DEFAULT", "AIRFLOW_CONN_SSO_TICKETS_DB"}


def test_the_pinned_versions_satisfy_the_distribution() -> None:
    for pin in PINNED:
        for pinned in pin.specifier if pin.name in NEEDED else ():
            assert pinned.version in NEEDED[pin.name].specifier, pin


def test_what_is_tested_is_what_production_runs() -> None:
    runtime, dev = set(named_in("requirements.lock")), set(named_in("requirements-dev.lock"))
    assert runtime < dev
    assert {pin.name for pin in PINNED} <= {locked.name for locked in runtime}
    assert {pin.name for pin in named_in("requirements-dev.txt")} <= {locked.name for locked in dev - runtime}


def test_a_python_that_airflows_providers_have_dropped_is_refused() -> None:
    assert "3.10.19" not in SpecifierSet(PROJECT["requires-python"])
    assert "3.11.0" in SpecifierSet(PROJECT["requires-python"])


def test_airflow_3_4_is_refused_since_it_keeps_xcoms_in_another_table() -> None:
    assert "3.3.2" in NEEDED["apache-airflow"].specifier
    assert "3.4.0" not in NEEDED["apache-airflow"].specifier


def test_astro_gets_the_projects_pins_and_not_airflow_which_its_image_refuses() -> None:
    assert set(ASTRO) < set(PINNED)
    assert "apache-airflow" not in {pin.name for pin in ASTRO}


def test_mwaa_gets_the_projects_requirements_without_versions_and_the_wheel_of_the_layout() -> None:
    assert {needed.name for needed in MWAA} - {"apache-airflow-providers-amazon"} < {pin.name for pin in PINNED}
    assert [needed.name for needed in MWAA if needed.specifier] == []
    text = (ROOT / "deploy" / "mwaa" / "requirements.txt").read_text(encoding="utf-8")
    assert '--constraint "/usr/local/airflow/dags/constraints.txt"\n' in text
    assert f"/plugins/airflow_provider_auth0_sso-{auth0_sso.__version__}-py3-none-any.whl\n" in text


def test_the_helm_values_run_the_airflow_that_is_pinned() -> None:
    [airflow] = (pin for pin in PINNED if pin.name == "apache-airflow")
    assert f"=={HELM['airflowVersion']}" == f"=={HELM['defaultAirflowTag']}" == str(airflow.specifier)


def test_only_the_tasks_and_the_pages_know_the_connections_and_only_from_secrets() -> None:
    for env in (HELM["apiServer"]["env"], HELM["workers"]["kubernetes"]["env"], HELM["workers"]["celery"]["env"]):
        assert {one["name"] for one in env} == CONNECTIONS
        assert all(set(one["valueFrom"]) == {"secretKeyRef"} for one in env)
    assert not re.search("CONN|KEY|SECRET|PASSWORD", "".join(one["name"] for one in HELM["env"]))


def test_pool_and_user_are_made_as_documented() -> None:
    assert f"airflow pools set {TENANT.pool} {SMALLEST_PLAN_SLOTS} " in HELM["migrateDatabaseJob"]["args"][2]
    assert HELM["createUserJob"] == {"enabled": False}
    settings = yaml.safe_load((ROOT / "deploy" / "astro" / "airflow_settings.yaml").read_text(encoding="utf-8"))[
        "airflow"
    ]
    [pool], [connection] = settings["pools"], settings["connections"]
    assert (pool["pool_name"], pool["pool_slot"]) == (TENANT.pool, SMALLEST_PLAN_SLOTS)
    assert (connection["conn_type"], connection["conn_password"]) == ("auth0", None)
