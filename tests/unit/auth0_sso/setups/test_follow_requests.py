"""Following the setups takes few requests, also of thousands, and no plan's rate limit refuses any."""

from __future__ import annotations

import asyncio
import random
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from auth0_sso.ledger import schema
from auth0_sso.ledger.setup_log import SetupLog
from auth0_sso.ledger.store import Ledger
from auth0_sso.ledger.token_store import LedgerTokenStore
from auth0_sso.models import MAX_TTL_SEC, OPENED_EVENT
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.setups.follow import SetupFollower
from sqlalchemy import insert

from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.clock import Clock
from dev.sandbox.tenant.settings import PLANS
from dev.sandbox.tenant.token_bucket import TokenBucket
from tests.support.factories import NOW, SHORT, Hook, entry
from tests.support.setups import REQUIRED, World, prospects
from tests.unit.auth0_sso.conftest import Connect, FakeClock

SETUPS, EVENTS, NOT_ENABLED, CONNECTIONS = 10_000, 20_000, 500, 10_000
DAY = 86_400.0

LOGS, LISTED, BY_ORGANIZATION = "/api/v2/logs", "/api/v2/connections", "/api/v2/organizations/"


class LargeTenant(Hook):
    """Answers as a tenant with thousands of connections and events does, without a network."""

    def fill(self) -> None:
        chance = random.Random(1)
        self.seen: Counter[str] = Counter()
        times = sorted(chance.uniform(NOW - DAY + 1, NOW - 1) for _ in range(EVENTS))
        self.logs = [_log(number, at, chance.randrange(SETUPS)) for number, at in enumerate(times)]
        self.dates = [log["date"] for log in self.logs]
        names = [f"acme-{number}" for number in range(NOT_ENABLED)]
        names += [f"other-{number}" for number in range(CONNECTIONS - NOT_ENABLED)]
        self.connections = [{"id": f"con_{name}", "name": name, "strategy": "samlp"} for name in names]

    async def read(self, path: str, query: Mapping[str, str | int], rate_limiter: RateLimiter) -> object:
        self.seen[path] += 1
        if path == LOGS:
            return self._search(str(query["q"]), int(query["page"]), int(query["per_page"]))
        if path == LISTED:
            return self._list(str(query.get("from", "")), int(query["take"]))
        return {"domains": []} if path.endswith("/discovery-domains") else []

    def _search(self, search: str, page: int, size: int) -> list[dict[str, Any]]:
        begin, end = re.findall(r"\d{4}-\S{14}(?= |})", search)
        first, last = bisect_left(self.dates, begin), bisect_left(self.dates, end)
        return self.logs[first : min(last, first + 1000)][page * size : (page + 1) * size]

    def _list(self, begin: str, size: int) -> dict[str, Any]:
        start = int(begin or 0)
        following = {"next": str(start + size)} if start + size < len(self.connections) else {}
        return {"connections": self.connections[start : start + size], **following}


def _log(number: int, at: float, setup: int) -> dict[str, Any]:
    details = {"ss_sso_event_name": OPENED_EVENT, "connection_name": f"acme-{setup}", "flow_type": "create"}
    date = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"log_id": f"{number:020}", "date": date, "type": "ss_sso_success", "details": details}


def fill(ledger: Ledger, tenant: str) -> None:
    """Let each of thousands of connections have had a link for as long as logs are kept."""
    known = (
        entry(
            key=f"acme-{number}",
            tenant=tenant,
            organization_id=f"org_{number}",
            connection_name=f"acme-{number}",
            requires_domain=True,
            created_at=NOW - DAY,
            expires_at=NOW - DAY + MAX_TTL_SEC,
        )
        for number in range(SETUPS)
    )
    with ledger.database.engine.begin() as connection:
        connection.execute(insert(schema.tickets), [ledger._row(one) for one in known])


def run(hook: Hook, ledger: Ledger) -> None:
    async def follow() -> None:
        async with hook.open():
            await SetupFollower(hook, ledger).run(renew_token=False)

    asyncio.run(follow())


def test_ten_thousand_setups_take_some_hundred_requests_and_two_for_each_that_is_not_enabled(
    sqlite_ledger: Ledger, tenant: Sandbox, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(tenant, extra={"token": "ready"})
    monkeypatch.setattr(sqlite_ledger.database.clock, "now", lambda: NOW)
    fill(sqlite_ledger, tenant.domain)
    hook = LargeTenant(rate_limiter=RateLimiter(1000, 1000))
    hook.fill()
    run(hook, sqlite_ledger)
    of_organizations = sum(count for path, count in hook.seen.items() if path.startswith(BY_ORGANIZATION))
    assert hook.seen[LOGS] + hook.seen[LISTED] <= 320
    assert of_organizations == 2 * NOT_ENABLED
    assert max(count for path, count in hook.seen.items() if path.startswith(BY_ORGANIZATION)) == 1
    log = SetupLog(sqlite_ledger.database, tenant.domain)
    setups = log.setups([f"acme-{number}" for number in range(SETUPS)])
    assert sum(known.setup.opened for known in setups.values()) == EVENTS
    assert sum(known.setup.state == "waiting_for_domain" for known in setups.values()) == NOT_ENABLED


@pytest.mark.parametrize(
    ("plan", "rate", "burst", "slow"),
    [
        pytest.param("professional", 2.5, 5, "/api/v2/connections", id="professional"),
        pytest.param("enterprise", 16, 30, "/api/v2/organizations/{id}/enabled_connections", id="enterprise"),
    ],
)
def test_no_request_is_refused_by_a_bucket_of_its_own_and_no_other_kind_waits_for_that_one(
    make_world: Callable[..., World],
    monkeypatch: pytest.MonkeyPatch,
    plan: str,
    rate: float,
    burst: float,
    slow: str,
) -> None:
    world = make_world()
    names = [f"acme-{number}" for number in range(40)]
    world.create(prospects(*names, **REQUIRED))
    for name in names[:20]:
        world.customer(name)._take("set_up", "leave")
    clock, start = FakeClock(), world.clock.now + 3600

    def now() -> float:
        return start + clock()

    monkeypatch.setattr(world.ledger.database.clock, "now", now)
    world.tenant._call(lambda: _change_plan(world.tenant, plan, now))
    limiter = RateLimiter(rate, burst, since=clock.now, clock=clock, sleep=clock.sleep)
    hook = Hook(token_store=LedgerTokenStore(world.ledger.database), rate_limiter=limiter, timeouts=SHORT)
    before = len(world.tenant.requests)
    run(hook, world.ledger)
    seen = world.tenant.requests[before:]
    assert len(seen) == 2 + 40 + 2 * 20
    assert [one.status for one in seen] == [200] * len(seen)
    of_kind = [one.at for one in seen if one.path == slow]
    refill = PLANS[plan].own["connections" if "organizations" not in slow else "organization_connections"].refill
    fair = (len(of_kind) - 10) / refill
    assert of_kind[-1] - of_kind[0] <= fair + 15, "it is not slower than its bucket"
    pauses = [later.at - earlier.at for earlier, later in pairwise(seen) if later.path != slow]
    assert max(pauses) <= 1 / rate + 0.1, "only its own kind waits"


def _change_plan(tenant: Sandbox, plan: str, clock: Clock) -> None:
    """Let the tenant have another plan and time from now on."""
    state = tenant._tenant
    state.clock = clock
    state.logs._clock = clock
    state.settings = state.settings.model_copy(update={"plan": plan})
    limit = state.settings.limit
    state.bucket = TokenBucket(limit, clock())
    state.own_buckets = {route: TokenBucket(own, clock()) for route, own in limit.own.items()}
