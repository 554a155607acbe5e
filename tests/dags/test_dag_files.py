"""Every DAG file: it can be read, cheaply, by a process that knows nothing; and what holds for every DAG."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import DAG
from auth0_sso.operators.sso_tickets import SsoTicketsOperator
from auth0_sso.runtime.pool import POOL
from auth0_sso.runtime.retry_policy import Auth0RetryPolicy

from tests.dags.conftest import BROKEN, ENVIRONMENTS
from tests.dags.parsing import Parsed

MOST_LINES = 100
# What a parse must not pay for, each time the DAG processor looks at the file.
HEAVY = {"pandas", "numpy", "openpyxl", "pyarrow", "matplotlib", "fastapi", "uvicorn"}
HEAVY |= {"dev.sandbox", "dev.local"}

ParsedFiles = dict[tuple[str, str], Parsed]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_fresh_process_reads_it(parsed: ParsedFiles, dag_file: Path, environment: str) -> None:
    assert parsed[dag_file.name, environment].errors == {}


def test_a_file_that_cannot_be_read_would_be_noticed(parsed: ParsedFiles) -> None:
    (error,) = parsed[BROKEN, "plain"].errors.values()
    assert "No module named 'include.no_such_module'" in error


def test_it_holds_one_dag_of_its_own_name(parsed: ParsedFiles, dag_file: Path) -> None:
    assert list(parsed[dag_file.name, "plain"].serialized) == [dag_file.stem]


def test_reading_it_imports_nothing_heavy(parsed: ParsedFiles, dag_file: Path) -> None:
    modules = set(parsed[dag_file.name, "plain"].modules)
    assert "auth0_sso.operators.sso_tickets" in modules
    assert modules & HEAVY == set()


def test_what_the_database_keeps_of_it_has_all_its_tasks(parsed: ParsedFiles, dag_file: Path, dag: DAG) -> None:
    assert sorted(parsed[dag_file.name, "plain"].task_ids[dag.dag_id]) == sorted(dag.task_ids)


def test_two_processes_read_the_same_so_that_no_new_version_appears(parsed: ParsedFiles, dag_file: Path) -> None:
    one, other = (parsed[dag_file.name, name].serialized[dag_file.stem]["dag"] for name in ("plain", "empty"))
    for stored in (one, other):
        stored.pop("timetable")  # the one thing that the environment changes
    assert one == other


def test_it_stays_wiring(dag_file: Path) -> None:
    assert len(dag_file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_it_says_what_it_is_for(dag: DAG) -> None:
    assert dag.doc_md
    assert dag.doc_md.strip().startswith("### ")
    assert {"auth0", "sso"} <= dag.tags


def test_runs_come_one_at_a_time_and_none_is_made_up_for(dag: DAG) -> None:
    assert (dag.catchup, dag.max_active_runs) == (False, 1)


def test_nothing_but_the_pool_limits_its_tasks(dag: DAG) -> None:
    assert dag.max_active_tasks >= 1000
    assert all(task.max_active_tis_per_dag is None for task in dag.tasks)


def test_every_parameter_has_a_valid_default_and_a_title(dag: DAG) -> None:
    dag.params.validate()
    for name in dag.params:
        param = dag.params.get_param(name)
        assert param.has_value, name
        assert param.schema["title"], name


def test_every_task_that_sends_takes_a_slot_of_the_pool(dag: DAG) -> None:
    sending = [
        task for task in dag.tasks if issubclass(getattr(task, "operator_class", type(task)), SsoTicketsOperator)
    ]
    assert sending
    assert {task.task_id: (task.pool, task.pool_slots) for task in sending} == {
        task.task_id: (POOL, 1) for task in sending
    }


def test_every_task_is_tried_again_when_it_was_killed_or_after_bad_weather_only(dag: DAG) -> None:
    for task in dag.tasks:
        assert task.retries == 3, task.task_id
        assert isinstance(task.retry_policy, Auth0RetryPolicy), task.task_id


def test_the_retry_policy_is_known_to_the_scheduler(parsed: ParsedFiles, dag_file: Path, dag: DAG) -> None:
    stored = parsed[dag_file.name, "plain"].serialized[dag.dag_id]["dag"]["tasks"]
    known = {task["__var"]["task_id"] for task in stored if _has_policy(task["__var"])}
    assert {task.task_id for task in dag.tasks if task.pool == POOL} <= known


def _has_policy(stored: dict[str, object]) -> bool:
    partial = stored.get("partial_kwargs") or {}
    return bool(stored.get("has_retry_policy") or (isinstance(partial, dict) and partial.get("has_retry_policy")))
