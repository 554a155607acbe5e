"""What is done next for a prospect follows from its entry: the decision table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from auth0_sso.ledger.records import Entry, EntryStatus, RunAttempt, TicketSpec
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import OPEN_SECONDS, ExpectedCounts, SsoTicket, TicketRequest
from auth0_sso.tickets.decide import Action, Expected, Policy, count_expected, decide, expected_actions

from tests.support.factories import FIRST_RUN, NOW, SECOND_RUN, SPEC, entry, request

CHANGED = replace(SPEC, request=replace(SPEC.request, body={"connection_config": {"name": "globex"}}))
CLEARED = replace(FIRST_RUN, number=7)
OLDER_RUN = RunAttempt("create_sso_tickets/run-0", 3, FIRST_RUN.run_after - 50)
SAME_ID_AFTER_A_DELETION = replace(FIRST_RUN, run_after=FIRST_RUN.run_after + 50)

VALID = entry("created")
JUST_EXPIRED = entry("created", expires_at=NOW)
EXPIRED = entry("created", expires_at=NOW - OPEN_SECONDS)
IN_FLIGHT = entry("in_flight")
LOST = entry("in_flight", answer_by=NOW - 1)
CONFLICT = entry("conflict")
FAILED = entry("failed")
REVOKED = entry("revoked", revoked_by="revoke/run-1")
REVOKED_BY_ITSELF = replace(REVOKED, revoked_by=FIRST_RUN.run)
REVOKING = entry("revoking")


@pytest.mark.parametrize(
    ("known", "spec", "attempt", "reissue", "expected"),
    [
        pytest.param(None, SPEC, FIRST_RUN, False, Action.CREATE, id="an unknown prospect's ticket is created"),
        pytest.param(VALID, SPEC, FIRST_RUN, False, Action.KEEP, id="a retry keeps the run's own ticket"),
        pytest.param(VALID, SPEC, FIRST_RUN, True, Action.KEEP, id="a retry does not reissue what this run has issued"),
        pytest.param(VALID, SPEC, CLEARED, True, Action.KEEP, id="nor does a cleared task of the run"),
        pytest.param(VALID, SPEC, SECOND_RUN, False, Action.KEEP, id="another run reuses a valid ticket"),
        pytest.param(VALID, SPEC, SECOND_RUN, True, Action.REPLACE, id="another run reissues it if it is to"),
        pytest.param(VALID, CHANGED, FIRST_RUN, False, Action.REPLACE, id="a changed request needs a new ticket"),
        pytest.param(VALID, CHANGED, SECOND_RUN, False, Action.REPLACE, id="and so in another run"),
        pytest.param(VALID, SPEC, OLDER_RUN, False, Action.KEEP, id="an older run's clear reuses a later run's ticket"),
        pytest.param(VALID, SPEC, OLDER_RUN, True, Action.KEEP, id="and does not reissue it"),
        pytest.param(VALID, CHANGED, OLDER_RUN, False, Action.KEEP, id="nor replace it by an older request"),
        pytest.param(VALID, SPEC, SAME_ID_AFTER_A_DELETION, True, Action.REPLACE, id="a deleted run's id is another's"),
        pytest.param(EXPIRED, SPEC, FIRST_RUN, False, Action.CREATE, id="an expired ticket is created again"),
        pytest.param(EXPIRED, SPEC, SECOND_RUN, True, Action.CREATE, id="an expired ticket is not revoked first"),
        pytest.param(EXPIRED, SPEC, OLDER_RUN, False, Action.CREATE, id="an older run replaces an expired one"),
        pytest.param(JUST_EXPIRED, SPEC, SECOND_RUN, False, Action.RETIRE, id="it may have been opened late"),
        pytest.param(JUST_EXPIRED, SPEC, FIRST_RUN, False, Action.RETIRE, id="also this run's own"),
        pytest.param(IN_FLIGHT, SPEC, FIRST_RUN, False, Action.WAIT, id="a request under way is waited for"),
        pytest.param(IN_FLIGHT, SPEC, SECOND_RUN, True, Action.WAIT, id="also by another run"),
        pytest.param(LOST, SPEC, FIRST_RUN, False, Action.CREATE, id="a request of a killed task is sent again"),
        pytest.param(entry("unknown"), SPEC, FIRST_RUN, False, Action.CREATE, id="one without an answer is sent again"),
        pytest.param(
            entry("deferred"), SPEC, FIRST_RUN, False, Action.CREATE, id="one that came too early is sent again"
        ),
        pytest.param(CONFLICT, SPEC, FIRST_RUN, False, Action.KEEP, id="a conflict stands for the run's retries"),
        pytest.param(CONFLICT, SPEC, CLEARED, False, Action.CREATE, id="until a person clears the task"),
        pytest.param(CONFLICT, SPEC, SECOND_RUN, False, Action.CREATE, id="or another run starts"),
        pytest.param(CONFLICT, CHANGED, FIRST_RUN, False, Action.CREATE, id="or the request has changed"),
        pytest.param(FAILED, SPEC, FIRST_RUN, False, Action.KEEP, id="a refusal stands for the run's retries"),
        pytest.param(FAILED, SPEC, SAME_ID_AFTER_A_DELETION, False, Action.CREATE, id="for this run only"),
        pytest.param(REVOKED, SPEC, FIRST_RUN, False, Action.KEEP, id="a retry undoes no revocation"),
        pytest.param(REVOKED, SPEC, CLEARED, False, Action.CREATE, id="a clear does"),
        pytest.param(REVOKED, SPEC, SECOND_RUN, False, Action.CREATE, id="another run does"),
        pytest.param(REVOKED_BY_ITSELF, SPEC, FIRST_RUN, False, Action.CREATE, id="but the run's own"),
        pytest.param(REVOKING, SPEC, FIRST_RUN, False, Action.REPLACE, id="an unconfirmed revocation is done again"),
        pytest.param(REVOKING, SPEC, SECOND_RUN, True, Action.REPLACE, id="also by another run"),
        pytest.param(
            entry("revoking", expires_at=NOW - OPEN_SECONDS),
            SPEC,
            FIRST_RUN,
            False,
            Action.CREATE,
            id="but not of an expired ticket",
        ),
    ],
)
def test_the_action_follows_from_the_entry(
    known: Entry | None, spec: TicketSpec, attempt: RunAttempt, reissue: bool, expected: Action
) -> None:
    assert decide(known, spec, attempt, reissue=reissue, now=NOW) is expected


class TestExpectedActions:
    """What a run would do for all prospects is decided at once, and counted, without sending anything."""

    def test_it_is_what_the_table_says_of_each_prospect_in_the_order_of_the_rows(self, ledger: Ledger) -> None:
        created(ledger, request(1))
        created(ledger, request(2), expired=60)
        created(ledger, request(3), expired=OPEN_SECONDS)
        created(ledger, request(4))
        refused(ledger, request(5))
        begun(ledger, request(6))
        rows = [request(7), *map(request, range(1, 4)), changed(request(4)), request(5), request(6)]
        assert [(row_of(one), one.decision.action) for one in expected(ledger, rows)] == [
            (7, Action.CREATE),
            (1, Action.KEEP),
            (2, Action.RETIRE),
            (3, Action.CREATE),
            (4, Action.REPLACE),
            (5, Action.CREATE),
            (6, Action.WAIT),
        ]

    def test_it_gives_what_the_ledger_knows_of_each_prospect(self, ledger: Ledger) -> None:
        known = created(ledger, request(1))
        assert [one.entry for one in expected(ledger, [request(1), request(2)])] == [known, None]

    def test_rows_that_repeat_a_prospect_are_one_and_that_of_the_valid_ticket_decides(self, ledger: Ledger) -> None:
        created(ledger, request(2, prospect="the same"))
        (one,) = expected(ledger, [request(1, prospect="the same"), request(2, prospect="the same")])
        assert (one.decision.action, row_of(one), len(one.group.specs)) == (Action.KEEP, 2, 2)

    def test_a_reissue_replaces_valid_tickets(self, ledger: Ledger) -> None:
        created(ledger, request(1))
        (one,) = expected(ledger, [request(1)], reissue=True)
        assert one.decision.action is Action.REPLACE

    def test_nothing_is_written(self, ledger: Ledger) -> None:
        known = created(ledger, request(1))
        list(expected(ledger, [changed(request(1)), request(2)], reissue=True))
        assert ledger.entries_of_run(FIRST_RUN.run) == [known]
        assert ledger.entries_of_run(SECOND_RUN.run) == []

    def test_the_counts_are_of_prospects_and_say_how_many_requests_it_takes(self, ledger: Ledger) -> None:
        created(ledger, request(1))
        created(ledger, request(2), expired=60)
        created(ledger, request(3))
        begun(ledger, request(4))
        rows = [request(1), request(2), changed(request(3)), request(4), request(5), request(6, prospect="5 again")]
        counts = count_expected(expected(ledger, [*rows, request(7, prospect="5 again")]))
        assert counts == ExpectedCounts(prospects=6, create=4, reuse=1, replace=1, requests=6)

    def test_a_revocation_that_was_not_confirmed_is_repeated_but_its_ticket_is_not_valid_any_more(
        self, ledger: Ledger
    ) -> None:
        ledger.record_revoking(created(ledger, request(1)), "revoke_sso_tickets/run-1")
        counts = count_expected(expected(ledger, [request(1)]))
        assert counts == ExpectedCounts(prospects=1, create=1, reuse=0, replace=0, requests=2)

    def test_valid_links_of_prospects_without_a_row_for_the_same_connection_are_named(self, ledger: Ledger) -> None:
        same = {"name": "acme"}
        other = created(ledger, request(1, **same))
        created(ledger, request(2, **same), expired=60)
        created(ledger, request(3, **same))
        created(ledger, request(4))
        found = expected(ledger, [request(3, **same), request(5, **same), request(6), request(7, name="")])
        late = [one for one in found[0].others if one != other]
        assert [len(one.others) for one in found] == [2, 2, 0, 0]
        assert other in found[0].others
        assert not late[0].is_valid(ledger.now()), "it may have been opened just before it expired"
        assert not any(one.revoked_others for one in found)

    def test_with_one_link_per_connection_they_are_revoked_first_which_takes_a_request_each(
        self, ledger: Ledger
    ) -> None:
        same = {"name": "acme"}
        other = created(ledger, request(1, **same))
        (one,) = expected(ledger, [request(2, **same)], one_link_per_connection=True)
        assert (one.would, one.requests, one.revoked_others) == ("create", 2, [other])
        created(ledger, request(2, **same))
        (one,) = expected(ledger, [request(2, **same)], one_link_per_connection=True)
        assert (one.would, one.requests) == ("reuse", 1)

    def test_a_refusal_that_stands_is_neither_created_nor_reused(self, ledger: Ledger) -> None:
        refused(ledger, request(1))
        counts = count_expected(expected(ledger, [request(1)], attempt=FIRST_RUN))
        assert counts == ExpectedCounts(prospects=1, create=0, reuse=0, replace=0, requests=0)

    def test_of_nothing_there_is_nothing_to_count(self, ledger: Ledger) -> None:
        assert count_expected(expected(ledger, [])) == ExpectedCounts(0, 0, 0, 0, 0)


def spec(row: TicketRequest) -> TicketSpec:
    return replace(SPEC, request=row)


def changed(row: TicketRequest) -> TicketRequest:
    return replace(row, body={**row.body, "use_for_organization_discovery": True})


def expected(
    ledger: Ledger,
    rows: Sequence[TicketRequest],
    attempt: RunAttempt = SECOND_RUN,
    *,
    reissue: bool = False,
    **options: bool,
) -> list[Expected]:
    return list(expected_actions(ledger, map(spec, rows), attempt, Policy(reissue=reissue), **options))


def row_of(one: Expected) -> int:
    return one.group.first.request.row


def begun(ledger: Ledger, row: TicketRequest) -> Entry:
    return ledger.begin(spec(row), None, FIRST_RUN, answer_within=60)


def created(ledger: Ledger, row: TicketRequest, expired: float = -1000) -> Entry:
    """Record a ticket of the first run that has expired so many seconds ago."""
    ticket = SsoTicket(f"https://acme.example.com/self-service/connections-flow?ticket=t{row.row}")
    return ledger.record_created(begun(ledger, row), ticket, sent_at=ledger.now() - expired - 60, ttl=60)


def refused(ledger: Ledger, row: TicketRequest) -> Entry:
    return ledger.record_refused(begun(ledger, row), EntryStatus.CONFLICT, "A connection of that name exists.")
