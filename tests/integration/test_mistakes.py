"""For each mistake, the log names it and what to do, and nothing is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.sandbox.server import Sandbox
from tests.integration.runs import Connect, Trigger
from tests.support.prospects import csv_of

TWO = csv_of(2, 2, "mistake")


@pytest.mark.answers("wrong secret, missing scope, unknown profile")
def test_a_wrong_secret(trigger: Trigger, connect: Connect, tenant: Sandbox) -> None:
    connect(password="not-the-secret-at-all")
    run = trigger(prospects_csv=TWO)
    assert run.state == "failed"
    assert "401 access_denied" in run.log
    assert "not-the-secret-at-all" not in run.log
    assert "Check the connection's login (client id) and password (client secret)" in run.log
    assert tenant.stats().tickets == 0
    assert run.summary["not_attempted"] == 2


@pytest.mark.answers("wrong secret, missing scope, unknown profile")
def test_an_unknown_profile(trigger: Trigger, tenant: Sandbox) -> None:
    run = trigger(prospects_csv=TWO, profile_id="ssp_nobodyknowsthis01")
    assert run.state == "failed"
    assert "Profile with ID: ssp_nobodyknowsthis01 not found" in run.log
    assert "Set profile_id in the request" in run.log
    assert tenant.stats().tickets == 0


def test_a_csv_that_cannot_be_read(trigger: Trigger, tenant: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("organization_id,domian\norg_1,a.example\n")
    run = trigger(prospects_uri=str(file))
    assert run.state == "failed"
    assert "did you mean 'domains'" in run.log
    assert run.states("export_report") == ["skipped"]
    assert tenant.stats().requests == 0


def test_an_unknown_parameter(trigger: Trigger, tenant: Sandbox) -> None:
    run = trigger(prospects_csv=TWO, dryrun=True)
    assert run.state == "failed"
    assert "has 'dryrun', which is no parameter: did you mean 'dry_run'?" in run.log
    assert tenant.stats().requests == 0


def test_more_mapped_tasks_than_airflow_maps(trigger: Trigger, tenant: Sandbox) -> None:
    run = trigger(prospects_csv=TWO, max_mapped_tasks=5000)
    assert run.state == "failed"
    assert "max_mapped_tasks is 5000, but Airflow maps at most 1024 tasks. Lower max_mapped_tasks" in run.log
    assert tenant.stats().tickets == 0


def test_a_revoking_run_that_selects_nothing_says_what_to_set(trigger: Trigger) -> None:
    run = trigger("revoke_sso_tickets")
    assert run.state == "failed"
    assert "Set report_uri, organization_ids or all_live" in run.log
