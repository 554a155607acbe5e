"""A task is retried after transient errors, and not after those that somebody must fix."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowException, AirflowTaskTimeout
from auth0_sso.exceptions import Auth0ConflictError, Auth0TransientError, Auth0UnreachableError, LedgerError
from auth0_sso.runtime.retry_policy import Auth0RetryPolicy

FAIL, RETRY, DEFAULT = RetryAction.FAIL, RetryAction.RETRY, RetryAction.DEFAULT


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        *((kind, FAIL) for kind in (Auth0ConflictError, LedgerError, ValueError)),
        *((kind, RETRY) for kind in (Auth0TransientError, Auth0UnreachableError)),
        *((kind, DEFAULT) for kind in (AirflowException, AirflowTaskTimeout, KeyError)),
    ],
)
def test_an_error_is_final_transient_or_left_to_airflow(kind: type[Exception], action: RetryAction) -> None:
    decision = Auth0RetryPolicy().evaluate(kind("s3cret"), 1, 3)
    assert decision.action is action
    assert "s3cret" not in str(decision.reason)
    assert action is not FAIL or kind.__name__ in str(decision.reason)


@pytest.mark.parametrize(("try_number", "seconds"), [(0, 10), (1, 10), (2, 20), (5, 100), (1000, 100)])
def test_the_delay_doubles_up_to_a_bound(try_number: int, seconds: float) -> None:
    decision = Auth0RetryPolicy(first_delay=10, longest_delay=100).evaluate(Auth0TransientError("x"), try_number, 2000)
    assert decision.retry_delay == timedelta(seconds=seconds)


def test_the_policy_survives_the_serialized_dag() -> None:
    policy = Auth0RetryPolicy(first_delay=5, longest_delay=50)
    again = Auth0RetryPolicy.deserialize(json.loads(json.dumps(policy.serialize())))
    assert vars(again) == vars(policy)
