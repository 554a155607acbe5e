"""Which tickets are to be revoked, and which reported ones need no request."""

from __future__ import annotations

import time
from dataclasses import asdict
from threading import Timer
from typing import Any

import pytest
from auth0_sso.exceptions import Auth0RunError
from auth0_sso.ledger.records import Entry, RunAttempt
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import OPEN_SECONDS, Outcome, SsoTicket, iso
from auth0_sso.tickets.selection import select_tickets

from tests.support import databases, factories
from tests.support.factories import FIRST_RUN, SECOND_RUN, issue, organization, organizations, request

ledger = databases.default_ledger
pytestmark = pytest.mark.usefixtures("auth0_connection")


@pytest.fixture
def issued(ledger: Ledger) -> dict[int, dict[str, Any]]:
    """Issue two organizations' tickets, one of each long expired or revoked; return the report's rows."""
    outcomes = issue(organizations(8, per_organization=4), ledger)
    outcomes[4]["expires_at"] = expire(ledger, outcomes[4], OPEN_SECONDS + 2)
    ledger.record_revoked(ledger.record_revoking(entry_of(ledger, outcomes[8]), "revoke_sso_tickets/run-1"))
    return outcomes


def selected(
    run_after: float = 2e9, run: str = "revoke_sso_tickets/run-2", **criteria: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    reported = map(Outcome.from_dict, criteria.pop("reported", ()))
    wanted, finished = select_tickets(RunAttempt(run, 3, run_after), reported=list(reported), **criteria)
    return [asdict(ticket) for ticket in wanted], [outcome.as_dict() for outcome in finished]


def entry_of(ledger: Ledger, outcome: dict[str, Any]) -> Entry:
    (entry,) = [one for one in ledger.live_entries() if one.ticket and one.ticket.ticket_id == outcome["ticket_id"]]
    return entry


def expire(ledger: Ledger, outcome: dict[str, Any], age: float) -> str:
    """Let a ticket have expired so many seconds ago; return when."""
    return iso(factories.expire(ledger, entry_of(ledger, outcome), age).expires_at)


def rows(ledger: Ledger, tickets: list[dict[str, Any]]) -> list[int]:
    entries = ledger.entries([ticket["key"] for ticket in tickets])
    assert all(entries[ticket["key"]].created_at == ticket["created_at"] for ticket in tickets)
    return [int(entries[ticket["key"]].prospect.split("-")[1].split("@")[0]) for ticket in tickets]


def test_all_live_selects_the_tickets_that_are_neither_expired_nor_revoked(
    ledger: Ledger, issued: dict[int, dict[str, Any]]
) -> None:
    wanted, finished = selected(all_live=True)
    assert rows(ledger, wanted) == [1, 2, 3, 5, 6, 7]
    assert finished == []


@pytest.mark.parametrize("ids", [["org_5", "org_unknown"], ["", " org_5\t"]], ids=["", "with white space"])
def test_an_organizations_tickets_are_found(ledger: Ledger, issued: dict[int, dict[str, Any]], ids: list[str]) -> None:
    wanted, _ = selected(organization_ids=ids)
    assert rows(ledger, wanted) == [5, 6, 7]


def test_a_prospects_ticket_is_found_by_its_key(ledger: Ledger, issued: dict[int, dict[str, Any]]) -> None:
    key = entry_of(ledger, issued[6]).key
    wanted, _ = selected(prospect_keys=[f" {key}\n", "", "0" * 64])
    assert rows(ledger, wanted) == [6]


def test_each_criterion_adds_to_the_selection(ledger: Ledger, issued: dict[int, dict[str, Any]]) -> None:
    wanted, _ = selected(reported=[issued[1], issued[5]], organization_ids=["org_5"])
    assert rows(ledger, wanted) == [1, 5, 6, 7]


@pytest.mark.answers("a run of `revoke_sso_tickets` is cleared when a later run has issued links")
def test_a_run_that_is_cleared_leaves_alone_what_a_later_run_has_issued(
    ledger: Ledger, issued: dict[int, dict[str, Any]]
) -> None:
    later = issue(organizations(2), ledger, SECOND_RUN, reissue=True)
    between = (FIRST_RUN.run_after + SECOND_RUN.run_after) / 2
    for criteria in ({"all_live": True}, {"organization_ids": ["org_1", "org_5"]}, {"reported": [*later.values()]}):
        wanted, _ = selected(between, **criteria)
        assert {1, 2}.isdisjoint(rows(ledger, wanted))
    assert rows(ledger, selected(between, all_live=True)[0]) == [3, 5, 6, 7]
    assert rows(ledger, selected(SECOND_RUN.run_after, all_live=True)[0]) == [1, 2, 3, 5, 6, 7]


@pytest.mark.answers("a task of `revoke_sso_tickets` is killed, cleared or tried again")
@pytest.mark.parametrize("reported", [False, True])
def test_a_run_that_is_cleared_still_reports_what_it_has_revoked(
    ledger: Ledger, issued: dict[int, dict[str, Any]], reported: bool
) -> None:
    criteria = {"organization_ids": ["org_5"], "reported": [issued[8]] if reported else []}
    wanted, (finished,) = selected(run="revoke_sso_tickets/run-1", **criteria)
    assert rows(ledger, wanted) == [5, 6, 7]
    assert (finished["status"], finished["ticket_id"]) == ("revoked", issued[8]["ticket_id"])


def test_tickets_are_selected_whose_revocation_is_unconfirmed_or_that_may_have_been_opened_late(
    ledger: Ledger, issued: dict[int, dict[str, Any]]
) -> None:
    ledger.record_revoking(entry_of(ledger, issued[1]), "revoke_sso_tickets/run-1")
    expire(ledger, issued[2], OPEN_SECONDS - 60)
    wanted, _ = selected(reported=[issued[1], issued[2]])
    assert rows(ledger, wanted) == [1, 2]
    assert not any(issued[row]["ticket_id"] in str(wanted) for row in (1, 2)), "their ids are not named"


def test_a_reported_ticket_that_has_expired_needs_no_task(issued: dict[int, dict[str, Any]]) -> None:
    wanted, (finished,) = selected(reported=[issued[4]])
    assert wanted == []
    assert (finished["status"], finished["prospect"], finished["error"]) == ("expired", "prospect-4@example.com", "")
    assert issued[4]["ticket_id"] not in str(finished)


def test_a_reported_ticket_that_was_revoked_says_when_and_by_which_run(
    issued: dict[int, dict[str, Any]],
) -> None:
    wanted, (finished,) = selected(reported=[issued[8]])
    assert wanted == []
    assert (finished["status"], finished["revoked_by"]) == ("revoked", "revoke_sso_tickets/run-1")
    assert finished["revoked_at"]
    assert finished["ticket_id"] == issued[8]["ticket_id"]


def test_a_reported_ticket_that_this_ledger_does_not_know_has_failed_since_it_may_work(
    issued: dict[int, dict[str, Any]],
) -> None:
    wanted, (finished,) = selected(reported=[{**issued[1], "ticket_id": "of-another-ledger"}])
    assert wanted == []
    assert finished["status"] == "failed"
    assert "This ledger doesn't know the link, so it can't be revoked here" in finished["error"]
    assert "of-another-ledger" not in str(finished)


class TestTicketsThatNobodyHasSeen:
    """A revocation is complete, or it says what it could not revoke."""

    ROW = request(9, "org_9")
    CRITERIA = (
        {"all_live": True},
        {"organization_ids": ["org_9"]},
        {"reported": [{"ticket_id": "", "organization_id": "org_9", "connection_name": "connection-9"}]},
    )

    @pytest.mark.answers("links are revoked while a request is under way")
    @pytest.mark.parametrize("criteria", CRITERIA, ids=["all", "organization", "report"])
    def test_a_request_under_way_is_waited_for_and_its_ticket_is_selected(
        self, ledger: Ledger, criteria: dict[str, Any]
    ) -> None:
        intent = ledger.begin(factories.spec(self.ROW), None, FIRST_RUN, answer_within=30)
        ticket = SsoTicket("https://acme.example.com/self-service/connections-flow?ticket=t9")
        answer = Timer(0.3, ledger.record_created, [intent, ticket], {"sent_at": ledger.now(), "ttl": 60})
        answer.start()
        wanted, finished = selected(**criteria, timeouts=factories.SHORT)
        answer.join()
        if "reported" not in criteria:
            assert rows(ledger, wanted) == [9]
        assert finished == []

    @pytest.mark.answers("links are revoked while a request is under way")
    @pytest.mark.parametrize("criteria", CRITERIA, ids=["all", "organization", "report"])
    def test_one_whose_answer_does_not_come_makes_the_revocation_incomplete(
        self, ledger: Ledger, criteria: dict[str, Any]
    ) -> None:
        ledger.begin(factories.spec(self.ROW), None, FIRST_RUN, answer_within=0.3)
        began = time.monotonic()
        wanted, (finished,) = selected(**criteria, timeouts=factories.SHORT)
        assert time.monotonic() - began >= 0.25
        assert wanted == []
        assert (finished["status"], finished["prospect"]) == ("failed", "prospect-9@example.com")
        assert "Another link of this prospect may work that can't be revoked here" in finished["error"]

    def test_beside_a_run_that_goes_on_it_ends_and_names_the_run(self, ledger: Ledger) -> None:
        ledger.begin(factories.spec(self.ROW), None, FIRST_RUN, answer_within=0.2)
        later = Timer(0.1, ledger.begin, [factories.spec(request(8, "org_8")), None, FIRST_RUN], {"answer_within": 30})
        later.start()
        _, finished = selected(all_live=True, timeouts=factories.SHORT)
        later.join()
        errors = {one["organization_id"]: one["error"] for one in finished}
        assert errors["org_8"].endswith(f"The run is {FIRST_RUN.run}.")

    def test_so_does_a_lost_answer_and_a_possible_duplicate_of_a_ticket_that_is_revoked(self, ledger: Ledger) -> None:
        lost = ledger.begin(factories.spec(self.ROW), None, FIRST_RUN, answer_within=30)
        ledger.record_unknown(lost, "Auth0 answered 502.")
        _, (finished,) = selected(all_live=True)
        assert finished["status"] == "failed"
        issue([organization(self.ROW)], ledger)
        wanted, (finished,) = selected(all_live=True)
        assert rows(ledger, wanted) == [9]
        assert finished["status"] == "failed"

    def test_those_of_a_later_run_and_of_others_are_not_mentioned(self, ledger: Ledger) -> None:
        ledger.begin(factories.spec(self.ROW), None, SECOND_RUN, answer_within=30)
        between = (FIRST_RUN.run_after + SECOND_RUN.run_after) / 2
        assert selected(between, all_live=True) == ([], [])
        assert selected(organization_ids=["org_8"]) == ([], [])


@pytest.mark.parametrize("blank", [[], [""], [" ", "\n"]])
def test_to_give_no_criterion_is_an_error(blank: list[str]) -> None:
    with pytest.raises(Auth0RunError, match="Give reported tickets, organization_ids, prospect_keys or all_live"):
        selected(organization_ids=blank)
