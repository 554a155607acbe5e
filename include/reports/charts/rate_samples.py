"""Requests a second against what the pool's slots allow, from what each task says of itself."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_SAMPLES = 600


@dataclass(frozen=True)
class RateSample:
    """What happened in one second, or in the busiest second of several.

    :param second: UNIX time at which the sample begins, in seconds.
    :param sent: requests sent in that second.
    :param allowed: requests a second that the slots held at the time stand for.
    """

    second: int
    sent: int
    allowed: float


def rate_samples(task_stats: Iterable[Mapping[str, Any]]) -> list[RateSample]:
    """Add up the tasks' requests, second by second.

    ``allowed`` is the most that slots held *at once* within the second: two tasks that follow each other in
    one slot count once.

    :param task_stats: one mapping a mapped task: ``started`` and ``finished`` (UNIX time, when it held its
        slot), ``rate`` (requests a second that the slot stands for) and ``sent`` (requests by UNIX second).
    :return: samples at even distances, without gaps, at most :data:`MAX_SAMPLES`. A run that takes more
        seconds than that gives samples of several seconds each, which tell of the busiest one.
    """
    tasks = list(task_stats)
    sent: dict[int, int] = defaultdict(int)
    for task in tasks:
        for second, count in task["sent"].items():
            sent[int(second)] += int(count)
    seconds = [*sent, *(int(task["started"]) for task in tasks), *(_last_second(task) for task in tasks)]
    if not seconds:
        return []
    first = min(seconds)
    width = math.ceil((max(seconds) - first + 1) / MAX_SAMPLES)
    count = (max(seconds) - first) // width + 1

    busiest = [0] * count
    for second, number in sent.items():
        index = (second - first) // width
        busiest[index] = max(busiest[index], number)
    allowed = _peaks(tasks, first, width, count)
    return [RateSample(first + i * width, busiest[i], allowed[i]) for i in range(count)]


def _last_second(task: Mapping[str, Any]) -> int:
    return max(math.ceil(float(task["finished"])) - 1, int(task["started"]))


def _peaks(tasks: list[Mapping[str, Any]], first: int, width: int, count: int) -> list[float]:
    """Sweep over the moments at which slots are taken and given back; at one moment, the latter go first."""
    changes = [(float(task["started"]), float(task["rate"])) for task in tasks]
    changes += [(float(task["finished"]), -float(task["rate"])) for task in tasks]
    waiting = deque(sorted(changes))
    held, peaks = 0.0, []
    for begin in range(first, first + count * width, width):
        peak = 0.0
        while waiting and waiting[0][0] < begin + width:
            moment, change = waiting.popleft()
            if moment > begin:
                peak = max(peak, held)
            held += change
        peaks.append(round(max(peak, held), 6))
    return peaks
