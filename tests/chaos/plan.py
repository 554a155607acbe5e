"""What is killed when: drawn from a seed, so that a run of the chaos can be had again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum


class Target(Enum):
    """What is ended with SIGKILL."""

    TASK = "task"  # the process that runs a task
    SUPERVISOR = "supervisor"  # the one that watches over it; the task is orphaned
    SCHEDULER = "scheduler"  # alone: its workers live on for a while
    SCHEDULER_AND_WORKERS = "scheduler + workers"
    API_SERVER = "api-server"
    AIRFLOW = "all of Airflow"  # while the tenant has made tickets and holds back the answers


@dataclass(frozen=True)
class Kill:
    """
    One kill.

    :param target: what is ended.
    :param at: the number of tickets that the tenant has made by then.
    """

    target: Target
    at: int


_EACH_BATCH = {
    Target.TASK: 14,
    Target.SUPERVISOR: 3,
    Target.SCHEDULER: 1,
    Target.SCHEDULER_AND_WORKERS: 1,
    Target.API_SERVER: 1,
    Target.AIRFLOW: 2,
}


def kills(seed: int, organizations: int) -> list[Kill]:
    """
    Return the kills of a batch, in order.

    The first hits the tasks before any ticket is asked for, the last those after the last one was made.
    """
    chance = random.Random(seed)
    targets = [target for target, count in _EACH_BATCH.items() for _ in range(count)]
    chance.shuffle(targets)
    between = sorted(chance.randrange(1, organizations - 10) for _ in targets)
    return [
        Kill(Target.TASK, 0),
        *(Kill(target, at) for target, at in zip(targets, between, strict=True)),
        Kill(Target.TASK, organizations),
    ]


def kills_of_the_plain_way(seed: int, organizations: int) -> list[Kill]:
    """Return fewer kills, all in the first half: six tasks, then all of Airflow."""
    chance = random.Random(seed)
    between = sorted(chance.randrange(1, organizations // 2) for _ in range(6))
    return [*(Kill(Target.TASK, at) for at in between), Kill(Target.AIRFLOW, organizations // 2)]
