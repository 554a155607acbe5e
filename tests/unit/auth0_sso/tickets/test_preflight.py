"""What would make every ticket of a run fail is found before anything is sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import BaseOperator
from auth0_sso.exceptions import (
    Auth0ConnectionError,
    Auth0ProfileError,
    Auth0RunError,
    Auth0TransientError,
    LedgerError,
)
from auth0_sso.ledger.records import OPEN_LIFETIME
from auth0_sso.ledger.retention import KEEP_DAYS_VARIABLE
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.tickets.preflight import LEDGER_ID_KEY, check_before_creating, check_before_revoking
from cryptography.fernet import Fernet

from dev.sandbox.server import Sandbox
from tests.support import databases, factories
from tests.unit.auth0_sso.conftest import Connect, RunTenant

CREATING = {"max_mapped_tasks": 128, "profile_id": "", "on_existing": "reuse", "dry_run": False}
REVOKING = {"max_mapped_tasks": 16, "dry_run": False}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, auth0_connection: dict[str, Any]) -> None:
    monkeypatch.setenv("SSO_TICKETS_LEDGER", str(tmp_path / "ledger.db"))


@pytest.fixture
def ti() -> factories.TaskInstance:
    return factories.TaskInstance(BaseOperator(task_id="plan_fan_out"))


def test_when_all_is_well_the_ledgers_identity_is_pushed(ti: factories.TaskInstance) -> None:
    check_before_creating(ti, CREATING, {""})
    ledger = open_ledger()
    assert ti.pushed == {LEDGER_ID_KEY: ledger.identity}
    ledger.close()


@pytest.mark.parametrize(
    ("check", "params"), [(check_before_creating, [CREATING, {""}]), (check_before_revoking, [REVOKING])]
)
def test_after_a_change_of_the_fernet_key_the_ledger_is_encrypted_anew(
    ti: factories.TaskInstance, fernet: str, check: Callable[..., None], params: list[Any]
) -> None:
    ledger = open_ledger()
    factories.issue(factories.organizations(1), ledger)
    ledger.close()
    new = Fernet.generate_key().decode()
    databases.use_fernet_key(f"{new},{fernet}")
    check(ti, *params)
    databases.use_fernet_key(new)
    ledger = open_ledger()
    assert [entry.ticket is not None for entry in ledger.live_entries()] == [True]
    ledger.close()


def test_the_profiles_of_rows_parameter_and_connection_are_each_looked_at_once(
    ti: factories.TaskInstance, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(profile_ids=("ssp_sandbox0000000001", "ssp_sandbox0000000002"))
    connect(tenant)
    check_before_creating(ti, CREATING, {"", "ssp_sandbox0000000002", "ssp_sandbox0000000001"})
    assert [(seen.method, seen.status) for seen in tenant.requests] == [("GET", 200)] * 2


def test_the_parameters_profile_goes_before_the_connections(ti: factories.TaskInstance) -> None:
    with pytest.raises(Auth0ProfileError, match=r"ssp_unknown00000001.*Set profile_id"):
        check_before_creating(ti, {**CREATING, "profile_id": "ssp_unknown00000001"}, {""})
    assert ti.pushed == {}


@pytest.mark.parametrize("odd", ["..", "ssp_1\n", "s" * 256])
def test_what_can_be_no_profile_is_named_before_a_token_is_asked_for(
    ti: factories.TaskInstance, tenant: Sandbox, odd: str
) -> None:
    with pytest.raises(Auth0ProfileError, match=r"can be no self-service profile.*Set profile_id"):
        check_before_creating(ti, {**CREATING, "profile_id": odd}, {""})
    assert tenant.stats().token_requests == 0


def test_a_rows_unknown_profile_is_found(ti: factories.TaskInstance) -> None:
    with pytest.raises(Auth0ProfileError, match="ssp_unknown00000001"):
        check_before_creating(ti, CREATING, {"", "ssp_unknown00000001"})


def test_without_the_scope_to_read_profiles_they_are_not_looked_at(
    ti: factories.TaskInstance, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(scopes=("create:sso_access_tickets", "delete:sso_access_tickets"))
    connect(tenant)
    check_before_creating(ti, CREATING, {"ssp_unknown00000001"})
    assert tenant.stats().requests == 0


def test_no_profile_at_all_is_named_before_a_token_is_asked_for(
    ti: factories.TaskInstance, tenant: Sandbox, connect: Connect
) -> None:
    connect(tenant, extra={"profile_id": ""})
    with pytest.raises(Auth0RunError, match="No self-service profile is named"):
        check_before_creating(ti, CREATING, {"ssp_sandbox0000000001", ""})
    assert tenant.stats().token_requests == 0


def test_rows_that_all_name_their_profile_need_no_other(
    ti: factories.TaskInstance, tenant: Sandbox, connect: Connect
) -> None:
    connect(tenant, extra={"profile_id": ""})
    check_before_creating(ti, CREATING, {"ssp_sandbox0000000001"})


@pytest.mark.parametrize("check", [lambda ti, params: check_before_creating(ti, params, {""}), check_before_revoking])
def test_more_mapped_tasks_than_airflow_maps_are_refused_with_the_number(
    ti: factories.TaskInstance, tenant: Sandbox, check: Callable[..., None]
) -> None:
    with pytest.raises(Auth0RunError, match=r"max_mapped_tasks is 1025.*at most 1024.*Lower max_mapped_tasks to 1024"):
        check(ti, {**CREATING, "max_mapped_tasks": 1025})
    assert tenant.stats().token_requests == 0


@pytest.mark.answers("wrong secret, missing scope, unknown profile")
def test_a_missing_scope_is_named_with_where_to_grant_it(
    ti: factories.TaskInstance, run_tenant: RunTenant, connect: Connect
) -> None:
    connect(run_tenant(scopes=("read:self_service_profiles",)))
    with pytest.raises(
        Auth0RunError, match=r"lacks the scope create:sso_access_tickets.*Grant the application the scope"
    ):
        check_before_creating(ti, CREATING, {""})


def test_on_existing_reissue_needs_the_scope_to_revoke(
    ti: factories.TaskInstance, run_tenant: RunTenant, connect: Connect
) -> None:
    connect(run_tenant(scopes=("create:sso_access_tickets",)))
    check_before_creating(ti, CREATING, {""})
    with pytest.raises(Auth0RunError, match="lacks the scope delete:sso_access_tickets"):
        check_before_creating(ti, {**CREATING, "on_existing": "reissue"}, {""})


def test_revoking_needs_the_scope_to_revoke_and_no_other(
    ti: factories.TaskInstance, run_tenant: RunTenant, connect: Connect
) -> None:
    connect(run_tenant(scopes=("delete:sso_access_tickets",)))
    check_before_revoking(ti, REVOKING)
    assert list(ti.pushed) == [LEDGER_ID_KEY]
    connect(run_tenant(scopes=("create:sso_access_tickets",)))
    with pytest.raises(Auth0RunError, match="lacks the scope delete:sso_access_tickets"):
        check_before_revoking(ti, REVOKING)


def test_a_wrong_secret_is_found(ti: factories.TaskInstance, tenant: Sandbox, connect: Connect) -> None:
    connect(tenant, password="not the secret")
    with pytest.raises(Auth0RunError, match=r"password \(client secret\)") as raised:
        check_before_creating(ti, CREATING, {""})
    assert "not the secret" not in str(raised.value)


def test_a_tenant_out_of_reach_is_the_weather(ti: factories.TaskInstance, tenant: Sandbox, connect: Connect) -> None:
    connect(tenant, host="http://127.0.0.1:1")
    with pytest.raises(Auth0TransientError, match=r"No connection to 127\.0\.0\.1:1"):
        check_before_creating(ti, CREATING, {""})


def test_a_missing_connection_says_how_to_make_it(ti: factories.TaskInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_AUTH0_DEFAULT")
    with pytest.raises(Auth0ConnectionError, match="AIRFLOW_CONN_AUTH0_DEFAULT"):
        check_before_creating(ti, CREATING, {""})


def test_a_missing_fernet_key_is_found(ti: factories.TaskInstance) -> None:
    databases.use_fernet_key("")
    with pytest.raises(LedgerError, match="no Fernet key"):
        check_before_creating(ti, CREATING, {""})


def test_a_dry_run_sends_nothing_but_is_checked_all_the_same(
    ti: factories.TaskInstance, tenant: Sandbox, connect: Connect
) -> None:
    check_before_creating(ti, {**CREATING, "dry_run": True}, {""})
    check_before_revoking(ti, {**REVOKING, "dry_run": True})
    assert (tenant.stats().requests, tenant.stats().token_requests) == (0, 0)
    assert list(ti.pushed) == [LEDGER_ID_KEY]
    connect(tenant, extra={"profile_id": ""})
    with pytest.raises(Auth0RunError, match="No self-service profile"):
        check_before_creating(ti, {**CREATING, "dry_run": True}, {""})


@pytest.fixture
def dead_url(tmp_path: Path) -> Iterator[Callable[[], bool]]:
    """Issue a link that has been dead for eight days; return whether the ledger still has its URL."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    factories.issue(factories.organizations(1), ledger)
    (entry,) = ledger.live_entries()
    ledger.record_created(entry, entry.ticket, sent_at=time.time() - 8 * 86_400 - OPEN_LIFETIME, ttl=0)  # type: ignore[arg-type]
    yield lambda: ledger.entries([entry.key])[entry.key].ticket is not None
    ledger.close()


@pytest.mark.parametrize(("days", "kept"), [("", True), ("9", True), ("7", False), ("0", False)])
@pytest.mark.parametrize(
    "check", [lambda ti: check_before_creating(ti, CREATING, {""}), lambda ti: check_before_revoking(ti, REVOKING)]
)
def test_each_run_removes_the_urls_of_links_that_have_been_dead_for_so_long(
    ti: factories.TaskInstance,
    monkeypatch: pytest.MonkeyPatch,
    dead_url: Callable[[], bool],
    check: Callable[[Any], None],
    days: str,
    kept: bool,
) -> None:
    monkeypatch.setenv(KEEP_DAYS_VARIABLE, days)
    check(ti)
    assert dead_url() is kept


def test_a_dry_run_removes_none(
    ti: factories.TaskInstance, monkeypatch: pytest.MonkeyPatch, dead_url: Callable[[], bool]
) -> None:
    monkeypatch.setenv(KEEP_DAYS_VARIABLE, "0")
    check_before_creating(ti, {**CREATING, "dry_run": True}, {""})
    assert dead_url()


def test_a_number_of_days_that_is_none_is_found_before_anything_is_sent(
    ti: factories.TaskInstance, monkeypatch: pytest.MonkeyPatch, tenant: Sandbox
) -> None:
    monkeypatch.setenv(KEEP_DAYS_VARIABLE, "a month")
    with pytest.raises(LedgerError, match="SSO_TICKETS_KEEP_DEAD_URLS_DAYS is 'a month'"):
        check_before_creating(ti, CREATING, {""})
    assert tenant.stats().token_requests == 0


def test_the_token_it_fetches_is_the_one_that_the_tasks_use(
    ti: factories.TaskInstance, tenant: Sandbox, tmp_path: Path
) -> None:
    check_before_creating(ti, CREATING, {""})
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    factories.issue(factories.organizations(3), ledger)
    ledger.close()
    assert tenant.stats().token_requests == 1
