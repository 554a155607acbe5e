"""Revoking what the ledger knows: each ticket is revoked, and the ledger says so."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.exceptions import Auth0RowError, Auth0RunError, Auth0TransientError
from auth0_sso.ledger.records import Entry, RunAttempt
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import REVOCATION_COLUMNS, IssuedTicket

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.support.factories import SECOND_RUN, issue, organizations
from tests.unit.auth0_sso.conftest import Connect, RunTenant

RUN = "revoke_sso_tickets/run-1"

pytestmark = pytest.mark.usefixtures("auth0_connection")


def tickets_of(entries: list[Entry]) -> list[IssuedTicket]:
    return [IssuedTicket(entry.key, entry.created_at or 0) for entry in entries]


def revoker_of(
    entries: list[Entry],
    ledger: Ledger,
    hook: factories.Hook | None = None,
    retry_budget: float = factories.SHORT.retry_budget,
    **options: Any,
) -> factories.Revoker:
    hook = hook or factories.open_hook(ledger, timeouts=replace(factories.SHORT, retry_budget=retry_budget))
    return factories.Revoker(tickets_of(entries), hook, ledger, RunAttempt(RUN), **options)


def run(revoker: factories.Revoker) -> list[dict[str, Any]]:
    asyncio.run(revoker.run())
    return revoker.results()


def statuses(results: list[dict[str, Any]]) -> Counter[str]:
    return Counter(result["status"] for result in results)


def test_each_ticket_is_revoked_and_the_ledger_says_by_which_run(ledger: Ledger, tenant: Sandbox) -> None:
    issue(organizations(20), ledger)
    revoker = revoker_of(ledger.live_entries(), ledger)
    results = run(revoker)
    assert statuses(results) == {"revoked": 20}
    assert tenant.stats().states == {"revoked": 20}
    assert ledger.live_entries() == []
    assert all(result["revoked_at"] >= result["created_at"] for result in results)
    keys = [entry.key for entry in ledger.entries_of_run(factories.FIRST_RUN.run)]
    assert {entry.revoked_by for entry in ledger.entries(keys).values()} == {RUN}
    revoker.raise_if_incomplete()


def test_the_results_have_the_revocation_reports_columns_with_the_ids_of_revoked_tickets(
    sqlite_ledger: Ledger, tenant: Sandbox
) -> None:
    issue(organizations(1), sqlite_ledger)
    (result,) = run(revoker_of(sqlite_ledger.live_entries(), sqlite_ledger))
    assert ", ".join(name for name in result if name not in ("key", "issued")) == ", ".join(REVOCATION_COLUMNS)
    assert result["ticket_id"] == tenant.tickets[0].id
    assert result["revoked_by"] == RUN


@pytest.mark.answers("the connection is to another tenant than the one that made a link")
@pytest.mark.parametrize("dry_run", [False, True], ids=["", "dry run"])
def test_a_ticket_of_another_tenant_is_not_taken_for_revoked(
    sqlite_ledger: Ledger, tenant: Sandbox, run_tenant: RunTenant, connect: Connect, dry_run: bool
) -> None:
    issue(organizations(1), sqlite_ledger)
    other = run_tenant()
    connect(other)
    issue(organizations(1), sqlite_ledger)
    revoker = revoker_of(sqlite_ledger.live_entries(), sqlite_ledger, dry_run=dry_run)
    results = run(revoker)
    assert statuses(results) == {"failed": 1, "planned" if dry_run else "revoked": 1}
    (failed,) = (result for result in results if result["status"] == "failed")
    assert f"127.0.0.1:{tenant.port}" in failed["error"]
    assert failed["ticket_id"] == ""
    assert factories.living(tenant) | factories.living(other) == factories.recorded(sqlite_ledger)
    assert factories.revocations(other) == (0 if dry_run else 1)
    with pytest.raises(Auth0RowError, match=r"1 of 2 .* not revoked \(organization org_1\)\. org_1: This link is"):
        revoker.raise_if_incomplete()


def test_of_many_tickets_that_are_not_revoked_the_error_names_twenty_organizations_and_says_why_for_five(
    sqlite_ledger: Ledger, tenant: Sandbox, run_tenant: RunTenant, connect: Connect
) -> None:
    issue(organizations(22, per_organization=1), sqlite_ledger)
    connect(run_tenant())
    entries = sqlite_ledger.live_entries()
    revoker = revoker_of(entries, sqlite_ledger)
    run(revoker)
    with pytest.raises(Auth0RowError) as error:
        revoker.raise_if_incomplete()
    named = [entry.organization_id for entry in entries]
    some = f"{', '.join(named[:20])} and 2 more"
    start = f"22 of 22 tickets are not revoked (organizations {some}). {named[0]}: This link is of"
    assert str(error.value).startswith(start)
    assert [f"{name}: " in str(error.value) for name in named[:6]] == [True] * 5 + [False]


@pytest.mark.parametrize("kind", ["drop_after", "error_after", "drop_before"])
def test_after_a_transient_error_it_is_done_again_since_revoking_twice_does_no_harm(
    ledger: Ledger, tenant: Sandbox, kind: str
) -> None:
    issue(organizations(2), ledger)
    tenant.fault(kind, count=2, route="revoke")  # type: ignore[arg-type]
    assert statuses(run(revoker_of(ledger.live_entries(), ledger))) == {"revoked": 2}
    assert tenant.stats().states == {"revoked": 2}
    assert ledger.live_entries() == []


def test_a_ticket_whose_revocation_is_unconfirmed_is_never_reused_and_the_next_try_revokes_it(
    sqlite_ledger: Ledger, tenant: Sandbox
) -> None:
    issue(organizations(1), sqlite_ledger)
    tenant.fault("drop_before", route="revoke", count=100)
    assert statuses(run(revoker_of(sqlite_ledger.live_entries(), sqlite_ledger, retry_budget=0.1))) == {"failed": 1}
    (entry,) = sqlite_ledger.live_entries()
    assert (entry.status, entry.is_valid(sqlite_ledger.now())) == ("revoking", False)
    tenant.clear_faults()
    assert statuses(run(revoker_of([entry], sqlite_ledger))) == {"revoked": 1}
    assert factories.living(tenant) == set()


def test_without_the_scope_the_others_are_not_attempted_and_say_why(
    sqlite_ledger: Ledger, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(scopes=("create:sso_access_tickets",))
    connect(tenant)
    issue(organizations(20), sqlite_ledger)
    hook = factories.open_hook(sqlite_ledger, rate=0.2, burst=1, rested=True)
    revoker = revoker_of(sqlite_ledger.live_entries(), sqlite_ledger, hook)
    with pytest.raises(Auth0RunError, match="lacks the scope delete:sso_access_tickets"):
        run(revoker)
    found = statuses(revoker.results())
    assert set(found) == {"failed", "not_attempted"}
    assert factories.revocations(tenant) == 0  # seen from the token, before anything is sent
    assert all("lacks the scope delete:sso_access_tickets" in result["error"] for result in revoker.results())


def test_a_ticket_that_another_run_has_replaced_meanwhile_is_not_touched(
    sqlite_ledger: Ledger, tenant: Sandbox
) -> None:
    issue(organizations(1), sqlite_ledger)
    seen = sqlite_ledger.live_entries()
    issue(organizations(1), sqlite_ledger, SECOND_RUN, reissue=True)
    revoker = revoker_of(seen, sqlite_ledger)
    (result,) = run(revoker)
    assert (result["status"], result["revoked_by"]) == ("replaced", SECOND_RUN.run)
    assert "has a newer link, which is left alone" in result["error"]
    assert len(factories.living(tenant)) == 1
    revoker.raise_if_incomplete()


@pytest.mark.answers("`revoke_sso_tickets` is run again")
def test_a_second_run_sends_nothing_and_reports_what_the_first_one_did(sqlite_ledger: Ledger, tenant: Sandbox) -> None:
    issue(organizations(3), sqlite_ledger)
    seen = sqlite_ledger.live_entries()
    first = run(revoker_of(seen, sqlite_ledger))
    again = factories.Revoker(
        tickets_of(seen), factories.open_hook(sqlite_ledger), sqlite_ledger, "revoke_sso_tickets/run-2"
    )
    assert run(again) == first
    assert {result["revoked_by"] for result in first} == {RUN}
    assert factories.revocations(tenant) == 3
    again.raise_if_incomplete()


@pytest.mark.answers("links are revoked while the run that makes them is still running")
@pytest.mark.parametrize("reissue", [False, True])
def test_revoking_while_a_run_issues_leaves_no_unknown_ticket_and_reuses_no_revoked_one(
    ledger: Ledger, tenant: Sandbox, reissue: bool
) -> None:
    first = issue(organizations(30), ledger)
    issuing = factories.issuer(organizations(30), ledger, SECOND_RUN, reissue=reissue)
    revoker = revoker_of(ledger.live_entries(), ledger)

    async def both() -> None:
        await asyncio.gather(issuing.run(), revoker.run())

    asyncio.run(both())
    reported, revoked = factories.by_row(issuing.results()), statuses(revoker.results())
    assert set(revoked) <= {"revoked", "replaced"}
    assert {outcome["ticket_id"] for outcome in first.values()}.isdisjoint(factories.living(tenant))
    assert factories.recorded(ledger) == factories.living(tenant)
    assert factories.living(tenant) <= {outcome["ticket_id"] for outcome in reported.values()}
    revoker.raise_if_incomplete()


def test_stopped_in_the_middle_what_is_under_way_is_answered_and_recorded(
    sqlite_ledger: Ledger, tenant: Sandbox
) -> None:
    issue(organizations(20), sqlite_ledger)
    hook = factories.open_hook(sqlite_ledger, rate=1.0, burst=5, rested=True)
    revoker = revoker_of(sqlite_ledger.live_entries(), sqlite_ledger, hook)
    hook.on_request = lambda: revoker.workers.stop("stopped")

    async def main() -> set[asyncio.Task[Any]]:
        await revoker.run()
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    assert asyncio.run(main()) == set()
    found = statuses(revoker.results())
    assert 1 <= found["revoked"] == tenant.stats().revoked == factories.revocations(tenant) <= 5
    assert found["not_attempted"] == 20 - found["revoked"]
    assert factories.recorded(sqlite_ledger) == factories.living(tenant)
    with pytest.raises(Auth0TransientError, match="stopped"):
        revoker.raise_if_incomplete()
