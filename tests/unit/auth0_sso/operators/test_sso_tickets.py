"""The operators: which tickets they create or revoke, and what they push."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from auth0_sso.exceptions import Auth0ProfileError, Auth0RowError
from auth0_sso.ledger.store import Ledger
from auth0_sso.operators.sso_tickets import RevokeSsoTicketsOperator

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.unit.auth0_sso.operators.conftest import create, execute, statuses


def test_it_pushes_and_returns_one_entry_an_organization_with_its_tickets(tmp_path: Path, tenant: Sandbox) -> None:
    ti = execute(create(batch=factories.batch_file(tmp_path, factories.organizations(7, per_organization=3))))
    assert ti.raised is None
    assert ti.returned == ti.pushed["return_value"]
    assert [entry["organization_id"] for entry in ti.pushed["return_value"]] == ["org_1", "org_4", "org_7"]
    outcomes = factories.by_row(ti.returned).values()
    assert {outcome["ticket_id"] for outcome in outcomes} == factories.living(tenant)
    json.dumps(ti.pushed)


def test_a_retry_sends_only_what_is_not_finished(batch: dict[str, str], tenant: Sandbox) -> None:
    tenant.fault("drop_before", count=3, connection_name="connection-2")
    execute(create(batch=batch))
    tenant.reset()
    assert statuses(execute(create(batch=batch))) == {"created": 3}
    assert factories.posts(tenant) == 1


def test_the_profile_of_the_parameter_goes_before_the_connections(batch: dict[str, str]) -> None:
    error = execute(create(batch=batch, profile_id="ssp_unknown00000001")).raised
    assert isinstance(error, Auth0ProfileError)
    assert "ssp_unknown00000001" in str(error)


def test_on_existing_reissue_replaces_the_tickets_of_an_earlier_run(batch: dict[str, str], tenant: Sandbox) -> None:
    execute(create(batch=batch))
    assert statuses(execute(create(batch=batch), run_id="run-2")) == {"reused": 3}
    assert statuses(execute(create(batch=batch, on_existing="reissue"), run_id="run-2")) == {"created": 3}
    assert tenant.stats().states == {"revoked": 3, "live": 3}


def test_a_dry_run_sends_and_records_nothing(batch: dict[str, str], tenant: Sandbox, ledger: Ledger) -> None:
    assert statuses(execute(create(batch=batch, plan_only="True"))) == {"planned": 3}
    assert (tenant.stats().requests, tenant.stats().token_requests) == (0, 0)
    assert ledger.entries_of_run("create_sso_tickets/run-1") == []


def test_nothing_that_is_logged_shows_a_ticket(
    batch: dict[str, str], tenant: Sandbox, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    tenant.fault("drop_after")
    execute(create(batch=batch))
    out, err = capfd.readouterr()
    assert tenant.tickets
    assert not any(ticket.id in caplog.text + out + err for ticket in tenant.tickets)


@pytest.fixture
def tickets_file(batch: dict[str, str], tmp_path: Path, ledger: Ledger) -> dict[str, str]:
    """Name all live tickets, as the selection does."""
    execute(create(batch=batch))
    tickets = [{"key": entry.key, "created_at": entry.created_at} for entry in ledger.live_entries()]
    (tmp_path / "tickets.json").write_text(json.dumps({"label": "Acme", "tickets": tickets}))
    return {"label": "Acme", "batch": str(tmp_path / "tickets.json")}


def test_revoking_pushes_the_revocation_reports_rows(tickets_file: dict[str, str], tenant: Sandbox) -> None:
    ti = execute(RevokeSsoTicketsOperator(task_id="revoke_tickets", batch=tickets_file))
    assert ti.raised is None
    assert [row["status"] for row in ti.pushed["return_value"]] == ["revoked"] * 3
    assert [one["requests"] for one in ti.pushed["stats"]] == [3]
    assert tenant.stats().revoked == 3


def test_revoking_fails_after_all_was_pushed(tickets_file: dict[str, str], tenant: Sandbox) -> None:
    tenant.fault("error_before", status=400, message="no", route="revoke")
    ti = execute(RevokeSsoTicketsOperator(task_id="revoke_tickets", batch=tickets_file))
    assert isinstance(ti.raised, Auth0RowError)
    assert sorted(row["status"] for row in ti.pushed["return_value"]) == ["failed", "revoked", "revoked"]


def test_a_function_of_tickets_is_refused_since_airflow_would_show_what_it_returns() -> None:
    with pytest.raises(ValueError, match="Task revoke: tickets must be a list or what a task returns, not a function"):
        RevokeSsoTicketsOperator(task_id="revoke", tickets=lambda context, jinja_env: [])
