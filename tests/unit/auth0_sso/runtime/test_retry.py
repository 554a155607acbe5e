"""How often and for how long one prospect's request is retried."""

from __future__ import annotations

import pytest
from auth0_sso.exceptions import (
    Auth0AmbiguousResultError,
    Auth0RateLimitError,
    Auth0TokenRateLimitError,
    Auth0TransientError,
    Auth0UnreachableError,
)
from auth0_sso.runtime.retry import OutageTimer, RetryBudget
from auth0_sso.runtime.timeouts import DEFAULT_TIMEOUTS, MAX_AMBIGUOUS

from tests.unit.auth0_sso.conftest import FakeClock

SECONDS = DEFAULT_TIMEOUTS.retry_budget
UNREACHABLE = Auth0UnreachableError("unreachable")
AMBIGUOUS = Auth0AmbiguousResultError("no answer")


@pytest.fixture
def budget(clock: FakeClock) -> RetryBudget:
    return RetryBudget(OutageTimer(clock))


@pytest.mark.parametrize(
    ("error", "delays"),
    [
        pytest.param(Auth0RateLimitError("429", status=429), [0, 0, 0, 0], id="429, for which the rate limiter pauses"),
        pytest.param(Auth0TokenRateLimitError("429", status=429), [4, 8, 16, 30], id="429 of the token endpoint"),
        pytest.param(UNREACHABLE, [4, 8, 16, 30], id="unreachable"),
        pytest.param(Auth0TransientError("503", headers={"Retry-After": "20"}), [20, 20, 20, 30], id="Retry-After"),
        pytest.param(Auth0TransientError("503", headers={"Retry-After": "9999"}), [60] * 4, id="absurd Retry-After"),
        pytest.param(Auth0TransientError("503", headers={"X-RateLimit-Reset": "9" * 10}), [4, 8, 16, 30], id="Reset"),
    ],
)
def test_the_delay_grows_up_to_a_bound(budget: RetryBudget, error: Auth0TransientError, delays: list[float]) -> None:
    assert [budget.next_delay(error, risked=True) for _ in range(4)] == delays


def test_the_budget_ends_with_its_seconds(clock: FakeClock, budget: RetryBudget) -> None:
    began = clock.now

    def retry() -> None:
        while True:
            clock.now += budget.next_delay(UNREACHABLE, risked=True)

    with pytest.raises(Auth0UnreachableError):
        retry()
    assert clock.now - began == SECONDS
    with pytest.raises(Auth0TransientError, match="Another task's request for this prospect does not end"):
        budget.look_again()


def test_the_budget_ends_with_the_third_request_that_may_have_created_a_ticket(budget: RetryBudget) -> None:
    for _ in range(10):
        budget.next_delay(AMBIGUOUS, risked=False)
    for _ in range(MAX_AMBIGUOUS - 1):
        budget.next_delay(AMBIGUOUS, risked=True)
    with pytest.raises(Auth0AmbiguousResultError):
        budget.next_delay(AMBIGUOUS, risked=True)


def test_an_outage_uses_up_the_budgets_of_later_prospects_too(clock: FakeClock) -> None:
    outage = OutageTimer(clock)
    clock.now += SECONDS - 1
    late = RetryBudget(outage)
    assert late.next_delay(UNREACHABLE, risked=True) == 1
    clock.now += 1
    with pytest.raises(Auth0UnreachableError):
        late.next_delay(UNREACHABLE, risked=True)
    outage.end()
    assert RetryBudget(outage).next_delay(UNREACHABLE, risked=True) == 4


@pytest.mark.parametrize(
    ("failures", "requested", "seconds"),
    [(1, 0, 1), (3, 0, 4), (10_000, 0, 30), (1, 7, 7), (1, 10**30, 60)],
)
def test_the_cooldown_of_the_token_endpoint_grows_up_to_a_bound(
    failures: int, requested: float, seconds: float
) -> None:
    assert DEFAULT_TIMEOUTS.cooldown(failures, requested) == seconds
