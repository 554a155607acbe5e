"""What can be said of the container files without running them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.sandbox.tenant.settings import PLANS, SandboxSettings

PROJECT = Path(__file__).resolve().parents[2]
COMPOSE_TEXT = (PROJECT / "docker-compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ENV_EXAMPLE = (PROJECT / ".env.example").read_text(encoding="utf-8")
REPORTS = "./reports:/opt/airflow/reports"

_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:[?-])?")


def _settings(text: str) -> dict[str, str]:
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


def _variables(*, required: bool) -> set[str]:
    code = "\n".join(line for line in COMPOSE_TEXT.splitlines() if not line.lstrip().startswith("#"))
    return {name for name, kind in _VARIABLE.findall(code) if (kind == ":?") is required}


each_service = pytest.mark.parametrize("name", sorted(SERVICES))
LONG_RUNNING = sorted(set(SERVICES) - {"airflow-init"})


@each_service
def test_every_image_is_pinned(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")
    assert re.fullmatch(r"\d+(\.\d+)*(-\w+)?", tag)


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_every_service_has_a_health_check_and_restarts_after_a_crash(name: str) -> None:
    assert {"test", "interval"} <= set(SERVICES[name]["healthcheck"])
    assert SERVICES[name]["restart"] == "unless-stopped"


@each_service
def test_ports_are_published_to_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@each_service
def test_only_the_reports_of_the_project_can_be_written(name: str) -> None:
    mounts = [volume for volume in SERVICES[name].get("volumes", []) if volume.startswith("./")]
    assert [mount for mount in mounts if not mount.endswith(":ro")] in ([], [REPORTS])
    assert REPORTS in mounts or name not in ("api-server", "worker"), "it shows or writes them"


def test_without_secrets_compose_stops_and_says_what_to_do() -> None:
    secrets = {
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW__API__SECRET_KEY",
        "POSTGRES_PASSWORD",
        "SSO_TICKETS_DB_PASSWORD",
        "AIRFLOW_ADMIN_PASSWORD",
    }
    assert _variables(required=True) == secrets
    assert not any(_settings(ENV_EXAMPLE)[name] for name in secrets)
    assert all("make env" in message for message in re.findall(r"\$\{\w+:\?([^}]*)}", COMPOSE_TEXT))


def test_the_example_env_names_every_variable_and_no_other() -> None:
    read_by_compose_itself = {"COMPOSE_PROFILES"}
    used = _variables(required=True) | _variables(required=False)
    assert set(_settings(ENV_EXAMPLE)) == used | read_by_compose_itself


@each_service
def test_no_secret_is_in_the_compose_file(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    secret = {key: value for key, value in environment.items() if re.search("PASSWORD|SECRET|_KEY$|_CONN(_|$)", key)}
    assert all("${" in value for value in secret.values())


def test_no_process_has_a_password_among_its_arguments() -> None:
    scripts = [part for service in SERVICES.values() for part in service.get("command", []) if "\n" in part]
    scripts += [config["content"] for config in COMPOSE["configs"].values()]
    lines = [line.strip() for script in scripts for line in script.splitlines()]
    expanded = [line for line in lines if re.search(r"\$\$\{?\w*(PASSWORD|SECRET|_KEY|_CONN)", line)]
    # The shell's own printf starts no process.
    assert [line for line in expanded if not line.startswith("printf ")] == []


def test_only_the_worker_and_the_pages_have_the_secrets_of_the_tenant_and_of_the_ledger() -> None:
    def knowing(part: str) -> set[str]:
        return {name for name, service in SERVICES.items() if part in "".join(service.get("environment", {}))}

    assert knowing("AIRFLOW_CONN_") == {"worker", "api-server"}
    assert "worker" not in knowing("SQL_ALCHEMY_CONN") | knowing("JWT_SECRET")


def test_the_example_is_the_sandbox_at_the_rate_of_its_plan() -> None:
    settings = _settings(ENV_EXAMPLE)
    connection = json.loads(settings["AIRFLOW_CONN_AUTH0_DEFAULT"])
    sandbox = SandboxSettings()
    assert connection == {
        "conn_type": "auth0",
        "host": f"http://sandbox:{SERVICES['sandbox']['environment']['SANDBOX_PORT']}",
        "login": sandbox.client_id,
        "password": sandbox.client_secret,
        "extra": {"profile_id": sandbox.profile_ids[0], "allow_http": True},
    }
    plan = PLANS[settings["SANDBOX_PLAN"]]
    assert int(settings["SSO_TICKETS_POOL_SLOTS"]) <= min(plan.refill, plan.size)
    assert int(settings["SSO_TICKETS_POOL_SLOTS"]) < int(settings["AIRFLOW__CELERY__WORKER_CONCURRENCY"])


def test_nothing_runs_on_a_schedule_by_default() -> None:
    assert _settings(ENV_EXAMPLE)["SSO_TICKETS_SCHEDULE"] == ""
    assert SERVICES["scheduler"]["environment"]["SSO_TICKETS_SCHEDULE"] == "${SSO_TICKETS_SCHEDULE:-}"
