"""A task is tried again after bad weather, never when somebody must mend something."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowException, AirflowTaskTimeout
from auth0_sso.exceptions import (
    Auth0AmbiguousResultError,
    Auth0ConflictError,
    Auth0ConnectionError,
    Auth0ProfileError,
    Auth0RateLimitError,
    Auth0RowError,
    Auth0RunError,
    Auth0TokenError,
    Auth0TransientError,
    Auth0UnreachableError,
    LedgerError,
)
from auth0_sso.runtime.retry_policy import Auth0RetryPolicy

FINAL = [
    Auth0RowError,
    Auth0ConflictError,
    Auth0RunError,
    Auth0TokenError,
    Auth0ProfileError,
    Auth0ConnectionError,
    LedgerError,
]
WEATHER = [Auth0TransientError, Auth0RateLimitError, Auth0UnreachableError, Auth0AmbiguousResultError]


@pytest.mark.parametrize("kind", FINAL)
@pytest.mark.parametrize("try_number", [1, 3])
def test_what_somebody_must_mend_is_not_tried_again(kind: type[Exception], try_number: int) -> None:
    decision = Auth0RetryPolicy().evaluate(kind("x"), try_number, 3)
    assert decision.action is RetryAction.FAIL
    assert decision.reason is not None
    assert kind.__name__ in decision.reason


@pytest.mark.parametrize("kind", WEATHER)
def test_bad_weather_is_waited_out(kind: type[Exception]) -> None:
    decision = Auth0RetryPolicy().evaluate(kind("x"), 1, 3)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay == timedelta(seconds=60)


@pytest.mark.parametrize(
    ("try_number", "seconds"), [(0, 10), (1, 10), (2, 20), (3, 40), (4, 80), (5, 100), (50, 100), (1000, 100)]
)
def test_each_try_waits_longer_up_to_a_bound(try_number: int, seconds: float) -> None:
    decision = Auth0RetryPolicy(first_delay=10, longest_delay=100).evaluate(Auth0TransientError("x"), try_number, 2000)
    assert decision.retry_delay == timedelta(seconds=seconds)


@pytest.mark.parametrize("error", [AirflowException("x"), AirflowTaskTimeout("x"), KeyError("x")])
def test_other_errors_are_left_to_airflow(error: BaseException) -> None:
    assert Auth0RetryPolicy().evaluate(error, 1, 3).action is RetryAction.DEFAULT


def test_no_reason_repeats_what_the_error_says() -> None:
    for kind in (*FINAL, *WEATHER):
        assert "s3cret" not in str(Auth0RetryPolicy().evaluate(kind("s3cret"), 1, 3).reason)


def test_it_survives_the_serialized_dag() -> None:
    policy = Auth0RetryPolicy(first_delay=5, longest_delay=50)
    again = Auth0RetryPolicy.deserialize(json.loads(json.dumps(policy.serialize())))
    assert vars(again) == vars(policy)
