"""What the fault scenarios share: a fast clock, tasks, and their outcomes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.exceptions import Auth0TransientError
from auth0_sso.ledger.records import RunAttempt
from auth0_sso.ledger.store import Ledger
from auth0_sso.runtime.rate_limiter import RateLimiter
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, PAUSE_SPREAD, Timeouts

from tests.support import factories
from tests.unit.auth0_sso.conftest import FakeClock

MAX_PAUSE = DEFAULT_TIMEOUTS.longest_pause * (1 + PAUSE_SPREAD)


class FastClock:
    """Runs faster than real time, for a tenant and its tasks alike."""

    def __init__(self, speed: float = 30.0) -> None:
        self._speed = speed
        self._began = time.monotonic()
        self._epoch = float(int(time.time()))
        self.slept: list[float] = []

    def __call__(self) -> float:
        return (time.monotonic() - self._began) * self._speed

    def unix(self) -> float:
        return self._epoch + self()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds / self._speed)


class Fleet:
    """Tasks of one run that share the tenant and the ledger."""

    def __init__(self, issuers: Sequence[factories.Issuer]) -> None:
        self.issuers = issuers

    def run(self) -> dict[int, dict[str, Any]]:
        async def all_of_them() -> None:
            await asyncio.gather(*(issuer.run() for issuer in self.issuers))

        asyncio.run(all_of_them())
        return self.outcomes

    @property
    def outcomes(self) -> dict[int, dict[str, Any]]:
        return {row: outcome for issuer in self.issuers for row, outcome in factories.by_row(issuer.results()).items()}


def fleet(
    ledger: Ledger,
    tasks: int,
    rows: int,
    *,
    first: int = 1,
    clock: FakeClock | FastClock | None = None,
    rate: float = 500.0,
    burst: float = 20.0,
    attempt: RunAttempt = factories.FIRST_RUN,
    timeouts: Timeouts = factories.SHORT,
    retry_budget: float = factories.SHORT.retry_budget,
    **options: Any,
) -> Fleet:
    """Return some tasks with that many rows each."""
    timeouts = replace(timeouts, retry_budget=retry_budget)
    timing: dict[str, Any] = {} if clock is None else {"clock": clock, "sleep": clock.sleep}

    def issuer(number: int) -> factories.Issuer:
        hook = factories.open_hook(ledger, timeouts=timeouts)
        hook.rate_limiter = RateLimiter(rate, burst, **timing)
        wanted = factories.organizations(rows, first=first + number * rows)
        return factories.issuer(wanted, ledger, attempt, hook=hook, **options)

    return Fleet([issuer(number) for number in range(tasks)])


def check_created(outcomes: dict[int, dict[str, Any]], rows: int) -> None:
    """Check that all rows have a ticket, and that none is marked as a possible duplicate."""
    assert factories.statuses(outcomes) == {"created": rows}
    assert flagged(outcomes) == []


def check_not_created(tasks: Fleet, said: str) -> dict[int, dict[str, Any]]:
    """Check that a run ends with no ticket, no possible duplicate and its reason in each row; return the outcomes."""
    outcomes = tasks.run()
    assert statuses(outcomes) in ({"failed"}, {"failed", "not_attempted"})
    assert all(said in error for error in errors(outcomes)), errors(outcomes)
    assert flagged(outcomes) == []
    with pytest.raises(Auth0TransientError, match="rows failed"):
        tasks.issuers[0].raise_if_incomplete()
    return outcomes


def errors(outcomes: dict[int, dict[str, Any]]) -> set[str]:
    return {outcome["error"] for outcome in outcomes.values()}


def flagged(outcomes: dict[int, dict[str, Any]]) -> list[int]:
    """Return the rows that are marked as possible duplicates."""
    return [row for row, outcome in sorted(outcomes.items()) if outcome["duplicate_possible"]]


def statuses(outcomes: dict[int, dict[str, Any]]) -> set[str]:
    return {outcome["status"] for outcome in outcomes.values()}
