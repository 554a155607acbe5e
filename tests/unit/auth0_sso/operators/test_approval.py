"""How long a plan waits for its approval."""

from __future__ import annotations

from datetime import timedelta

import pytest
from auth0_sso.operators.approval import ApprovalSettingError, ApprovePlanOperator


def approval(**options: timedelta) -> ApprovePlanOperator:
    return ApprovePlanOperator(task_id="approve", subject="Create?", **options)


def test_a_plan_that_nobody_answers_is_rejected_after_two_days() -> None:
    operator = approval()
    assert (operator.defaults, operator.response_timeout) == (["Reject"], timedelta(days=2))


@pytest.mark.parametrize(("hours", "expected"), [("8", 8.0), (" 0.5 ", 0.5), ("", 48.0), (" ", 48.0)])
def test_a_variable_says_after_how_many_hours(monkeypatch: pytest.MonkeyPatch, hours: str, expected: float) -> None:
    monkeypatch.setenv("SSO_TICKETS_APPROVAL_TIMEOUT", hours)
    assert approval().response_timeout == timedelta(hours=expected)
    assert approval(approval_timeout=timedelta(minutes=1)).response_timeout == timedelta(minutes=1)


@pytest.mark.parametrize("hours", ["0", "-1", "two days", "nan", "1e9", "0.0", "99999"])
def test_a_malformed_variable_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch, hours: str) -> None:
    monkeypatch.setenv("SSO_TICKETS_APPROVAL_TIMEOUT", hours)
    with pytest.raises(ApprovalSettingError, match=rf"is '{hours}'\. It must be a number of hours above 0, like 48"):
        approval()
