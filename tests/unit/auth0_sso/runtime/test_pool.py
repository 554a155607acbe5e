"""What the first task of a run requires of the pool."""

from __future__ import annotations

import re

import pytest
from auth0_sso.exceptions import Auth0RunError
from auth0_sso.models import TENANT
from auth0_sso.runtime.pool import read_slots, require_pool

_VARIABLE = f"AIRFLOW_VAR_{TENANT.slots_variable.upper()}"


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv(_VARIABLE, raising=False)
    return monkeypatch


@pytest.mark.parametrize("published", ["2 slots", "16", "what a person has set"])
def test_a_pool_with_slots_is_a_rate_limit(publish: pytest.MonkeyPatch, published: str) -> None:
    publish.setenv(_VARIABLE, published)
    require_pool(TENANT)


@pytest.mark.parametrize("published", ["-1 slots", "-1"])
def test_a_pool_of_unlimited_slots_is_refused_since_nothing_limits_the_rate(
    publish: pytest.MonkeyPatch, published: str
) -> None:
    publish.setenv(_VARIABLE, published)
    with pytest.raises(Auth0RunError, match=r"has unlimited slots, and would limit no rate.* Give the pool"):
        require_pool(TENANT)


def test_a_pool_without_slots_is_refused_since_its_tasks_would_wait_forever(publish: pytest.MonkeyPatch) -> None:
    publish.setenv(_VARIABLE, "0 slots")
    with pytest.raises(Auth0RunError, match=r"has no slots, and its tasks would wait forever.* and clear this task"):
        require_pool(TENANT)


def test_without_the_variable_the_error_names_the_commands_that_make_both(publish: pytest.MonkeyPatch) -> None:
    publish.setattr("airflow.sdk.Variable.get", lambda name, default: default)
    with pytest.raises(Auth0RunError, match=re.escape("airflow pools set auth0_management_api 2 ")):
        require_pool(TENANT)


@pytest.mark.parametrize(
    ("published", "slots"), [("4 slots", 4), (" 1 ", 1), ("-1 slots", -1), ("0", 0), ("many", None), ("\u00b2", None)]
)
def test_the_variable_has_the_slots_with_or_without_their_unit(published: str, slots: int | None) -> None:
    assert read_slots(published) == slots
