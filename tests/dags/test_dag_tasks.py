"""The tasks of each DAG: their order, trigger rule and pool."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from airflow.sdk import DAG
from auth0_sso.runtime.pool import POOL

from include.texts import CREATE_DOCS, REVOKE_DOCS


@dataclass(frozen=True)
class Expected:
    """A task's settings; ``after`` are the tasks right before it."""

    after: set[str]
    trigger_rule: str = "all_success"
    pool: str = "default_pool"
    is_mapped: bool = False


TASKS = {
    "create_sso_tickets": {
        "load_prospects": Expected(set()),
        "plan_fan_out": Expected({"load_prospects"}, pool=POOL),
        "approve": Expected({"plan_fan_out"}),
        "create_tickets": Expected({"plan_fan_out", "approve"}, pool=POOL, is_mapped=True),
        "export_report": Expected({"load_prospects", "create_tickets"}, "all_done"),
        "check_outcome": Expected({"export_report"}, "all_done"),
    },
    "revoke_sso_tickets": {
        "select_tickets": Expected(set()),
        "revoke_tickets": Expected({"select_tickets"}, pool=POOL, is_mapped=True),
        "export_report": Expected({"select_tickets", "revoke_tickets"}, "all_done"),
        "check_outcome": Expected({"export_report"}, "all_done"),
    },
}


@pytest.mark.parametrize("dag_id", TASKS)
def test_a_dag_has_these_tasks_with_these_settings(dags: dict[str, DAG], dag_id: str) -> None:
    assert sorted(dags) == sorted(TASKS)
    assert {
        task.task_id: Expected(set(task.upstream_task_ids), task.trigger_rule, task.pool, task.is_mapped)
        for task in dags[dag_id].tasks
    } == TASKS[dag_id]


@pytest.mark.parametrize(("dag_id", "docs"), [("create_sso_tickets", CREATE_DOCS), ("revoke_sso_tickets", REVOKE_DOCS)])
def test_each_task_says_what_it_does_and_what_to_do_when_it_fails(
    dags: dict[str, DAG], dag_id: str, docs: dict[str, str]
) -> None:
    assert {task.task_id: task.doc_md for task in dags[dag_id].tasks} == docs
    assert all("**If " in text for text in docs.values())


def test_the_report_is_an_asset_for_other_dags(dags: dict[str, DAG]) -> None:
    report = dags["create_sso_tickets"].get_task("export_report")
    assert [asset.name for asset in report.outlets] == ["sso_ticket_reports"]
