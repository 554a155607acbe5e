"""The operators: what they push, what they raise, and what they leave behind when they are ended."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout
from auth0_sso.exceptions import Auth0ConnectionError, Auth0RowError, Auth0RunError, Auth0TransientError, LedgerError
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.operators.base import SsoTicketsOperator
from auth0_sso.operators.sso_tickets import CreateSsoTicketsOperator, RevokeSsoTicketsOperator
from auth0_sso.runtime.pool import POOL
from auth0_sso.runtime.retry_policy import Auth0RetryPolicy

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.support.factories import TaskInstance, organization, organizations, request
from tests.unit.auth0_sso.conftest import Connect, RunTenant
from tests.unit.auth0_sso.operators.conftest import execute


def create(**options: Any) -> CreateSsoTicketsOperator:
    return CreateSsoTicketsOperator(task_id="create_tickets", **options)


def statuses(ti: TaskInstance) -> dict[str, int]:
    return dict(factories.statuses(factories.by_row(ti.pushed["return_value"])))


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    opened = open_ledger()
    yield opened
    opened.close()


def test_the_constructor_only_assigns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_AUTH0_DEFAULT")
    operator = create(batch={"label": "", "batch": "nowhere"}, auth0_conn_id="none", profile_id="{{ nothing }}")
    assert (operator.batch, operator.auth0_conn_id) == ({"label": "", "batch": "nowhere"}, "none")
    assert (operator.profile_id, operator.on_existing, operator.plan_only) == ("{{ nothing }}", "reuse", False)
    assert not (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize("operator", [CreateSsoTicketsOperator, RevokeSsoTicketsOperator])
def test_it_takes_the_rate_limits_pool_and_retries_by_whose_fault_it_was(operator: type[SsoTicketsOperator]) -> None:
    made = operator(task_id="any", batch={})
    assert made.pool == POOL
    assert isinstance(made.retry_policy, Auth0RetryPolicy)


def test_every_template_field_is_an_argument_and_an_attribute() -> None:
    operator = create(batch={})
    assert set(operator.template_fields) == {
        *("batch", "auth0_conn_id", "plan_only", "ledger_id", "requests", "profile_id", "on_existing"),
    }
    assert all(hasattr(operator, name) for name in operator.template_fields)


def test_its_templates_render() -> None:
    operator = create(
        batch={"label": "{{ name }}", "batch": "{{ name }}.json"},
        plan_only="{{ dry }}",
        profile_id="{{ none or '' }}",
        ledger_id="{{ name }}",
    )
    operator.render_template_fields({"name": "acme", "dry": True, "none": None})  # type: ignore[typeddict-unknown-key]
    assert operator.batch == {"label": "acme", "batch": "acme.json"}
    assert (operator.is_plan_only, operator.profile_id, operator.ledger_id) == (True, "", "acme")


@pytest.mark.parametrize(
    ("given", "is_plan_only"),
    [(True, True), ("True", True), ("true", True), ("1", True), (False, False), ("False", False), ("", False)],
)
def test_plan_only_is_a_boolean_or_its_rendered_text(given: bool | str, is_plan_only: bool) -> None:
    assert create(batch={}, plan_only=given).is_plan_only is is_plan_only


def test_it_pushes_and_returns_one_entry_an_organization_with_its_tickets(tmp_path: Path, tenant: Sandbox) -> None:
    ti = execute(create(batch=factories.batch_file(tmp_path, organizations(7, per_organization=3))))
    assert ti.raised is None
    assert ti.returned == ti.pushed["return_value"]
    assert [entry["organization_id"] for entry in ti.pushed["return_value"]] == ["org_1", "org_4", "org_7"]
    assert {ticket["ticket_id"] for ticket in factories.by_row(ti.pushed["return_value"]).values()} == factories.living(
        tenant
    )
    json.dumps(ti.pushed)


def test_its_stats_say_what_was_sent_when_and_at_what_rate(tmp_path: Path) -> None:
    ti = execute(create(batch=factories.batch_file(tmp_path, organizations(7)), pool_slots=2))
    (stats,) = ti.pushed["stats"]
    assert (stats["requests"], stats["rate_limited"]) == (7, 0)
    assert (stats["rate"], stats["burst"]) == (1000, 40)
    assert sum(stats["sent"].values()) == 7
    assert stats["started"] == ti.start_date.timestamp()
    assert stats["started"] < stats["finished"] <= time.time()


def test_its_stats_are_those_of_all_tries(tmp_path: Path, tenant: Sandbox) -> None:
    batch = factories.batch_file(tmp_path, organizations(3))
    tenant.fault("error_before", status=400)
    first = execute(create(batch=batch))
    again = execute(create(batch=batch), try_number=2, max_tries=7, state=first.state)
    assert [one["requests"] for one in again.pushed["stats"]] == [3, 1]


def test_a_first_try_has_no_stats_of_a_deleted_run_with_its_id(tmp_path: Path) -> None:
    batch = factories.batch_file(tmp_path, organizations(3))
    deleted = execute(create(batch=batch))
    (stats,) = execute(create(batch=batch), state=deleted.state).pushed["stats"]
    assert stats["requests"] == 0


def test_the_run_and_its_attempt_are_written_into_the_ledger(tmp_path: Path, ledger: Ledger) -> None:
    execute(create(batch=factories.batch_file(tmp_path, organizations(1))), run_id="manual__1", max_tries=7)
    (entry,) = ledger.entries_of_run("create_sso_tickets/manual__1")
    assert entry.run_attempt == 7


def test_a_refused_row_fails_the_task_after_all_was_pushed(tmp_path: Path) -> None:
    bad = request(2, body={"connection_config": {"name": "not a valid name"}})
    ti = execute(create(batch=factories.batch_file(tmp_path, [organization(request(1), bad)])))
    assert isinstance(ti.raised, Auth0RowError)
    assert statuses(ti) == {"created": 1, "failed": 1}
    assert "stats" in ti.pushed


def test_a_runs_error_fails_the_task_after_all_was_pushed(
    tmp_path: Path, run_tenant: RunTenant, connect: Connect
) -> None:
    connect(run_tenant(scopes=("delete:sso_access_tickets",)))
    ti = execute(create(batch=factories.batch_file(tmp_path, organizations(9))))
    assert isinstance(ti.raised, Auth0RunError)
    assert set(statuses(ti)) <= {"failed", "not_attempted"}
    assert len(factories.by_row(ti.pushed["return_value"])) == 9
    assert "stats" in ti.pushed


def test_bad_weather_fails_the_task_after_all_was_pushed(tmp_path: Path, tenant: Sandbox) -> None:
    tenant.fault("drop_before", count=100, connection_name="connection-2")
    ti = execute(create(batch=factories.batch_file(tmp_path, organizations(3))))
    assert isinstance(ti.raised, Auth0TransientError)
    assert statuses(ti) == {"created": 2, "failed": 1}


def test_an_exception_that_nobody_foresaw_fails_the_task_after_all_was_pushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_more: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Ledger, "begin", broken)
    ti = execute(create(batch=factories.batch_file(tmp_path, organizations(3))))
    assert isinstance(ti.raised, OSError)
    assert statuses(ti) == {"not_attempted": 3}
    assert {row["error"] for row in factories.by_row(ti.pushed["return_value"]).values()} == {"disk full"}


def test_a_retry_asks_only_for_what_is_still_owed(tmp_path: Path, tenant: Sandbox) -> None:
    tenant.fault("drop_before", count=3, connection_name="connection-2")
    batch = factories.batch_file(tmp_path, organizations(3))
    execute(create(batch=batch))
    tenant.reset()
    assert statuses(execute(create(batch=batch))) == {"created": 3}
    assert factories.posts(tenant) == 1


def test_the_profile_of_the_parameter_goes_before_the_connections(tmp_path: Path, ledger: Ledger) -> None:
    ti = execute(create(batch=factories.batch_file(tmp_path, organizations(1)), profile_id="ssp_unknown00000001"))
    assert "ssp_unknown00000001" in str(ti.raised)


def test_on_existing_reissue_replaces_the_tickets_of_an_earlier_run(tmp_path: Path, tenant: Sandbox) -> None:
    batch = factories.batch_file(tmp_path, organizations(2))
    execute(create(batch=batch))
    assert statuses(execute(create(batch=batch), run_id="run-2")) == {"reused": 2}
    assert statuses(execute(create(batch=batch, on_existing="reissue"), run_id="run-2")) == {"created": 2}
    assert tenant.stats().states == {"revoked": 2, "live": 2}


def test_a_dry_run_sends_nothing(tmp_path: Path, tenant: Sandbox) -> None:
    ti = execute(create(batch=factories.batch_file(tmp_path, organizations(3)), plan_only="True"))
    assert statuses(ti) == {"planned": 3}
    assert (tenant.stats().requests, tenant.stats().token_requests) == (0, 0)


def test_a_worker_with_another_ledger_than_the_plans_sends_nothing(tmp_path: Path, tenant: Sandbox) -> None:
    ti = execute(create(batch=factories.batch_file(tmp_path, organizations(3)), ledger_id="0123@elsewhere"))
    assert isinstance(ti.raised, LedgerError)
    assert tenant.stats().requests == 0


def test_the_plans_own_ledger_is_taken(tmp_path: Path, ledger: Ledger) -> None:
    batch = factories.batch_file(tmp_path, organizations(1))
    assert statuses(execute(create(batch=batch, ledger_id=ledger.database.identity))) == {"created": 1}


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_batch_that_is_not_there_says_what_to_clear(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "batch.json").write_text(content)
    ti = execute(create(batch={"label": "", "batch": str(tmp_path / "batch.json")}))
    assert isinstance(ti.raised, Auth0RunError)
    assert "Clear the task that plans the run" in str(ti.raised)


def test_without_a_connection_it_says_how_to_make_one(tmp_path: Path) -> None:
    operator = create(batch=factories.batch_file(tmp_path, organizations(1)), auth0_conn_id="auth0_other")
    ti = execute(operator)
    assert isinstance(ti.raised, Auth0ConnectionError)
    assert "AIRFLOW_CONN_AUTH0_OTHER" in str(ti.raised)


def slow(connect: Connect, tenant: Sandbox) -> None:
    """Let a task send one request at once, and the next ones seconds later."""
    connect(tenant, extra={"requests_per_slot": 0.3})


@contextmanager
def struck_while_it_waits(tenant: Sandbox, handler: Callable[[int, object], None]) -> Iterator[None]:
    """Let a signal strike the main thread when all that it does is to wait for an answer."""
    before = signal.signal(signal.SIGALRM, handler)

    def strike() -> None:
        until = time.monotonic() + 60
        while not tenant.requests and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGALRM)

    striker = threading.Thread(target=strike)
    striker.start()
    yield
    striker.join()
    signal.signal(signal.SIGALRM, before)


def test_it_ends_in_order_before_its_execution_timeout(tmp_path: Path, run_tenant: RunTenant, connect: Connect) -> None:
    tenant = run_tenant()
    slow(connect, tenant)
    operator = create(batch=factories.batch_file(tmp_path, organizations(60)), execution_timeout=timedelta(seconds=1.5))
    ti = execute(operator)
    assert isinstance(ti.raised, Auth0TransientError)
    assert "execution timeout is near" in str(ti.raised)
    found = statuses(ti)
    assert found["not_attempted"] > 0
    assert found.get("created", 0) == tenant.stats().tickets


def test_when_it_is_ended_from_outside_what_is_under_way_is_answered_and_all_is_pushed(
    tmp_path: Path, run_tenant: RunTenant, connect: Connect, ledger: Ledger
) -> None:
    tenant = run_tenant(latency=(1, 1))
    slow(connect, tenant)
    operator = create(batch=factories.batch_file(tmp_path, organizations(60)))
    with struck_while_it_waits(tenant, lambda *_: operator.on_kill()):
        ti = execute(operator)
    assert isinstance(ti.raised, Auth0TransientError)
    assert "ended from outside" in str(ti.raised)
    assert statuses(ti)["not_attempted"] > 0
    assert factories.recorded(ledger) == factories.living(tenant)


def test_when_airflows_timeout_strikes_what_is_under_way_is_answered_and_all_is_pushed(
    tmp_path: Path, run_tenant: RunTenant, connect: Connect, ledger: Ledger
) -> None:
    def time_out(_signal: int, _frame: object) -> None:
        raise AirflowTaskTimeout("Timeout")

    tenant = run_tenant(latency=(1, 1))
    slow(connect, tenant)
    with struck_while_it_waits(tenant, time_out):
        ti = execute(create(batch=factories.batch_file(tmp_path, organizations(60))))
    assert isinstance(ti.raised, AirflowTaskTimeout)
    assert len(factories.by_row(ti.pushed["return_value"])) == 60
    assert statuses(ti)["not_attempted"] > 0
    assert factories.recorded(ledger) == factories.living(tenant)


def test_on_kill_before_anything_runs_does_nothing() -> None:
    create(batch={}).on_kill()


def test_nothing_that_is_logged_shows_a_ticket(
    tmp_path: Path, tenant: Sandbox, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    tenant.fault("drop_after")
    execute(create(batch=factories.batch_file(tmp_path, organizations(3))))
    out, err = capfd.readouterr()
    assert tenant.tickets
    assert not any(ticket.id in caplog.text + out + err for ticket in tenant.tickets)


@pytest.fixture
def tickets_file(tmp_path: Path, ledger: Ledger) -> dict[str, str]:
    """Name all live tickets, as the selection does."""
    execute(create(batch=factories.batch_file(tmp_path, organizations(3))))
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


def test_in_airflows_default_pool_it_refuses_to_send(tmp_path: Path, tenant: Sandbox) -> None:
    ti = execute(create(batch=factories.batch_file(tmp_path, organizations(1)), pool="default_pool"))
    assert isinstance(ti.raised, Auth0RunError)
    assert f"pool='{POOL}'" in str(ti.raised)
    assert tenant.stats().requests == 0
