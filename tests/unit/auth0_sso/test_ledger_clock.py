"""Workers on machines whose clocks differ share a PostgreSQL, and agree by its clock."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import time_machine
from auth0_sso.ledger import Ledger
from auth0_sso.records import Ask

from include.sandbox.server import Sandbox
from tests.unit.auth0_sso import databases, world
from tests.unit.auth0_sso.world import SECOND_RUN, issue, organization, organizations, request

pytestmark = pytest.mark.usefixtures("auth0_connection")

FIVE_HOURS = 5 * 3600.0


@pytest.fixture
def ledger(fernet: str) -> Iterator[Ledger]:
    with databases.postgres_schema() as url:
        opened = Ledger(url)
        yield opened
        opened.close()


def worker_with_a_clock_off_by(seconds: float) -> time_machine.travel:
    return time_machine.travel(time.time() + seconds)


def ask_of_the_first_row() -> Ask:
    return world.ask(organizations(1)[0].requests[0])


def test_a_request_under_way_is_waited_for_although_the_clock_of_the_worker_that_sends_it_is_behind(
    ledger: Ledger, tenant: Sandbox
) -> None:
    with worker_with_a_clock_off_by(-FIVE_HOURS):
        ledger.begin(ask_of_the_first_row(), None, SECOND_RUN, answer_within=35)
    outcome = issue(organizations(1), ledger, patience=0.05)[1]
    assert "Another task's request for this prospect does not end" in outcome["error"]
    assert world.posts(tenant) == 0


def test_a_request_that_died_is_sent_again_although_the_clock_of_the_worker_that_sent_it_was_ahead(
    ledger: Ledger, tenant: Sandbox
) -> None:
    with worker_with_a_clock_off_by(FIVE_HOURS):
        ledger.begin(ask_of_the_first_row(), None, SECOND_RUN, answer_within=-1)
    outcome = issue(organizations(1), ledger, patience=0.05)[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("created", True)


def test_a_ticket_that_lives_is_reused_by_a_worker_whose_clock_is_ahead(ledger: Ledger, tenant: Sandbox) -> None:
    wanted = [organization(request(1, body={**request(1).body, "ttl_sec": 3600}))]
    first = issue(wanted, ledger)[1]
    with worker_with_a_clock_off_by(FIVE_HOURS):
        again = issue(wanted, ledger, SECOND_RUN)[1]
    assert (again["status"], again["ticket_id"]) == ("reused", first["ticket_id"])
    assert world.posts(tenant) == 1


def test_a_link_is_listed_as_long_as_it_may_work_although_the_clock_of_the_worker_that_looks_is_ahead(
    ledger: Ledger,
) -> None:
    issue(organizations(2), ledger)
    with worker_with_a_clock_off_by(30 * 24 * 3600):
        assert len(ledger.live_entries()) == 2
