"""A person approves the plan first; a pool that is missing when the run starts is created again."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.local.airflow import POOL
from dev.local.api import AirflowApi
from dev.sandbox.server import Sandbox
from tests.e2e.runs import SLOTS, Trigger
from tests.support.prospects import csv_of


@pytest.mark.answers("the plan is rejected")
@pytest.mark.answers("an approved run is cleared")
@pytest.mark.answers("`plan_fan_out` is cleared after the CSV has changed")
def test_nothing_is_sent_without_an_approval_and_a_cleared_plan_needs_another(
    trigger: Trigger, airflow: AirflowApi, tenant: Sandbox, tmp_path: Path
) -> None:
    tenant.reset()
    airflow.delete_pool(POOL)
    file = tmp_path / "prospects.csv"
    file.write_text(csv_of(2, 1, "approval"))
    run = trigger(wait=False, require_approval=True, prospects_uri=str(file))
    run.respond("Reject", try_number=1)
    assert run.wait().state == "failed"
    assert tenant.stats().tickets == 0
    assert run.summary["not_attempted"] == 2
    assert airflow.pools()[POOL] == 2
    airflow.set_pool(POOL, SLOTS)

    file.write_text(csv_of(3, 3, "another"))
    airflow.clear(run.dag_id, run.run_id, ["plan_fan_out"])
    run.respond("Approve", try_number=2)
    assert run.wait().state == "success"
    assert run.summary["created"] == tenant.stats().tickets == 2
    assert {row["organization_name"] for row in run.rows} == {"approval 0"}
