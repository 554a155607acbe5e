"""For each mistake, the log names it and what to do, and nothing is sent."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.models.pool import Pool
from airflow.models.variable import Variable
from airflow.utils.session import create_session
from auth0_sso.models import TENANT
from pytest_httpserver import HTTPServer
from sqlalchemy import delete

from dev.local.airflow import POOL
from dev.sandbox.server import Sandbox
from tests.integration.conftest import PROJECT, SLOTS_VARIABLE
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
@pytest.mark.parametrize(
    ("conf", "named", "advice"),
    [
        (
            {"profile_id": "ssp_nobodyknowsthis01"},
            "Profile with ID: ssp_nobodyknowsthis01 not found",
            "Set profile_id in the request",
        ),
        ({"dryrun": True}, "has 'dryrun', which is no parameter", "did you mean 'dry_run'?"),
        ({"max_mapped_tasks": 5000}, "Airflow maps at most 1024 tasks", "Lower max_mapped_tasks"),
    ],
    ids=["unknown profile", "unknown parameter", "more mapped tasks than Airflow maps"],
)
def test_a_wrong_parameter(trigger: Trigger, tenant: Sandbox, conf: dict[str, Any], named: str, advice: str) -> None:
    run = trigger(prospects_csv=TWO, **conf)
    assert run.state == "failed"
    assert named in run.log
    assert advice in run.log
    assert tenant.stats().tickets == 0


def test_a_csv_that_cannot_be_read(trigger: Trigger, tenant: Sandbox) -> None:
    run = trigger(prospects_csv="organization_id,domian\norg_1,a.example\n")
    assert run.state == "failed"
    assert "did you mean 'domains'" in run.log
    assert run.states("export_report") == ["skipped"]
    assert tenant.stats().requests == 0


def test_a_revoking_run_that_selects_nothing(trigger: Trigger) -> None:
    run = trigger("revoke_sso_tickets")
    assert run.state == "failed"
    assert "Set report, organization_ids, prospect_keys or all_live" in run.log


def test_without_pool_and_variable_a_run_fails_and_names_the_command_that_makes_both(
    trigger: Trigger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SLOTS_VARIABLE)
    monkeypatch.setattr("auth0_sso.runtime.pool.is_in_process", lambda: False)
    with create_session() as session:  # a run that waited for a person has made both
        session.execute(delete(Pool).where(Pool.pool == POOL))
        session.execute(delete(Variable).where(Variable.key == TENANT.slots_variable))
    assert trigger(prospects_csv=TWO).states("load_prospects") == ["failed"]
    run = trigger("revoke_sso_tickets", all_live=True)
    assert run.states("select_tickets") == ["failed"]
    assert f"The pool '{POOL}' may be missing" in run.log
    assert tenant.stats().token_requests == 0

    command = re.search(r"airflow pools set .* && airflow variables set .* slots'", run.log)
    assert command is not None
    assert command[0] in (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(command[0], shell=True, check=True, env={**os.environ, "PATH": programs})
    assert trigger(prospects_csv=TWO).state == "success"
    with create_session() as session:
        assert Pool.get_pool(POOL, session=session).slots == 2


@pytest.mark.parametrize(
    ("dag_id", "name"),
    [
        ("create_sso_tickets", "prospects_uri"),
        ("create_sso_tickets", "report_uri"),
        ("revoke_sso_tickets", "report"),
        ("revoke_sso_tickets", "report_uri"),
    ],
)
def test_an_address_of_a_web_server_is_not_asked_and_not_tried_again(
    trigger: Trigger, tenant: Sandbox, httpserver: HTTPServer, dag_id: str, name: str
) -> None:
    select = {"all_live": True} if dag_id == "revoke_sso_tickets" else {}
    run = trigger(dag_id, **select, **{name: httpserver.url_for("/x")})
    first = {"create_sso_tickets": "load_prospects", "revoke_sso_tickets": "select_tickets"}[dag_id]
    assert (run.state, run.states(first)) == ("failed", ["failed"])
    assert f"{name} is a URI of kind 'http', which no installed provider of storage serves" in run.log
    assert "reason='LocationError: trying again changes nothing'" in run.log
    assert (httpserver.log, tenant.stats().token_requests) == ([], 0)


@pytest.mark.parametrize("path", ["pipe", "/dev/zero"])
def test_a_revocation_of_what_is_no_regular_file_ends_at_once(trigger: Trigger, tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    run = trigger("revoke_sso_tickets", report=str(tmp_path / path))
    assert (run.state, run.states("select_tickets")) == ("failed", ["failed"])
    assert "report is a pipe, a device or a socket" in run.log


@pytest.mark.answers("a run's files are changed after its plan was approved")
@pytest.mark.parametrize("file", ["plan/batch-0001.json", "manifest.jsonl"])
def test_a_plan_that_is_changed_after_its_approval(
    trigger: Trigger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    def change(_self: object, context: Any) -> None:
        loaded = context["ti"].xcom_pull("load_prospects")
        path = Path(loaded["folder"]) / file
        path.write_bytes(path.read_bytes().replace(b"org_mistake00000", b"org_victim000000"))

    monkeypatch.setattr("auth0_sso.operators.approval.ApprovePlanOperator.execute", change)
    run = trigger(prospects_csv=TWO, max_mapped_tasks=1)
    asked_for = {one for ticket in tenant.tickets for one in ticket.organization_ids}
    assert (run.state, "org_victim000000" in asked_for) == ("failed", False)
    assert re.search(rf"{file}(is not as| )+", run.log.replace("\n", " "))
    assert "Find out who has changed it" in run.log


def test_a_folder_of_reports_on_a_pods_own_disk(
    trigger: Trigger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With the variable itself set, dag.test() renders pods, which needs the Kubernetes provider.
    monkeypatch.setattr("include.files._POD_VARIABLE", "PATH")
    for run in (
        trigger(prospects_csv=TWO, report_uri="/no/such/reports"),
        trigger("revoke_sso_tickets", all_live=True, report_uri="/no/such/reports"),
    ):
        assert run.state == "failed"
        assert "The folder of reports, /no/such/reports, is on this pod's own disk" in run.log
    assert tenant.stats().token_requests == 0


@pytest.mark.answers("the ledger is lost or another one is used")
def test_an_empty_ledger_in_the_place_of_one_that_knows_links(
    trigger: Trigger, tenant: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, reports = csv_of(3, 2, "lost"), str(tmp_path / "reports")
    monkeypatch.setenv("SSO_TICKETS_LEDGER", str(tmp_path / "first.db"))
    assert trigger(prospects_csv=text, report_uri=reports).state == "success"

    monkeypatch.setenv("SSO_TICKETS_LEDGER", str(tmp_path / "second.db"))
    refused = trigger(prospects_csv=text, report_uri=reports)
    assert (refused.state, refused.states("plan_fan_out")) == ("failed", ["failed"])
    assert re.search(rf"The ledger is empty, but the report in {reports}/\S+, of \S+, lists 3 links", refused.log)
    assert "Restore the ledger from its backup" in refused.log
    assert trigger(prospects_csv=text, report_uri=reports, dry_run=True).state == "success"
    assert tenant.stats().tickets == 3

    monkeypatch.setenv("SSO_TICKETS_LEDGER", str(tmp_path / "first.db"))
    assert trigger(prospects_csv=text, report_uri=reports).state == "success"
    assert tenant.stats().tickets == 3
