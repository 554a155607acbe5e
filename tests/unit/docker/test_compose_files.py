"""What can be said of docker-compose.yaml without running it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.local.env import fill_in
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
LONG_RUNNING = sorted(set(SERVICES) - {BUILDER})
OF_THE_PROJECT = sorted(name for name, service in SERVICES.items() if service["image"].startswith("airflow-auth0-sso:"))


@each_service
def test_every_image_is_pinned(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")
    assert re.fullmatch(r"\d+(\.\d+)*(-\w+)?", tag)


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_every_service_has_a_health_check_and_restarts_after_a_crash(name: str) -> None:
    assert {"test", "interval"} <= set(SERVICES[name]["healthcheck"])
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_one_service_builds_the_image_and_nobody_pulls_it() -> None:
    assert [name for name, service in SERVICES.items() if "build" in service] == [BUILDER]
    assert len({SERVICES[name]["image"] for name in OF_THE_PROJECT}) == 1
    assert {SERVICES[name]["pull_policy"] for name in OF_THE_PROJECT} == {"never"}


@pytest.mark.parametrize("name", OF_THE_PROJECT)
def test_a_service_that_is_started_alone_has_the_image_built_first(name: str) -> None:
    assert name == BUILDER or BUILDER in SERVICES[name]["depends_on"]


@each_service
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert set(service.get("cap_add", [])) == CAPABILITIES.get(name, set())
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert (service["user"] == "0:0") == (name == BUILDER)


@each_service
def test_no_service_can_fill_the_memory_or_the_disk_of_the_machine(name: str) -> None:
    assert re.fullmatch(r"\d+[mg]", SERVICES[name]["mem_limit"])
    assert {"max-size", "max-file"} <= set(SERVICES[name]["logging"]["options"])


@each_service
def test_the_root_file_system_is_read_only_unless_compose_copies_a_config_into_it(name: str) -> None:
    assert SERVICES[name].get("read_only", False) != ("configs" in SERVICES[name])
    assert name not in OF_THE_PROJECT or SERVICES[name]["tmpfs"] == ["/tmp"]


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
    row = f"| Enterprise, production | 50 | 16/s | {slots} (or 16) | 4 (or 1) | 12 (or 3) |"
    assert row in (PROJECT / "docs" / "rate-limits.md").read_text(encoding="utf-8")


def test_the_time_until_tasks_of_a_killed_worker_are_tried_again_is_documented() -> None:
    settings = SERVICES["scheduler"]["environment"]
    heartbeat, queued, interval = (
        settings[f"AIRFLOW__SCHEDULER__{name}"]
        for name in ("TASK_INSTANCE_HEARTBEAT_TIMEOUT", "TASK_QUEUED_TIMEOUT", "TASK_QUEUED_TIMEOUT_CHECK_INTERVAL")
    )
    page = " ".join((PROJECT / "docs" / "what-happens-when.md").read_text(encoding="utf-8").split())
    assert f"(300 seconds; {heartbeat} in the Docker stack)" in page
    assert f"(600 seconds and up to 120 more; {queued} and up to {interval} more in the Docker stack)" in page


def test_nothing_runs_on_a_schedule_by_default() -> None:
    assert _settings(ENV_EXAMPLE)["SSO_TICKETS_SCHEDULE"] == ""
    assert SERVICES["scheduler"]["environment"]["SSO_TICKETS_SCHEDULE"] == "${SSO_TICKETS_SCHEDULE:-}"


@pytest.fixture
def compose() -> Callable[[str, Path], subprocess.CompletedProcess[str]]:
    """Return ``docker compose config`` with the text of a .env; it needs no engine."""
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("needs docker with its compose plugin")
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CONFIG") if name in os.environ}

    def run(settings: str, folder: Path) -> subprocess.CompletedProcess[str]:
        (folder / ".env").write_text(settings, encoding="utf-8")
        command = ["docker", "compose", "--env-file", str(folder / ".env"), "config", "--format", "json"]
        return subprocess.run(command, cwd=PROJECT, env=kept, capture_output=True, text=True, timeout=60)

    return run


def test_compose_accepts_the_file_with_the_settings_that_make_env_writes(compose: Any, tmp_path: Path) -> None:
    done = compose(fill_in(ENV_EXAMPLE, 1000), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    services = json.loads(done.stdout)["services"]
    assert services.keys() == SERVICES.keys()
    assert services["worker"]["user"] == "1000:0"
    assert json.loads(services["worker"]["environment"]["AIRFLOW_CONN_AUTH0_DEFAULT"])["conn_type"] == "auth0"


def test_compose_refuses_a_password_that_is_missing(compose: Any, tmp_path: Path) -> None:
    done = compose(re.sub(r"(?m)^REDIS_PASSWORD=.*", "", fill_in(ENV_EXAMPLE, 1000)), tmp_path)
    assert done.returncode != 0
    assert "REDIS_PASSWORD is missing a value: run make env" in done.stderr
