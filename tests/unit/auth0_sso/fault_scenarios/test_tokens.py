"""Tokens that expire, are revoked or can't be issued: one renewal at a time for all tasks, and no row is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.exceptions import Auth0RunError, Auth0TokenError, Auth0UnreachableError
from auth0_sso.hooks.access_token import token_key
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.store import Ledger
from auth0_sso.ledger.token_store import LedgerTokenStore
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, Timeouts

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.unit.auth0_sso.conftest import Connect, RunTenant
from tests.unit.auth0_sso.fault_scenarios import scenarios

THROTTLED = '{"error": "too_many_requests", "error_description": "Global limit has been reached"}'
TROUBLES = [
    pytest.param("token_throttle", {}, "500 access_denied: Global limit", id="500 that says access_denied"),
    pytest.param("token_throttle", {"status": 429}, "429 too_many_requests: Global limit", id="429"),
    pytest.param("error_before", {"status": 503, "body": "html"}, "503 no error code", id="down, says a proxy"),
    pytest.param("drop_before", {}, "No answer from", id="dropped"),
    pytest.param("odd_answer", {"status": 200, "body": "huge"}, "200 no error code", id="huge"),
]


@pytest.fixture
def tenant(run_tenant: RunTenant, connect: Connect) -> Sandbox:
    own = run_tenant(latency=(0.01, 0.02))
    connect(own)
    return own


def one_at_a_time(tenant: Sandbox) -> bool:
    return tenant.stats().most_token_requests_at_once == 1


@pytest.mark.parametrize(("tasks", "rows", "revoked"), [(16, 4, 1), (4, 7, 2)])
def test_a_token_that_is_revoked_during_the_run_is_renewed_once_for_all_tasks(
    ledger: Ledger, tenant: Sandbox, tasks: int, rows: int, revoked: int
) -> None:
    running = scenarios.fleet(ledger, tasks, rows, rate=5, burst=1)

    def fewest_created() -> int:
        return min(factories.statuses(factories.by_row(one.results()))["created"] for one in running.issuers)

    async def revoke_now_and_then() -> None:
        for number in range(revoked):
            while fewest_created() < 2 * (number + 1):  # each has used the token
                await asyncio.sleep(0.01)
            tenant.fault("expire_tokens")

    async def main() -> None:
        await asyncio.gather(revoke_now_and_then(), *(issuer.run() for issuer in running.issuers))

    asyncio.run(main())
    outcomes, stats = running.outcomes, tenant.stats()
    scenarios.check_created(outcomes, tasks * rows)
    assert stats.tickets == tasks * rows
    assert stats.tokens_issued == stats.token_requests == 1 + revoked
    assert one_at_a_time(tenant)


def test_new_tokens_that_are_refused_end_the_run_after_one_renewal(ledger: Ledger, tenant: Sandbox) -> None:
    tenant.fault("refuse_tokens", count=1000)
    tasks = scenarios.fleet(ledger, 1, 50, timeouts=Timeouts())
    with pytest.raises(Auth0TokenError, match="401"):
        tasks.run()
    outcomes = tasks.outcomes
    assert scenarios.statuses(outcomes) <= {"failed", "not_attempted"}
    assert scenarios.flagged(outcomes) == []
    assert tenant.stats().tickets == 0
    assert tenant.stats().token_requests <= 2
    assert one_at_a_time(tenant)


def test_a_throttled_token_endpoint_gets_one_request_at_a_time_with_a_cooldown_in_between(
    ledger: Ledger, tenant: Sandbox
) -> None:
    tenant.fault("token_throttle", status=429, route="token", seconds=1.5)
    timeouts = replace(factories.SHORT, longest_cooldown=DEFAULT_TIMEOUTS.longest_cooldown)
    outcomes = scenarios.fleet(ledger, 4, 5, timeouts=timeouts).run()
    scenarios.check_created(outcomes, 20)
    assert {outcome["attempts"] for outcome in outcomes.values()} == {1}
    stats = tenant.stats()
    assert stats.by_status == {201: 20}, "nothing is sent without a token"
    assert stats.token_requests <= 4, "at 0 and 1 second, by other tasks at 2 and 3 at the latest"
    assert one_at_a_time(tenant)


@pytest.mark.parametrize(("kind", "details", "said"), TROUBLES)
def test_a_token_endpoint_that_keeps_failing_ends_the_try_with_its_reason_and_no_ambiguous_row(
    ledger: Ledger, tenant: Sandbox, kind: Any, details: dict[str, Any], said: str
) -> None:
    tenant.fault(kind, route="token", count=10_000, **details)
    tasks = scenarios.fleet(ledger, 2, 20, retry_budget=0.3)
    scenarios.check_not_created(tasks, said)
    assert (tenant.stats().requests, tenant.stats().tickets) == (0, 0)


def test_a_token_endpoint_that_stalls_costs_all_tasks_one_timeout(
    ledger: Ledger, tenant: Sandbox, connect: Connect
) -> None:
    connect(tenant, extra={"timeout": 2.0})  # for the tickets too, so these are few
    tenant.fault("stall", route="token", delay=30)
    outcomes = scenarios.fleet(ledger, 3, 2).run()
    scenarios.check_created(outcomes, 6)
    assert tenant.stats().token_requests == 2
    assert tenant.stats().by_status == {201: 6}


def test_all_tasks_honor_a_retry_after_of_the_token_endpoint(ledger: Ledger, tenant: Sandbox) -> None:
    tenant.fault("error_before", route="token", status=429, text=THROTTLED, headers={"Retry-After": "1"})
    assert factories.statuses(scenarios.fleet(ledger, 3, 2).run()) == {"created": 6}
    assert tenant.stats().token_requests == 2


def test_a_task_that_waits_for_others_to_renew_the_token_gives_up_after_two_leases(
    ledger: Ledger, tenant: Sandbox, connect: Connect
) -> None:
    connect(tenant, extra={"timeout": 0.2})
    hook = Auth0Hook(
        token_store=LedgerTokenStore(ledger.database), timeouts=Timeouts(lease_grace=0.3, token_poll_interval=0.05)
    )
    LedgerTokenStore(ledger.database).acquire_lease(token_key(hook.settings), 0, "somebody", 200)

    async def main() -> None:
        async with hook.open():
            await hook.token()

    with pytest.raises(Auth0UnreachableError, match="other tasks have requested one for 1 seconds"):
        asyncio.run(main())
    assert tenant.stats().token_requests == 0


def test_credentials_that_are_refused_during_the_run_end_it_with_the_reason(ledger: Ledger, tenant: Sandbox) -> None:
    scenarios.fleet(ledger, 1, 1).run()
    tenant.fault("expire_tokens")
    tenant.fault("error_before", route="token", count=100, status=401, text='{"error": "access_denied"}')
    tasks = scenarios.fleet(ledger, 1, 10, first=50)
    with pytest.raises(Auth0RunError, match="no access token: 401 access_denied"):
        tasks.run()
    assert scenarios.flagged(tasks.outcomes) == []
    assert tenant.stats().token_requests <= 3
