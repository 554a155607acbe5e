"""Tasks are processes: what they share is the ledger's database alone, and some of them are killed."""

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
from auth0_sso.ledger.records import RunAttempt, TicketSpec
from auth0_sso.ledger.store import Ledger, StaleEntryError
from auth0_sso.runtime.timeouts import Timeouts
from auth0_sso.tickets.batch import IssuedTicket

from dev.sandbox.server import Sandbox
from tests.support import databases, factories
from tests.support.factories import FIRST_RUN
from tests.unit.auth0_sso.conftest import CONNECTION_VARIABLE, Connect, RunTenant

ledger_url = databases.ledger_url

PROCESSES = 4
TOGETHER = 0.3
SHORT_LEASE = replace(factories.SHORT, lease_grace=0.5)
ASK = TicketSpec("acme.example.com", "ssp_1", "org_1", "ada@example.com", {"connection_config": {"name": "acme"}})


def set_up(fernet: str, connection: str, start_at: float = 0.0) -> None:
    databases.use_fernet_key(fernet)
    os.environ[CONNECTION_VARIABLE] = connection
    time.sleep(max(0.0, start_at - time.time()))


def make_the_tables(url: str, _number: int) -> str:
    ledger = Ledger(url)
    ledger.entries(["none"])
    return ledger.identity


def begin_the_same(url: str, number: int) -> bool:
    try:
        Ledger(url).begin(ASK, None, RunAttempt(f"create/run-{number}"), answer_within=30)
    except StaleEntryError:
        return False
    return True


def read_the_profile(url: str, _number: int, timeouts: Timeouts = factories.SHORT) -> str:
    hook = Auth0Hook(token_store=Ledger(url).token_store, timeouts=timeouts)
    profile_id = hook.settings.profile_id

    async def main() -> str:
        async with hook.open():
            return str((await hook.get_self_service_profile(profile_id))["id"])

    return asyncio.run(main())


def read_the_profile_alone(url: str, fernet: str, connection: str) -> None:
    set_up(fernet, connection)
    read_the_profile(url, 0, SHORT_LEASE)


def issue_slowly(url: str, fernet: str, connection: str) -> None:
    set_up(fernet, connection)
    ledger = Ledger(url)
    hook = factories.open_hook(ledger, rate=40, timeouts=replace(factories.SHORT, answer_grace=0.5))
    factories.issue(factories.organizations(60), ledger, hook=hook)


def _task(work: Callable[[str, int], Any], url: str, number: int, set_up_with: tuple[str, str, float]) -> Any:
    set_up(*set_up_with)
    return work(url, number)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(PROCESSES, mp_context=factories.process_context()) as pool:
        list(pool.map(time.sleep, [TOGETHER] * PROCESSES))  # all are started
        yield pool


@pytest.fixture
def at_once(
    processes: ProcessPoolExecutor, fernet: str, auth0_connection: dict[str, Any]
) -> Callable[[Callable[[str, int], Any], str], list[Any]]:
    """Let four processes do the same at the same moment; return what came of it."""

    def run(work: Callable[[str, int], Any], url: str) -> list[Any]:
        set_up_with = (fernet, os.environ[CONNECTION_VARIABLE], time.time() + TOGETHER)
        futures = [processes.submit(_task, work, url, number, set_up_with) for number in range(PROCESSES)]
        return [future.result(120) for future in futures]

    return run


Together = Callable[[Callable[[str, int], Any], str], list[Any]]


def test_processes_that_find_no_tables_make_one_ledger(at_once: Together, ledger_url: str) -> None:
    assert len(set(at_once(make_the_tables, ledger_url))) == 1


def test_of_the_processes_that_ask_for_a_new_prospect_one_may(at_once: Together, ledger_url: str) -> None:
    assert sorted(at_once(begin_the_same, ledger_url)) == [False] * (PROCESSES - 1) + [True]


def test_all_processes_use_one_token_and_renew_it_once(at_once: Together, ledger_url: str, tenant: Sandbox) -> None:
    assert at_once(read_the_profile, ledger_url) == [tenant.profile_id] * PROCESSES
    assert (tenant.stats().tokens_issued, tenant.stats().token_requests) == (1, 1)
    tenant.fault("expire_tokens")
    assert at_once(read_the_profile, ledger_url) == [tenant.profile_id] * PROCESSES
    assert (tenant.stats().tokens_issued, tenant.stats().token_requests) == (2, 2)


def test_a_process_killed_while_it_renews_the_token_holds_up_the_others_for_its_lease_only(
    ledger_url: str, fernet: str, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant()
    connect(tenant, extra={"timeout": 1})
    Ledger(ledger_url).close()
    tenant.fault("stall", route="token", delay=20)
    process = factories.process_context().Process(
        target=read_the_profile_alone, args=(ledger_url, fernet, os.environ[CONNECTION_VARIABLE])
    )
    process.start()
    deadline = time.monotonic() + 60
    while not tenant.stats().token_requests and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.join(20)
    assert process.exitcode == -signal.SIGKILL
    with ThreadPoolExecutor(8) as threads:
        asked = list(threads.map(lambda number: read_the_profile(ledger_url, number, SHORT_LEASE), range(8)))
    assert asked == [tenant.profile_id] * 8
    assert tenant.stats().token_requests == 2, "the killed one's and one more"


@pytest.mark.answers("an answer is lost (5xx, dropped, killed in between)")
def test_after_a_kill_exactly_what_was_under_way_is_in_doubt_and_the_next_try_balances_the_books(
    ledger_url: str, fernet: str, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(latency=(0.3, 0.3))
    connect(tenant, extra={"timeout": 2})
    ledger = Ledger(ledger_url)
    process = factories.process_context().Process(
        target=issue_slowly, args=(ledger_url, fernet, os.environ[CONNECTION_VARIABLE])
    )
    process.start()
    deadline = time.monotonic() + 60
    while len(factories.recorded(ledger)) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.join(10)
    while sum(seen.made_ticket for seen in tenant.requests) < len(tenant.requests) and time.monotonic() < deadline:
        time.sleep(0.02)  # what the tenant has taken in, it still does

    entries = ledger.entries_of_run(FIRST_RUN.run)
    answered = {entry.connection_name for entry in entries if entry.status == "created"}
    in_doubt = {entry.connection_name for entry in entries if entry.status == "in_flight"}
    made = {ticket.connection_name for ticket in tenant.tickets}
    assert {entry.status for entry in entries} == {"created", "in_flight"}
    assert answered <= made <= answered | in_doubt, "no ticket is made that the ledger does not know of"
    assert 1 <= len(in_doubt) < 60

    outcomes = factories.issue(factories.organizations(60), ledger)
    flagged = {outcome["connection_name"] for outcome in outcomes.values() if outcome["duplicate_possible"]}
    unseen = factories.living(tenant) - factories.recorded(ledger)
    assert factories.statuses(outcomes) == {"created": 60}
    assert flagged == in_doubt
    assert len(factories.recorded(ledger)) == 60
    assert {ticket.connection_name for ticket in tenant.tickets if ticket.id in unseen} <= flagged
    assert tenant.stats().tickets == 60 + len(unseen)
    ledger.close()


def revoke_all(ledger: Ledger, rate: float) -> list[dict[str, Any]]:
    wanted = [IssuedTicket(entry.key, entry.created_at or 0) for entry in ledger.entries_of_run(FIRST_RUN.run)]
    revoker = factories.Revoker(wanted, factories.open_hook(ledger, rate), ledger, "revoke_sso_tickets/run-1")
    asyncio.run(revoker.run())
    return revoker.results()


def revoke_slowly(url: str, fernet: str, connection: str) -> None:
    set_up(fernet, connection)
    revoke_all(Ledger(url), rate=20)


@pytest.mark.answers("a task of `revoke_sso_tickets` is killed, cleared or tried again")
def test_after_a_kill_the_next_try_revokes_the_rest_and_tells_of_all(
    ledger_url: str, fernet: str, run_tenant: RunTenant, connect: Connect
) -> None:
    tenant = run_tenant(latency=(0.2, 0.2))
    connect(tenant)
    ledger = Ledger(ledger_url)
    factories.issue(factories.organizations(40), ledger)
    process = factories.process_context().Process(
        target=revoke_slowly, args=(ledger_url, fernet, os.environ[CONNECTION_VARIABLE])
    )
    process.start()
    deadline = time.monotonic() + 60
    while tenant.stats().revoked < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.join(20)
    assert 5 <= tenant.stats().revoked < 40
    results = revoke_all(ledger, rate=2000)
    assert [result["status"] for result in results] == ["revoked"] * 40
    assert {result["ticket_id"] for result in results} == {ticket.id for ticket in tenant.tickets}
    assert factories.living(tenant) == set()
    assert len(ledger.revocations.by_ticket([ticket.id for ticket in tenant.tickets])) == 40
    ledger.close()
