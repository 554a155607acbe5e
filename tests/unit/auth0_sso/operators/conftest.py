"""Operators that execute outside a task runner, with a ledger and slots of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.bases.operator import ExecutorSafeguard
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.operators.base import SsoTicketsOperator
from auth0_sso.operators.sso_tickets import CreateSsoTicketsOperator

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.support.factories import SHORT, TaskInstance
from tests.unit.auth0_sso.conftest import Connect


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tenant: Sandbox, connect: Connect) -> Iterator[None]:
    """Execute outside a task runner, with a ledger and slots of the test's own; leave no thread behind."""
    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)
    monkeypatch.setenv("SSO_TICKETS_LEDGER", str(tmp_path / "ledger.db"))
    connect(tenant, extra={"requests_per_slot": 500, "burst_per_slot": 20})
    before = set(threading.enumerate())
    yield
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not {name for name in left if not name.startswith("Thread-")}, left


@pytest.fixture
def batch(tmp_path: Path) -> dict[str, str]:
    """Return a batch of three prospects."""
    return factories.batch_file(tmp_path, factories.organizations(3))


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with closing(open_ledger()) as opened:
        yield opened


def create(**options: Any) -> CreateSsoTicketsOperator:
    return CreateSsoTicketsOperator(task_id="create_tickets", **options)


def execute(operator: SsoTicketsOperator, **instance: Any) -> TaskInstance:
    """Execute an operator; return the task instance, with what was pushed, also when it fails."""
    operator.timeouts = SHORT
    ti = TaskInstance(operator, **instance)
    try:
        ti.returned = operator.execute(ti.context)
        ti.pushed["return_value"] = ti.returned  # as Airflow does
    except BaseException as error:
        ti.raised = error
    return ti


def statuses(ti: TaskInstance) -> dict[str, int]:
    return dict(factories.statuses(factories.by_row(ti.pushed["return_value"])))
