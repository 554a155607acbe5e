"""What can be said of docker-compose.yaml without running it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.sandbox.tenant.settings import PLANS, SandboxSettings

PROJECT = Path(__file__).resolve().parents[3]
COMPOSE_TEXT = (PROJECT / "docker-compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ENV_EXAMPLE = (PROJECT / ".env.example").read_text(encoding="utf-8")
REPORTS = "./reports:/opt/airflow/reports"
ENTERPRISE_RATE = {"requests_per_slot": 4, "burst_per_slot": 12}
BUILDER = "airflow-init"
# It hands the folders over and gives up being root; no other service needs any.
CAPABILITIES = {BUILDER: {"CHOWN", "FOWNER", "SETGID", "SETUID"}}

_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:[?-])?")


def _settings(text: str) -> dict[str, str]:
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


def _variables(*, required: bool) -> set[str]:
    code = "\n".join(line for line in COMPOSE_TEXT.splitlines() if not line.lstrip().startswith("#"))
    return {name for name, kind in _VARIABLE.findall(code) if (kind == ":?") is required}


each_service = pytest.mark.parametrize("name", sorted(SERVICES))


@each_service
def test_a_service_has_a_pinned_image_no_more_rights_than_it_needs_and_can_fill_neither_memory_nor_disk(
    name: str,
) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+(\.\d+)*(-\w+)?", service["image"].partition(":")[2])
    assert service["cap_drop"] == ["ALL"]
    assert set(service.get("cap_add", [])) == CAPABILITIES.get(name, set())
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert (service["user"] == "0:0") == (name == BUILDER)
    assert service.get("read_only", False) != ("configs" in service), "Compose copies a config into the file system"
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])


@each_service
def test_ports_are_published_to_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_databases_and_broker_are_on_a_network_without_the_sandbox_and_the_world_outside() -> None:
    networks = {name: set(service["networks"]) for name, service in SERVICES.items()}
    assert COMPOSE["networks"]["backend"]["internal"] is True
    assert networks["postgres"] == networks["redis"] == {"backend"}
    assert networks["sandbox"] == {"default"}
    # These send requests to the tenant or notifications; all others have nothing to do outside.
    assert {name for name, of in networks.items() if "default" in of} == {
        "api-server",
        "dag-processor",
        "sandbox",
        "worker",
    }
    assert not [name for name in ("postgres", "redis") if "ports" in SERVICES[name]]


@each_service
def test_only_the_reports_of_the_project_can_be_written(name: str) -> None:
    mounts = [volume for volume in SERVICES[name].get("volumes", []) if volume.startswith("./")]
    assert [mount for mount in mounts if not mount.endswith(":ro")] in ([], [REPORTS])
    if name in ("api-server", "worker"):
        assert REPORTS in mounts, "it shows or writes them"
        assert "./data:/opt/airflow/data:ro" in mounts, "it reads the CSVs of customers"


def test_without_secrets_compose_stops_and_says_what_to_do() -> None:
    secrets = {
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW__API__SECRET_KEY",
        "POSTGRES_PASSWORD",
        "SSO_TICKETS_DB_PASSWORD",
        "REDIS_PASSWORD",
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
    pattern = "PASSWORD|SECRET|_KEY$|_CONN(_|$)|_AUTH$|BROKER_URL|BACKEND$"
    secret = {key: value for key, value in environment.items() if re.search(pattern, key)}
    assert all("${" in value for value in secret.values())


def _command_lines() -> Iterator[str]:
    for service in SERVICES.values():
        check = service.get("healthcheck", {}).get("test", [])
        for words in (service.get("entrypoint", []), service.get("command", []), check):
            for word in [words] if isinstance(words, str) else words:
                yield from map(str.strip, word.splitlines())
    for config in COMPOSE["configs"].values():
        yield from map(str.strip, config["content"].splitlines())


def test_no_process_has_a_password_among_its_arguments() -> None:
    lines = list(_command_lines())
    secret = r"\w*(PASSWORD|SECRET|_KEY|_CONN|_AUTH|BROKER_URL|BACKEND)"
    assert [line for line in lines if re.search(r"(?<!\$)\$\{?" + secret, line)] == [], "Compose fills it in"
    # The shell's own printf starts no process, redis-server reads this line from its input, and the last is a setting
    # in a process's environment.
    harmless = re.compile(r"printf |requirepass \$\$\w+$|[A-Z_]+=\"\$\$\w+\" [^$]*(\$\$HOSTNAME\")?$")
    expanded = [line for line in lines if re.search(r"\$\$\{?" + secret, line)]
    assert len(expanded) >= 3
    assert [line for line in expanded if not harmless.match(line)] == []


def test_only_the_worker_and_the_pages_have_the_secrets_of_the_tenant_and_of_the_ledger() -> None:
    def knowing(part: str) -> set[str]:
        return {name for name, service in SERVICES.items() if part in "".join(service.get("environment", {}))}

    assert knowing("AIRFLOW_CONN_") == {"worker", "api-server"}
    assert "worker" not in knowing("SQL_ALCHEMY_CONN") | knowing("JWT_SECRET")
    assert knowing("BROKER_URL") == {"worker", "scheduler"}


def test_the_example_is_the_sandbox_at_the_rate_of_its_plan() -> None:
    settings = _settings(ENV_EXAMPLE)
    connection = json.loads(settings["AIRFLOW_CONN_AUTH0_DEFAULT"])
    sandbox = SandboxSettings()
    assert connection == {
        "conn_type": "auth0",
        "host": f"http://sandbox:{SERVICES['sandbox']['environment']['SANDBOX_PORT']}",
        "login": sandbox.client_id,
        "password": sandbox.client_secret,
        "extra": {"profile_id": sandbox.profile_ids[0], "allow_http": True, **ENTERPRISE_RATE},
    }
    plan, slots = PLANS[settings["SANDBOX_PLAN"]], int(settings["SSO_TICKETS_POOL_SLOTS"])
    assert slots * ENTERPRISE_RATE["requests_per_slot"] == plan.refill
    assert slots * ENTERPRISE_RATE["burst_per_slot"] <= plan.size
    assert slots < int(settings["AIRFLOW__CELERY__WORKER_CONCURRENCY"])


def test_the_time_until_tasks_of_a_killed_worker_are_tried_again_is_documented() -> None:
    settings = SERVICES["scheduler"]["environment"]
    heartbeat, queued, interval = (
        settings[f"AIRFLOW__SCHEDULER__{name}"]
        for name in ("TASK_INSTANCE_HEARTBEAT_TIMEOUT", "TASK_QUEUED_TIMEOUT", "TASK_QUEUED_TIMEOUT_CHECK_INTERVAL")
    )
    page = " ".join((PROJECT / "docs" / "what-happens-when.md").read_text(encoding="utf-8").split())
    assert f"(300 seconds; {heartbeat} in the Docker stack)" in page
    assert f"(600 seconds and up to 120 more; {queued} and up to {interval} more in the Docker stack)" in page
