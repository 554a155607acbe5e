"""Tasks are processes: all that they share is the ledger's database, and some of them are killed."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.hooks.auth0 import Auth0Hook
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.revocation_log import RevocationLog
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.ledger.token_store import LedgerTokenStore
from auth0_sso.models import IssuedTicket
from auth0_sso.runtime.timeouts import Timeouts

from dev.sandbox.server import Sandbox
from tests.support import databases, factories
from tests.support.factories import FIRST_RUN
from tests.support.waiting import wait_until
from tests.unit.auth0_sso.conftest import CONNECTION_VARIABLE, Connect, RunTenant

PROCESSES = 4
TOGETHER = 0.3
SHORT_LEASE = replace(factories.SHORT, lease_grace=0.5)

Work = Callable[[str, int], Any]
Together = Callable[[Work, str], list[Any]]


def set_up(fernet: str, connection: str, start_at: float = 0.0) -> None:
    databases.use_fernet_key(fernet)
    os.environ[CONNECTION_VARIABLE] = connection
    time.sleep(max(0.0, start_at - time.time()))


def read_the_profile(url: str, _number: int, timeouts: Timeouts = factories.SHORT) -> str:
    hook = Auth0Hook(token_store=LedgerTokenStore(open_ledger(url).database), timeouts=timeouts)
    profile_id = hook.settings.profile_id

    async def main() -> str:
        async with hook.open():
            return str((await hook.get_self_service_profile(profile_id))["id"])

    return asyncio.run(main())


def renew_the_token(url: str) -> None:
    read_the_profile(url, 0, SHORT_LEASE)


def issue_slowly(url: str) -> None:
    ledger = open_ledger(url)
    hook = factories.open_hook(ledger, rate=40, timeouts=replace(factories.SHORT, answer_grace=0.5))
    factories.issue(factories.organizations(60), ledger, hook=hook)


def revoke_slowly(url: str) -> None:
    revoke_all(open_ledger(url), rate=20)


def revoke_all(ledger: Ledger, rate: float) -> list[dict[str, Any]]:
    tickets = [IssuedTicket(entry.key, entry.created_at or 0) for entry in ledger.entries_of_run(FIRST_RUN.run)]
    revoker = factories.Revoker(
        tickets, factories.open_hook(ledger, rate), ledger, RunAttempt("revoke_sso_tickets/run-1")
    )
    asyncio.run(revoker.run())
    return revoker.results()


def _work_together(work: Work, url: str, number: int, fernet: str, connection: str, start_at: float) -> Any:
    set_up(fernet, connection, start_at)
    return work(url, number)


def _work_alone(work: Callable[[str], None], url: str, fernet: str, connection: str) -> None:
    set_up(fernet, connection)
    work(url)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(PROCESSES, mp_context=factories.process_context()) as pool:
        list(pool.map(time.sleep, [TOGETHER] * PROCESSES))  # all are started
        yield pool


@pytest.fixture
def together(processes: ProcessPoolExecutor, fernet: str, auth0_connection: dict[str, Any]) -> Together:
    """Let four processes do the same at the same moment; return their results."""

    def run(work: Work, url: str) -> list[Any]:
        options = (fernet, os.environ[CONNECTION_VARIABLE], time.time() + TOGETHER)
        futures = [processes.submit(_work_together, work, url, number, *options) for number in range(PROCESSES)]
        return [future.result(120) for future in futures]

    return run


def kill_when(condition: Callable[[], bool], work: Callable[[str], None], url: str, fernet: str) -> None:
    """Let a process work until a condition is met, then kill it."""
    arguments = (work, url, fernet, os.environ[CONNECTION_VARIABLE])
    process = factories.process_context().Process(target=_work_alone, args=arguments)
    process.start()
    wait_until(condition)
    process.kill()
    process.join(20)
    assert process.exitcode == -signal.SIGKILL


def test_all_processes_use_one_token_and_renew_it_once(together: Together, ledger_url: str, tenant: Sandbox) -> None:
    assert together(read_the_profile, ledger_url) == [tenant.profile_id] * PROCESSES
    assert (tenant.stats().tokens_issued, tenant.stats().token_requests) == (1, 1)
    tenant.fault("expire_tokens")
    assert together(read_the_profile, ledger_url) == [tenant.profile_id] * PROCESSES
    assert (tenant.stats().tokens_issued, tenant.stats().token_requests) == (2, 2)


def test_a_process_killed_while_it_renews_the_token_holds_up_the_others_for_its_lease_only(
    ledger_url: str, fernet: str, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant()
    connect(tenant, extra={"timeout": 1})
    tenant.fault("stall", route="token", delay=20)
    kill_when(lambda: tenant.stats().token_requests > 0, renew_the_token, ledger_url, fernet)
    with ThreadPoolExecutor(8) as threads:
        profiles = list(threads.map(lambda number: read_the_profile(ledger_url, number, SHORT_LEASE), range(8)))
    assert profiles == [tenant.profile_id] * 8
    assert tenant.stats().token_requests == 2, "the killed one's and one more"


@pytest.mark.answers("an answer is lost (5xx, dropped, killed in between)")
def test_after_a_kill_exactly_what_was_under_way_is_flagged_and_the_next_try_creates_the_rest(
    ledger: Ledger, ledger_url: str, fernet: str, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(latency=(0.3, 0.3))
    connect(tenant, extra={"timeout": 2})
    kill_when(lambda: len(factories.recorded(ledger)) >= 5, issue_slowly, ledger_url, fernet)
    # The tenant still answers the requests that it has received.
    wait_until(lambda: sum(seen.made_ticket for seen in tenant.requests) == len(tenant.requests))

    entries = ledger.entries_of_run(FIRST_RUN.run)
    answered = {entry.connection_name for entry in entries if entry.status == "created"}
    in_flight = {entry.connection_name for entry in entries if entry.status == "in_flight"}
    created = {ticket.connection_name for ticket in tenant.tickets}
    assert len(answered) + len(in_flight) == len(entries)
    assert answered <= created <= answered | in_flight, "no ticket is created that the ledger does not know of"
    assert in_flight

    outcomes = factories.issue(factories.organizations(60), ledger)
    flagged = {outcome["connection_name"] for outcome in outcomes.values() if outcome["duplicate_possible"]}
    unseen = factories.living(tenant) - factories.recorded(ledger)
    assert factories.statuses(outcomes) == {"created": 60}
    assert flagged == in_flight
    assert len(factories.recorded(ledger)) == 60
    assert {ticket.connection_name for ticket in tenant.tickets if ticket.id in unseen} <= flagged
    assert tenant.stats().tickets == 60 + len(unseen)


@pytest.mark.answers("a task of `revoke_sso_tickets` is killed, cleared or tried again")
def test_after_a_kill_the_next_try_revokes_the_rest_and_reports_all(
    ledger: Ledger, ledger_url: str, fernet: str, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(latency=(0.2, 0.2))
    connect(tenant)
    factories.issue(factories.organizations(40), ledger)
    kill_when(lambda: tenant.stats().revoked >= 5, revoke_slowly, ledger_url, fernet)
    assert 5 <= tenant.stats().revoked < 40
    results = revoke_all(ledger, rate=2000)
    assert [result["status"] for result in results] == ["revoked"] * 40
    assert {result["ticket_id"] for result in results} == {ticket.id for ticket in tenant.tickets}
    assert factories.living(tenant) == set()
    assert len(RevocationLog(ledger.database).by_ticket([ticket.id for ticket in tenant.tickets])) == 40
