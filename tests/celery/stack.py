"""The services of docker-compose.yaml as processes of this machine, with two workers, as on two hosts."""

from __future__ import annotations

import time
from typing import Any

import yaml
from cryptography.fernet import Fernet
from sqlalchemy import NullPool, create_engine, make_url, text

from dev.local.airflow import POOL
from dev.local.api import ApiError
from dev.local.background import PROJECT
from dev.local.tenant import CONNECTION, connection_fields
from dev.sandbox.server import Sandbox
from include import reports
from include.folders import relative_folder
from tests.celery.host import HOST_VARIABLE
from tests.support.services.airflow import SCHEDULER, AirflowInParts, Part
from tests.support.services.postgres import PostgresServer
from tests.support.services.redis import RedisServer

HOME = PROJECT / ".airflow" / "celery"
DAG = "create_sso_tickets"
WORKERS = ("worker-1", "worker-2")
PROCESSES = 2  # of each worker
PARTS = (WORKERS[0], "redis", "postgres", SCHEDULER)
"""What can be killed."""
SLOTS, PACE = 4, {"requests_per_slot": 4, "burst_per_slot": 12}
"""What docs/rate-limits.md recommends for the plan."""
PLAN = "enterprise"
_POLL_SECONDS = 0.5


class Stack:
    """
    PostgreSQL, Redis, Airflow's services and the workers; what ends is started again, as Docker does it.

    ``fernet_key`` is the key of the ledger, and ``ledger_url`` its SQLAlchemy URL.
    """

    def __init__(self) -> None:
        HOME.mkdir(parents=True)
        self.fernet_key = Fernet.generate_key().decode()
        self._postgres = PostgresServer()
        self._redis = RedisServer(HOME / "redis.log")
        server = make_url(self._postgres.url)
        metadata, ledger = (server.set(database=name).render_as_string(False) for name in ("airflow", "sso_tickets"))
        self.ledger_url = ledger
        self._airflow = AirflowInParts(
            HOME,
            metadata,
            parts={name: _worker(name) for name in WORKERS},
            env={
                "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
                "AIRFLOW__CORE__FERNET_KEY": self.fernet_key,
                "AIRFLOW__CELERY__BROKER_URL": f"{self._redis.url}/0",
                "AIRFLOW__CELERY__RESULT_BACKEND": f"{self._redis.url}/1",
                "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": _of_compose("AIRFLOW__CELERY__EXTRA_CELERY_CONFIG"),
                "AIRFLOW_CONN_SSO_TICKETS_DB": ledger.replace("postgresql+psycopg2://", "postgres://"),
                "SSO_TICKETS_REPORTS": str(HOME / "reports"),
            },
        )

    def __enter__(self) -> Stack:
        try:
            self._redis.start()
            self._postgres.start()
            _create_databases(self._postgres.url)
            self._airflow.start()
            self._airflow.api().set_pool(POOL, SLOTS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._airflow.stop()
        self._postgres.stop()
        self._redis.kill()

    def trigger(self, tenant: Sandbox, prospects_csv: str) -> str:
        """Start a run against a tenant; return its id."""
        api = self._airflow.api()
        api.set_connection(CONNECTION, **connection_fields(tenant.url, tenant.settings, **PACE))
        return api.trigger(DAG, {"prospects_csv": prospects_csv})

    def kill(self, part: str) -> None:
        """End one of ``PARTS`` with all that it has started."""
        servers = {"redis": self._redis, "postgres": self._postgres}
        if part in servers:
            servers[part].kill()
        else:
            self._airflow.kill(part)

    def start(self, part: str) -> None:
        """Start a part again that was killed."""
        servers = {"redis": self._redis, "postgres": self._postgres}
        if part in servers:
            servers[part].start()
        self._airflow.start_missing()

    def wait(self, run_id: str, seconds: float) -> str:
        """Wait for the end of a run, and meanwhile start again what ends; return the run's state."""
        deadline = time.monotonic() + seconds
        state = "unknown"
        while state not in ("success", "failed") and time.monotonic() < deadline:
            self._airflow.start_missing()
            try:
                state = str(self._airflow.api().run(DAG, run_id)["state"])
            except (ApiError, OSError):  # the API server, or its database, is away
                state = "unknown"
            time.sleep(_POLL_SECONDS)
        return state

    def tasks(self, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run that created tickets."""
        instances = self._airflow.api().task_instances(DAG, run_id)
        return [task for task in instances if task["task_id"] == "create_tickets"]

    def rows(self, run_id: str) -> list[dict[str, Any]]:
        """Return the rows of a run's report."""
        folder = HOME / "reports" / relative_folder(DAG, run_id)
        return [ticket.as_dict() for ticket in reports.read_tickets(folder)]


def _worker(name: str) -> Part:
    """Return a worker that shares nothing with the other one but services and the folder of reports."""
    command = ("celery", "worker", "--concurrency", str(PROCESSES), "--celery-hostname", name, "--skip-serve-logs")
    env = {
        "AIRFLOW_HOME": str(HOME / name),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////no/database/here",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "tests.celery.host.name",
        HOST_VARIABLE: name,
    }
    return Part(command, env)


def _of_compose(variable: str) -> str:
    """Return what docker-compose.yaml gives its worker."""
    compose = yaml.safe_load((PROJECT / "docker-compose.yaml").read_text(encoding="utf-8"))
    return str(compose["services"]["worker"]["environment"][variable])


def _create_databases(server: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for name in ("airflow", "sso_tickets"):
            connection.execute(text(f"CREATE DATABASE {name}"))
