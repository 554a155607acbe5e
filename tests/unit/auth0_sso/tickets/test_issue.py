"""Issuing against a tenant: one ticket a prospect, and each row in exactly one state."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from auth0_sso.exceptions import Auth0ProfileError, Auth0RowError, Auth0RunError, Auth0TransientError
from auth0_sso.ledger.records import Entry, RunAttempt
from auth0_sso.ledger.store import Ledger, StaleEntryError
from auth0_sso.models import SsoTicket
from auth0_sso.tickets.outcomes import Outcome

from dev.sandbox.server import Sandbox
from tests.support import databases, factories
from tests.support.factories import FIRST_RUN, SECOND_RUN, issue, organization, organizations, request
from tests.unit.auth0_sso.conftest import Connect, RunTenant

ledger_url = databases.ledger_url
ledger = databases.ledger
sqlite_url = databases.sqlite_url
sqlite_ledger = databases.sqlite_ledger

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


def test_the_results_are_one_entry_an_organization_with_the_reports_columns_in_order(
    sqlite_ledger: Ledger,
) -> None:
    made = factories.issuer(organizations(7, per_organization=3), sqlite_ledger)
    asyncio.run(made.run())
    results = made.results()
    assert [result["organization_id"] for result in results] == ["org_1", "org_4", "org_7"]
    assert [[ticket["row"] for ticket in result["tickets"]] for result in results] == [[1, 2, 3], [4, 5, 6], [7]]
    assert results[0]["organization_name"] == "Organization org_1"
    assert ", ".join(results[0]["tickets"][0]) == (
        "row, organization_id, organization_name, prospect_name, prospect_email, connection_name, status, ticket_url, "
        "ticket_id, expires_at, created_at, attempts, duplicate_possible, error, source"
    )
    made.raise_if_incomplete()


def test_an_outcome_says_when_it_was_made_and_until_when_it_lives(sqlite_ledger: Ledger) -> None:
    row = request(1)
    row.body["ttl_sec"] = 3600
    outcome = issue([organization(row)], sqlite_ledger)[1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", outcome["created_at"])
    assert outcome["expires_at"] > outcome["created_at"]
    assert (outcome["attempts"], outcome["duplicate_possible"], outcome["error"]) == (1, False, "")


def test_a_second_run_reuses_what_lives_and_sends_nothing(ledger: Ledger, tenant: Sandbox) -> None:
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
    outcomes = issue(organizations(5), sqlite_ledger, again, reissue=reissue)
    assert outcomes == first
    assert factories.posts(tenant) == 5


def test_a_reissue_revokes_each_old_ticket_before_it_asks_for_the_new_one(ledger: Ledger, tenant: Sandbox) -> None:
    first = issue(organizations(10), ledger)
    second = issue(organizations(10), ledger, SECOND_RUN, reissue=True)
    assert factories.statuses(second) == {"created": 10}
    assert tenant.stats().states == {"revoked": 10, "live": 10}
    assert not {outcome["ticket_id"] for outcome in first.values()} & factories.living(tenant)
    assert factories.recorded(ledger) == factories.living(tenant)


def test_the_old_ticket_is_dead_before_the_new_one_is_made(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    issue(organizations(1), sqlite_ledger)
    issue(organizations(1), sqlite_ledger, SECOND_RUN, reissue=True)
    assert [seen.path.rsplit("/", 1)[-1] for seen in tenant.requests] == ["sso-ticket", "revoke", "sso-ticket"]


def test_a_changed_request_replaces_the_ticket_of_the_old_one(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    issue([organization(request(1, name="old-name"))], sqlite_ledger)
    changed = [organization(request(1, name="new-name"))]
    outcome = issue(changed, sqlite_ledger, SECOND_RUN)[1]
    assert outcome["status"] == "created"
    assert [(ticket.connection_name, ticket.state) for ticket in tenant.tickets] == [
        ("old-name", "revoked"),
        ("new-name", "live"),
    ]


@pytest.mark.answers("the connection exists already (409)")
def test_a_connection_that_exists_is_a_conflict_and_no_failure(
    sqlite_ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(connections={"con_0000000000000001": "connection-2"})
    connect(tenant)
    made = factories.issuer(organizations(3), sqlite_ledger)
    asyncio.run(made.run())
    outcomes = factories.by_row(made.results())
    assert [outcomes[row]["status"] for row in (1, 2, 3)] == ["created", "conflict", "created"]
    assert "already exists" in outcomes[2]["error"]
    assert outcomes[2]["ticket_url"] == ""
    made.raise_if_incomplete()
    tenant.reset()
    assert factories.statuses(issue(organizations(3), sqlite_ledger)) == {"created": 2, "conflict": 1}
    assert tenant.stats().requests == 0, "a retry does not ask again"
    issue(organizations(3), sqlite_ledger, SECOND_RUN)
    assert tenant.stats().by_status == {409: 1}, "another run does"


def test_a_row_that_auth0_refuses_fails_alone_and_is_named(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    bad = request(2, body={"connection_config": {"name": "not a valid name"}})
    made = factories.issuer([organization(request(1), bad, request(3))], sqlite_ledger)
    asyncio.run(made.run())
    outcomes = factories.by_row(made.results())
    assert [outcomes[row]["status"] for row in (1, 2, 3)] == ["created", "failed", "created"]
    assert "Payload validation error" in outcomes[2]["error"]
    assert outcomes[2]["duplicate_possible"] is False
    with pytest.raises(
        Auth0RowError, match=r"1 of 3 rows failed, 0 were not attempted\. row 2: .*Then clear this task or run again"
    ):
        made.raise_if_incomplete()


@pytest.mark.parametrize("odd", ["\\ud83d", "\\u0000"], ids=["half a character", "NUL"])
def test_a_refusal_in_signs_that_no_database_takes_is_written_down_like_any_other(
    ledger: Ledger, tenant: Sandbox, odd: str
) -> None:
    text = f'{{"message": "\'name\' is too long: caf{odd}"}}'
    tenant.fault("fail_match", connection_name="connection-2", status=400, text=text)
    outcomes = issue(organizations(20), ledger)
    assert factories.statuses(outcomes) == {"created": 19, "failed": 1}
    assert "'name' is too long: caf\ufffd" in outcomes[2]["error"]
    assert outcomes[2]["duplicate_possible"] is False


def test_a_profile_that_does_not_exist_is_the_runs_error(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    made = factories.issuer(organizations(30), sqlite_ledger, profile_id="ssp_unknown00000001")
    with pytest.raises(Auth0ProfileError, match="Set profile_id"):
        asyncio.run(made.run())
    assert tenant.stats().tickets == 0


def test_a_rows_own_profile_that_does_not_exist_is_the_rows_error(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    strange = request(2, profile_id="ssp_unknown00000001")
    outcomes = issue([organization(request(1), strange, request(3))], sqlite_ledger)
    assert [outcomes[row]["status"] for row in (1, 2, 3)] == ["created", "failed", "created"]
    assert "ssp_unknown00000001" in outcomes[2]["error"]


def test_a_row_that_can_not_be_sent_fails_alone_and_makes_no_duplicate(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    odd = request(2, custom_domain="a.example\r\nx: y")
    outcomes = issue([organization(request(1), odd, request(3))], sqlite_ledger)
    assert [outcomes[row]["status"] for row in (1, 2, 3)] == ["created", "failed", "created"]
    assert outcomes[2]["duplicate_possible"] is False
    assert factories.posts(tenant) == 2


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
    made = factories.issuer(rows, sqlite_ledger, SECOND_RUN, reissue=True)
    asyncio.run(made.run())
    outcomes = factories.by_row(made.results())
    assert factories.statuses(outcomes) == {"created": 9, "failed": 1}
    assert [outcome["error"].count(message) for outcome in outcomes.values()].count(1) == 1
    with pytest.raises(Auth0RowError, match="1 of 10 rows failed, 0 were not attempted"):
        made.raise_if_incomplete()


def test_a_runs_error_stops_the_others_which_say_why_they_were_not_attempted(
    sqlite_ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(scopes=("delete:sso_access_tickets",))
    connect(tenant)
    hook = factories.open_hook(sqlite_ledger, rate=0.7)  # four in flight
    made = factories.issuer(organizations(60), sqlite_ledger, hook=hook)
    with pytest.raises(Auth0RunError, match="Grant the application the scope"):
        asyncio.run(made.run())
    outcomes = factories.by_row(made.results())
    found = factories.statuses(outcomes)
    assert set(found) == {"failed", "not_attempted"}
    assert 1 <= found["failed"] <= 4
    assert factories.posts(tenant) == found["failed"]
    assert all("insufficient_scope" in outcome["error"] for outcome in outcomes.values())
    assert not any(outcome["duplicate_possible"] for outcome in outcomes.values())


def test_after_the_settings_are_mended_a_retry_asks_for_all_that_is_owed(
    sqlite_ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    connect(run_tenant(scopes=("delete:sso_access_tickets",)))
    made = factories.issuer(organizations(5), sqlite_ledger)
    with pytest.raises(Auth0RunError):
        asyncio.run(made.run())
    mended = run_tenant(profile_ids=("ssp_sandbox0000000001",))
    connect(mended)
    assert factories.statuses(issue(organizations(5), sqlite_ledger)) == {"created": 5}


def test_rows_that_repeat_a_prospect_share_its_ticket_and_name_the_row(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    twin = request(2, prospect="prospect-1@example.com", name="connection-1")
    outcomes = issue([organization(request(1), twin, request(3))], sqlite_ledger)
    assert [outcomes[row]["status"] for row in (1, 2, 3)] == ["created", "reused", "created"]
    assert outcomes[2]["ticket_url"] == outcomes[1]["ticket_url"]
    assert outcomes[2]["error"] == "Repeats row 1: one prospect, one ticket."
    assert tenant.stats().tickets == 2


def test_a_row_that_repeats_a_prospect_with_another_request_is_told_that_it_is_not_asked_for(
    sqlite_ledger: Ledger, tenant: Sandbox
) -> None:
    twin = request(2, prospect="prospect-1@example.com", name="another-name")
    outcomes = issue([organization(request(1), twin)], sqlite_ledger)
    assert outcomes[2]["error"].endswith("What differs from that row is not asked for.")
    assert tenant.stats().tickets == 1


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


def test_a_dry_run_sends_nothing_not_even_for_a_token_and_writes_nothing(
    sqlite_ledger: Ledger, tenant: Sandbox
) -> None:
    outcomes = issue(organizations(5), sqlite_ledger, dry_run=True)
    assert factories.statuses(outcomes) == {"planned": 5}
    assert (tenant.stats().requests, tenant.stats().token_requests) == (0, 0)
    assert sqlite_ledger.entries_of_run(FIRST_RUN.run) == []


def test_a_dry_run_tells_what_would_be_reused_and_what_replaced(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    issue(organizations(2), sqlite_ledger)
    wanted = organizations(3)
    assert factories.statuses(issue(wanted, sqlite_ledger, SECOND_RUN, dry_run=True)) == {"reused": 2, "planned": 1}
    replaced = issue(wanted, sqlite_ledger, SECOND_RUN, dry_run=True, reissue=True)
    assert factories.statuses(replaced) == {"planned": 3}
    assert not any(outcome["ticket_url"] for outcome in replaced.values())
    assert factories.posts(tenant) == 2
    assert factories.revocations(tenant) == 0


def test_the_rows_custom_domain_goes_before_the_connections(
    sqlite_ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(custom_domains=("a.example.com", "b.example.com"))
    connect(tenant)
    wanted = [organization(request(1), request(2, custom_domain="b.example.com"))]
    outcomes = issue(wanted, sqlite_ledger, custom_domain="a.example.com")
    assert [outcomes[row]["ticket_url"].split("/")[2] for row in (1, 2)] == ["a.example.com", "b.example.com"]


class _LateLedger(Ledger):
    """Somebody else asks for the prospect while the answer is on its way."""

    def record_created(self, entry: Entry, ticket: SsoTicket, *, sent_at: float, ttl: float) -> Entry:
        if entry.run == FIRST_RUN.run and not hasattr(self, "theirs"):
            spec = factories.spec(request(1))
            intent = super().begin(spec, entry, SECOND_RUN, answer_within=30)
            answer = SsoTicket("https://acme.example.com/self-service/connections-flow?ticket=theirs")
            self.theirs = super().record_created(intent, answer, sent_at=sent_at, ttl=ttl)
            raise StaleEntryError(entry.key)
        return super().record_created(entry, ticket, sent_at=sent_at, ttl=ttl)


def test_an_answer_that_comes_after_somebody_else_has_asked_is_revoked_and_theirs_counts(
    ledger_url: str, tenant: Sandbox
) -> None:
    ledger = _LateLedger(ledger_url)
    outcome = issue([organization(request(1))], ledger)[1]
    assert outcome["ticket_id"] == "theirs"
    assert outcome["status"] == "reused"
    assert outcome["duplicate_possible"] is True
    assert tenant.stats().states == {"revoked": 1}
    ledger.close()


def test_an_answer_that_comes_too_late_and_cannot_be_revoked_ends_nothing_and_is_flagged(
    ledger_url: str, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(scopes=("create:sso_access_tickets",))
    connect(tenant)
    ledger = _LateLedger(ledger_url)
    outcome = issue([organization(request(1))], ledger)[1]
    assert (outcome["status"], outcome["ticket_id"], outcome["duplicate_possible"]) == ("reused", "theirs", True)
    assert tenant.stats().states == {"live": 1}
    ledger.close()


def test_two_tasks_that_ask_for_the_same_prospects_at_once_make_one_ticket_each(
    ledger: Ledger, tenant: Sandbox
) -> None:
    wanted = organizations(20)
    one, two = (factories.issuer(wanted, ledger, attempt) for attempt in (FIRST_RUN, SECOND_RUN))

    async def both() -> None:
        await asyncio.gather(one.run(), two.run())

    asyncio.run(both())
    assert tenant.stats().tickets == 20
    found = [factories.by_row(made.results()) for made in (one, two)]
    assert sorted(found[0]) == sorted(found[1])
    for row in found[0]:
        assert {outcomes[row]["status"] for outcomes in found} == {"created", "reused"}
        assert found[0][row]["ticket_url"] == found[1][row]["ticket_url"]


def test_stopped_in_the_middle_what_is_under_way_is_answered_and_written_down(
    ledger_url: str, run_tenant: RunTenant, connect: Connect
) -> None:
    ledger = Ledger(ledger_url)
    tenant = run_tenant(latency=(0.05, 0.05))
    connect(tenant)
    hook = factories.open_hook(ledger, rate=1.4, rested=True)  # seven in flight
    made = factories.issuer(organizations(60), ledger, hook=hook)
    hook.on_request = lambda: made.stop("told to")

    async def main() -> set[asyncio.Task[Any]]:
        await made.run()
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    assert asyncio.run(main()) == set()
    outcomes = factories.by_row(made.results())
    found = factories.statuses(outcomes)
    assert set(found) == {"created", "not_attempted"}
    assert found["created"] == tenant.stats().tickets == factories.posts(tenant) <= 7
    assert factories.recorded(ledger) == factories.living(tenant)
    assert {outcome["error"] for outcome in outcomes.values() if outcome["status"] == "not_attempted"} == {"told to"}
    with pytest.raises(Auth0TransientError, match=r"0 of 60 rows failed, \d+ were not attempted.*told to"):
        made.raise_if_incomplete()
    ledger.close()


@pytest.mark.parametrize("secret", ["connections-flow", "?ticket="])
def test_no_error_and_no_repr_shows_a_ticket(
    sqlite_ledger: Ledger, tenant: Sandbox, capsys: pytest.CaptureFixture[str], secret: str
) -> None:
    made = factories.issuer(organizations(5), sqlite_ledger)
    asyncio.run(made.run())
    logged = capsys.readouterr().out
    assert "Rows by status" in logged
    assert secret not in logged
    assert not [outcome for outcome in factories.by_row(made.results()).values() if secret in repr(Outcome(**outcome))]
    assert not any(ticket.id in logged for ticket in tenant.tickets)
