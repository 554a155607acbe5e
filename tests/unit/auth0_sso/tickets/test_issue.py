"""Issuing against a tenant: one ticket a prospect, and each row in exactly one state."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from auth0_sso.exceptions import Auth0ProfileError, Auth0RowError, Auth0RunError, Auth0TransientError
from auth0_sso.ledger import database
from auth0_sso.ledger.records import Entry, RunAttempt
from auth0_sso.ledger.store import Ledger, StaleEntryError
from auth0_sso.models import SsoTicket

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


def test_the_results_are_one_entry_an_organization(sqlite_ledger: Ledger) -> None:
    issuer = factories.issuer(organizations(7, per_organization=3), sqlite_ledger)
    asyncio.run(issuer.run())
    results = issuer.results()
    assert [result["organization_id"] for result in results] == ["org_1", "org_4", "org_7"]
    assert [[ticket["row"] for ticket in result["tickets"]] for result in results] == [[1, 2, 3], [4, 5, 6], [7]]
    assert results[0]["organization_name"] == "Organization org_1"
    issuer.raise_if_incomplete()


def test_an_outcome_says_when_its_ticket_was_created_and_expires(sqlite_ledger: Ledger) -> None:
    row = request(1)
    row.body["ttl_sec"] = 3600
    outcome = issue([organization(row)], sqlite_ledger)[1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", outcome["created_at"])
    assert outcome["expires_at"] > outcome["created_at"]
    assert (outcome["attempts"], outcome["duplicate_possible"], outcome["error"]) == (1, False, "")


def test_a_second_run_reuses_valid_tickets_and_sends_nothing(ledger: Ledger, tenant: Sandbox) -> None:
    first = issue(organizations(20), ledger)
    tenant.reset()
    second = issue(organizations(20), ledger, SECOND_RUN)
    assert factories.statuses(second) == {"reused": 20}
    assert [second[row]["ticket_url"] for row in second] == [first[row]["ticket_url"] for row in first]
    assert tenant.stats().requests == 0


@pytest.mark.parametrize("reissue", [False, True])
@pytest.mark.parametrize(
    "again", [FIRST_RUN, RunAttempt(FIRST_RUN.run, 7, FIRST_RUN.run_after)], ids=["a retry", "a clear"]
)
def test_a_run_issues_at_most_one_ticket_a_prospect_however_often_it_tries(
    sqlite_ledger: Ledger, tenant: Sandbox, again: RunAttempt, reissue: bool
) -> None:
    first = issue(organizations(5), sqlite_ledger, reissue=reissue)
    assert issue(organizations(5), sqlite_ledger, again, reissue=reissue) == first
    assert factories.posts(tenant) == 5


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
        Auth0RowError, match=r"1 of 3 rows failed, 0 were not attempted\. row 2: .*Then clear this task or run again"
    ):
        issuer.raise_if_incomplete()


@pytest.mark.parametrize("odd", ["\\ud83d", "\\u0000"], ids=["half a character", "NUL"])
def test_a_refusal_with_characters_that_no_database_accepts_is_recorded_like_any_other(
    ledger: Ledger, tenant: Sandbox, odd: str
) -> None:
    text = f'{{"message": "\'name\' is too long: caf{odd}"}}'
    tenant.fault("fail_match", connection_name="connection-2", status=400, text=text)
    outcomes = issue(organizations(3), ledger)
    assert factories.statuses(outcomes) == {"created": 2, "failed": 1}
    assert "'name' is too long: caf\ufffd" in outcomes[2]["error"]
    assert outcomes[2]["duplicate_possible"] is False


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


def test_a_runs_profile_that_does_not_exist_is_the_runs_error(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    issuer = factories.issuer(organizations(30), sqlite_ledger, profile_id="ssp_unknown00000001")
    with pytest.raises(Auth0ProfileError, match="Set profile_id"):
        asyncio.run(issuer.run())
    assert tenant.stats().tickets == 0


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
    with pytest.raises(Auth0RowError, match="1 of 10 rows failed, 0 were not attempted"):
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


@pytest.mark.parametrize(
    ("name", "ignored"), [("connection-1", ""), ("another", " What differs from that row is not requested.")]
)
def test_rows_that_repeat_a_prospect_share_its_ticket_and_name_the_row(
    sqlite_ledger: Ledger, tenant: Sandbox, name: str, ignored: str
) -> None:
    twin = request(2, prospect="prospect-1@example.com", name=name)
    outcomes = issue([organization(request(1), twin, request(3))], sqlite_ledger)
    assert [outcomes[row]["status"] for row in (1, 2, 3)] == ["created", "reused", "created"]
    assert outcomes[2]["ticket_url"] == outcomes[1]["ticket_url"]
    assert outcomes[2]["error"] == f"Repeats row 1: one prospect, one ticket.{ignored}"
    assert tenant.stats().tickets == 2


def test_one_prospect_in_two_organizations_or_with_two_profiles_gets_two_tickets(
    sqlite_ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(profile_ids=("ssp_sandbox0000000001", "ssp_sandbox0000000002"))
    connect(tenant)
    same = {"prospect": "one@example.com", "name": "one"}
    wanted = [
        organization(request(1, "org_1", **same), request(2, "org_1", profile_id="ssp_sandbox0000000002", **same)),
        organization(request(3, "org_2", **same)),
    ]
    assert factories.statuses(issue(wanted, sqlite_ledger)) == {"created": 3}
    assert tenant.stats().tickets == 3


def test_a_dry_run_sends_nothing_not_even_for_a_token_and_records_nothing(
    sqlite_ledger: Ledger, tenant: Sandbox
) -> None:
    outcomes = issue(organizations(5), sqlite_ledger, dry_run=True)
    assert factories.statuses(outcomes) == {"planned": 5}
    assert (tenant.stats().requests, tenant.stats().token_requests) == (0, 0)
    assert sqlite_ledger.entries_of_run(FIRST_RUN.run) == []


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


def test_two_tasks_that_request_the_same_prospects_at_once_create_one_ticket_each(
    ledger: Ledger, tenant: Sandbox
) -> None:
    wanted = organizations(20)
    one, two = (factories.issuer(wanted, ledger, attempt) for attempt in (FIRST_RUN, SECOND_RUN))

    async def both() -> None:
        await asyncio.gather(one.run(), two.run())

    asyncio.run(both())
    assert tenant.stats().tickets == 20
    found = [factories.by_row(issuer.results()) for issuer in (one, two)]
    assert sorted(found[0]) == sorted(found[1])
    for row in found[0]:
        assert {outcomes[row]["status"] for outcomes in found} == {"created", "reused"}
        assert found[0][row]["ticket_url"] == found[1][row]["ticket_url"]


def test_stopped_in_the_middle_what_is_under_way_is_answered_and_recorded(
    ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(latency=(0.05, 0.05))
    connect(tenant)
    hook = factories.open_hook(ledger, rate=1.4, rested=True)  # seven in flight
    issuer = factories.issuer(organizations(60), ledger, hook=hook)
    hook.on_request = lambda: issuer.workers.stop("stopped")

    async def main() -> set[asyncio.Task[Any]]:
        await issuer.run()
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    assert asyncio.run(main()) == set()
    outcomes = factories.by_row(issuer.results())
    found = factories.statuses(outcomes)
    assert set(found) == {"created", "not_attempted"}
    assert found["created"] == tenant.stats().tickets == factories.posts(tenant) <= 7
    assert factories.recorded(ledger) == factories.living(tenant)
    assert {outcome["error"] for outcome in outcomes.values() if outcome["status"] == "not_attempted"} == {"stopped"}
    with pytest.raises(Auth0TransientError, match=r"0 of 60 rows failed, \d+ were not attempted.*stopped"):
        issuer.raise_if_incomplete()


def test_no_log_shows_a_ticket(sqlite_ledger: Ledger, tenant: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    issue(organizations(5), sqlite_ledger)
    logged = capsys.readouterr().out
    assert "Rows by status" in logged
    assert "ticket=" not in logged
    assert not any(ticket.id in logged for ticket in tenant.tickets)
