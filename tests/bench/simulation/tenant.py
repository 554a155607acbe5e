"""A tenant in virtual time: the sandbox's token bucket, and others who use it too."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from email.utils import formatdate

from dev.sandbox.tenant.settings import Plan
from dev.sandbox.tenant.token_bucket import Reading, TokenBucket


@dataclass(frozen=True)
class OtherUsers:
    """
    Those who use the tenant besides this project. They send at random moments (Poisson) and never slow down.

    :param share: of the bucket's refill that they request on average
    :param burst: share of the bucket's size that they request at once; 0 for single requests
    """

    share: float = 0.0
    burst: float = 0.0


NOBODY = OtherUsers()


class SimulatedTenant:
    """
    Answers requests and counts them.

    :param now: the time at which the bucket is full
    :param headers: whether answers carry ``X-RateLimit-*``
    """

    def __init__(self, plan: Plan, others: OtherUsers, now: float, chance: random.Random, *, headers: bool) -> None:
        self.send_times: list[float] = []
        self.refused = 0
        self.others_sent = 0
        self.others_refused = 0
        self._bucket = TokenBucket(plan, now)
        self._chance = chance
        self._headers = headers
        self._at_once = max(1, round(others.burst * plan.size))
        self._others_rate = others.share * plan.refill / self._at_once
        self._others_send_at = now + self._interval_of_others()

    def receive(self, now: float) -> Reading:
        """Take a request that arrives now."""
        while self._others_send_at <= now:
            for _ in range(self._at_once):
                self.others_sent += 1
                self.others_refused += not self._bucket.take(self._others_send_at).allowed
            self._others_send_at += self._interval_of_others()
        reading = self._bucket.take(now)
        self.send_times.append(now)
        self.refused += not reading.allowed
        return reading

    def answer(self, reading: Reading, now: float) -> tuple[int, dict[str, str]]:
        """Return the status and headers of an answer that is sent now, like the sandbox's."""
        headers = {"Date": formatdate(now, usegmt=True)}
        if self._headers:
            headers["X-RateLimit-Limit"] = str(reading.limit)
            headers["X-RateLimit-Remaining"] = str(reading.remaining)
            headers["X-RateLimit-Reset"] = str(reading.reset)
        return (201 if reading.allowed else 429), headers

    def _interval_of_others(self) -> float:
        return self._chance.expovariate(self._others_rate) if self._others_rate else math.inf
