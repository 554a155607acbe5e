"""Transient errors are waited out; what may have been done twice is flagged, and nothing else is."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.exceptions import Auth0TransientError
from auth0_sso.ledger.store import Ledger
from auth0_sso.runtime.event_loop import GuardedLoop

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.support.factories import FIRST_RUN, SECOND_RUN, issue, organization, organizations, request
from tests.unit.auth0_sso.conftest import Connect, RunTenant

pytestmark = pytest.mark.usefixtures("auth0_connection")


def run(issuer: factories.Issuer) -> dict[int, dict[str, Any]]:
    asyncio.run(issuer.run())
    return factories.by_row(issuer.results())


def flagged(outcomes: dict[int, dict[str, Any]]) -> int:
    return sum(outcome["duplicate_possible"] for outcome in outcomes.values())


@pytest.mark.answers("429, 5xx, no network")
def test_429s_are_waited_out_and_no_row_is_lost_or_flagged(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    tenant.fault("rate_limit_storm", count=1)
    outcomes = issue(organizations(20), sqlite_ledger)
    assert factories.statuses(outcomes) == {"created": 20}
    assert flagged(outcomes) == 0
    assert tenant.stats().rate_limited == 1
    assert tenant.stats().tickets == 20
    assert max(outcome["attempts"] for outcome in outcomes.values()) >= 2


@pytest.mark.parametrize(
    ("kind", "details", "created"),
    [
        pytest.param("error_after", {"status": 500}, 2, id="a 500 after the ticket was created"),
        pytest.param("error_after", {"status": 502, "body": "html"}, 2, id="a 502 that is no JSON, after"),
        pytest.param("error_before", {"status": 503, "body": "empty"}, 1, id="a 503 before it was created"),
        pytest.param("drop_after", {}, 2, id="a dropped connection, after"),
        pytest.param("drop_before", {}, 1, id="a dropped connection, before"),
    ],
)
@pytest.mark.answers("an answer is lost (5xx, dropped, killed in between)")
def test_after_a_lost_answer_the_request_is_sent_again_and_flagged(
    ledger: Ledger, tenant: Sandbox, kind: Any, details: dict[str, Any], created: int
) -> None:
    tenant.fault(kind, connection_name="connection-2", **details)
    outcomes = issue(organizations(3), ledger)
    assert factories.statuses(outcomes) == {"created": 3}
    assert [outcomes[row]["duplicate_possible"] for row in (1, 2, 3)] == [False, True, False]
    assert outcomes[2]["attempts"] == 2
    assert len([ticket for ticket in tenant.tickets if ticket.connection_name == "connection-2"]) == created
    assert factories.recorded(ledger) <= factories.living(tenant)
    reused = issue(organizations(3), ledger, SECOND_RUN)[2]
    assert (reused["status"], reused["duplicate_possible"]) == ("reused", True)


def test_an_answer_that_takes_too_long_is_a_lost_one(sqlite_ledger: Ledger, tenant: Sandbox, connect: Connect) -> None:
    connect(tenant, extra={"timeout": 0.3})
    tenant.fault("stall", delay=1.0, route="create")
    outcome = issue(organizations(1), sqlite_ledger)[1]
    assert (outcome["status"], outcome["duplicate_possible"], outcome["attempts"]) == ("created", True, 2)


def test_only_so_many_tickets_are_risked_for_one_prospect(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    tenant.fault("drop_after", count=100, connection_name="connection-1")
    issuer = factories.issuer(organizations(2), sqlite_ledger)
    outcomes = run(issuer)
    assert [outcomes[row]["status"] for row in (1, 2)] == ["failed", "created"]
    assert outcomes[1]["duplicate_possible"] is True
    assert (outcomes[1]["attempts"], factories.posts(tenant)) == (3, 4)
    with pytest.raises(Auth0TransientError, match=r"1 of 2 rows failed, 0 were not attempted\. row 1: No answer"):
        issuer.raise_if_incomplete()


def test_no_more_are_risked_where_an_older_one_has_expired_that_can_not_be_revoked(
    sqlite_ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(scopes=("create:sso_access_tickets",))
    connect(tenant)
    issue(organizations(1), sqlite_ledger)
    (entry,) = sqlite_ledger.live_entries()
    factories.expire(sqlite_ledger, entry, 60)
    tenant.fault("drop_after", count=100)
    outcomes = issue(organizations(1), sqlite_ledger, SECOND_RUN)
    assert (outcomes[1]["status"], outcomes[1]["duplicate_possible"]) == ("failed", True)
    assert (outcomes[1]["attempts"], factories.posts(tenant)) == (3, 1 + 3)


@pytest.mark.answers("429, 5xx, no network")
def test_when_the_retry_budget_is_used_up_the_rows_have_failed_and_nothing_is_flagged(
    sqlite_ledger: Ledger, tenant: Sandbox, connect: Connect
) -> None:
    connect(tenant, host="http://127.0.0.1:1")
    issuer = factories.issuer(organizations(3), sqlite_ledger, retry_budget=0.2)
    outcomes = run(issuer)
    assert {outcome["status"] for outcome in outcomes.values()} <= {"failed", "not_attempted"}
    assert all("No connection to 127.0.0.1:1" in outcome["error"] for outcome in outcomes.values())
    assert flagged(outcomes) == 0
    with pytest.raises(Auth0TransientError, match=r"No connection to 127\.0\.0\.1:1"):
        issuer.raise_if_incomplete()
    assert sqlite_ledger.entries_of_run(FIRST_RUN.run) == [], "without a token there is not even an intent"


def test_a_tenant_that_is_back_within_the_retry_budget_costs_no_row(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    tenant.fault("token_throttle", count=3)
    assert factories.statuses(issue(organizations(3), sqlite_ledger)) == {"created": 3}


def test_a_refused_token_is_renewed_in_the_middle_and_no_row_is_lost_or_flagged(
    ledger: Ledger, tenant: Sandbox
) -> None:
    issue(organizations(3), ledger)
    tenant.fault("expire_tokens")
    outcomes = issue(organizations(20, first=10), ledger)
    assert factories.statuses(outcomes) == {"created": 20}
    assert flagged(outcomes) == 0
    assert tenant.stats().tokens_issued == 2


def test_a_request_under_way_in_another_task_is_waited_for(ledger: Ledger, tenant: Sandbox) -> None:
    wanted = organizations(1)
    theirs = ledger.begin(factories.spec(wanted[0].requests[0]), None, SECOND_RUN, answer_within=0.5)
    outcome = issue(wanted, ledger)[1]
    assert time.time() >= theirs.answer_by
    assert (outcome["status"], outcome["duplicate_possible"]) == ("created", True)
    assert factories.posts(tenant) == 1


def test_after_a_lost_answer_of_a_revocation_there_is_no_second_ticket(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    issue(organizations(2), sqlite_ledger)
    tenant.fault("drop_after", route="revoke")
    outcomes = issue(organizations(2), sqlite_ledger, SECOND_RUN, reissue=True)
    assert factories.statuses(outcomes) == {"created": 2}
    assert flagged(outcomes) == 0
    assert tenant.stats().states == {"revoked": 2, "live": 2}
    assert factories.recorded(sqlite_ledger) == factories.living(tenant)


def test_after_a_stop_a_failed_request_is_not_sent_again(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    tenant.fault("error_after", count=1)
    hook = factories.open_hook(sqlite_ledger)
    issuer = factories.issuer(organizations(1), sqlite_ledger, hook=hook)
    hook.on_request = lambda: issuer.workers.stop("stopped")
    outcome = run(issuer)[1]
    assert factories.posts(tenant) == 1
    assert (outcome["status"], outcome["duplicate_possible"], outcome["attempts"]) == ("failed", True, 1)
    assert "Auth0 answered 500" in outcome["error"]


def test_a_request_whose_answer_is_not_waited_for_any_longer_has_failed_and_is_flagged(
    sqlite_ledger: Ledger, tenant: Sandbox
) -> None:
    tenant.fault("stall", delay=30, route="create", connection_name="connection-1")
    hook = factories.open_hook(sqlite_ledger, timeouts=replace(factories.SHORT, shutdown=0.1))
    issuer = factories.issuer(organizations(1), sqlite_ledger, hook=hook)
    loop = GuardedLoop(issuer.workers, timeouts=hook.timeouts)
    hook.on_request = lambda: loop.stop("stopped")
    loop.run(issuer.run)
    outcome = factories.by_row(issuer.results())[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("failed", True)
    assert outcome["error"] == "The task ended before the answer came: clear it, or run again."
    (entry,) = sqlite_ledger.entries_of_run(FIRST_RUN.run)
    assert entry.status == "in_flight"


def test_rows_that_repeat_a_row_that_fails_fail_with_it(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    tenant.fault("drop_before", count=100)
    wanted = [organization(request(1), request(2, prospect="prospect-1@example.com"))]
    outcomes = issue(wanted, sqlite_ledger)
    assert factories.statuses(outcomes) == {"failed": 2}
    assert flagged(outcomes) == 2
