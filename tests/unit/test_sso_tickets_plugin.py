"""The plugin: it is light to load, creates the pool, and registers the pages."""

from __future__ import annotations

import importlib.util
import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from airflow.jobs.job import Job
from airflow.models.pool import Pool
from airflow.models.variable import Variable
from auth0_sso.models import TENANT
from auth0_sso.operators.links import PAGES_PREFIX
from auth0_sso.runtime.installation import INSTALLATION_VARIABLE
from auth0_sso.runtime.pool import SMALLEST_PLAN_SLOTS
from sqlalchemy import Engine, create_engine, event, insert, select, update
from sqlalchemy.orm import Session

PROJECT = Path(__file__).parents[2]
FILE = PROJECT / "plugins" / "sso_tickets_plugin.py"


SERVICE = Job.__new__(Job)
"""A service of Airflow that starts; the constructor would tell the listeners."""


@pytest.fixture(scope="module")
def plugin() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sso_tickets_plugin", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{tmp_path / 'airflow.db'}")
    Pool.__table__.create(made)
    Variable.__table__.create(made)
    yield made
    made.dispose()


@pytest.fixture
def listener(plugin: ModuleType, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the listener, with ``engine`` as Airflow's database."""

    @contextmanager
    def create_session() -> Iterator[Session]:
        with Session(engine) as session, session.begin():
            yield session

    monkeypatch.setattr("airflow.utils.session.create_session", create_session)
    return plugin.Listener()


def run_of(dag_id: str) -> Any:
    """Return an object of the database that stands for a run."""
    run: Any = Pool(pool="another", slots=1, include_deferred=False)
    run.dag_id = dag_id
    return run


def published(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return [
            variable.val for variable in session.scalars(select(Variable).where(Variable.key == TENANT.slots_variable))
        ]


def resize(engine: Engine, slots: int) -> None:
    with engine.begin() as connection:
        connection.execute(update(Pool).where(Pool.pool == TENANT.pool).values(slots=slots))


def slots(engine: Engine) -> list[int]:
    with Session(engine) as session:
        return list(session.scalars(select(Pool.slots).where(Pool.pool == TENANT.pool)))


def test_a_service_that_starts_creates_a_missing_pool_and_publishes_its_slots(
    listener: Any, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        listener.on_starting(SERVICE)
    assert slots(engine) == [SMALLEST_PLAN_SLOTS] == [2]
    assert published(engine) == ["2 slots"]
    assert f"Pool '{TENANT.pool}' was missing" in caplog.text


@pytest.mark.parametrize("size", [0, 64])
def test_an_existing_pool_is_never_changed(listener: Any, engine: Engine, size: int) -> None:
    listener.on_starting(SERVICE)
    with engine.begin() as connection:
        connection.execute(update(Pool).values(slots=size, include_deferred=True, description="ours"))
    listener.on_starting(SERVICE)
    with Session(engine) as session:
        pool = session.scalar(select(Pool))
        assert pool is not None
        assert (pool.slots, pool.include_deferred, pool.description) == (size, True, "ours")


def test_a_task_that_starts_does_not_use_the_database(listener: Any, engine: Engine) -> None:
    listener.on_starting(object())
    assert slots(engine) == []


@pytest.mark.parametrize("in_the_scheduler", [True, False])
def test_a_run_that_starts_creates_a_pool_that_was_deleted_if_the_scheduler_starts_it(
    listener: Any, engine: Engine, in_the_scheduler: bool
) -> None:
    stands_for_a_run = run_of("any_dag")
    with Session(engine) as session:
        if in_the_scheduler:
            session.add(stands_for_a_run)
        listener.on_dag_run_running(stands_for_a_run, "")
        session.commit()
    assert slots(engine) == [SMALLEST_PLAN_SLOTS] * in_the_scheduler


@pytest.mark.parametrize(
    ("dag_id", "expected"),
    [
        ("create_sso_tickets", ["2 slots"]),
        ("revoke_sso_tickets", ["2 slots"]),
        ("follow_sso_setups", ["2 slots"]),
        ("any_dag", []),
    ],
)
def test_a_run_of_the_projects_dags_publishes_the_pools_slots(
    listener: Any, engine: Engine, dag_id: str, expected: list[str]
) -> None:
    with Session(engine) as session:
        session.add(run := run_of(dag_id))
        listener.on_dag_run_running(run, "")
        session.commit()
    assert published(engine) == expected


def test_an_airflow_gets_a_name_of_its_own_once(listener: Any, engine: Engine) -> None:
    def name() -> list[str]:
        with Session(engine) as session:
            found = session.scalars(select(Variable).where(Variable.key == INSTALLATION_VARIABLE))
            return [variable.val for variable in found]

    listener.on_starting(SERVICE)
    (given,) = name()
    listener.on_starting(SERVICE)
    with Session(engine) as session:
        session.add(run := run_of("create_sso_tickets"))
        listener.on_dag_run_running(run, "")
        session.commit()
    assert name() == [given]
    assert re.fullmatch("[0-9a-f]{32}", given)


@pytest.fixture
def pool(plugin: ModuleType, engine: Engine) -> Engine:
    """Return the database, with the pool in it."""
    with Session(engine) as session, session.begin():
        plugin.ensure_pool(session)
    return engine


@pytest.fixture
def publish(plugin: ModuleType, pool: Engine) -> Callable[[], None]:
    def run() -> None:
        with Session(pool) as session, session.begin():
            plugin.publish_slots(session)

    return run


def test_the_published_slots_follow_the_pool_and_are_written_only_when_they_differ(
    pool: Engine, publish: Callable[[], None]
) -> None:
    writes: list[object] = []
    event.listen(pool, "savepoint", lambda *_: writes.append(_))
    publish()
    publish()
    assert (published(pool), len(writes)) == (["2 slots"], 1)
    resize(pool, 16)
    publish()
    publish()
    assert (published(pool), len(writes)) == (["16 slots"], 2)


def test_unlimited_slots_are_published_as_such_so_that_a_run_can_refuse_them(
    pool: Engine, publish: Callable[[], None]
) -> None:
    resize(pool, -1)
    publish()
    assert published(pool) == ["-1 slots"]


def test_a_value_that_a_person_has_set_is_replaced(pool: Engine, publish: Callable[[], None]) -> None:
    with Session(pool) as session, session.begin():
        session.add(Variable(TENANT.slots_variable, "2"))
    publish()
    assert published(pool) == ["2 slots"]


def test_when_another_scheduler_publishes_first_the_callers_transaction_survives(
    plugin: ModuleType, pool: Engine
) -> None:
    def publish_first(*_: object) -> None:
        if not published(pool):
            with pool.begin() as connection:
                connection.execute(
                    insert(Variable).values(key=TENANT.slots_variable, val="5 slots", is_encrypted=False)
                )

    with Session(pool) as racing, racing.begin():
        event.listen(pool, "savepoint", publish_first)
        plugin.publish_slots(racing)
        racing.add(Pool(pool="of the caller", slots=1, include_deferred=False))
    assert published(pool) == ["5 slots"]
    with Session(pool) as session:
        assert session.scalar(select(Pool).where(Pool.pool == "of the caller")) is not None


def test_when_another_service_is_faster_the_callers_transaction_survives(plugin: ModuleType, engine: Engine) -> None:
    def create_it_first(*_: object) -> None:
        if not slots(engine):
            with engine.begin() as connection:
                connection.execute(insert(Pool).values(pool=TENANT.pool, slots=5, include_deferred=False))

    with Session(engine) as racing, racing.begin():
        event.listen(engine, "savepoint", create_it_first)
        plugin.ensure_pool(racing)
        racing.add(Pool(pool="of the caller", slots=1, include_deferred=False))
    assert slots(engine) == [5]
    with Session(engine) as session:
        assert session.scalar(select(Pool).where(Pool.pool == "of the caller")) is not None


def test_the_plugin_registers_its_listener_and_its_pages(plugin: ModuleType) -> None:
    registered = plugin.SsoTicketsPlugin
    assert registered.name == "sso_tickets"
    assert {type(listener).__name__ for listener in registered.listeners} == {"Listener"}
    assert [app["url_prefix"] for app in registered.fastapi_apps] == [PAGES_PREFIX]
    entry, tab = registered.external_views
    assert (entry["destination"], f"/{entry['href']}") == ("nav", f"{PAGES_PREFIX}/")
    assert tab["destination"] == "dag_run"
    assert f"/{tab['href']}" == PAGES_PREFIX + "/reports/{DAG_ID}/{RUN_ID}"


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """Return what a task and a service import when they start, and what the DAGs then still import, in a process."""
    script = """
import contextlib, json, runpy, sys
import airflow.plugins_manager, airflow.listeners
before = set(sys.modules)
listener = runpy.run_path(sys.argv[1])["Listener"]()
listener.on_starting(object())
by_task = set(sys.modules)
from airflow.jobs.job import Job
with contextlib.suppress(Exception):  # here is no database
    listener.on_starting(Job.__new__(Job))
by_service = set(sys.modules)
for dag in sys.argv[2:]:
    runpy.run_path(dag)
by_dags = set(sys.modules) - by_service
print(json.dumps({"task": list(by_task - before), "service": list(by_service - by_task), "dags": list(by_dags)}))
"""
    command = [sys.executable, "-c", script, str(FILE), *map(str, (PROJECT / "dags").glob("*.py"))]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    modules: dict[str, list[str]] = json.loads(run.stdout.splitlines()[-1])
    return {process: set(names) for process, names in modules.items()}


def test_a_task_imports_nothing_heavy_for_the_plugin(loaded: dict[str, set[str]]) -> None:
    heavy = {"sso_ui", "fastapi", "pandas", "numpy", "aiohttp", "jinja2", "pydantic", "include"}
    assert not {name.split(".")[0] for name in loaded["task"]} & heavy
    assert {name for name in loaded["task"] if name.startswith("auth0_sso.")} == {"auth0_sso.airflow_internals"}


def test_a_service_imports_what_the_dags_import_for_all_tasks_that_it_forks(loaded: dict[str, set[str]]) -> None:
    service, dags = ({name.split(".")[0] for name in loaded[process]} for process in ("service", "dags"))
    assert {"auth0_sso", "aiohttp", "include"} <= service
    assert not dags & {"auth0_sso", "include"}
    assert "pandas" not in service
