"""Waits for the tenant and for other tasks end, and so does a try of a task."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk import BaseOperator
from auth0_sso.exceptions import Auth0TransientError
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.hooks.settings import Auth0Settings
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import TENANT
from auth0_sso.runtime.retry_policy import RETRIES, Auth0RetryPolicy
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, LEASES_WAITED, PAUSE_SPREAD, SLOWEST, Timeouts
from auth0_sso.tickets.preflight import RunOptions, check_before_creating

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.unit.auth0_sso.conftest import Connect
from tests.unit.auth0_sso.fault_scenarios import scenarios


def test_another_tasks_request_that_never_ends_is_waited_for_as_long_as_the_retry_budget(
    ledger: Ledger, tenant: Sandbox, auth0_connection: dict[str, Any]
) -> None:
    """Its task was killed, and the clock of the ledger's machine was set back by hours."""
    waiting = scenarios.fleet(ledger, 1, 1, retry_budget=0.4)
    ledger.begin(factories.spec(factories.request(1, "org_1")), None, factories.SECOND_RUN, answer_within=5 * 3600)
    outcomes = waiting.run()
    assert outcomes[1]["status"] == "failed"
    assert "Another task's request for this prospect does not end. Check if another run" in outcomes[1]["error"]
    assert factories.posts(tenant) == 0
    with pytest.raises(Auth0TransientError):
        waiting.issuers[0].raise_if_incomplete()


def test_revoking_ends_after_the_retry_budget_with_a_tenant_that_does_not_answer(
    ledger: Ledger, tenant: Sandbox, auth0_connection: dict[str, Any]
) -> None:
    scenarios.fleet(ledger, 1, 100).run()
    tenant.fault("drop_before", route="revoke", count=10_000)
    hook = factories.open_hook(ledger, rate=20, burst=1, timeouts=replace(factories.SHORT, retry_budget=0.4))
    revoker = factories.Revoker(ledger.live_entries(), hook, ledger, RunAttempt("revoke/run-1"))
    asyncio.run(revoker.run())
    results = revoker.results()
    assert {result["status"] for result in results} == {"failed", "not_attempted"}
    assert all("No answer from" in result["error"] for result in results)
    assert factories.revocations(tenant) < 100
    with pytest.raises(Auth0TransientError, match="so no more is tried now"):
        revoker.raise_if_incomplete()


def test_the_test_of_a_connection_ends(tenant: Sandbox, connect: Connect) -> None:
    connect(tenant, extra={"timeout": 300})
    tenant.fault("stall", route="token", delay=20)
    works, said = Auth0Hook(timeouts=Timeouts(connection_test=0.6)).test_connection()
    assert not works
    assert said == f"{tenant.domain} has not answered all requests within 1 seconds."


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        pytest.param("rate_limit_storm", {"count": 1}, id="429"),
        pytest.param("stall", {"route": "token", "delay": 20}, id="token stalled"),
    ],
)
def test_the_preflight_check_sends_one_request_each_and_leaves_retries_to_airflow(
    tenant: Sandbox,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    sqlite_url: str,
    kind: Any,
    details: dict[str, Any],
) -> None:
    monkeypatch.setenv("SSO_TICKETS_LEDGER", sqlite_url.removeprefix("sqlite:///"))
    connect(tenant, extra={"timeout": 0.5 if kind == "stall" else 5})
    tenant.fault(kind, **details)
    with pytest.raises(Auth0TransientError) as raised:
        check_before_creating(factories.TaskInstance(BaseOperator(task_id="plan_fan_out")), TENANT, {""}, RunOptions())
    assert "retry" in repr(Auth0RetryPolicy().evaluate(raised.value, 1, 3)).lower()
    assert tenant.stats().requests <= 1
    assert tenant.stats().token_requests == 1


def test_a_try_of_a_task_and_all_its_tries_end() -> None:
    """By the defaults: 30 seconds for an answer, a request a second."""
    timeout, rate = Auth0Settings(base_url="https://acme.eu.auth0.com").timeout, 1.0
    longest_pause = DEFAULT_TIMEOUTS.longest_pause * (1 + PAUSE_SPREAD)
    next_slot = longest_pause + 1 / (rate * SLOWEST * 0.98)
    token = LEASES_WAITED * DEFAULT_TIMEOUTS.lease(timeout) + timeout
    last_request = token + next_slot + DEFAULT_TIMEOUTS.longest_delay + timeout
    longest_try = DEFAULT_TIMEOUTS.retry_budget + last_request
    policy, retries = Auth0RetryPolicy(), RETRIES["retries"]
    decisions = [policy.evaluate(Auth0TransientError("away"), number, retries) for number in range(1, retries + 1)]
    between = sum(decision.retry_delay.total_seconds() for decision in decisions if decision.retry_delay)
    assert longest_try <= 9 * 60
    assert between == 60 + 120 + 240
    assert (1 + retries) * longest_try + between <= 43 * 60


def test_a_task_that_must_end_has_ended_before_its_supervisor_kills_it() -> None:
    assert DEFAULT_TIMEOUTS.shutdown < 5
