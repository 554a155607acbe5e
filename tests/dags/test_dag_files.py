"""Every DAG file: a new process parses it without heavy imports; and the rules for every DAG."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.definitions.mappedoperator import MappedOperator
from auth0_sso.models import TENANT
from auth0_sso.runtime.retry_policy import Auth0RetryPolicy

from tests.dags.conftest import ENVIRONMENTS
from tests.dags.parsing import PROJECT, Parsed

# The DAG processor parses each file again and again, so a parse must not import these.
HEAVY = {"pandas", "numpy", "openpyxl", "pyarrow", "fastapi", "uvicorn", "dev.sandbox", "dev.local"}
NOTIFYING = ("create_sso_tickets", "mail_sso_tickets", "revoke_sso_tickets")
NOTIFIERS = {"airflow.providers.smtp.notifications.smtp", "airflow.providers.slack.notifications.slack"}

ParsedFiles = dict[tuple[str, str], Parsed]


def test_with_the_whole_repository_as_a_bundle_only_the_projects_dags_are_loaded(dags: dict[str, DAG]) -> None:
    bag = DagBag(PROJECT)
    assert (set(bag.dags), bag.import_errors) == (set(dags), {})


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_new_process_parses_it_into_one_dag_of_its_name(
    parsed: ParsedFiles, dag_file: Path, environment: str
) -> None:
    result = parsed[dag_file.name, environment]
    assert (result.errors, list(result.serialized)) == ({}, [dag_file.stem])


def test_parsing_it_imports_nothing_heavy(parsed: ParsedFiles, dag_file: Path) -> None:
    modules = set(parsed[dag_file.name, "plain"].modules)
    assert "auth0_sso.operators.links" in modules
    assert modules & (HEAVY | NOTIFIERS) == set()


@pytest.mark.parametrize("dag_id", NOTIFYING)
def test_it_imports_the_notifier_that_is_configured(parsed: ParsedFiles, dag_id: str) -> None:
    assert NOTIFIERS & set(parsed[f"{dag_id}.py", "set"].modules) == {"airflow.providers.smtp.notifications.smtp"}


@pytest.mark.parametrize("dag_id", NOTIFYING)
def test_a_malformed_notifier_is_an_import_error_that_says_what_to_do(parsed: ParsedFiles, dag_id: str) -> None:
    (error,) = parsed[f"{dag_id}.py", "malformed"].errors.values()
    assert "SSO_TICKETS_NOTIFY is 'ops@example.com'. It must begin with 'smtp:' or 'slack:'." in error


def test_two_processes_serialize_it_alike_so_that_it_has_one_version(parsed: ParsedFiles, dag_file: Path) -> None:
    one, other = (parsed[dag_file.name, name].serialized[dag_file.stem]["dag"] for name in ("plain", "empty"))
    for stored in (one, other):
        stored.pop("timetable")  # the environment changes nothing else
    assert one == other


def test_it_has_one_run_at_a_time_no_catchup_and_only_the_pool_limits_its_tasks(dag: DAG) -> None:
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    has_mapped = any(isinstance(task, MappedOperator) for task in dag.tasks)
    assert dag.max_active_tasks >= (1000 if has_mapped else len(dag.tasks))
    assert all(task.max_active_tis_per_dag is None for task in dag.tasks)


def test_every_task_that_sends_takes_one_slot_of_the_pool(dags: dict[str, DAG]) -> None:
    sending = {dag_id: [task for task in dag.tasks if task.pool == TENANT.pool] for dag_id, dag in dags.items()}
    assert {dag_id: {task.task_id for task in tasks} for dag_id, tasks in sending.items()} == {
        "create_sso_tickets": {"plan_fan_out", "create_tickets"},
        "revoke_sso_tickets": {"revoke_tickets"},
        "follow_sso_setups": {"read_setups"},
        "mail_sso_tickets": set(),
    }
    assert {task.pool_slots for tasks in sending.values() for task in tasks} == {1}


def test_each_task_says_what_to_do_when_it_fails(dag: DAG) -> None:
    assert all("**If " in (task.doc_md or "") for task in dag.tasks)


@pytest.mark.parametrize(
    ("dag_id", "asset"),
    [
        ("create_sso_tickets", "sso_ticket_reports"),
        ("follow_sso_setups", "sso_setups"),
        ("mail_sso_tickets", "sso_ticket_deliveries"),
    ],
)
def test_the_report_is_an_asset_for_other_dags(dags: dict[str, DAG], dag_id: str, asset: str) -> None:
    report = dags[dag_id].get_task("export_report")
    assert [outlet.name for outlet in report.outlets] == [asset]


def test_every_task_has_retries_with_the_retry_policy(dag: DAG) -> None:
    for task in dag.tasks:
        assert task.retries == 3, task.task_id
        assert isinstance(task.retry_policy, Auth0RetryPolicy), task.task_id


def test_the_serialized_tasks_have_the_retry_policy(parsed: ParsedFiles, dag_file: Path, dag: DAG) -> None:
    stored = parsed[dag_file.name, "plain"].serialized[dag.dag_id]["dag"]["tasks"]
    known = {task["__var"]["task_id"] for task in stored if _has_policy(task["__var"])}
    assert {task.task_id for task in dag.tasks if task.pool == TENANT.pool} <= known


def _has_policy(stored: dict[str, object]) -> bool:
    partial = stored.get("partial_kwargs") or {}
    return bool(stored.get("has_retry_policy") or (isinstance(partial, dict) and partial.get("has_retry_policy")))
