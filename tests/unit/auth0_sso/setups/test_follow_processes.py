"""A process that follows the setups is killed again and again: nothing is lost, and nothing counts twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.hooks import reading
from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.setup_log import SetupLog
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.models import GENERATED_EVENT, MAX_TTL_SEC, OPENED_EVENT
from auth0_sso.setups import follow
from auth0_sso.setups.follow import SetupFollower
from auth0_sso.setups.state import CREATED

from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.connections import Connection
from dev.sandbox.tenant.logs import Visitor
from tests.support import databases, factories
from tests.support.waiting import wait_until
from tests.unit.auth0_sso.conftest import CONNECTION_VARIABLE, Connect, RunTenant

HOUR = 3600.0
CONNECTIONS = 300
EVENTS = 3_000
MIN_KILLS = 3
# Of these the answer was lost; of the first ones a ticket was made.
LOST = [f"acme-{number}" for number in range(20)]


def fill_tenant(tenant: Sandbox, now: float, chance: random.Random) -> None:
    """Let thousands of events have happened in the last hours, and some connections exist."""
    visitor = Visitor("203.0.113.1", "")
    names = [f"acme-{number}" for number in range(CONNECTIONS)]
    events = [OPENED_EVENT] * 8 + [CREATED, "ss_sso_flow_end"]
    made = [(now - 20 * HOUR + 1, GENERATED_EVENT, name) for name in LOST[:10]]
    happened = [
        (now - chance.uniform(HOUR, 20 * HOUR), chance.choice(events), chance.choice(names)) for _ in range(EVENTS)
    ]

    def write() -> None:
        state = tenant._tenant
        for name in names[::3]:
            state.connections[f"con_{name}"] = Connection(name, enabled_organizations={f"org_{name}": {}})
        for at, event, name in sorted([*made, *happened]):
            state.logs._clock = lambda at=at: at
            details = {"ss_sso_event_name": event, "connection_name": name, "flow_type": "create"}
            state.logs.write("ss_sso_success", event, visitor, details=details)
        state.logs._clock = state.clock

    tenant._call(write)


def fill_ledger(ledger: Ledger, tenant: Sandbox, now: float) -> None:
    """Let a link for each connection have been made before."""
    made_at = now - 20 * HOUR
    for number in range(CONNECTIONS):
        name = f"acme-{number}"
        status = "unknown" if name in LOST else "created"
        known = factories.entry(
            status,
            key=name,
            tenant=tenant.domain,
            organization_id=f"org_{name}",
            connection_name=name,
            requested_at=made_at,
            valid_until=made_at + MAX_TTL_SEC,
        )
        ledger._insert(known if name in LOST else replace(known, created_at=made_at, expires_at=made_at + MAX_TTL_SEC))


def follow_setups(ledger: Ledger, now: float) -> None:
    ledger.database.clock.now = lambda: now  # type: ignore[method-assign]
    hook = factories.open_hook(ledger)

    async def run() -> None:
        async with hook.open():
            await SetupFollower(hook, ledger).run(renew_token=False)

    asyncio.run(run())


def follow_in_small_parts(url: str, fernet: str, connection: str, now: float) -> None:
    """Follow the setups, and keep what is read more often, so that there are more moments to be killed at."""
    databases.use_fernet_key(fernet)
    os.environ[CONNECTION_VARIABLE] = connection
    reading._MAX_RESULTS = 300
    follow._CHUNK = 50
    with closing(open_ledger(url)) as ledger:
        follow_setups(ledger, now)


def what_is_known(ledger: Ledger, tenant: Sandbox, now: float) -> dict[str, Any]:
    log = SetupLog(ledger.database, tenant.domain)
    names = [f"acme-{number}" for number in range(CONNECTIONS)]
    entries = ledger.entries_of_tenant(tenant.domain)
    return {
        "read": log.read(),
        "events": {name: sorted(events, key=lambda one: one.log_id) for name, events in log.events(names).items()},
        "setups": log.setups(names),
        "flags": {entry.key: _flags(entry, now) for entry in entries},
    }


def _flags(entry: Entry, now: float) -> tuple[bool, bool]:
    return entry.may_be_duplicate(now), entry.duplicate_confirmed


@pytest.mark.answers("the run that follows is killed")
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_moments_nothing_is_lost_and_nothing_counts_twice(
    ledger: Ledger, ledger_url: str, fernet: str, run_tenant: RunTenant, connect: Connect, tmp_path: Path, seed: int
) -> None:
    chance, now = random.Random(seed), time.time()
    tenant = run_tenant(log_delay=(0, 0))
    connect(tenant)
    fill_tenant(tenant, now, chance)
    with closing(open_ledger(f"sqlite:///{tmp_path / 'undisturbed.db'}")) as undisturbed:
        fill_ledger(undisturbed, tenant, now)
        follow_setups(undisturbed, now)
        expected = what_is_known(undisturbed, tenant, now)
    kept = [event for events in expected["events"].values() for event in events]
    assert len(kept) == EVENTS + 10
    assert Counter(expected["flags"].values()) == {(False, False): CONNECTIONS - 10, (True, True): 10}

    fill_ledger(ledger, tenant, now)
    get_token(ledger)
    kills = 0
    while follow_until_killed(tenant, ledger_url, fernet, now, chance):
        kills += 1
    assert kills >= MIN_KILLS
    assert what_is_known(ledger, tenant, now) == expected


def get_token(ledger: Ledger) -> None:
    """Keep a token in the ledger, as of a run before: no process is killed while it renews it."""
    hook = factories.open_hook(ledger)

    async def run() -> None:
        async with hook.open():
            await hook.token()

    asyncio.run(run())


def follow_until_killed(tenant: Sandbox, url: str, fernet: str, now: float, chance: random.Random) -> bool:
    """Follow the setups in a process that is killed after some requests; return whether it was, and did not end."""
    requests = len(tenant.requests) + chance.randint(1, 40)
    arguments = (url, fernet, os.environ[CONNECTION_VARIABLE], now)
    process = factories.process_context().Process(target=follow_in_small_parts, args=arguments)
    process.start()
    wait_until(lambda: len(tenant.requests) >= requests or not process.is_alive())
    time.sleep(chance.uniform(0, 0.02))
    process.kill()
    process.join(20)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0
