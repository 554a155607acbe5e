"""What would make every ticket of a run fail is found before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any
from unittest.mock import AsyncMock

import pytest
from airflow.sdk import BaseOperator
from auth0_sso.exceptions import Auth0ProfileError, Auth0RunError, LedgerError
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.models import OPEN_SECONDS, TENANT
from auth0_sso.tickets.preflight import KEEP_DAYS_VARIABLE, RunOptions, check_before_creating, check_before_revoking
from cryptography.fernet import Fernet

from dev.sandbox.server import Sandbox
from tests.support import databases, factories
from tests.unit.auth0_sso.conftest import Connect, RunTenant

REVOKING = {"dry_run": False}
CREATE, REVOKE, READ = "create:sso_access_tickets", "delete:sso_access_tickets", "read:self_service_profiles"

Check = Callable[..., str]

ledger = databases.default_ledger
pytestmark = pytest.mark.usefixtures("auth0_connection", "ledger")


@pytest.fixture
def ti() -> factories.TaskInstance:
    return factories.TaskInstance(BaseOperator(task_id="plan"))


def creating(ti: factories.TaskInstance, *profile_ids: str, **params: Any) -> str:
    return check_before_creating(ti, TENANT, set(profile_ids) or {""}, RunOptions(**params)).ledger_id


def revoking(ti: factories.TaskInstance, **params: Any) -> str:
    return check_before_revoking(ti, TENANT, **{**REVOKING, **params})


both = pytest.mark.parametrize("check", [creating, revoking])


@both
def test_if_nothing_is_wrong_the_ledgers_identity_is_returned(
    ti: factories.TaskInstance, ledger: Ledger, check: Check
) -> None:
    assert check(ti) == ledger.database.identity


@both
def test_a_dry_run_sends_nothing_but_is_checked_all_the_same(
    ti: factories.TaskInstance, tenant: Sandbox, connect: Connect, check: Check
) -> None:
    assert check(ti, dry_run=True)
    assert (tenant.stats().requests, tenant.stats().token_requests) == (0, 0)
    databases.use_fernet_key("")
    with pytest.raises(LedgerError, match="no Fernet key"):
        check(ti, dry_run=True)


def test_the_token_it_fetches_is_the_one_that_the_tasks_use(
    ti: factories.TaskInstance, tenant: Sandbox, ledger: Ledger
) -> None:
    creating(ti)
    factories.issue(factories.organizations(3), ledger)
    assert tenant.stats().token_requests == 1


class TestProfiles:
    def test_those_of_rows_run_and_connection_are_each_read_once(
        self, ti: factories.TaskInstance, run_tenant: RunTenant, connect: Connect
    ) -> None:
        tenant = run_tenant(profile_ids=("ssp_sandbox0000000001", "ssp_sandbox0000000002"))
        connect(tenant)
        creating(ti, "", "ssp_sandbox0000000002", "ssp_sandbox0000000001")
        assert [(seen.method, seen.status) for seen in tenant.requests] == [("GET", 200)] * 2

    @pytest.mark.parametrize(("rows", "run"), [("", "ssp_unknown00000001"), ("ssp_unknown00000001", "")])
    def test_an_unknown_one_is_an_error(self, ti: factories.TaskInstance, rows: str, run: str) -> None:
        with pytest.raises(Auth0ProfileError, match=r"ssp_unknown00000001.*Set profile_id"):
            creating(ti, "", rows, profile_id=run)
        assert ti.pushed == {}

    @pytest.mark.parametrize("odd", ["..", "ssp_1\n", "s" * 256])
    def test_a_malformed_one_is_found_before_a_token_is_requested(
        self, ti: factories.TaskInstance, tenant: Sandbox, odd: str
    ) -> None:
        with pytest.raises(Auth0ProfileError, match=r"can be no self-service profile.*Set profile_id"):
            creating(ti, profile_id=odd)
        assert tenant.stats().token_requests == 0

    def test_without_the_scope_they_are_not_read(
        self, ti: factories.TaskInstance, run_tenant: RunTenant, connect: Connect
    ) -> None:
        tenant = run_tenant(scopes=(CREATE, REVOKE))
        connect(tenant)
        creating(ti, "ssp_unknown00000001")
        assert tenant.stats().requests == 0

    def test_the_identity_providers_that_each_allows_are_returned(
        self, ti: factories.TaskInstance, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers: list[dict[str, Any]] = [{"allowed_strategies": ["okta"]}, {"allowed_strategies": None}, {}]
        profiles = AsyncMock(spec=Auth0Hook.get_self_service_profile, side_effect=answers)
        monkeypatch.setattr(Auth0Hook, "get_self_service_profile", profiles)
        checked = check_before_creating(ti, TENANT, {"ssp_1", "ssp_2", "ssp_3"}, RunOptions())
        assert checked.strategies == {"ssp_1": ["okta"]}

    def test_none_at_all_is_found_before_a_token_is_requested(
        self, ti: factories.TaskInstance, tenant: Sandbox, connect: Connect
    ) -> None:
        connect(tenant, extra={"profile_id": ""})
        with pytest.raises(Auth0RunError, match=r"No self-service profile is named.*connection 'auth0_default'"):
            creating(ti, "ssp_sandbox0000000001", "")
        assert tenant.stats().token_requests == 0
        creating(ti, "ssp_sandbox0000000001")  # if all rows have one, no other is needed


@pytest.mark.answers("wrong secret, missing scope, unknown profile")
@pytest.mark.parametrize(
    ("check", "params", "scopes", "missing"),
    [
        (creating, {}, (CREATE,), ""),
        (creating, {}, (READ,), CREATE),
        (creating, {"on_existing": "reissue"}, (CREATE,), REVOKE),
        (creating, {"one_link_per_connection": True}, (CREATE,), REVOKE),
        (revoking, {}, (REVOKE,), ""),
        (revoking, {}, (CREATE,), REVOKE),
    ],
)
def test_a_missing_scope_is_named_with_where_to_grant_it(
    ti: factories.TaskInstance,
    run_tenant: RunTenant,
    connect: Connect,
    check: Check,
    params: dict[str, Any],
    scopes: tuple[str, ...],
    missing: str,
) -> None:
    connect(run_tenant(scopes=scopes))
    if missing:
        with pytest.raises(Auth0RunError, match=f"lacks the scope {missing}.*Grant the application the scope"):
            check(ti, **params)
    else:
        assert check(ti, **params)


@both
def test_after_a_change_of_the_fernet_key_the_ledger_is_encrypted_with_the_new_one(
    ti: factories.TaskInstance, ledger: Ledger, fernet: str, check: Check
) -> None:
    factories.issue(factories.organizations(1), ledger)
    new = Fernet.generate_key().decode()
    databases.use_fernet_key(f"{new},{fernet}")
    check(ti)
    databases.use_fernet_key(new)
    with closing(open_ledger()) as opened:
        assert [entry.ticket is not None for entry in opened.live_entries()] == [True]


@pytest.mark.parametrize(
    ("days", "dry_run", "kept"),
    [("", False, True), ("9", False, True), (" 7 ", False, False), ("0", False, False), ("0", True, True)],
)
@both
def test_the_urls_of_tickets_that_expired_long_ago_are_removed(
    ti: factories.TaskInstance,
    monkeypatch: pytest.MonkeyPatch,
    ledger: Ledger,
    check: Check,
    days: str,
    dry_run: bool,
    kept: bool,
) -> None:
    factories.issue(factories.organizations(1), ledger)
    (entry,) = ledger.live_entries()
    factories.expire(ledger, entry, 8 * 86_400 + OPEN_SECONDS)
    monkeypatch.setenv(KEEP_DAYS_VARIABLE, days)
    check(ti, dry_run=dry_run)
    assert (ledger.entries([entry.key])[entry.key].ticket is not None) is kept


@pytest.mark.parametrize("text", ["-1", "1.5", "a month", "²", "30d"])
def test_a_wrong_number_of_days_is_found_before_anything_is_sent(
    ti: factories.TaskInstance, monkeypatch: pytest.MonkeyPatch, tenant: Sandbox, text: str
) -> None:
    monkeypatch.setenv(KEEP_DAYS_VARIABLE, text)
    with pytest.raises(LedgerError, match=r"KEEP_DEAD_URLS_DAYS is '.*'\. Set it to a whole number of days"):
        creating(ti)
    assert tenant.stats().token_requests == 0
