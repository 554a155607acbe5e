"""How many mapped tasks a run has."""

from __future__ import annotations

import pytest
from auth0_sso.models import Capacity

from include.fan_out import choose_fan_out

FOUR = Capacity(slots=4, requests_per_slot=4.0)


@pytest.mark.parametrize(
    ("organizations", "requests", "slots", "rate", "tasks"),
    [
        (40, 40, 4, 4.0, 40),  # few: each is shown by name
        (50, 5_000, 2, 1.0, 50),
        (51, 51, 4, 4.0, 4),  # one for each slot
        (100, 100, 2, 1.25, 2),
        (1_000, 1_000, 4, 4.0, 4),
        (1_000, 0, 4, 4.0, 4),
        (10_000, 10_000, 4, 4.0, 32),  # 625 seconds: eight tasks of 78 seconds for each slot
        (60, 60, 100, 1.0, 60),  # more slots than organizations
        (90, 9_000, 4, 4.0, 28),
        (100_000, 100_000, 16, 1.0, 1_024),  # no more than Airflow maps
        (100, 100, 0, 1.0, 16),  # the slots are not known
        (0, 0, 4, 4.0, 1),
    ],
)
def test_the_fewest_tasks_that_keep_every_slot_busy(
    organizations: int, requests: int, slots: int, rate: float, tasks: int
) -> None:
    assert (
        choose_fan_out(organizations, requests, Capacity(slots, rate), given=None, max_map_length=1_024).tasks == tasks
    )


@pytest.mark.parametrize(
    ("organizations", "requests", "slots", "given", "reason"),
    [
        (7, 7, 4, None, "each has a task of its own"),
        (60, 60, 60, None, "each has a task of its own"),
        (99, 99, 4, None, "one for each slot of the pool, which has 4 slots"),
        (9_999, 9_999, 4, None, "8 for each slot of the pool, which has 4 slots"),
        (99, 99, 0, None, "one for each slot of the pool, which has an unknown number of slots"),
        (99, 99, 4, 8.0, "at most max_mapped_tasks"),
    ],
)
def test_why_there_are_so_many_tasks_is_said(
    organizations: int, requests: int, slots: int, given: float | None, reason: str
) -> None:
    assert (
        choose_fan_out(organizations, requests, Capacity(slots, 4.0), given=given, max_map_length=1_024).reason
        == reason
    )


def test_tickets_to_revoke_have_no_names_to_show() -> None:
    assert choose_fan_out(40, 40, FOUR, given=None, max_map_length=1_024, few=0).tasks == 4
    assert choose_fan_out(3, 3, FOUR, given=None, max_map_length=1_024, few=0).tasks == 3


def test_more_mapped_tasks_than_airflow_maps_are_refused_with_the_number() -> None:
    assert choose_fan_out(9, 9, FOUR, given=1_024, max_map_length=1_024).tasks == 1_024
    with pytest.raises(ValueError, match=r"max_mapped_tasks is 1025.*at most 1024.*Lower max_mapped_tasks to 1024"):
        choose_fan_out(9, 9, FOUR, given=1_025, max_map_length=1_024)
