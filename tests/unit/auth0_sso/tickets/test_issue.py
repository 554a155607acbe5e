"""Issuing against a tenant: one ticket a prospect, and each row in exactly one state, also if an answer is lost."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.exceptions import Auth0RowError, Auth0RunError
from auth0_sso.ledger import database
from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.store import Ledger, StaleEntryError
from auth0_sso.models import SsoTicket
from auth0_sso.runtime.event_loop import GuardedLoop

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.support.factories import FIRST_RUN, SECOND_RUN, issue, organization, organizations, request
from tests.unit.auth0_sso.conftest import Connect, RunTenant

pytestmark = pytest.mark.usefixtures("auth0_connection")


def test_each_prospect_gets_one_ticket_of_its_own_request(ledger: Ledger, tenant: Sandbox) -> None:
    outcomes = issue(organizations(60), ledger)
    assert factories.statuses(outcomes) == {"created": 60}
    by_id = {ticket.id: ticket for ticket in tenant.tickets}
    assert len(by_id) == 60
    for row, outcome in outcomes.items():
        ticket = by_id[outcome["ticket_id"]]
        assert ticket.body == request(row, outcome["organization_id"]).body
        assert outcome["ticket_url"].endswith(f"?ticket={ticket.id}")
    assert factories.recorded(ledger) == factories.living(tenant)


def test_a_second_run_reuses_valid_tickets_and_sends_nothing(ledger: Ledger, tenant: Sandbox) -> None:
    first = issue(organizations(20), ledger)
    tenant.reset()
    second = issue(organizations(20), ledger, SECOND_RUN)
    assert factories.statuses(second) == {"reused": 20}
    assert [second[row]["ticket_url"] for row in second] == [first[row]["ticket_url"] for row in first]
    assert tenant.stats().requests == 0


def test_a_reissue_revokes_each_old_ticket_before_it_requests_the_new_one(ledger: Ledger, tenant: Sandbox) -> None:
    first = issue(organizations(1), ledger)[1]
    second = issue(organizations(1), ledger, SECOND_RUN, reissue=True)[1]
    assert second["status"] == "created"
    assert [seen.path.rsplit("/", 1)[-1] for seen in tenant.requests] == ["sso-ticket", "revoke", "sso-ticket"]
    assert [(ticket.id, ticket.state) for ticket in tenant.tickets] == [
        (first["ticket_id"], "revoked"),
        (second["ticket_id"], "live"),
    ]
    assert factories.recorded(ledger) == factories.living(tenant)


@pytest.mark.answers("the connection exists already (409)")
def test_a_connection_that_exists_is_a_conflict_and_no_failure(
    sqlite_ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(connections={"con_0000000000000001": "connection-2"})
    connect(tenant)
    issuer = factories.issuer(organizations(3), sqlite_ledger)
    asyncio.run(issuer.run())
    outcomes = factories.by_row(issuer.results())
    assert [outcomes[row]["status"] for row in (1, 2, 3)] == ["created", "conflict", "created"]
    assert "already exists" in outcomes[2]["error"]
    assert outcomes[2]["ticket_url"] == ""
    issuer.raise_if_incomplete()
    tenant.reset()
    assert factories.statuses(issue(organizations(3), sqlite_ledger)) == {"created": 2, "conflict": 1}
    assert tenant.stats().requests == 0, "a retry does not send it again"
    issue(organizations(3), sqlite_ledger, SECOND_RUN)
    assert tenant.stats().by_status == {409: 1}, "another run does"


def test_a_row_that_auth0_refuses_fails_alone_and_is_named(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    bad = request(2, body={"connection_config": {"name": "not a valid name"}})
    issuer = factories.issuer([organization(request(1), bad, request(3))], sqlite_ledger)
    asyncio.run(issuer.run())
    outcomes = factories.by_row(issuer.results())
    assert [outcomes[row]["status"] for row in (1, 2, 3)] == ["created", "failed", "created"]
    assert "Payload validation error" in outcomes[2]["error"]
    assert outcomes[2]["duplicate_possible"] is False
    with pytest.raises(
        Auth0RowError,
        match=r"1 of 3 rows failed \(row 2\), 0 were not attempted\. row 2: .*Then clear this task or run again",
    ):
        issuer.raise_if_incomplete()


def test_of_many_failed_rows_the_error_names_twenty_and_says_why_for_five(
    sqlite_ledger: Ledger, tenant: Sandbox
) -> None:
    bad = [request(row, body={"connection_config": {"name": "not a valid name"}}) for row in range(1, 31)]
    issuer = factories.issuer([organization(*bad)], sqlite_ledger)
    asyncio.run(issuer.run())
    with pytest.raises(Auth0RowError) as error:
        issuer.raise_if_incomplete()
    numbers = ", ".join(map(str, range(1, 21)))
    assert str(error.value).startswith(
        f"30 of 30 rows failed (rows {numbers} and 10 more), 0 were not attempted. row 1: Auth0"
    )
    assert [f"row {row}: Auth0 answered 400" in str(error.value) for row in (1, 5, 6)] == [True, True, False]


@pytest.mark.parametrize(
    ("field", "value", "posts"),
    [("profile_id", "ssp_unknown00000001", 3), ("custom_domain", "a.example\r\nx: y", 2)],
)
def test_a_row_whose_own_profile_or_domain_is_wrong_fails_alone(
    sqlite_ledger: Ledger, tenant: Sandbox, field: str, value: str, posts: int
) -> None:
    wrong = request(2, **{field: value})
    outcomes = issue([organization(request(1), wrong, request(3))], sqlite_ledger)
    assert [outcomes[row]["status"] for row in (1, 2, 3)] == ["created", "failed", "created"]
    assert outcomes[2]["duplicate_possible"] is False
    assert factories.posts(tenant) == posts


@pytest.mark.parametrize(
    ("status", "message"),
    [
        pytest.param(400, "Object didn't pass validation for format ticket-id", id="its ticket"),
        pytest.param(404, "Profile with ID: ssp_1 not found", id="its own profile"),
    ],
)
def test_a_row_whose_old_ticket_auth0_refuses_to_revoke_fails_alone(
    sqlite_ledger: Ledger, tenant: Sandbox, status: int, message: str
) -> None:
    rows = [organization(*(request(row, profile_id=tenant.profile_id) for row in range(1, 11)))]
    issue(rows, sqlite_ledger)
    tenant.fault("error_before", route="revoke", status=status, message=message)
    issuer = factories.issuer(rows, sqlite_ledger, SECOND_RUN, reissue=True)
    asyncio.run(issuer.run())
    outcomes = factories.by_row(issuer.results())
    assert factories.statuses(outcomes) == {"created": 9, "failed": 1}
    assert [outcome["error"].count(message) for outcome in outcomes.values()].count(1) == 1
    with pytest.raises(Auth0RowError, match=r"1 of 10 rows failed \(row \d+\), 0 were not attempted"):
        issuer.raise_if_incomplete()


def test_a_runs_error_stops_the_others_which_say_why_and_a_retry_finishes_them(
    sqlite_ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(scopes=("delete:sso_access_tickets",))
    connect(tenant)
    hook = factories.open_hook(sqlite_ledger, rate=0.7)  # four in flight
    issuer = factories.issuer(organizations(60), sqlite_ledger, hook=hook)
    with pytest.raises(Auth0RunError, match="Grant the application the scope"):
        asyncio.run(issuer.run())
    outcomes = factories.by_row(issuer.results())
    found = factories.statuses(outcomes)
    assert set(found) == {"failed", "not_attempted"}
    assert 1 <= found["failed"] == factories.posts(tenant) <= 4
    assert all("insufficient_scope" in outcome["error"] for outcome in outcomes.values())
    assert not any(outcome["duplicate_possible"] for outcome in outcomes.values())
    connect(run_tenant())
    assert factories.statuses(issue(organizations(60), sqlite_ledger)) == {"created": 60}


def test_a_dry_run_says_what_would_be_reused_and_what_replaced(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    issue(organizations(2), sqlite_ledger)
    wanted = organizations(3)
    assert factories.statuses(issue(wanted, sqlite_ledger, SECOND_RUN, dry_run=True)) == {"reused": 2, "planned": 1}
    replaced = issue(wanted, sqlite_ledger, SECOND_RUN, dry_run=True, reissue=True)
    assert factories.statuses(replaced) == {"planned": 3}
    assert not any(outcome["ticket_url"] for outcome in replaced.values())
    assert (factories.posts(tenant), factories.revocations(tenant)) == (2, 0)


def test_the_rows_custom_domain_goes_before_the_connections(
    sqlite_ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(custom_domains=("a.example.com", "b.example.com"))
    connect(tenant, extra={"custom_domain": "a.example.com"})
    wanted = [organization(request(1), request(2, custom_domain="b.example.com"))]
    outcomes = issue(wanted, sqlite_ledger)
    assert [outcomes[row]["ticket_url"].split("/")[2] for row in (1, 2)] == ["a.example.com", "b.example.com"]


class _LateLedger(Ledger):
    """Another task requests the prospect's ticket while the answer is on its way."""

    def record_created(self, entry: Entry, ticket: SsoTicket, *, sent_at: float, ttl: float) -> Entry:
        if entry.run == FIRST_RUN.run and not hasattr(self, "theirs"):
            intent = super().begin(factories.spec(request(1)), entry, SECOND_RUN, answer_within=30)
            answer = SsoTicket("https://acme.example.com/self-service/connections-flow?ticket=theirs")
            self.theirs = super().record_created(intent, answer, sent_at=sent_at, ttl=ttl)
            raise StaleEntryError(entry.key)
        return super().record_created(entry, ticket, sent_at=sent_at, ttl=ttl)


@pytest.fixture
def late_ledger(ledger_url: str) -> Iterator[Ledger]:
    with closing(_LateLedger(database.connect(ledger_url))) as opened:
        yield opened


@pytest.mark.parametrize(
    ("scopes", "state"),
    [
        (("create:sso_access_tickets", "delete:sso_access_tickets"), "revoked"),
        (("create:sso_access_tickets",), "live"),
    ],
)
def test_a_ticket_that_comes_after_another_task_has_its_own_is_revoked_if_it_can_be_and_flagged(
    late_ledger: Ledger, run_tenant: RunTenant, connect: Connect, scopes: tuple[str, ...], state: str
) -> None:
    tenant = run_tenant(scopes=scopes)
    connect(tenant)
    outcome = issue([organization(request(1))], late_ledger)[1]
    assert (outcome["status"], outcome["ticket_id"], outcome["duplicate_possible"]) == ("reused", "theirs", True)
    assert tenant.stats().states == {state: 1}


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
    assert not any(outcome["duplicate_possible"] for outcome in outcomes.values())
    assert tenant.stats().states == {"revoked": 2, "live": 2}
    assert factories.recorded(sqlite_ledger) == factories.living(tenant)


def test_after_a_stop_a_failed_request_is_not_sent_again(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    tenant.fault("error_after", count=1)
    hook = factories.open_hook(sqlite_ledger)
    issuer = factories.issuer(organizations(1), sqlite_ledger, hook=hook)
    hook.on_request = lambda: issuer.workers.stop("stopped")
    asyncio.run(issuer.run())
    outcome = factories.by_row(issuer.results())[1]
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


def test_a_stop_that_comes_with_the_last_answer_leaves_nothing_undone(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    hook = factories.open_hook(sqlite_ledger)
    issuer = factories.issuer(organizations(1), sqlite_ledger, hook=hook)
    hook.on_request = lambda: issuer.workers.stop("stopped")
    asyncio.run(issuer.run())
    assert factories.statuses(factories.by_row(issuer.results())) == {"created": 1}
    issuer.raise_if_incomplete()


class TestReplacing:
    """A ticket is revoked and the next one requested together, so that no prospect is left without one for nothing."""

    def test_a_stop_leaves_no_prospect_without_a_link(self, sqlite_ledger: Ledger, tenant: Sandbox) -> None:
        issue(organizations(40), sqlite_ledger)
        hook = factories.open_hook(sqlite_ledger, rate=100, burst=1)
        issuer = factories.issuer(organizations(40), sqlite_ledger, SECOND_RUN, hook=hook, reissue=True)
        loop = GuardedLoop(issuer.workers, timeouts=hook.timeouts)
        hook.on_request = lambda: factories.revocations(tenant) >= 12 and loop.stop("The task was ended from outside.")
        loop.run(issuer.run)
        found = factories.by_row(issuer.results())
        assert factories.statuses(found)["not_attempted"] >= 15
        assert set(factories.statuses(found)) == {"created", "not_attempted"}
        assert len(factories.living(tenant)) == 40
        assert factories.recorded(sqlite_ledger) == factories.living(tenant)

    def test_few_prospects_are_between_two_links_at_any_time(self, sqlite_ledger: Ledger, tenant: Sandbox) -> None:
        issue(organizations(40), sqlite_ledger)
        before = len(tenant.requests)
        hook = factories.open_hook(sqlite_ledger, rate=100, burst=1)
        issuer = factories.issuer(organizations(40), sqlite_ledger, SECOND_RUN, hook=hook, reissue=True)
        asyncio.run(issuer.run())
        between, most = 0, 0
        for seen in tenant.requests[before:]:
            between += 1 if seen.path.endswith("/revoke") else -1
            most = max(most, between)
        assert between == 0
        assert most <= 10

    def test_a_row_whose_link_was_revoked_and_whose_request_is_refused_has_failed(
        self, sqlite_ledger: Ledger, run_tenant: RunTenant, connect: Connect
    ) -> None:
        tenant = run_tenant()
        connect(tenant)
        (first,) = issue(organizations(1), sqlite_ledger).values()
        urllib.request.urlopen(urllib.request.Request(first["ticket_url"], method="POST")).close()
        issuer = factories.issuer(organizations(1), sqlite_ledger, SECOND_RUN, reissue=True)
        asyncio.run(issuer.run())
        (row,) = factories.by_row(issuer.results()).values()
        assert row["status"] == "failed"
        assert row["error"].startswith("Its earlier link was revoked, no new one exists: clear the task, or run again.")
        assert "already exists" in row["error"]
        with pytest.raises(Auth0RowError, match="no new one exists"):
            issuer.raise_if_incomplete()
        third = replace(SECOND_RUN, run="create_sso_tickets/run-3", run_after=SECOND_RUN.run_after + 60)
        assert factories.statuses(issue(organizations(1), sqlite_ledger, third)) == {"conflict": 1}

    def test_a_request_that_fails_after_the_revocation_says_so(self, sqlite_ledger: Ledger, tenant: Sandbox) -> None:
        issue(organizations(1), sqlite_ledger)
        tenant.fault("error_before", route="create", status=400, count=1)
        (row,) = issue(organizations(1), sqlite_ledger, SECOND_RUN, reissue=True).values()
        assert row["status"] == "failed"
        assert row["error"].startswith("Its earlier link was revoked, no new one exists")
        tenant.fault("drop_after", route="create", count=100)
        (row,) = issue(organizations(1), sqlite_ledger, replace(SECOND_RUN, number=9), reissue=True).values()
        assert row["error"].startswith("Its earlier link was revoked. No answer")

    def test_a_revocation_that_was_begun_and_not_confirmed_does_not_say_that_the_link_is_revoked(
        self, sqlite_ledger: Ledger, tenant: Sandbox
    ) -> None:
        issue(organizations(1), sqlite_ledger)
        tenant.fault("drop_before", route="revoke", count=100)
        (row,) = issue(organizations(1), sqlite_ledger, SECOND_RUN, reissue=True, retry_budget=0.2).values()
        assert row["status"] == "failed"
        assert row["error"].startswith("The revocation of its earlier link was begun and is not confirmed")
        assert len(factories.living(tenant)) == 1

    def test_a_stop_between_two_tries_of_a_request_is_not_waited_out(
        self, sqlite_ledger: Ledger, tenant: Sandbox
    ) -> None:
        issue(organizations(1), sqlite_ledger)
        tenant.fault("error_before", route="create", status=503, count=100)
        hook = factories.open_hook(sqlite_ledger, timeouts=replace(factories.SHORT, longest_backoff=20.0))
        issuer = factories.issuer(organizations(1), sqlite_ledger, SECOND_RUN, hook=hook, reissue=True)

        async def stopped_in_between() -> None:
            running = asyncio.create_task(issuer.run())
            while factories.posts(tenant) < 2:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            issuer.workers.stop("stopped")
            await asyncio.wait_for(running, 3)

        asyncio.run(stopped_in_between())
        (row,) = factories.by_row(issuer.results()).values()
        assert row["status"] == "failed"

    def test_one_that_the_work_did_not_come_to_again_has_failed(self, sqlite_ledger: Ledger, tenant: Sandbox) -> None:
        issue(organizations(1), sqlite_ledger)
        (entry,) = sqlite_ledger.live_entries()
        sqlite_ledger.record_revoked(sqlite_ledger.record_revoking(entry, SECOND_RUN.run))
        hook = factories.open_hook(sqlite_ledger, rate=1)
        issuer = factories.issuer(organizations(1), sqlite_ledger, SECOND_RUN, hook=hook, reissue=True)
        loop = GuardedLoop(issuer.workers, deadline=0.3, timeouts=hook.timeouts)
        loop.run(issuer.run)
        (row,) = factories.by_row(issuer.results()).values()
        assert (row["status"], factories.posts(tenant)) == ("failed", 1)
        assert "no new one exists" in row["error"]


class TestOneLinkPerConnection:
    SAME = {"name": "acme"}  # noqa: RUF012

    def test_other_prospects_valid_links_for_the_connection_are_revoked_first(
        self, ledger: Ledger, tenant: Sandbox
    ) -> None:
        issue([organization(request(1, **self.SAME), request(2))], ledger)
        outcomes = issue([organization(request(3, **self.SAME))], ledger, SECOND_RUN, one_link_per_connection=True)
        assert factories.statuses(outcomes) == {"created": 1}
        assert sorted((ticket.connection_name, ticket.state) for ticket in tenant.tickets) == [
            ("acme", "live"),
            ("acme", "revoked"),
            ("connection-2", "live"),
        ]
        assert [seen.path.rsplit("/", 1)[-1] for seen in tenant.requests[2:]] == ["revoke", "sso-ticket"]
        assert factories.recorded(ledger) == factories.living(tenant)

    def test_also_where_the_prospects_own_link_is_reused(self, ledger: Ledger, tenant: Sandbox) -> None:
        for row in (1, 2):
            issue([organization(request(row, **self.SAME))], ledger)
        assert len(factories.living(tenant)) == 2
        outcomes = issue([organization(request(2, **self.SAME))], ledger, SECOND_RUN, one_link_per_connection=True)
        assert factories.statuses(outcomes) == {"reused": 1}
        assert [ticket.state for ticket in tenant.tickets] == ["revoked", "live"]

    def test_by_default_and_in_a_dry_run_none_is(self, sqlite_ledger: Ledger, tenant: Sandbox) -> None:
        issue([organization(request(1, **self.SAME))], sqlite_ledger)
        wanted = [organization(request(2, **self.SAME))]
        issue(wanted, sqlite_ledger, SECOND_RUN, one_link_per_connection=True, dry_run=True)
        issue(wanted, sqlite_ledger, SECOND_RUN)
        assert len(factories.living(tenant)) == 2

    @pytest.mark.parametrize("fault", ["rate_limit_storm", "error_before", "drop_before"])
    def test_one_whose_revocation_fails_at_first_is_revoked_all_the_same(
        self, sqlite_ledger: Ledger, tenant: Sandbox, fault: Any
    ) -> None:
        issue([organization(request(1, **self.SAME))], sqlite_ledger)
        tenant.fault(fault, route="revoke", count=1)
        wanted = [organization(request(2, **self.SAME))]
        outcomes = issue(wanted, sqlite_ledger, SECOND_RUN, one_link_per_connection=True)
        assert factories.statuses(outcomes) == {"created": 1}
        assert factories.recorded(sqlite_ledger) == factories.living(tenant)
        assert len(factories.living(tenant)) == 1

    @pytest.mark.parametrize("code", [400, 409])
    def test_a_row_that_gets_no_link_says_that_another_prospects_was_revoked(
        self, sqlite_ledger: Ledger, tenant: Sandbox, code: int
    ) -> None:
        issue([organization(request(1, **self.SAME))], sqlite_ledger)
        said = {"error_code": "connection_conflict", "message": "A connection with this name already exists."}
        tenant.fault("fail_match", connection_name="acme", status=code, **said)
        wanted = [organization(request(2, **self.SAME))]
        (row,) = issue(wanted, sqlite_ledger, SECOND_RUN, one_link_per_connection=True).values()
        assert row["status"] == "failed"
        assert row["error"].startswith(
            "Another prospect's link for this connection was revoked first, and no new one exists. "
        )
        assert not factories.living(tenant)

    def test_those_in_the_same_batch_and_of_a_later_run_are_left_alone(
        self, sqlite_ledger: Ledger, tenant: Sandbox
    ) -> None:
        issue([organization(request(1, **self.SAME))], sqlite_ledger, SECOND_RUN)
        wanted = [organization(request(2, **self.SAME), request(3, **self.SAME))]
        issue(wanted, sqlite_ledger, one_link_per_connection=True)
        assert len(factories.living(tenant)) == 3


class TestEnabledClients:
    @pytest.mark.parametrize(
        ("row", "run", "connection", "sent"),
        [
            ({}, (), "", None),
            ({}, (), "con1;con2", ["con1", "con2"]),
            ({}, ("run2", "run1"), "con1", ["run1", "run2"]),
            ({"enabled_clients": ["row1"]}, ("run1",), "con1", ["row1"]),
            ({"enabled_clients": []}, ("run1",), "con1", ["run1"]),
            ({"connection_id": "con_1", "connection_config": None}, ("run1",), "con1", None),
        ],
    )
    def test_those_of_the_row_come_before_those_of_the_run_and_of_the_connection(
        self, ledger: Ledger, run_tenant: RunTenant, connect: Connect, row: Any, run: Any, connection: str, sent: Any
    ) -> None:
        tenant = run_tenant(connections={"con_1": "acme"})
        connect(tenant, extra={"enabled_clients": connection})
        given = {**request(1).body, **row}
        body = {name: value for name, value in given.items() if value is not None}
        issue([organization(request(1, body=body))], ledger, enabled_clients=run)
        (ticket,) = tenant.tickets
        assert ticket.body.get("enabled_clients") == sent


def test_rows_that_repeat_a_row_that_fails_fail_with_it(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    tenant.fault("drop_before", count=100)
    wanted = [organization(request(1), request(2, prospect="prospect-1@example.com"))]
    outcomes = issue(wanted, sqlite_ledger)
    assert factories.statuses(outcomes) == {"failed": 2}
    assert all(outcome["duplicate_possible"] for outcome in outcomes.values())
