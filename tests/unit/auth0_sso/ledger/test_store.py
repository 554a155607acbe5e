"""The ledger knows what was requested for each prospect and what came back, even after a kill."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.ledger.browse import run_counts
from auth0_sso.ledger.records import Entry, EntryStatus, RunAttempt, TicketSpec
from auth0_sso.ledger.revocation_log import RevocationLog
from auth0_sso.ledger.store import Ledger, StaleEntryError, open_ledger
from auth0_sso.models import MAX_TTL_SEC, OPEN_SECONDS, SsoTicket

from tests.support.factories import FIRST_RUN, SECOND_RUN, SPEC

TICKET = SsoTicket("https://acme.example.com/self-service/connections-flow?ticket=readableTicketId1")
SECOND_TICKET = SsoTicket("https://acme.example.com/self-service/connections-flow?ticket=second")
REFUSALS = [EntryStatus.CONFLICT, EntryStatus.FAILED, EntryStatus.DEFERRED]


def spec(number: int = 1, **fields: Any) -> TicketSpec:
    return replace(SPEC, request=replace(SPEC.request, prospect=f"p{number}", **fields))


def read(ledger: Ledger, of: TicketSpec = SPEC) -> Entry:
    return ledger.entries([of.key])[of.key]


def begin(ledger: Ledger, seen: Entry | None = None, of: TicketSpec = SPEC, attempt: RunAttempt = FIRST_RUN) -> Entry:
    return ledger.begin(of, seen, attempt, answer_within=35)


def record(ledger: Ledger, intent: Entry, ticket: SsoTicket = TICKET, ttl: float = 1000) -> Entry:
    return ledger.record_created(intent, ticket, sent_at=time.time(), ttl=ttl)


def create(ledger: Ledger, of: TicketSpec = SPEC, ttl: float = 1000) -> Entry:
    return record(ledger, begin(ledger, of=of), ttl=ttl)


def defer(ledger: Ledger, intent: Entry) -> Entry:
    return ledger.record_refused(intent, EntryStatus.DEFERRED, "Too many requests")


def revoke(ledger: Ledger, entry: Entry, run: str = "revoke/run-1") -> Entry:
    return ledger.record_revoked(ledger.record_revoking(entry, run))


def test_it_is_empty_until_the_first_request(ledger: Ledger) -> None:
    assert ledger.is_empty()
    begin(ledger)
    assert not ledger.is_empty()


def test_an_intent_is_there_for_others_as_soon_as_begin_returns(ledger: Ledger, ledger_url: str) -> None:
    intent = begin(ledger)
    with closing(open_ledger(ledger_url)) as another:
        assert read(another) == intent
    assert intent.status == EntryStatus.IN_FLIGHT


@pytest.mark.parametrize(("body", "ttl"), [({}, MAX_TTL_SEC), ({"ttl_sec": 60}, 60)])
def test_an_intent_says_until_when_an_answer_may_come_and_a_ticket_may_be_valid(
    ledger: Ledger, body: dict[str, int], ttl: float
) -> None:
    before = ledger.now()
    intent = begin(ledger, of=spec(body=body))
    assert before <= intent.requested_at <= ledger.now()
    assert intent.answer_by == pytest.approx(intent.requested_at + 35)
    assert intent.valid_until == pytest.approx(intent.answer_by + ttl)


def test_a_ticket_comes_back_as_it_was_recorded(ledger: Ledger) -> None:
    recorded = create(ledger)
    assert read(ledger) == recorded
    assert (recorded.ticket, recorded.status, recorded.attempts, recorded.version) == (TICKET, "created", 1, 2)
    assert "readableTicketId1" not in repr(recorded)


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_is_recorded_with_its_error_and_leaves_no_possible_duplicate(
    ledger: Ledger, status: EntryStatus
) -> None:
    refused = ledger.record_refused(begin(ledger), status, "Auth0 answered 409: ß" + "ß" * 5000)
    assert read(ledger) == refused
    assert (refused.status, refused.ticket, refused.may_be_duplicate(0)) == (status, None, False)
    entry = record(ledger, begin(ledger, refused, attempt=SECOND_RUN))
    assert (entry.error, entry.duplicate_until) == ("", 0)


def test_a_duplicate_is_possible_until_the_tickets_of_all_lost_answers_have_expired(ledger: Ledger) -> None:
    killed = begin(ledger)
    lost = ledger.record_unknown(begin(ledger, killed, attempt=SECOND_RUN), "No answer")
    assert read(ledger).status == EntryStatus.UNKNOWN
    entry = record(ledger, begin(ledger, lost, attempt=SECOND_RUN))
    assert entry.duplicate_until == lost.valid_until > killed.valid_until


def test_a_possible_duplicate_outlives_a_refusal_a_reissue_and_a_revocation(ledger: Ledger) -> None:
    lost = ledger.record_unknown(begin(ledger), "No answer")
    first = record(ledger, begin(ledger, defer(ledger, begin(ledger, lost))))
    record(ledger, begin(ledger, revoke(ledger, first), attempt=SECOND_RUN))
    assert read(ledger).may_be_duplicate(ledger.now())
    assert not read(ledger).may_be_duplicate(lost.valid_until)


def test_a_request_right_after_a_ticket_has_expired_says_that_two_may_work(ledger: Ledger) -> None:
    expired = create(ledger, ttl=-60)
    assert expired.expires_at is not None
    assert begin(ledger, expired, attempt=SECOND_RUN).late_until == expired.expires_at + OPEN_SECONDS


def test_attempts_count_the_requests_of_one_run_with_one_body(ledger: Ledger) -> None:
    first = defer(ledger, begin(ledger))
    second = defer(ledger, begin(ledger, first))
    later = defer(ledger, begin(ledger, second, attempt=SECOND_RUN))
    other_body = replace(SPEC, request=replace(SPEC.request, body={"ttl_sec": 60}))
    changed = begin(ledger, later, of=other_body, attempt=SECOND_RUN)
    assert [entry.attempts for entry in (first, second, later, changed)] == [1, 2, 1, 1]


def test_a_revoked_ticket_is_removed_and_the_run_that_meant_to_first_has_revoked_it(ledger: Ledger) -> None:
    revoke(ledger, ledger.record_revoking(create(ledger), "revoke/run-1"), "revoke/run-2")
    entry = read(ledger)
    assert (entry.status, entry.ticket, entry.revoked_by) == (EntryStatus.REVOKED, None, "revoke/run-1")
    assert entry.revoked_at == pytest.approx(time.time(), abs=5)


def test_each_revocation_stays_in_the_log_when_its_prospect_gets_another_ticket(ledger: Ledger) -> None:
    first = create(ledger)
    revoked = revoke(ledger, first)
    second = record(ledger, begin(ledger, revoked, attempt=SECOND_RUN), SECOND_TICKET)
    revoke(ledger, second, SECOND_RUN.run)
    log = RevocationLog(ledger.database)
    by_prospect = log.by_prospect([SPEC.key])
    assert [(one.ticket_id, one.revoked_by) for one in by_prospect.values()] == [
        (TICKET.ticket_id, "revoke/run-1"),
        (SECOND_TICKET.ticket_id, SECOND_RUN.run),
    ]
    assert list(by_prospect) == [(SPEC.key, first.created_at), (SPEC.key, second.created_at)]
    assert list(log.by_ticket([TICKET.ticket_id, "unknown"])) == [TICKET.ticket_id]
    assert list(log.by_run(SECOND_RUN)) == [SECOND_TICKET.ticket_id]
    assert list(log.by_run(replace(SECOND_RUN, installation="another Airflow"))) == []


@pytest.mark.parametrize("is_new", [True, False])
def test_of_tasks_that_begin_together_one_may_send_and_the_others_see_a_stale_entry(
    ledger: Ledger, is_new: bool
) -> None:
    seen = None if is_new else defer(ledger, begin(ledger))
    together = threading.Barrier(8)

    def begin_together(number: int) -> Entry | None:
        together.wait(10)
        try:
            return begin(ledger, seen, attempt=RunAttempt(f"create/run-{number}"))
        except StaleEntryError:
            return None

    with ThreadPoolExecutor(8) as threads:
        begun = [entry for entry in threads.map(begin_together, range(8)) if entry is not None]
    assert begun == [read(ledger)]


@pytest.mark.parametrize("result", ["created", "refused", "unknown", "revoking", "revoked"])
def test_a_result_that_comes_after_another_task_has_begun_changes_nothing(ledger: Ledger, result: str) -> None:
    late = begin(ledger)
    theirs = begin(ledger, late, attempt=SECOND_RUN)
    write = {
        "created": lambda: record(ledger, late),
        "refused": lambda: defer(ledger, late),
        "unknown": lambda: ledger.record_unknown(late, "No answer"),
        "revoking": lambda: ledger.record_revoking(late, "revoke/run-1"),
        "revoked": lambda: ledger.record_revoked(late),
    }
    with pytest.raises(StaleEntryError):
        write[result]()
    assert read(ledger) == theirs


def test_many_prospects_are_looked_up_at_once_and_unknown_ones_are_left_out(ledger: Ledger) -> None:
    known = [begin(ledger, of=spec(number, organization_name="Ünïcøde 株式会社🔑")) for number in range(3)]
    unknown = [f"unknown-{number}" for number in range(1200)]
    found = ledger.entries([*unknown, *(entry.key for entry in known), known[0].key])
    assert found == {entry.key: entry for entry in known}
    assert ledger.entries([]) == {}


def test_a_runs_entries_are_those_whose_last_request_was_its_own(ledger: Ledger) -> None:
    taken_over = defer(ledger, begin(ledger, of=spec(1)))
    mine = begin(ledger, of=spec(2))
    theirs = begin(ledger, taken_over, of=spec(1), attempt=SECOND_RUN)
    assert ledger.entries_of_run(FIRST_RUN.run) == [mine]
    assert ledger.entries_of_run(SECOND_RUN.run) == [theirs]


def test_a_run_of_another_airflow_with_the_same_id_is_another_run(ledger: Ledger) -> None:
    other = replace(FIRST_RUN, installation="another")
    begin(ledger, of=spec(1))
    begin(ledger, of=spec(2))
    theirs = begin(ledger, of=spec(3), attempt=other)
    assert (FIRST_RUN.owns(theirs), other.owns(theirs)) == (False, True)
    assert [sum(run_counts(ledger, FIRST_RUN.run, name).by_status.values()) for name in ("", "another")] == [2, 1]


def test_live_entries_are_tickets_that_may_work_and_unconfirmed_revocations(ledger: Ledger) -> None:
    valid = create(ledger, spec(1))
    opened_late = create(ledger, spec(2), ttl=-OPEN_SECONDS + 60)
    unconfirmed = ledger.record_revoking(create(ledger, spec(3)), "revoke/run-1")
    create(ledger, spec(4), ttl=-OPEN_SECONDS)
    revoke(ledger, create(ledger, spec(5)))
    begin(ledger, of=spec(6))
    defer(ledger, begin(ledger, of=spec(7)))
    assert ledger.live_entries() == [valid, opened_late, unconfirmed]


class TestALostAnswer:
    """What the ledger says of a ticket that may exist and that nobody has seen."""

    def test_it_is_lost_since_the_first_request_whose_answer_did_not_come(self, ledger: Ledger) -> None:
        first = ledger.record_unknown(begin(ledger), "No answer")
        second = ledger.record_unknown(begin(ledger, first), "No answer")
        recorded = record(ledger, begin(ledger, second))
        assert read(ledger).duplicate_since == first.requested_at < second.requested_at
        assert read(ledger).duplicate_until == second.valid_until
        assert recorded.lost_ticket_since == first.requested_at

    def test_a_confirmed_one_stays_confirmed_until_it_has_expired(self, ledger: Ledger) -> None:
        lost = ledger.record_unknown(begin(ledger, of=spec(body={"ttl_sec": 60})), "No answer")
        confirmed = ledger.record_duplicate(lost)
        assert confirmed.duplicate_confirmed
        again = begin(ledger, confirmed, of=spec())
        assert (again.duplicate_confirmed, again.duplicate_since) == (True, lost.requested_at)
        ended = replace(again, duplicate_until=ledger.now() - 1, status=EntryStatus.DEFERRED)
        later = begin(ledger, ended, of=spec())
        assert (later.duplicate_confirmed, later.duplicate_since) == (False, None)

    @pytest.mark.parametrize("status", ["in_flight", "unknown", "created"])
    def test_where_none_was_made_the_prospect_is_not_flagged_any_more(self, ledger: Ledger, status: str) -> None:
        entry = begin(ledger)
        if status != "in_flight":
            entry = ledger.record_unknown(entry, "No answer")
        if status == "created":
            entry = record(ledger, begin(ledger, entry))
        assert ledger.unseen_entries() == [entry]
        settled = ledger.record_no_duplicate(ledger.record_duplicate(entry))
        assert (read(ledger), settled.status, ledger.unseen_entries()) == (settled, status, [])
        assert (settled.may_be_duplicate(ledger.now()), settled.duplicate_confirmed) == (False, False)
        assert (settled.ticket, settled.expires_at) == (entry.ticket, entry.expires_at)
        assert begin(ledger, settled, attempt=SECOND_RUN).duplicate_since is None

    def test_a_link_that_had_only_just_expired_stays_possible(self, ledger: Ledger) -> None:
        expired = create(ledger, ttl=-60)
        lost = ledger.record_unknown(begin(ledger, expired, attempt=SECOND_RUN), "No answer")
        settled = ledger.record_no_duplicate(lost)
        assert expired.expires_at is not None
        assert settled.other_ticket_until == expired.expires_at + OPEN_SECONDS
        assert ledger.unseen_entries() == [settled]

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param(spec(1, connection_name="other"), id="another connection"),
            pytest.param(spec(1, body={"connection_id": "con_1"}), id="another flow type"),
        ],
    )
    def test_beside_another_setup_it_is_possible_and_no_log_of_that_one_tells(
        self, ledger: Ledger, other: TicketSpec
    ) -> None:
        lost = ledger.record_duplicate(ledger.record_unknown(begin(ledger, of=spec(1)), "No answer"))
        entry = record(ledger, begin(ledger, lost, of=other, attempt=SECOND_RUN))
        assert (entry.duplicate_until, entry.duplicate_since, entry.duplicate_confirmed) == (0, None, False)
        assert entry.late_until == entry.other_ticket_until == lost.valid_until
        assert ledger.unseen_entries() == [entry]

    @pytest.mark.parametrize("result", ["no duplicate", "duplicate"])
    def test_it_is_not_settled_if_a_task_has_written_the_entry_since(self, ledger: Ledger, result: str) -> None:
        lost = ledger.record_unknown(begin(ledger), "No answer")
        theirs = begin(ledger, lost, attempt=SECOND_RUN)
        with pytest.raises(StaleEntryError):
            ledger.record_duplicate(lost) if result == "duplicate" else ledger.record_no_duplicate(lost)
        assert read(ledger) == theirs


class TestTicketTimes:
    def times(self, ledger: Ledger, connection_name: str = "acme", flow_type: str = "create") -> list[float]:
        return ledger.ticket_times(SPEC.tenant, connection_name, flow_type)

    def test_each_ticket_of_a_connection_counts_whoever_has_it_and_whatever_became_of_it(self, ledger: Ledger) -> None:
        assert self.times(ledger) == []
        first = create(ledger, spec(1, connection_name="acme"), ttl=-OPEN_SECONDS)
        replaced = record(ledger, begin(ledger, first, of=spec(1, connection_name="acme")), SECOND_TICKET)
        revoked = revoke(ledger, create(ledger, spec(2, connection_name="acme")))
        ledger.record_unknown(begin(ledger, revoked, of=spec(2, connection_name="acme")), "No answer")
        defer(ledger, begin(ledger, of=spec(3, connection_name="acme")))
        ledger.forget_expired_urls(0)
        assert self.times(ledger) == [first.created_at, replaced.created_at, revoked.created_at]

    def test_one_counts_for_its_own_connection_flow_type_and_tenant_only(self, ledger: Ledger) -> None:
        first = create(ledger, spec(1, connection_name="acme"))
        second = begin(ledger, revoke(ledger, first), of=spec(1, connection_name="globex"), attempt=SECOND_RUN)
        assert self.times(ledger, "globex") == [], "the time of the ticket before is none of them"
        record(ledger, second, SECOND_TICKET)
        create(ledger, replace(spec(2, connection_name="acme"), tenant="other.example.com"))
        edited = create(ledger, spec(3, connection_name="acme", body={"connection_id": "con_1"}))
        assert self.times(ledger) == [first.created_at]
        assert len(self.times(ledger, "globex")) == 1
        assert self.times(ledger, flow_type="update") == [edited.created_at]

    def test_a_ticket_that_could_not_be_recorded_is_not_known(self, ledger: Ledger) -> None:
        late = begin(ledger, of=spec(1, connection_name="acme"))
        begin(ledger, late, of=spec(1, connection_name="acme"), attempt=SECOND_RUN)
        with pytest.raises(StaleEntryError):
            record(ledger, late)
        assert self.times(ledger) == []


def test_the_time_of_the_last_ticket_stays_until_there_is_another_one(ledger: Ledger) -> None:
    first = create(ledger)
    intent = begin(ledger, revoke(ledger, first), attempt=SECOND_RUN)
    assert first.created_at == read(ledger).created_at
    assert begin(ledger, of=spec(2)).created_at is None
    second = record(ledger, intent)
    assert (second.created_at or 0) > (first.created_at or 0)


def test_the_entries_of_a_tenant_are_those_that_name_a_connection(ledger: Ledger) -> None:
    named = begin(ledger, of=spec(1, connection_name="acme"))
    by_id = begin(ledger, of=spec(2, connection_name="", body={"connection_id": "con_1"}))
    begin(ledger, of=spec(3, connection_name=""))
    begin(ledger, of=replace(spec(4, connection_name="acme"), tenant="other.example.com"))
    assert ledger.entries_of_tenant(SPEC.tenant) == [named, by_id]
    assert by_id.connection_name == "con_1"


def test_an_entry_says_whose_setup_it_is_and_whether_it_needs_a_domain(ledger: Ledger) -> None:
    body = {"connection_id": "con_1", "domain_aliases_config": {"domain_verification": "required"}}
    entry = begin(ledger, of=spec(1, prospect_name="Ann", prospect_email="ann@example.com", body=body))
    assert read(ledger, spec(1)) == entry
    assert (entry.prospect_name, entry.prospect_email) == ("Ann", "ann@example.com")
    assert (entry.flow_type, entry.requires_domain) == ("update", True)
    plain = begin(ledger, entry, of=spec(1), attempt=SECOND_RUN)
    assert (plain.prospect_email, plain.flow_type, plain.requires_domain) == (
        SPEC.request.prospect_email,
        "create",
        False,
    )
