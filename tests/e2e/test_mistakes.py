"""For each mistake, what the user sees names the thing and the remedy, and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from include.local.airflow import POOL
from include.local.api import AirflowApi
from include.local.ports import free_port
from include.sandbox.server import Sandbox
from tests.e2e.runs import SLOTS, Trigger, csv_of, rested

TWO = csv_of(2, 2, "mistake")


@pytest.mark.answers("wrong secret, missing scope, unknown profile")
def test_a_wrong_secret(trigger: Trigger, connect: Callable[..., None], tenant: Sandbox) -> None:
    rested(tenant)
    connect(password="not-the-secret-at-all")
    run = trigger(prospects_csv=TWO)
    log = run.log("plan_fan_out")
    assert run.state == "failed"
    assert "401 access_denied" in log
    assert "Check the connection's login (client id) and password (client secret)" in log
    assert tenant.stats().tickets == 0
    assert run.summary["not_attempted"] == 2


@pytest.mark.answers("wrong secret, missing scope, unknown profile")
def test_an_unknown_profile(trigger: Trigger, tenant: Sandbox) -> None:
    rested(tenant)
    run = trigger(prospects_csv=TWO, profile_id="ssp_nobodyknowsthis01")
    log = run.log("plan_fan_out")
    assert run.state == "failed"
    assert "Profile with ID: ssp_nobodyknowsthis01 not found" in log
    assert "Set profile_id (parameter, CSV column or connection extra)" in log
    assert tenant.stats().tickets == 0


def test_a_missing_pool_is_made_again(trigger: Trigger, airflow: AirflowApi, tenant: Sandbox) -> None:
    rested(tenant)
    airflow.delete_pool(POOL)
    run = trigger(prospects_csv=TWO)
    assert run.state == "success"
    assert airflow.pools()[POOL] == 2
    airflow.set_pool(POOL, SLOTS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist: give a CSV file or a folder of them"),
        ("", "empty"),
        ("organization_id,domian\norg_1,a.example\n", "did you mean 'domains'"),
    ],
    ids=["missing", "empty", "unknown column"],
)
def test_a_csv_that_cannot_be_read(
    trigger: Trigger, tenant: Sandbox, tmp_path: Path, content: str | None, said: str
) -> None:
    rested(tenant)
    file = tmp_path / "in.csv"
    if content is not None:
        file.write_text(content)
    run = trigger(prospects_uri=str(file))
    assert run.state == "failed"
    assert said in run.log("load_prospects")
    assert run.states()["export_report"] == "skipped"
    assert tenant.stats().requests == 0


def test_a_parameter_that_is_none(trigger: Trigger, tenant: Sandbox) -> None:
    rested(tenant)
    run = trigger(prospects_csv=TWO, dryrun=True)
    assert run.state == "failed"
    assert "has 'dryrun', which is no parameter: did you mean 'dry_run'?" in run.log("load_prospects")
    assert tenant.stats().requests == 0


def test_more_mapped_tasks_than_airflow_maps(trigger: Trigger, tenant: Sandbox) -> None:
    rested(tenant)
    run = trigger(prospects_csv=TWO, max_mapped_tasks=5000)
    assert run.state == "failed"
    assert "max_mapped_tasks is 5000, but Airflow maps at most 1024 tasks. Lower max_mapped_tasks" in run.log(
        "plan_fan_out"
    )
    assert tenant.stats().tickets == 0


def test_an_unreachable_host(trigger: Trigger, connect: Callable[..., None], airflow: AirflowApi) -> None:
    connect(host=f"http://127.0.0.1:{free_port()}")
    run = trigger(prospects_csv=TWO, wait=False)
    run.wait_for(lambda: run.states().get("plan_fan_out") in ("up_for_retry", "failed"))
    log = run.log("plan_fan_out")
    assert "No connection to 127.0.0.1:" in log
    assert "Check the connection's host, DNS, the proxy and the firewall" in log
    airflow.end(run.dag_id, run.run_id)
    run.wait_for(lambda: run.state in ("failed", "success"))
