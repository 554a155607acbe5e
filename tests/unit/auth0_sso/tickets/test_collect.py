"""What a run's tasks have told, and what the ledger tells of those that died before they could."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.ledger.records import TicketSpec
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.runtime.timeouts import Timeouts
from auth0_sso.tickets.batch import Organization
from auth0_sso.tickets.collect import outcomes_of, results_of, stats_of
from auth0_sso.tickets.revocations import revocations_of
from auth0_sso.xcom import EncryptedTicketsXCom

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.support.factories import FIRST_RUN, SECOND_RUN, issue, organization, organizations, request
from tests.unit.auth0_sso.conftest import Connect, RunTenant

RUN = factories.DagRun(*FIRST_RUN.run.split("/"), datetime.fromtimestamp(FIRST_RUN.run_after, UTC))

pytestmark = pytest.mark.usefixtures("auth0_connection")


class TaskInstance:
    """The report's task instance; it sees what each mapped instance has pushed."""

    def __init__(self, returned: list[Any] | None = None, stats: list[Any] | None = None) -> None:
        self.dag_id, self.run_id = FIRST_RUN.run.split("/")
        self.states: dict[str, str] = {}
        self.pulls = 0
        self.on_states: Callable[[], object] = dict
        self._pushed = {"return_value": returned or [], "stats": stats or []}

    def xcom_pull(self, *, task_ids: list[str], key: str) -> list[Any]:
        assert task_ids == ["create_tickets"]
        self.pulls += 1
        return self._pushed[key]

    def get_task_states(self, dag_id: str, *, task_ids: list[str], run_ids: list[str]) -> dict[str, Any]:
        assert (dag_id, task_ids, run_ids) == (self.dag_id, ["create_tickets"], [self.run_id])
        self.on_states()
        return {self.run_id: self.states} if self.states else {}


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ledger]:
    monkeypatch.setenv("SSO_TICKETS_LEDGER", str(tmp_path / "ledger.db"))
    opened = open_ledger()
    yield opened
    opened.close()


def rows_of(wanted: list[Organization]) -> list[dict[str, Any]]:
    return [{**asdict(row), "error": "", "more": 1} for organization in wanted for row in organization.requests]


def found(
    wanted: list[Organization], returned: list[Any] | None = None, states: dict[str, str] | None = None
) -> dict[int, dict[str, Any]]:
    ti = TaskInstance(returned)
    ti.states = states or {}
    outcomes = outcomes_of(ti, RUN, "create_tickets", rows_of(wanted))
    assert len({outcome["row"] for outcome in outcomes}) == len(outcomes)
    return {outcome["row"]: outcome for outcome in outcomes}


def spec(row: int, **changes: Any) -> TicketSpec:
    return factories.spec(request(row, f"org_{row}", **changes))


@pytest.mark.parametrize("locked_by_backend", [True, False])
def test_tickets_are_readable_whether_or_not_the_xcom_backend_was_on_when_they_were_pushed(
    ledger: Ledger, tenant: Sandbox, locked_by_backend: bool
) -> None:
    wanted = organizations(2)
    pushed = factories.issuer(wanted, ledger)
    asyncio.run(pushed.run())
    value = pushed.results()
    kept = EncryptedTicketsXCom.serialize_value(value) if locked_by_backend else value
    assert ("locked:" in str(kept)) is locked_by_backend
    assert {outcome["ticket_id"] for outcome in found(wanted, [kept]).values()} == {t.id for t in tenant.tickets}


def test_what_the_mapped_instances_pushed_is_one_list_and_what_they_did_not_is_left_out() -> None:
    ti = TaskInstance([[{"a": 1}], None, [], [{"b": 2}, {"c": 3}]], [[{"requests": 1}, {"requests": 2}], None])
    assert results_of(ti, "create_tickets") == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert stats_of(ti, "create_tickets") == [{"requests": 1}, {"requests": 2}]


def test_what_the_tasks_told_is_taken_as_they_told_it(ledger: Ledger) -> None:
    made = factories.issuer(organizations(2), ledger)
    reported = made.results()
    assert list(found(organizations(2), [reported]).values()) == reported[0]["tickets"]


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


@pytest.mark.answers("a task is killed and has no retries left")
def test_rows_whose_task_died_are_told_from_the_ledger(ledger: Ledger, tenant: Sandbox) -> None:
    wanted = organizations(4, per_organization=2)
    outcomes = issue(wanted, ledger)
    reported = [{"organization_id": "org_1", "tickets": [outcomes[1], outcomes[2]]}]
    assert found(wanted, [reported, None]) == outcomes


@pytest.mark.answers("a task is killed and has no retries left")
def test_an_ask_whose_answer_was_never_seen_is_failed_and_flagged(ledger: Ledger) -> None:
    ledger.begin(spec(1), None, FIRST_RUN, answer_within=30)
    outcome = found(organizations(1, 1))[1]
    assert (outcome["status"], outcome["duplicate_possible"], outcome["attempts"]) == ("failed", True, 1)
    assert outcome["error"] == "The task died before the answer came: clear it, or run again."


def test_an_ask_without_an_answer_says_why(ledger: Ledger) -> None:
    intent = ledger.begin(spec(1), None, FIRST_RUN, answer_within=30)
    ledger.record_unknown(intent, "Auth0 answered 502.")
    outcome = found(organizations(1, 1))[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("failed", True)
    assert outcome["error"] == "Auth0 answered 502."


@pytest.mark.parametrize("status", ["conflict", "failed"])
def test_a_refusal_is_told_with_its_words(ledger: Ledger, status: str) -> None:
    intent = ledger.begin(spec(1), None, FIRST_RUN, answer_within=30)
    ledger.record_refused(intent, status, "no")
    outcome = found(organizations(1, 1))[1]
    assert (outcome["status"], outcome["error"], outcome["duplicate_possible"]) == (status, "no", False)


def test_of_a_row_that_the_run_has_never_asked_for_nothing_is_told(ledger: Ledger) -> None:
    issue(organizations(1, 1), ledger, SECOND_RUN)
    assert found(organizations(2, 1)) == {}


def test_of_what_was_only_too_early_nothing_is_told(ledger: Ledger) -> None:
    intent = ledger.begin(spec(1), None, FIRST_RUN, answer_within=30)
    ledger.record_refused(intent, "deferred", "Too many requests")
    assert found(organizations(1, 1)) == {}


def test_of_what_was_revoked_since_it_is_told_by_whom(ledger: Ledger) -> None:
    issue(organizations(1, 1), ledger)
    (live,) = ledger.live_entries()
    ledger.record_revoked(ledger.record_revoking(live, "revoke/run-1"))
    outcome = found(organizations(1, 1))[1]
    assert (outcome["status"], outcome["ticket_url"]) == ("failed", "")
    assert outcome["error"].startswith("Its link was revoked by revoke/run-1.")


def test_a_link_whose_url_is_no_longer_kept_is_not_told_as_created(ledger: Ledger) -> None:
    issue(organizations(1, 1), ledger)
    (live,) = ledger.live_entries()
    ledger.record_created(live, live.ticket, sent_at=0, ttl=60)  # type: ignore[arg-type]
    assert ledger.forget_urls(time.time(), 10) == 1
    outcome = found(organizations(1, 1))[1]
    assert outcome["status"] == "failed"
    assert outcome["error"] == "Its link has expired, and the ledger doesn't keep its URL any more: run again."


@pytest.mark.parametrize("state", ["upstream_failed", "skipped", "removed"])
@pytest.mark.parametrize("dead", ["expired", "revoked"])
def test_a_task_that_did_not_start_again_after_a_clear_tells_of_no_link_that_is_dead_by_now(
    ledger: Ledger, state: str, dead: str
) -> None:
    wanted = organizations(2, 1)
    reported = [[{"organization_id": "org", "tickets": [outcome]}] for outcome in issue(wanted, ledger).values()]
    first, _ = ledger.live_entries()
    if dead == "revoked":
        ledger.record_revoked(ledger.record_revoking(first, "revoke/run-1"))
    else:
        ledger.record_created(first, first.ticket, sent_at=time.time() - 120, ttl=60)  # type: ignore[arg-type]
    outcomes = found(wanted, reported, {"create_tickets_0": state, "create_tickets_1": state})
    assert [outcomes[row]["status"] for row in (1, 2)] == ["failed", "created"]
    assert f"Its link {'has' if dead == 'expired' else 'was'} {dead}" in outcomes[1]["error"]
    assert outcomes[2]["ticket_url"]


def test_a_link_that_lives_is_told_by_a_task_that_did_not_start_again_as_before(ledger: Ledger) -> None:
    wanted = organizations(1)
    reused = {**issue(wanted, ledger, SECOND_RUN)[1], "status": "reused"}
    reported = [[{"organization_id": "org_1", "tickets": [reused]}]]
    assert found(wanted, reported, {"create_tickets_0": "skipped"}) == {1: reused}


def test_what_a_deleted_run_with_the_same_id_asked_for_is_not_told(ledger: Ledger) -> None:
    issue(organizations(1, 1), ledger, replace(FIRST_RUN, run_after=FIRST_RUN.run_after - 3600))
    assert found(organizations(1, 1)) == {}


@pytest.mark.parametrize(
    "change", [{"organization_id": "org_9"}, {"prospect_email": "bob@example.com"}, {"prospect_name": "Bob"}]
)
def test_what_was_told_of_another_prospect_by_that_row_number_is_not_taken(
    ledger: Ledger, change: dict[str, Any]
) -> None:
    before = issue(organizations(1, 1), ledger)
    reported = [{"organization_id": "org_1", "tickets": [before[1]]}]
    now = [organization(request(1, **{"organization": "org_1", "prospect": "another", **change}))]
    assert found(now, [reported]) == {}


def test_of_two_outcomes_of_a_row_the_one_with_the_newer_ticket_comes_last(ledger: Ledger) -> None:
    wanted = organizations(1, 1)
    (newer,) = issue(wanted, ledger).values()
    older = {**newer, "ticket_id": "older", "created_at": "2020-01-01T00:00:00Z"}
    for reported in ([newer, older], [older, newer]):
        pushed = [[{"organization_id": "org_1", "tickets": [outcome]}] for outcome in reported]
        assert outcomes_of(TaskInstance(pushed), RUN, "create_tickets", rows_of(wanted)) == [older, newer]


class _EndingTask(TaskInstance):
    """A task whose process pushes its results a little after it was ended from outside."""

    def __init__(self, *pushed: Any) -> None:
        super().__init__()
        self.states = {"create_tickets_0": "failed"}
        self._later = list(pushed)

    def xcom_pull(self, *, task_ids: list[str], key: str) -> list[Any]:
        return [self._later.pop(0)] if len(self._later) > 1 else self._later


def test_a_task_that_was_ended_from_outside_is_given_time_to_tell(ledger: Ledger) -> None:
    wanted = organizations(1, 1)
    outcomes = issue(wanted, ledger)
    reported = [{"organization_id": "org_1", "tickets": [{**outcomes[1], "error": "told late"}]}]
    ti = _EndingTask(None, None, reported)
    (late,) = outcomes_of(ti, RUN, "create_tickets", rows_of(wanted), Timeouts(poll_interval=0.01))
    assert late["error"] == "told late"


def test_what_is_sent_while_the_task_is_ending_is_told_from_the_ledger(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = organizations(1, 1)
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "0")
    ti = _EndingTask(None)
    ti.on_states = lambda: issue(wanted, ledger)
    (reported,) = outcomes_of(ti, RUN, "create_tickets", rows_of(wanted), Timeouts(process_exit=0.5, poll_interval=0.5))
    assert reported["status"] == "created"


def test_of_tickets_whose_revoking_task_died_the_ledger_tells(ledger: Ledger, tenant: Sandbox) -> None:
    issue(organizations(4), ledger)
    reported, gone, doubtful, left = entries = ledger.live_entries()
    run = "revoke_sso_tickets/run-1"
    ledger.record_revoked(ledger.record_revoking(gone, run))
    ledger.record_revoking(doubtful, run)
    wanted = [{"key": entry.key, "created_at": entry.created_at} for entry in entries]
    pushed = {"key": reported.key, "issued": reported.created_at, "status": "revoked"}
    found = revocations_of(TaskInstance([[pushed], None]), "create_tickets", wanted)
    assert [(one["key"], one["status"]) for one in found] == [
        (reported.key, "revoked"),
        (gone.key, "revoked"),
        (doubtful.key, "not_attempted"),
        (left.key, "not_attempted"),
    ]
    assert found[1]["revoked_by"] == run
    assert found[3]["error"] == "The task died before it told; the link may still work."
    assert not any(ticket.ticket_id in str(found) for ticket in (left.ticket, doubtful.ticket) if ticket)


@pytest.mark.parametrize("first", [0, 1])
def test_what_an_earlier_selection_of_the_run_has_left_is_not_told(ledger: Ledger, first: int) -> None:
    reported = [
        {"key": "left", "issued": 1.0, "status": "revoked"},
        {"key": "left", "issued": 1.0, "status": "failed"},
        {"key": "done", "issued": 2.0, "status": "revoked"},
    ]
    pushed = [[reported[first]], [reported[1 - first]], [reported[2]]]
    wanted = [{"key": "left", "created_at": 1.0}]
    assert revocations_of(TaskInstance(pushed), "create_tickets", wanted) == [reported[0]]


def test_a_task_that_has_never_started_is_not_waited_for(ledger: Ledger) -> None:
    ti = TaskInstance()
    ti.states = {"create_tickets": "upstream_failed"}
    assert outcomes_of(ti, RUN, "create_tickets", rows_of(organizations(1)), Timeouts(poll_interval=0.01)) == []
    assert ti.pulls == 1


def test_a_row_that_repeats_one_is_told_as_reused(ledger: Ledger) -> None:
    wanted = [organization(request(1), request(2, prospect="prospect-1@example.com", name="connection-1"))]
    issue(wanted, ledger)
    outcomes = found(wanted)
    assert [outcomes[row]["status"] for row in (1, 2)] == ["created", "reused"]
    assert outcomes[2]["error"] == "Repeats row 1: one prospect, one ticket."
    assert outcomes[1]["ticket_url"] == outcomes[2]["ticket_url"]


def test_an_invalid_row_was_never_sent_and_nothing_is_told_of_it(ledger: Ledger) -> None:
    issue(organizations(1, 1), ledger)
    rows = [{**row, "error": "ttl_sec: too large"} for row in rows_of(organizations(1, 1))]
    assert outcomes_of(TaskInstance(), RUN, "create_tickets", rows) == []


def test_a_flag_that_has_ended_is_not_told(ledger: Ledger) -> None:
    prospect = spec(1)
    intent = ledger.begin(prospect, None, FIRST_RUN, answer_within=-2 * prospect.ttl)
    assert intent.lives_until < time.time()
    assert found(organizations(1, 1))[1]["duplicate_possible"] is False
