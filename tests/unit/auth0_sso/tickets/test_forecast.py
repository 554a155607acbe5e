"""What a run will do is said before anything is sent, from the ledger."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import TENANT, Forecast, TicketRequest
from auth0_sso.tickets.forecast import forecast
from auth0_sso.tickets.preflight import RunOptions

from dev.sandbox.server import Sandbox
from tests.support import databases, factories
from tests.unit.auth0_sso.conftest import Connect

ledger = databases.default_ledger
pytestmark = pytest.mark.usefixtures("auth0_connection", "ledger")


@pytest.fixture(autouse=True)
def slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"AIRFLOW_VAR_{TENANT.slots_variable.upper()}", "4 slots")


def test_it_counts_prospects_requests_and_the_seconds_they_take_at_the_pools_rate_and_sends_nothing(
    ledger: Ledger, tenant: Sandbox, connect: Connect
) -> None:
    connect(tenant, extra={"requests_per_slot": 2.5})
    factories.issue(factories.organizations(5), ledger)
    tenant.reset()
    rows = rows_of(15)
    rows[0].body["use_for_organization_discovery"] = True
    rows.append(replace(rows[1], row=16))
    counts = {"prospects": 15, "create": 10, "edit": 0, "reuse": 4, "replace": 1, "finished": 0, "conflict": 0}
    expected = {**counts, "requests": 12, "seconds": 1.2}
    assert foresee(rows, tasks=9) == expected
    assert foresee(rows, tasks=2) == {**expected, "seconds": 2.4}, "a task has one slot"
    assert foresee(rows, tasks=9, on_existing="reissue")["replace"] == 5
    assert foresee(rows, tasks=9, profile_id="ssp_another")["reuse"] == 0
    assert tenant.stats().requests == 0


@pytest.mark.parametrize("known", ["0 slots", "-1 slots", "many", "²", ""])
def test_without_a_number_of_slots_the_seconds_are_not_known(monkeypatch: pytest.MonkeyPatch, known: str) -> None:
    monkeypatch.setenv(f"AIRFLOW_VAR_{TENANT.slots_variable.upper()}", known)
    assert foresee(rows_of(1))["seconds"] is None


def test_valid_links_that_changed_rows_would_revoke_are_listed_by_row(ledger: Ledger) -> None:
    factories.issue(factories.organizations(5), ledger)
    rows = rows_of(6)
    for row in (rows[1], rows[3]):
        row.body["use_for_organization_discovery"] = True
    found = look_ahead(rows)
    assert [line.partition(": ")[0] for line in found.revocations] == ["row 2", "row 4"]
    assert found.revocations[0].startswith("row 2: prospect-2@example.com has a valid link until 2")
    assert len(look_ahead(rows, on_existing="reissue").revocations) == 5


@pytest.mark.answers("a prospect's address is corrected, or another person sets up the same connection")
def test_a_valid_link_that_another_prospect_has_for_the_connection_is_named(ledger: Ledger) -> None:
    factories.issue([factories.organization(factories.request(1, name="acme"))], ledger)
    corrected = [factories.request(2, name="acme")]
    (warning,) = look_ahead(corrected).warnings
    assert warning.startswith("row 2: prospect-1@example.com has a valid link for this connection until 2")
    assert warning.endswith("; revoke it on the page Customers if it must not work")
    found = look_ahead(corrected, one_link_per_connection=True)
    assert found.warnings[0].endswith("; it is revoked first")
    assert [line.partition(": ")[0] for line in found.revocations] == ["row 2"]
    assert found.counts.requests == 2


def test_of_many_such_links_twenty_are_named(ledger: Ledger) -> None:
    factories.issue([factories.organization(*(factories.request(row, name="acme") for row in range(1, 26)))], ledger)
    warnings = look_ahead([factories.request(30, name="acme")]).warnings
    assert len(warnings) == 21
    assert warnings[-1] == "5 more rows have such a second valid link"


@pytest.mark.parametrize(("strategies", "expected"), [({}, 0), ({"okta", "google-apps"}, 0), ({"okta"}, 1)])
def test_google_workspace_needs_a_profile_that_allows_it(strategies: set[str], expected: int) -> None:
    rows = rows_of(3)
    rows[1].body["provisioning_config"] = {"google_workspace": {"sync_users": True}}
    known = {"ssp_sandbox0000000001": strategies} if strategies else {}
    warnings = look_ahead(rows, known).warnings
    assert len(warnings) == expected
    assert all("Auth0 refuses google_workspace (row 2)" in warning for warning in warnings)


@pytest.mark.parametrize(("run", "connection", "expected"), [([], "", False), (["a"], "", True), ([], "a;b", True)])
def test_it_says_whether_requests_without_clients_get_some(
    tenant: Sandbox, connect: Connect, run: list[str], connection: str, expected: bool
) -> None:
    connect(tenant, extra={"enabled_clients": connection})
    assert look_ahead(rows_of(1), enabled_clients=run).has_default_clients is expected


def rows_of(count: int) -> list[TicketRequest]:
    return [request for organization in factories.organizations(count) for request in organization.requests]


def foresee(rows: list[TicketRequest], tasks: int = 1, **params: Any) -> dict[str, Any]:
    found = look_ahead(rows, **params)
    seconds = found.capacity.seconds(found.counts.requests, tasks)
    return {**asdict(found.counts), "seconds": seconds}


def look_ahead(rows: list[TicketRequest], strategies: Any = None, **options: Any) -> Forecast:
    run = factories.TaskInstance(None, "run-2").context["dag_run"]
    return forecast(rows, run, TENANT, RunOptions(**options), strategies or {})
