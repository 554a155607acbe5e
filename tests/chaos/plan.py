"""The plan of kills, drawn from a seed, so that a run can be repeated."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum


class Target(Enum):
    """What is ended with SIGKILL."""

    TASK = "task"  # the process that runs a task
    SUPERVISOR = "supervisor"  # the process that supervises it; the task is orphaned
    SCHEDULER = "scheduler"  # only; its workers run on for a while
    SCHEDULER_AND_WORKERS = "scheduler + workers"
    API_SERVER = "api-server"
    AIRFLOW = "all of Airflow"  # while the tenant has created tickets and holds back the responses


@dataclass(frozen=True)
class Kill:
    """One kill, due when the tenant has created ``at`` tickets."""

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

MAILING_TARGETS = {Target.TASK: 20, Target.SUPERVISOR: 1}
"""How often each target is killed in a mailing."""


def kills(seed: int, organizations: int) -> list[Kill]:
    """Return the kills of a batch, in order: the first before any ticket is requested, the last after the last one."""
    rng = random.Random(seed)
    targets = [target for target, count in _EACH_BATCH.items() for _ in range(count)]
    rng.shuffle(targets)
    between = sorted(rng.randrange(1, organizations - 10) for _ in targets)
    return [
        Kill(Target.TASK, 0),
        *(Kill(target, at) for target, at in zip(targets, between, strict=True)),
        Kill(Target.TASK, organizations),
    ]


def mailing_kills(seed: int) -> list[Target]:
    """Return the kills of a mailing, in order."""
    targets = [target for target, count in MAILING_TARGETS.items() for _ in range(count)]
    random.Random(seed).shuffle(targets)
    return targets


def baseline_kills(seed: int, organizations: int) -> list[Kill]:
    """Return the kills of the baseline, all in the first half: six tasks, then all of Airflow."""
    rng = random.Random(seed)
    between = sorted(rng.randrange(1, organizations // 2) for _ in range(6))
    return [*(Kill(Target.TASK, at) for at in between), Kill(Target.AIRFLOW, organizations // 2)]
