"""What a person does to a run in the UI, clears and marks and deletes, makes no second link and loses none."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pytest

from include import reports
from include.local.api import AirflowApi
from include.sandbox.server import Sandbox
from tests.e2e.runs import HOME, PACE, Run, Trigger, csv_of, rested
from tests.e2e.test_interruptions import assert_all_known

HEAD = "organization_id,organization_name,prospect_name,prospect_email,connection_name"
ADA = "org_rerun000000,Acme,Ada,ada@acme.example,acme"
BOB = "org_rerun000000,Acme,Bob,bob@acme.example,acme-two"
CAT = "org_rerun000001,Globex,Cat,cat@globex.example,globex"
DAN = "org_rerun000002,Initech,Dan,dan@initech.example,initech"


@pytest.fixture(scope="class")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reruns") / "prospects.csv"


def links(run: Run) -> dict[str, str]:
    return {row["prospect_name"]: row["ticket_id"] for row in run.rows}


def statuses(run: Run) -> dict[str, str]:
    return {row["prospect_name"]: row["status"] for row in run.rows}


def age(days: float) -> None:
    """Let all that was asked for have been asked for so many days ago."""
    times = ("created_at", "expires_at", "asked_at", "answer_by", "lives_until")
    earlier = ", ".join(f"{name} = {name} - {days * 86_400}" for name in times)
    with closing(sqlite3.connect(HOME / "sso_tickets.db", timeout=60)) as ledger:
        ledger.execute(f"UPDATE sso_tickets SET {earlier} WHERE organization_id LIKE 'org_rerun%'")
        ledger.commit()


class TestARunThatIsClearedOverAndOver:
    """A red run, made green, then cleared while its CSV, later runs and time go on."""

    story: ClassVar[dict[str, Any]] = {}

    @pytest.mark.answers("a task of a run is cleared, green or red")
    def test_clearing_a_failed_and_a_green_instance_asks_only_for_what_is_owed(
        self, trigger: Trigger, airflow: AirflowApi, tenant: Sandbox, file: Path
    ) -> None:
        rested(tenant)
        file.write_text("\n".join([HEAD, ADA, BOB, CAT, DAN]))
        tenant.fault("fail_match", organization_id="org_rerun000001", status=400)
        run = trigger(prospects_uri=str(file))
        assert run.state == "failed"
        assert statuses(run) == {"Ada": "created", "Bob": "created", "Cat": "failed", "Dan": "created"}
        before = links(run)
        tenant.clear_faults()
        airflow.clear(run.dag_id, run.run_id, [["create_tickets", 0], ["create_tickets", 1]])
        assert run.wait().state == "success"
        assert set(statuses(run).values()) == {"created"}
        assert {**links(run), "Cat": ""} == before
        assert posts(tenant) == 5, "four, and one again"
        assert run.summary["requests"] == 5
        assert_all_known(run, tenant)
        self.story.update(run=run, links=links(run))

    @pytest.mark.answers("`plan_fan_out` is cleared after the CSV has changed")
    @pytest.mark.answers("a run is cleared when a later one has run since")
    def test_clearing_the_plan_asks_for_the_same_rows_and_leaves_a_later_runs_links_alone(
        self, trigger: Trigger, airflow: AirflowApi, tenant: Sandbox, file: Path
    ) -> None:
        run: Run = self.story["run"]
        file.write_text("\n".join([HEAD, DAN, BOB.replace("Acme", "Acme Corp"), ADA]))
        later = trigger(prospects_uri=str(file), on_existing="reissue")
        assert statuses(later) == {"Dan": "created", "Bob": "created", "Ada": "created"}
        before = posts(tenant)
        airflow.clear(run.dag_id, run.run_id, ["plan_fan_out"])
        assert run.wait().state == "success"
        assert statuses(run) == {"Ada": "reused", "Bob": "reused", "Cat": "created", "Dan": "reused"}
        assert links(run) == {**links(later), "Cat": self.story["links"]["Cat"]}
        assert posts(tenant) == before

    @pytest.mark.answers("a whole run is cleared")
    @pytest.mark.answers("a run is cleared whose links have expired")
    def test_clearing_the_whole_run_reads_the_csv_again_and_replaces_what_has_expired(
        self, airflow: AirflowApi, tenant: Sandbox
    ) -> None:
        run: Run = self.story["run"]
        before = links(run)
        age(days=6)
        airflow.clear(run.dag_id, run.run_id, ["load_prospects"])
        assert run.wait().state == "success"
        assert statuses(run) == {"Dan": "created", "Bob": "created", "Ada": "created"}
        made = {ticket.id: ticket.connection_name for ticket in tenant.tickets}
        assert {name: made[link] for name, link in links(run).items()} == {
            "Dan": "initech",
            "Bob": "acme-two",
            "Ada": "acme",
        }
        assert_all_known_of(tenant, {*links(run).values(), *before.values(), *self.story["links"].values()}, 0)


class TestARunThatIsMarkedFailedWhileItRuns:
    """Two runs of the same prospects at once, of which the first is ended by hand."""

    story: ClassVar[dict[str, Any]] = {}

    @pytest.mark.answers("two runs are triggered at once")
    def test_the_second_waits_and_gives_nobody_a_second_link(
        self, trigger: Trigger, connect: Callable[..., None], airflow: AirflowApi, tenant: Sandbox, tmp_path: Path
    ) -> None:
        rested(tenant)
        connect(extra={"profile_id": tenant.profile_id, **PACE, "timeout": 5})
        tenant.fault("stall", delay=60, count=1, route="create")
        text = csv_of(9, 3, "twoatonce")
        first = trigger(prospects_csv=text, wait=False)
        second = trigger(prospects_csv=text, report_uri=str(tmp_path), wait=False)
        first.wait_for(lambda: tenant.stats().tickets == 9)
        assert second.state == "queued"
        airflow.end(first.dag_id, first.run_id)
        assert second.wait().state == "success"
        folder = reports.run_folder(tmp_path, second.dag_id, second.run_id)
        rows = reports.read_tickets(Path(str(folder)))
        assert sorted({row["status"] for row in rows}) == ["created", "reused"]
        flagged = sum(row["duplicate_possible"] for row in rows)
        assert_all_known_of(tenant, {row["ticket_id"] for row in rows}, flagged)
        assert flagged == 1
        self.story.update(first=first, links={row["ticket_id"] for row in rows})

    @pytest.mark.answers("a whole run is marked failed while it runs")
    def test_its_report_is_told_from_the_ledger_when_it_is_asked_for(
        self, airflow: AirflowApi, tenant: Sandbox
    ) -> None:
        first: Run = self.story["first"]
        airflow.clear(first.dag_id, first.run_id, ["export_report"])
        assert first.wait().states()["check_outcome"] == "failed"
        assert sorted({row["status"] for row in first.rows}) == ["created", "failed"]
        known = {row["ticket_id"] for row in first.rows} | self.story["links"]
        assert_all_known_of(tenant, known, sum(row["duplicate_possible"] for row in first.rows))

    @pytest.mark.answers("a run is deleted, and another is triggered with its id")
    def test_deleted_and_triggered_again_with_its_id_it_is_another_run(
        self, airflow: AirflowApi, tenant: Sandbox
    ) -> None:
        first: Run = self.story["first"]
        before = posts(tenant)
        airflow.delete(f"/api/v2/dags/{first.dag_id}/dagRuns/{first.run_id}")
        airflow.trigger(first.dag_id, {"prospects_csv": csv_of(9, 3, "twoatonce")}, first.run_id)
        assert first.wait().state == "success"
        assert {row["status"] for row in first.rows} == {"reused"}
        assert posts(tenant) == before


@pytest.mark.answers("a task is marked failed or success while it runs")
def test_tasks_that_are_marked_by_hand_while_they_run_are_reported_with_all_they_did(
    trigger: Trigger, airflow: AirflowApi, tenant: Sandbox
) -> None:
    rested(tenant)
    run = trigger(prospects_csv=csv_of(160, 2, "marked"), wait=False)
    run.wait_for(lambda: tenant.stats().tickets > 10 and len(running(run)) == 2)
    for index, state in enumerate(("failed", "success")):
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/create_tickets/{index}"
        airflow.patch(path, {"new_state": state})
    assert run.wait().state == "failed"
    assert {row["status"] for row in run.rows} >= {"created", "not_attempted"}
    assert_all_known(run, tenant)


def posts(tenant: Sandbox) -> int:
    """Return how often the tenant was asked to make or to revoke a ticket."""
    return sum(seen.method == "POST" for seen in tenant.requests)


def running(run: Run) -> list[int]:
    return [ti["map_index"] for ti in run.tasks("create_tickets") if ti["state"] == "running"]


def assert_all_known_of(tenant: Sandbox, known: set[str], flagged: int) -> None:
    """Every ticket that was made is known, except as many as are flagged."""
    assert sum(ticket.id not in known for ticket in tenant.tickets) <= flagged
