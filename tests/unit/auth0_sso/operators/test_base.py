"""What the operators share: what they take and push, what they raise, and how they end."""

from __future__ import annotations

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
from auth0_sso.exceptions import Auth0RowError, Auth0RunError, Auth0TransientError, LedgerError
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import TENANT
from auth0_sso.operators.base import SsoTicketsOperator
from auth0_sso.operators.sso_tickets import CreateSsoTicketsOperator, RevokeSsoTicketsOperator
from auth0_sso.runtime.retry_policy import Auth0RetryPolicy

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.support.factories import organizations
from tests.unit.auth0_sso.conftest import Connect, RunTenant
from tests.unit.auth0_sso.operators.conftest import create, execute, statuses

COMMON_FIELDS = {"batch", "auth0_conn_id", "plan_only"}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (
            CreateSsoTicketsOperator,
            {"requests", "profile_id", "enabled_clients", "on_existing", "on_conflict", "one_link_per_connection"},
        ),
        (RevokeSsoTicketsOperator, {"tickets", "organization_ids"}),
    ],
)
def test_both_operators_have_template_fields_the_rate_limits_pool_and_the_retry_policy(
    kind: type[SsoTicketsOperator], fields: set[str]
) -> None:
    operator = kind(task_id="any", batch={})
    operator.on_kill()  # before anything runs
    assert set(operator.template_fields) == COMMON_FIELDS | fields
    assert all(hasattr(operator, name) for name in operator.template_fields)
    assert operator.pool == TENANT.pool
    assert isinstance(operator.retry_policy, Auth0RetryPolicy)


@pytest.mark.parametrize(("given", "is_plan_only"), [(True, True), ("true", True), ("False", False), ("", False)])
def test_plan_only_is_a_boolean_or_its_rendered_text(given: bool | str, is_plan_only: bool) -> None:
    assert create(batch={}, plan_only=given).is_plan_only is is_plan_only


def test_its_stats_say_what_was_sent_when_and_at_what_rate(tmp_path: Path) -> None:
    ti = execute(create(batch=factories.batch_file(tmp_path, organizations(7)), pool_slots=2))
    (stats,) = ti.pushed["stats"]
    assert (stats["requests"], stats["rate_limited"]) == (7, 0)
    assert (stats["rate"], stats["burst"]) == (1000, 40)
    assert sum(stats["sent"].values()) == 7
    assert stats["started"] == ti.start_date.timestamp()
    assert stats["started"] < stats["finished"] <= time.time()


def test_its_stats_are_those_of_all_tries(batch: dict[str, str], tenant: Sandbox) -> None:
    tenant.fault("error_before", status=400)
    first = execute(create(batch=batch))
    again = execute(create(batch=batch), try_number=2, max_tries=7, state=first.state)
    assert [one["requests"] for one in again.pushed["stats"]] == [3, 1]


def test_a_first_try_has_no_stats_of_a_deleted_run_with_its_id(batch: dict[str, str]) -> None:
    deleted = execute(create(batch=batch))
    (stats,) = execute(create(batch=batch), state=deleted.state).pushed["stats"]
    assert stats["requests"] == 0


def test_the_ledger_records_the_run_and_its_attempt(batch: dict[str, str], ledger: Ledger) -> None:
    execute(create(batch=batch), run_id="manual__1", max_tries=7)
    entries = ledger.entries_of_run("create_sso_tickets/manual__1")
    assert [entry.run_attempt for entry in entries] == [7, 7, 7]


@pytest.mark.parametrize(
    ("kind", "details", "error"),
    [
        ("error_before", {"status": 400}, Auth0RowError),
        ("error_before", {"status": 403}, Auth0RunError),
        ("drop_before", {"count": 100}, Auth0TransientError),
    ],
)
def test_a_failed_row_fails_the_task_after_all_was_pushed(
    batch: dict[str, str], tenant: Sandbox, kind: Any, details: dict[str, int], error: type[Exception]
) -> None:
    tenant.fault(kind, connection_name="connection-2", **details)
    ti = execute(create(batch=batch))
    assert isinstance(ti.raised, error)
    assert statuses(ti)["failed"] == 1
    assert len(factories.by_row(ti.pushed["return_value"])) == 3
    assert "stats" in ti.pushed


def test_an_unforeseen_exception_fails_the_task_after_all_was_pushed(
    batch: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_more: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Ledger, "begin", broken)
    ti = execute(create(batch=batch))
    assert isinstance(ti.raised, OSError)
    assert statuses(ti) == {"not_attempted": 3}
    assert {row["error"] for row in factories.by_row(ti.pushed["return_value"]).values()} == {"disk full"}


def test_a_worker_with_another_ledger_than_the_plans_sends_nothing(
    batch: dict[str, str], tenant: Sandbox, ledger: Ledger
) -> None:
    assert isinstance(execute(create(batch={**batch, "ledger_id": "0123@elsewhere"})).raised, LedgerError)
    assert tenant.stats().requests == 0
    planned = {**batch, "ledger_id": ledger.database.identity}
    assert statuses(execute(create(batch=planned))) == {"created": 3}


def test_a_task_in_airflows_default_pool_sends_nothing(batch: dict[str, str], tenant: Sandbox) -> None:
    ti = execute(create(batch=batch, pool="default_pool"))
    assert isinstance(ti.raised, Auth0RunError)
    assert f"pool='{TENANT.pool}'" in str(ti.raised)
    assert tenant.stats().requests == 0


SLOW = {"requests_per_slot": 0.3}
"""Lets a task send one request at once, and the next ones seconds later."""


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
    connect(tenant, extra=SLOW)
    operator = create(batch=factories.batch_file(tmp_path, organizations(60)), execution_timeout=timedelta(seconds=1.5))
    ti = execute(operator)
    assert isinstance(ti.raised, Auth0TransientError)
    assert "execution timeout is near" in str(ti.raised)
    found = statuses(ti)
    assert found["not_attempted"] > 0
    assert found.get("created", 0) == tenant.stats().tickets


def time_out(_operator: SsoTicketsOperator) -> None:
    raise AirflowTaskTimeout("the execution timeout has passed")


@pytest.mark.parametrize(
    ("strike", "error", "said"),
    [
        (SsoTicketsOperator.on_kill, Auth0TransientError, "ended from outside"),
        (time_out, AirflowTaskTimeout, "the execution timeout has passed"),
    ],
    ids=["ended from outside", "execution timeout"],
)
def test_when_it_is_ended_requests_in_flight_are_answered_and_all_is_pushed(
    tmp_path: Path,
    run_tenant: RunTenant,
    connect: Connect,
    ledger: Ledger,
    strike: Callable[[SsoTicketsOperator], None],
    error: type[BaseException],
    said: str,
) -> None:
    tenant = run_tenant(latency=(1, 1))
    connect(tenant, extra=SLOW)
    operator = create(batch=factories.batch_file(tmp_path, organizations(60)))
    with struck_while_it_waits(tenant, lambda *_: strike(operator)):
        ti = execute(operator)
    assert isinstance(ti.raised, error)
    assert said in str(ti.raised)
    assert len(factories.by_row(ti.pushed["return_value"])) == 60
    assert statuses(ti)["not_attempted"] > 0
    assert factories.recorded(ledger) == factories.living(tenant)
