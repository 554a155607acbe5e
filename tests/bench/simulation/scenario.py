"""What is simulated, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from dev.sandbox.tenant.settings import Plan
from tests.bench.simulation.tenant import NOBODY, OtherUsers


@dataclass(frozen=True)
class Scenario:
    """
    Organizations with one request each, on mapped tasks of equal size.

    :param startup: seconds for which a task holds its slot before it can send
    :param killed: share of the tasks that are killed, each at a random moment
    :param cleared_at: seconds after which all running tasks are cleared; 0: they are not
    :param headers: whether the tenant sends ``X-RateLimit-*``
    :param runs: how often it is simulated, each time with another seed
    :param most_refused: the largest share of its requests that may be refused
    :param least_used: the smallest share of ``rate`` that its tickets may use
    """

    name: str
    plan: Plan
    slots: int
    requests_per_slot: float
    burst_per_slot: float
    organizations: int
    tasks: int
    others: OtherUsers = NOBODY
    startup: float = 1.0
    killed: float = 0.0
    cleared_at: float = 0.0
    headers: bool = True
    runs: int = 1
    most_refused: float = 0.01
    least_used: float = 1 / 1.3

    @property
    def rate(self) -> float:
        """Requests a second that the others leave of the refill; the pool's, if that is less."""
        return min(self.slots * self.requests_per_slot, self.plan.refill * (1 - self.others.share))


@dataclass(frozen=True)
class Outcome:
    """
    What came of one run of a scenario.

    :param others_refused: share of the others' requests
    :param above_bound: requests in the fullest of all windows, less those that the pool's slots allow in it
    :param fairness: Jain's index over the rates of the tasks that run at once
    :param longest_to_median: seconds of the longest task, relative to the median
    """

    scenario: Scenario
    tickets: int
    sent: int
    refused: int
    others_refused: float
    seconds: float
    above_bound: float
    fairness: float
    longest_to_median: float

    @property
    def used(self) -> float:
        """Tickets, as a share of those that the rate allows in this time; above 1 with what the bucket held before."""
        return self.tickets / (self.scenario.rate * self.seconds)


def most_over_allowed(send_times: Sequence[float], slots: int, rate: float, burst: float) -> float:
    """Return by how many requests the fullest of all windows exceeds ``slots * (burst + rate * w)``."""
    # count(i..j) - slots * rate * (t_j - t_i) is largest where j - slots * rate * t_j has risen most.
    risen = [number - slots * rate * at for number, at in enumerate(send_times)]
    lowest_before = accumulate(risen, min)
    return max((top - low + 1 for top, low in zip(risen, lowest_before, strict=True)), default=0.0) - slots * burst


def jain_index(rates: Sequence[float]) -> float:
    """Return how evenly something is divided: 1 if evenly, ``1 / n`` if one of n gets all."""
    return sum(rates) ** 2 / (len(rates) * sum(rate**2 for rate in rates)) if any(rates) else 1.0
