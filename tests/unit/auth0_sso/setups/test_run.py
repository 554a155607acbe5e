"""The tasks of a run that follows the setups: what is read and sent, and whose setups they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import TENANT, LinkState, Setup, SetupState
from auth0_sso.setups.follow import NoReadingScopeError
from auth0_sso.setups.run import SetupsRead, prospect_setups, read_setups

from dev.sandbox.server import Sandbox
from tests.support import databases
from tests.support.factories import FIRST_RUN, Issuer, Organization, TaskInstance, expire, open_hook
from tests.support.setups import prospects
from tests.unit.auth0_sso.conftest import Connect, RunTenant

default_ledger = databases.default_ledger

BASE = ("create:sso_access_tickets", "delete:sso_access_tickets")
SLOTS = 2
RATE = {"requests_per_slot": 100, "burst_per_slot": 100}


@pytest.fixture
def make_tenant(run_tenant: RunTenant, connect: Connect, default_ledger: Ledger) -> Callable[..., Sandbox]:
    """Run a tenant with the links of two prospects."""

    def make(**settings: Any) -> Sandbox:
        tenant = run_tenant(log_delay=(0, 0), **settings)
        connect(tenant, extra=RATE)
        requests = prospects("acme", "globex")
        organizations = [Organization(one.organization_id, one.organization_name, [one]) for one in requests]
        asyncio.run(Issuer(organizations, open_hook(default_ledger), default_ledger, FIRST_RUN).run())
        tenant._call(tenant._tenant.requests.clear)
        return tenant

    return make


def read(*, renew_token: bool = False, dry_run: bool = False, try_number: int = 1) -> tuple[SetupsRead, Any]:
    """Read as a task with two slots; return what it returns, and its instance."""
    ti: Any = TaskInstance(SimpleNamespace(pool_slots=SLOTS), try_number=try_number)
    return read_setups(ti, TENANT, renew_token=renew_token, dry_run=dry_run), ti


def test_a_dry_run_sends_nothing_and_says_so(make_tenant: Callable[..., Sandbox]) -> None:
    tenant = make_tenant()
    tenant.fault("expire_tokens")
    tokens = tenant.stats().token_requests
    found, _ = read(renew_token=True, dry_run=True)
    assert (tenant.requests, tenant.stats().token_requests) == ([], tokens)
    assert found.notes == ["Dry run: nothing was read, so this is what the ledger knew before."]
    assert (found.stats.requests, found.stats.sent) == (0, {})
    assert [one.setup.state for one in prospect_setups(TENANT)] == ["unknown", "unknown"]


def test_its_stats_are_what_was_sent(make_tenant: Callable[..., Sandbox]) -> None:
    tenant = make_tenant()
    tenant.fault("rate_limit_storm", route="logs")
    found, ti = read()
    assert (found.notes, found.stats.rate_limited) == ([], 1)
    assert found.stats.requests == sum(found.stats.sent.values()) == len(tenant.requests) == 1 + 1 + 2
    assert found.stats.started == ti.start_date.timestamp() < found.stats.finished
    assert (found.stats.rate, found.stats.burst) == (SLOTS * 100, SLOTS * 100)


@pytest.mark.parametrize(("renews", "states"), [(False, ["unknown", "unknown"]), (True, ["not_opened", "not_opened"])])
def test_only_where_it_is_wanted_a_token_is_renewed_that_lacks_a_scope(
    make_tenant: Callable[..., Sandbox], renews: bool, states: list[str]
) -> None:
    tenant = make_tenant(scopes=(*BASE, "read:connections"))
    granted = tenant._tenant.settings.model_copy(update={"scopes": (*BASE, "read:connections", "read:logs")})
    tenant._call(lambda: setattr(tenant._tenant, "settings", granted))
    before = tenant.stats().token_requests
    found, _ = read(renew_token=renews)
    assert tenant.stats().token_requests - before == renews
    assert [one.setup.state for one in prospect_setups(TENANT)] == states
    assert any("read:logs" in note for note in found.notes) != renews


def test_what_a_try_that_was_killed_has_found_out_is_a_change_for_the_next_try(
    make_tenant: Callable[..., Sandbox],
) -> None:
    make_tenant()
    killed, _ = read()
    again, _ = read()
    assert (killed.has_changed, again.has_changed) == (True, False), "a run of its own finds nothing new"
    next_try, _ = read(try_number=2)
    assert next_try.has_changed


def test_without_any_scope_the_error_says_what_to_grant(make_tenant: Callable[..., Sandbox]) -> None:
    tenant = make_tenant(scopes=BASE)
    with pytest.raises(NoReadingScopeError, match="none of the scopes read:logs"):
        read()
    assert tenant.requests == []


class TestTheProspects:
    def test_they_have_the_names_of_their_requests_the_worth_of_their_links_and_their_setups(
        self, make_tenant: Callable[..., Sandbox], default_ledger: Ledger
    ) -> None:
        tenant = make_tenant()
        before = prospect_setups(TENANT)
        read()
        (entry, _) = default_ledger.entries_of_tenant(tenant.domain)
        default_ledger.record_revoked(default_ledger.record_revoking(entry, "revoke_sso_tickets/run-1"))
        acme, globex = prospect_setups(TENANT)
        assert (acme.organization_id, acme.organization_name) == ("org_1", "Organization org_1")
        assert (acme.prospect_name, acme.prospect_email) == ("Prospect 1", "prospect-1@example.com")
        assert [one.connection_name for one in (acme, globex)] == ["acme", "globex"]
        assert [one.link for one in (acme, globex)] == [LinkState.REVOKED, LinkState.VALID]
        assert [one.created_at for one in (acme, globex)] == [one.created_at for one in before]
        assert [one.setup.state for one in (acme, globex)] == [SetupState.NOT_OPENED] * 2
        assert acme.updated_at is not None

    def test_a_link_is_worth_what_it_is_worth_now(
        self, make_tenant: Callable[..., Sandbox], default_ledger: Ledger
    ) -> None:
        tenant = make_tenant()
        (_, globex) = default_ledger.entries_of_tenant(tenant.domain)
        expire(default_ledger, globex, ago=1)
        assert [one.link for one in prospect_setups(TENANT)] == [LinkState.VALID, LinkState.EXPIRED]

    def test_a_setup_that_nobody_has_looked_at_is_unknown(self, make_tenant: Callable[..., Sandbox]) -> None:
        make_tenant()
        unknown = [(one.setup, one.updated_at, one.link) for one in prospect_setups(TENANT)]
        assert unknown == [(Setup(SetupState.UNKNOWN), None, LinkState.VALID)] * 2

    def test_those_of_another_tenant_are_none_of_them(
        self, make_tenant: Callable[..., Sandbox], run_tenant: RunTenant, connect: Connect
    ) -> None:
        make_tenant()
        connect(run_tenant(), extra=RATE)
        assert prospect_setups(TENANT) == []
