"""How many mapped tasks a run has."""

from __future__ import annotations

from dataclasses import dataclass

from auth0_sso.models import Capacity

FEW_ORGANIZATIONS = 50
"""As many organizations have a mapped task each, which shows them by name."""

SECONDS_A_TASK = 75.0
"""
More organizations share tasks that work for this long, if there is enough to do.

To start and end a task costs its slot one or two seconds.
"""

_UNKNOWN_SLOTS = 16


@dataclass(frozen=True, slots=True)
class FanOut:
    """How many mapped tasks a run has at most, and why."""

    tasks: int
    reason: str


def choose_fan_out(
    items: int,
    requests: int,
    capacity: Capacity,
    *,
    given: float | None,
    max_map_length: int,
    few: int = FEW_ORGANIZATIONS,
) -> FanOut:
    """
    Choose the number of mapped tasks: the fewest that keep every slot of the pool busy.

    :param items: what is divided among the tasks, organizations or tickets.
    :param requests: how many they take.
    :param capacity: the pool's slots, and the requests a second of each.
    :param given: the parameter ``max_mapped_tasks``; None chooses.
    :param max_map_length: the most tasks that Airflow maps.
    :param few: as many items have a task each.
    :raises ValueError: if ``given`` is more than Airflow maps.
    """
    if given is not None and given > max_map_length:
        raise ValueError(
            f"max_mapped_tasks is {given}, but Airflow maps at most {max_map_length} tasks. "
            f"Lower max_mapped_tasks to {max_map_length} or less, or raise [core] max_map_length."
        )
    if given is not None:
        return FanOut(int(given), "at most max_mapped_tasks")  # Airflow's parameters take 16.0 for an integer
    slots = capacity.slots or _UNKNOWN_SLOTS
    seconds = requests / (slots * capacity.requests_per_slot)
    rounds = max(1, int(seconds // SECONDS_A_TASK))
    tasks = min(slots * rounds, max_map_length)
    if items <= max(tasks, min(few, max_map_length)):
        return FanOut(max(items, 1), "each has a task of its own")
    each = f"{rounds} for each slot" if rounds > 1 else "one for each slot"
    known = capacity.slots or "an unknown number of"
    return FanOut(tasks, f"{each} of the pool, which has {known} slots")
