"""A task is retried after transient errors, and not after those that somebody must fix."""

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
    Auth0RateLimitError,
    Auth0RowError,
    Auth0RunError,
    Auth0TransientError,
    Auth0UnreachableError,
    LedgerError,
)
from auth0_sso.runtime.retry_policy import Auth0RetryPolicy

FINAL = [Auth0RowError, Auth0ConflictError, Auth0RunError, Auth0ConnectionError, LedgerError, ValueError]
TRANSIENT = [Auth0TransientError, Auth0RateLimitError, Auth0UnreachableError, Auth0AmbiguousResultError]


@pytest.mark.parametrize("kind", FINAL)
def test_an_error_that_somebody_must_fix_is_final(kind: type[Exception]) -> None:
    decision = Auth0RetryPolicy().evaluate(kind("s3cret"), 1, 3)
    assert decision.action is RetryAction.FAIL
    assert decision.reason is not None
    assert kind.__name__ in decision.reason
    assert "s3cret" not in decision.reason


@pytest.mark.parametrize("kind", TRANSIENT)
def test_a_transient_error_is_retried(kind: type[Exception]) -> None:
    decision = Auth0RetryPolicy().evaluate(kind("s3cret"), 1, 3)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay == timedelta(seconds=60)
    assert "s3cret" not in str(decision.reason)


@pytest.mark.parametrize(("try_number", "seconds"), [(0, 10), (1, 10), (2, 20), (3, 40), (5, 100), (1000, 100)])
def test_the_delay_doubles_up_to_a_bound(try_number: int, seconds: float) -> None:
    decision = Auth0RetryPolicy(first_delay=10, longest_delay=100).evaluate(Auth0TransientError("x"), try_number, 2000)
    assert decision.retry_delay == timedelta(seconds=seconds)


@pytest.mark.parametrize("error", [AirflowException("x"), AirflowTaskTimeout("x"), KeyError("x")])
def test_other_errors_are_left_to_airflow(error: BaseException) -> None:
    assert Auth0RetryPolicy().evaluate(error, 1, 3).action is RetryAction.DEFAULT


def test_the_policy_survives_the_serialized_dag() -> None:
    policy = Auth0RetryPolicy(first_delay=5, longest_delay=50)
    again = Auth0RetryPolicy.deserialize(json.loads(json.dumps(policy.serialize())))
    assert vars(again) == vars(policy)
