"""Requests a second against what the pool's slots allow, from the counts of each task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from auth0_sso.models import TaskStats

MAX_SAMPLES = 600


@dataclass(frozen=True)
class RateSample:
    """
    The requests of one second, or of the busiest second of several.

    :param second: UNIX time at which the sample begins, in seconds.
    :param sent: requests sent in that second.
    :param allowed: requests a second that the slots held at the time allow.
    """

    second: int
    sent: int
    allowed: float


def rate_samples(stats: Iterable[TaskStats]) -> list[RateSample]:
    """
    Add up the tasks' requests, second by second.

    ``allowed`` is the most that slots held *at once* within the second: two tasks that follow each other in
    one slot count once.

    :param stats: what each try of the tasks has sent.
    :return: samples at even distances, without gaps, at most :data:`MAX_SAMPLES`; in a longer run each stands for
        several seconds.
    """
    import pandas as pd

    tasks = list(stats)
    if not tasks:
        return []
    counts = [(int(second), int(count)) for task in tasks for second, count in task.sent.items()]
    sent = pd.DataFrame(counts, columns=["second", "count"], dtype="int64").groupby("second")["count"].sum()
    starts = [(task.started, task.rate) for task in tasks]
    ends = [(task.finished, -task.rate) for task in tasks]
    held = pd.DataFrame(starts + ends, columns=["moment", "rate"]).groupby("moment")["rate"].sum().cumsum().round(6)

    first = min([*sent.index, int(held.index[0])])
    last = max([*sent.index, int(max(starts)[0]), math.ceil(held.index[-1]) - 1])
    width = math.ceil((last - first + 1) / MAX_SAMPLES)
    begins = range(first, last + 1, width)
    # The slots held when a sample begins count in it, except those that are given back at that moment.
    held = held.reindex(held.index.union(list(begins))).ffill().fillna(0.0)

    def busiest(values: pd.Series[Any]) -> list[Any]:
        samples = (values.index - first) // width
        return values.groupby(samples).max().reindex(range(len(begins)), fill_value=0).tolist()

    return [RateSample(*sample) for sample in zip(begins, busiest(sent), busiest(held), strict=True)]
