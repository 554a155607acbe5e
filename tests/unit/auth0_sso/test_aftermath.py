"""What a run's tasks have told, and what the ledger tells of those that died before they could."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.aftermath import outcomes_of, results_of, stats_of
from auth0_sso.batch import Organization
from auth0_sso.ledger import Ledger, open_ledger
from auth0_sso.records import Ask
from auth0_sso.xcom_backend import LockedTicketsXCom

from include.sandbox.server import Sandbox
from tests.unit.auth0_sso import world
from tests.unit.auth0_sso.conftest import Connect, RunTenant
from tests.unit.auth0_sso.world import FIRST_RUN, SECOND_RUN, issue, organization, organizations, request

pytestmark = pytest.mark.usefixtures("auth0_connection")


class TaskInstance:
    """The report's task instance; it sees what each mapped instance has pushed."""

    def __init__(self, returned: list[Any] | None = None, stats: list[Any] | None = None) -> None:
        self.dag_id, self.run_id = FIRST_RUN.run.split("/")
        self._pushed = {"return_value": returned or [], "stats": stats or []}

    def xcom_pull(self, *, task_ids: list[str], key: str) -> list[Any]:
        assert task_ids == ["create_tickets"]
        return self._pushed[key]


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ledger]:
    monkeypatch.setenv("SSO_TICKETS_LEDGER", str(tmp_path / "ledger.db"))
    opened = open_ledger()
    yield opened
    opened.close()


def rows_of(wanted: list[Organization]) -> list[dict[str, Any]]:
    return [{**asdict(row), "error": "", "more": 1} for organization in wanted for row in organization.requests]


def found(wanted: list[Organization], returned: list[Any] | None = None) -> dict[int, dict[str, Any]]:
    outcomes = outcomes_of(TaskInstance(returned), "create_tickets", rows_of(wanted))
    assert len({outcome["row"] for outcome in outcomes}) == len(outcomes)
    return {outcome["row"]: outcome for outcome in outcomes}


def ask(ledger: Ledger, row: int, **changes: Any) -> Ask:
    return world.issuer([organization(request(row, f"org_{row}", **changes))], ledger)._prospects()[0].ask


@pytest.mark.parametrize("locked_by_backend", [True, False])
def test_tickets_are_readable_whether_or_not_the_xcom_backend_was_on_when_they_were_pushed(
    ledger: Ledger, tenant: Sandbox, locked_by_backend: bool
) -> None:
    wanted = organizations(2)
    pushed = world.issuer(wanted, ledger)
    asyncio.run(world.within(pushed._hook, pushed.run()))
    value = pushed.results()
    kept = LockedTicketsXCom.serialize_value(value) if locked_by_backend else value
    assert ("locked:" in str(kept)) is locked_by_backend
    assert {outcome["ticket_id"] for outcome in found(wanted, [kept]).values()} == {t.id for t in tenant.tickets}


def test_what_the_mapped_instances_pushed_is_one_list_and_what_they_did_not_is_left_out() -> None:
    ti = TaskInstance([[{"a": 1}], None, [], [{"b": 2}, {"c": 3}]], [{"requests": 1}, None])
    assert results_of(ti, "create_tickets") == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert stats_of(ti, "create_tickets") == [{"requests": 1}]


def test_what_the_tasks_told_is_taken_as_they_told_it(ledger: Ledger) -> None:
    made = world.issuer(organizations(2), ledger)
    told = made.results()
    assert list(found(organizations(2), [told]).values()) == told[0]["tickets"]


def test_a_prospect_with_two_profiles_is_told_the_ticket_of_each(
    ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    other = "ssp_sandbox0000000002"
    connect(run_tenant(profile_ids=("ssp_sandbox0000000001", other)))
    same = {"prospect": "one@example.com", "name": "one"}
    wanted = [organization(request(1, "org_1", **same), request(2, "org_1", profile_id=other, **same))]
    outcomes = issue(wanted, ledger)
    assert outcomes[1]["ticket_url"] != outcomes[2]["ticket_url"]
    assert found(wanted) == outcomes


def test_rows_whose_task_died_are_told_from_the_ledger(ledger: Ledger, tenant: Sandbox) -> None:
    wanted = organizations(4, per_organization=2)
    outcomes = issue(wanted, ledger)
    told = [{"organization_id": "org_1", "tickets": [outcomes[1], outcomes[2]]}]
    assert found(wanted, [told, None]) == outcomes


def test_an_ask_whose_answer_was_never_seen_is_failed_and_flagged(ledger: Ledger) -> None:
    ledger.begin(ask(ledger, 1), None, FIRST_RUN, answer_within=30)
    outcome = found(organizations(1, 1))[1]
    assert (outcome["status"], outcome["duplicate_possible"], outcome["attempts"]) == ("failed", True, 1)
    assert outcome["error"] == "The task died before the answer came: clear it, or run again."


def test_an_ask_without_an_answer_says_why(ledger: Ledger) -> None:
    intent = ledger.begin(ask(ledger, 1), None, FIRST_RUN, answer_within=30)
    ledger.record_unanswered(intent, "Auth0 answered 502.")
    outcome = found(organizations(1, 1))[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("failed", True)
    assert outcome["error"] == "Auth0 answered 502."


@pytest.mark.parametrize("status", ["conflict", "failed"])
def test_a_refusal_is_told_with_its_words(ledger: Ledger, status: str) -> None:
    intent = ledger.begin(ask(ledger, 1), None, FIRST_RUN, answer_within=30)
    ledger.record_refused(intent, status, "no")
    outcome = found(organizations(1, 1))[1]
    assert (outcome["status"], outcome["error"], outcome["duplicate_possible"]) == (status, "no", False)


def test_of_a_row_that_the_run_has_never_asked_for_nothing_is_told(ledger: Ledger) -> None:
    issue(organizations(1, 1), ledger, SECOND_RUN)
    assert found(organizations(2, 1)) == {}


def test_of_what_was_only_too_early_or_revoked_since_nothing_is_told(ledger: Ledger) -> None:
    intent = ledger.begin(ask(ledger, 1), None, FIRST_RUN, answer_within=30)
    ledger.record_refused(intent, "waiting", "Too many requests")
    issue(organizations(1, 1, first=2), ledger)
    (live,) = ledger.live_entries()
    ledger.record_revoked(ledger.record_revoking(live), "revoke/run-1")
    assert found(organizations(2, 1)) == {}


def test_a_row_that_repeats_one_is_told_as_reused(ledger: Ledger) -> None:
    wanted = [organization(request(1), request(2, prospect="prospect-1@example.com"))]
    issue(wanted, ledger)
    outcomes = found(wanted)
    assert [outcomes[row]["status"] for row in (1, 2)] == ["created", "reused"]
    assert outcomes[1]["ticket_url"] == outcomes[2]["ticket_url"]


def test_an_invalid_row_was_never_sent_and_nothing_is_told_of_it(ledger: Ledger) -> None:
    issue(organizations(1, 1), ledger)
    rows = [{**row, "error": "ttl_sec: too large"} for row in rows_of(organizations(1, 1))]
    assert outcomes_of(TaskInstance(), "create_tickets", rows) == []


def test_a_flag_that_has_ended_is_not_told(ledger: Ledger) -> None:
    prospect = ask(ledger, 1)
    intent = ledger.begin(prospect, None, FIRST_RUN, answer_within=-2 * prospect.ttl)
    assert intent.lives_until < time.time()
    assert found(organizations(1, 1))[1]["duplicate_possible"] is False
