"""When Airflow retries a task that sends requests to Auth0."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import RetryDecision, RetryPolicy

from auth0_sso.exceptions import Auth0RowError, Auth0RunError, Auth0TransientError

if TYPE_CHECKING:
    from airflow.sdk import Context


class Auth0RetryPolicy(RetryPolicy):
    """
    Retry after transient errors. Fail after errors of the request, the settings or the input (``ValueError``).

    Everything else is left to the task's own retries. The delay, in seconds, is doubled before each further retry.
    """

    def __init__(self, first_delay: float = 60.0, longest_delay: float = 900.0) -> None:
        self.first_delay = first_delay
        self.longest_delay = longest_delay

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Return whether to retry; the task's ``retries`` still bound it."""
        if isinstance(exception, (Auth0RowError, Auth0RunError, ValueError)):
            return RetryDecision.fail(reason=f"{type(exception).__name__}: trying again changes nothing")
        if isinstance(exception, Auth0TransientError):
            delay = min(self.first_delay * 2 ** (max(try_number, 1) - 1), self.longest_delay)
            return RetryDecision.retry(
                delay=timedelta(seconds=delay), reason=f"{type(exception).__name__}: it may pass"
            )
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return the policy as JSON, for the serialized DAG."""
        return {"first_delay": self.first_delay, "longest_delay": self.longest_delay}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Auth0RetryPolicy:
        """Return the policy of a serialized DAG."""
        return cls(**data)


# Default arguments for a DAG. No policy is consulted after a task was killed; then retry_delay applies.
RETRIES: dict[str, Any] = {"retries": 3, "retry_delay": timedelta(seconds=30), "retry_policy": Auth0RetryPolicy()}
