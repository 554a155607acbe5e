"""What a run's tasks have reported, and from the ledger what the others have done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.records import EntryStatus
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import OPEN_SECONDS, IssuedTicket, Organization, RevocationOutcome, TaskStats, TicketRequest
from auth0_sso.runtime.timeouts import Timeouts
from auth0_sso.tickets.collect import outcomes_of, results_of, stats_of
from auth0_sso.tickets.revocations import revocations_of
from auth0_sso.xcom import EncryptedTicketsXCom

from dev.sandbox.server import Sandbox
from tests.support import databases, factories
from tests.support.factories import FIRST_RUN, SECOND_RUN, issue, organization, organizations, request
from tests.unit.auth0_sso.conftest import Connect, RunTenant

RUN = factories.DagRun(*FIRST_RUN.run.split("/"), datetime.fromtimestamp(FIRST_RUN.run_after, UTC))
TASK = "create_tickets"
IDENTITY = ("organization_id", "prospect_name", "prospect_email", "connection_name")

ledger = databases.default_ledger
pytestmark = pytest.mark.usefixtures("auth0_connection")


class TaskInstance:
    """The report's task instance, which sees what each mapped instance has pushed."""

    def __init__(
        self, returned: list[Any] | None = None, stats: list[Any] | None = None, states: dict[str, str] | None = None
    ) -> None:
        self.dag_id, self.run_id = FIRST_RUN.run.split("/")
        self.states = states or {}
        self.pulls = 0
        self.on_states: Callable[[], object] = dict
        self.pushed = {"return_value": returned or [], "stats": stats or []}

    def xcom_pull(self, *, task_ids: list[str], key: str) -> list[Any]:
        assert task_ids == [TASK]
        self.pulls += 1
        return self.pushed[key]

    def get_task_states(self, dag_id: str, *, task_ids: list[str], run_ids: list[str]) -> dict[str, Any]:
        assert (dag_id, task_ids, run_ids) == (self.dag_id, [TASK], [self.run_id])
        self.on_states()
        return {self.run_id: self.states} if self.states else {}


def rows_of(wanted: list[Organization]) -> list[TicketRequest]:
    return [request for organization in wanted for request in organization.requests]


def results(*outcomes: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what an instance pushes."""
    return [{"organization_id": "org_1", "tickets": list(outcomes)}]


def outcomes(ti: TaskInstance, rows: list[TicketRequest], **options: Any) -> list[dict[str, Any]]:
    settings = Auth0Hook().settings
    found = outcomes_of(ti, RUN, TASK, rows, tenant=settings.domain, profile_id=settings.profile_id, **options)
    return [{**outcome.as_dict(), "replaced": outcome.row in found.replaced} for outcome in found.outcomes]


def collect(
    wanted: list[Organization], returned: list[Any] | None = None, states: dict[str, str] | None = None
) -> dict[int, dict[str, Any]]:
    found = outcomes(TaskInstance(returned, states=states), rows_of(wanted))
    assert len({outcome["row"] for outcome in found}) == len(found)
    return {outcome["row"]: outcome for outcome in found}


def reported(outcomes: dict[int, dict[str, Any]], replaced: bool = False) -> dict[int, dict[str, Any]]:
    return {row: {**outcome, "replaced": replaced} for row, outcome in outcomes.items()}


def stats(requests: int) -> TaskStats:
    return TaskStats(1.0, 2.0, rate=1.0, burst=1.0, requests=requests, rate_limited=0, sent={"1": requests})


ONE = organizations(1, 1)


def begin(ledger: Ledger) -> Any:
    return ledger.begin(factories.spec(ONE[0].requests[0]), None, FIRST_RUN, answer_within=30)


class TestReported:
    def test_what_all_instances_pushed_is_one_list(self) -> None:
        ti = TaskInstance([[{"a": 1}], None, [], [{"b": 2}, {"c": 3}]], [[asdict(stats(1)), asdict(stats(2))], None])
        assert results_of(ti, TASK) == [{"a": 1}, {"b": 2}, {"c": 3}]
        assert stats_of(ti, TASK) == [stats(1), stats(2)]

    @pytest.mark.parametrize("by_backend", [True, False])
    def test_outcomes_are_those_of_the_tasks_whether_or_not_the_xcom_backend_has_encrypted_them(
        self, ledger: Ledger, tenant: Sandbox, by_backend: bool
    ) -> None:
        wanted = organizations(2)
        issuer = factories.issuer(wanted, ledger)
        asyncio.run(issuer.run())
        pushed = EncryptedTicketsXCom.serialize_value(issuer.results()) if by_backend else issuer.results()
        assert ("encrypted:" in str(pushed)) is by_backend
        assert collect(wanted, [pushed]) == reported(factories.by_row(issuer.results()))

    @pytest.mark.parametrize("state", ["upstream_failed", "skipped", "removed"])
    @pytest.mark.parametrize("gone", ["expired", "revoked"])
    def test_a_task_that_did_not_start_again_after_a_clear_reports_no_link_that_is_not_valid_any_more(
        self, ledger: Ledger, state: str, gone: str
    ) -> None:
        wanted = organizations(2, 1)
        pushed = [results(outcome) for outcome in issue(wanted, ledger).values()]
        first, _ = ledger.live_entries()
        if gone == "revoked":
            ledger.record_revoked(ledger.record_revoking(first, "revoke/run-1"))
        else:
            factories.expire(ledger, first, 60)
        found = collect(wanted, pushed, {f"{TASK}_0": state, f"{TASK}_1": state})
        assert [found[row]["status"] for row in (1, 2)] == ["failed", "created"]
        assert f"Its link {'has' if gone == 'expired' else 'was'} {gone}" in found[1]["error"]
        assert found[2]["ticket_url"]

    def test_a_task_that_did_not_start_again_reports_a_valid_link_as_before(self, ledger: Ledger) -> None:
        reused = {**issue(ONE, ledger, SECOND_RUN)[1], "status": "reused"}
        assert collect(ONE, [results(reused)], {f"{TASK}_0": "skipped"}) == reported({1: reused})

    @pytest.mark.parametrize(
        "change", [{"organization": "org_9"}, {"prospect_email": "bob@example.com"}, {"prospect_name": "Bob"}]
    )
    def test_what_was_reported_of_another_prospect_with_that_row_number_is_left_out(
        self, ledger: Ledger, change: dict[str, Any]
    ) -> None:
        before = issue(ONE, ledger)[1]
        now = [organization(request(1, **{"organization": "org_1", "prospect": "another", **change}))]
        assert collect(now, [results(before)]) == {}

    def test_of_two_outcomes_of_a_row_the_one_with_the_ledgers_ticket_counts(self, ledger: Ledger) -> None:
        one = issue(ONE, ledger)[1]
        older = {**one, "created_at": "2020-01-01T00:00:00Z", "ticket_id": "older"}
        for pushed in ([results(older), results(one)], [results(one), results(older)]):
            assert collect(ONE, pushed) == reported({1: one})

    @pytest.mark.parametrize("field", ["ticket_url", "ticket_id"])
    def test_a_link_that_somebody_has_put_into_the_xcom_is_left_out_and_its_row_has_failed(
        self, ledger: Ledger, field: str
    ) -> None:
        real, other = (issue([organization(request(row))], ledger)[row] for row in (1, 2))
        evil = {"ticket_url": "https://evil.example/self-service/connections-flow?ticket=t1", "ticket_id": "t1"}
        for forged in (evil[field], other[field]):
            found = collect([organization(request(1))], [results({**real, field: forged})])[1]
            assert found["status"] == "failed"
            assert "is not the ledger's, so it is left out" in found["error"]
            assert not any(str(secret) in str(found) for secret in (evil[field], real["ticket_id"], other["ticket_id"]))

    @pytest.mark.parametrize(
        "forged", [{"status": "created"}, {"status": "reused"}, {"status": "bogus"}, {"status": "not_attempted"}]
    )
    def test_a_row_without_a_link_is_not_taken_for_one_that_has_some(
        self, ledger: Ledger, forged: dict[str, str]
    ) -> None:
        real = issue(ONE, ledger)[1]
        without = {**real, "ticket_url": "", "ticket_id": "", **forged}
        assert collect(ONE, [results(without)]) == reported({1: real}), "the ledger knows better"
        other = organizations(1, 1, first=2)
        unknown = {**without, "row": 2, **{name: getattr(other[0].requests[0], name) for name in IDENTITY}}
        found = collect(other, [results(unknown)]).get(2, {"status": "not_attempted"})
        assert found["status"] in ("failed", "not_attempted")

    def test_what_is_said_beside_a_link_is_the_ledgers(self, ledger: Ledger) -> None:
        real = issue(ONE, ledger)[1]
        forged = {**real, "expires_at": "2099-01-01T00:00:00Z", "created_at": "x", "duplicate_possible": True}
        assert collect(ONE, [results(forged)]) == reported({1: real})

    def test_a_report_that_is_made_again_when_the_ledger_has_dropped_the_links_accuses_nobody(
        self, ledger: Ledger
    ) -> None:
        pushed = issue(ONE, ledger)[1]
        (entry,) = ledger.live_entries()
        factories.expire(ledger, entry, OPEN_SECONDS + 60)
        ledger.forget_expired_urls(0)
        for status in ("created", "reused"):
            found = collect(ONE, [results({**pushed, "status": status})])[1]
            assert found["error"] == "Its link has expired, and the ledger doesn't keep its URL any more: run again."

    @pytest.mark.parametrize("gone", ["expired", "revoked"])
    def test_a_reused_link_that_is_not_valid_any_more_says_why(self, ledger: Ledger, gone: str) -> None:
        reused = {**issue(ONE, ledger, SECOND_RUN)[1], "status": "reused"}
        (entry,) = ledger.live_entries()
        if gone == "revoked":
            ledger.record_revoked(ledger.record_revoking(entry, "revoke_sso_tickets/run-1"))
        else:
            factories.expire(ledger, entry, 60)
        found = collect(ONE, [results(reused)], {f"{TASK}_0": "skipped"})[1]
        assert (found["status"], found["ticket_url"]) == ("failed", "")
        assert f"Its link {'has' if gone == 'expired' else 'was'} {gone}" in found["error"]

    def test_a_link_for_a_row_that_has_none_is_left_out(self, ledger: Ledger) -> None:
        real = issue(organizations(1, 1, first=2), ledger)[2]
        forged = {**real, "row": 1, **{name: getattr(ONE[0].requests[0], name) for name in IDENTITY}}
        assert collect(ONE, [results(forged)])[1]["ticket_url"] == ""

    def test_a_valid_link_that_was_revoked_for_a_new_one_is_counted(self, ledger: Ledger) -> None:
        issue(ONE, ledger, replace(FIRST_RUN, run="create_sso_tickets/run-0", run_after=FIRST_RUN.run_after - 60))
        again = issue(ONE, ledger, reissue=True)
        assert collect(ONE, [results(again[1])]) == reported(again, replaced=True)

    def test_one_that_had_just_expired_is_not(self, ledger: Ledger) -> None:
        issue(ONE, ledger, replace(FIRST_RUN, run="create_sso_tickets/run-0", run_after=FIRST_RUN.run_after - 60))
        (entry,) = ledger.live_entries()
        factories.expire(ledger, entry, 60)
        assert collect(ONE, [results(issue(ONE, ledger)[1])])[1]["replaced"] is False


class TestFromLedger:
    @pytest.mark.answers("a task is killed and has no retries left")
    def test_rows_whose_task_was_killed_have_the_outcomes_of_the_ledger(self, ledger: Ledger) -> None:
        wanted = organizations(4, per_organization=2)
        done = issue(wanted, ledger)
        assert collect(wanted, [results(done[1], done[2]), None]) == reported(done)

    def test_a_prospect_with_two_profiles_has_the_ticket_of_each(
        self, ledger: Ledger, run_tenant: RunTenant, connect: Connect
    ) -> None:
        other = "ssp_sandbox0000000002"
        connect(run_tenant(profile_ids=("ssp_sandbox0000000001", other)))
        same = {"prospect": "one@example.com", "name": "one"}
        wanted = [organization(request(1, "org_1", **same), request(2, "org_1", profile_id=other, **same))]
        done = issue(wanted, ledger)
        assert done[1]["ticket_url"] != done[2]["ticket_url"]
        assert collect(wanted) == reported(done)

    def test_two_rows_of_a_prospect_of_which_one_names_the_default_profile_have_the_same_ticket(
        self, ledger: Ledger
    ) -> None:
        same = {"prospect": "one@example.com", "name": "one"}
        default = Auth0Hook().settings.profile_id
        wanted = [organization(request(1, "org_1", **same), request(2, "org_1", profile_id=default, **same))]
        done = issue(wanted, ledger)
        assert [done[row]["status"] for row in (1, 2)] == ["created", "reused"]
        assert collect(wanted) == reported(done)

    def test_a_row_that_repeats_another_is_reused(self, ledger: Ledger) -> None:
        wanted = [organization(request(1), request(2, prospect="prospect-1@example.com", name="connection-1"))]
        done = issue(wanted, ledger)
        assert [done[row]["status"] for row in (1, 2)] == ["created", "reused"]
        assert collect(wanted) == reported(done)

    @pytest.mark.answers("a task is killed and has no retries left")
    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            ("", "The task ended before the answer came: clear it, or run again."),
            ("Auth0 answered 502.", "Auth0 answered 502."),
        ],
    )
    def test_a_request_whose_answer_was_never_seen_has_failed_and_is_flagged(
        self, ledger: Ledger, error: str, expected: str
    ) -> None:
        intent = begin(ledger)
        if error:
            ledger.record_unknown(intent, error)
        outcome = collect(ONE)[1]
        assert (outcome["status"], outcome["duplicate_possible"], outcome["attempts"]) == ("failed", True, 1)
        assert outcome["error"] == expected

    @pytest.mark.parametrize("status", ["conflict", "failed"])
    def test_a_refusal_is_reported_with_its_error(self, ledger: Ledger, status: str) -> None:
        ledger.record_refused(begin(ledger), EntryStatus(status), "no")
        outcome = collect(ONE)[1]
        assert (outcome["status"], outcome["error"], outcome["duplicate_possible"]) == (status, "no", False)

    def test_nothing_is_known_of_rows_that_this_run_has_not_requested(self, ledger: Ledger) -> None:
        issue(organizations(1, 1), ledger, SECOND_RUN)
        issue(organizations(1, 1, first=2), ledger, replace(FIRST_RUN, run_after=FIRST_RUN.run_after - 3600))
        assert collect(organizations(3, 1)) == {}, "not even if a deleted run had the same id"

    def test_nothing_is_known_of_what_was_only_too_early(self, ledger: Ledger) -> None:
        ledger.record_refused(begin(ledger), EntryStatus.DEFERRED, "Too many requests")
        assert collect(ONE) == {}

    @pytest.mark.answers("a run that reissues is ended, or killed, in between")
    @pytest.mark.parametrize("reported_as", [None, "not_attempted"])
    @pytest.mark.parametrize("by", [FIRST_RUN.run, "create_sso_tickets/run-0"], ids=["this run", "an earlier one"])
    def test_a_row_whose_link_was_revoked_and_not_replaced_has_failed(
        self, ledger: Ledger, reported_as: str | None, by: str
    ) -> None:
        before = issue(ONE, ledger, replace(FIRST_RUN, run_after=FIRST_RUN.run_after - 60, run="create_sso_tickets/0"))
        (entry,) = ledger.live_entries()
        ledger.record_revoked(ledger.record_revoking(entry, by))
        pushed = {**before[1], "status": reported_as, "ticket_url": "", "ticket_id": "", "error": "stopped"}
        found = collect(ONE, [results(pushed)] if reported_as else [])[1]
        assert (found["status"], found["ticket_url"]) == ("failed", "")
        assert found["error"] == "Its earlier link was revoked, no new one exists: clear the task, or run again."

    def test_also_if_the_next_request_came_too_early(self, ledger: Ledger) -> None:
        issue(ONE, ledger, replace(FIRST_RUN, run_after=FIRST_RUN.run_after - 60, run="create_sso_tickets/0"))
        (entry,) = ledger.live_entries()
        revoked = ledger.record_revoked(ledger.record_revoking(entry, FIRST_RUN.run))
        intent = ledger.begin(factories.spec(ONE[0].requests[0]), revoked, FIRST_RUN, answer_within=30)
        ledger.record_refused(intent, EntryStatus.DEFERRED, "Too many requests")
        assert collect(ONE)[1]["error"].startswith("Its earlier link was revoked, no new one exists")

    def test_a_row_that_was_not_attempted_and_has_lost_nothing_stays_so(self, ledger: Ledger) -> None:
        link = {"ticket_url": "", "ticket_id": "", "created_at": "", "expires_at": ""}
        pushed = {**issue(ONE, ledger, SECOND_RUN)[1], **link, "status": "not_attempted"}
        assert collect(ONE, [results(pushed)]) == reported({1: pushed})

    def test_a_link_whose_url_is_no_longer_kept_has_failed(self, ledger: Ledger) -> None:
        issue(ONE, ledger)
        (entry,) = ledger.live_entries()
        factories.expire(ledger, entry, OPEN_SECONDS + 60)
        assert ledger.forget_expired_urls(0) == 1
        outcome = collect(ONE)[1]
        assert outcome["status"] == "failed"
        assert outcome["error"] == "Its link has expired, and the ledger doesn't keep its URL any more: run again."


class TestEndingTasks:
    def test_a_task_that_was_ended_from_outside_has_time_to_report(self, ledger: Ledger) -> None:
        late = {**issue(ONE, ledger)[1], "error": "late"}
        ti = TaskInstance(states={f"{TASK}_0": "failed"})
        ti.on_states = lambda: ti.pushed.update(return_value=[results(late)])
        assert outcomes(ti, rows_of(ONE), timeouts=Timeouts(poll_interval=0.01)) == [{**late, "replaced": False}]

    def test_what_is_sent_while_the_task_is_ending_is_reported_from_the_ledger(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "0")
        ti = TaskInstance(states={f"{TASK}_0": "failed"})
        ti.on_states = lambda: issue(ONE, ledger)
        (found,) = outcomes(ti, rows_of(ONE), timeouts=Timeouts(process_exit=0.5, poll_interval=0.5))
        assert found["status"] == "created"

    def test_a_task_that_has_never_started_is_not_waited_for(self, ledger: Ledger) -> None:
        ti = TaskInstance(states={TASK: "upstream_failed"})
        assert outcomes(ti, rows_of(ONE), timeouts=Timeouts(poll_interval=0.01)) == []
        assert ti.pulls == 1


class TestRevocations:
    def test_tickets_whose_revoking_task_was_killed_have_the_state_of_the_ledger(self, ledger: Ledger) -> None:
        issue(organizations(4), ledger)
        done, revoked, unconfirmed, left = entries = ledger.live_entries()
        run = "revoke_sso_tickets/run-1"
        ledger.record_revoked(ledger.record_revoking(revoked, run))
        ledger.record_revoking(unconfirmed, run)
        wanted = [IssuedTicket(entry.key, entry.created_at) for entry in entries]
        pushed = {"key": done.key, "issued": done.created_at, "status": "revoked"}
        found = revocations_of(TaskInstance([[pushed], None]), TASK, wanted)
        assert [(one.key, one.status) for one in found] == [
            (done.key, "revoked"),
            (revoked.key, "revoked"),
            (unconfirmed.key, "not_attempted"),
            (left.key, "not_attempted"),
        ]
        assert found[1].revoked_by == run
        assert found[3].error == "The task ended before it reported; the link may still work."
        assert not any(ticket.ticket_id in str(found) for ticket in (left.ticket, unconfirmed.ticket) if ticket)

    @pytest.mark.parametrize("first", [0, 1])
    def test_what_another_task_has_finished_since_an_earlier_selection_counts(self, ledger: Ledger, first: int) -> None:
        revoked = {"key": "left", "issued": 1.0, "status": "revoked"}
        failed = {"key": "left", "issued": 1.0, "status": "failed"}
        other = {"key": "done", "issued": 2.0, "status": "revoked"}
        pushed = [[revoked, failed][first]], [[failed, revoked][first]], [other]
        wanted = [IssuedTicket("left", 1.0)]
        assert revocations_of(TaskInstance(list(pushed)), TASK, wanted) == [RevocationOutcome.from_dict(revoked)]
