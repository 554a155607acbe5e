"""What a run would do, and with how many requests a second, as far as that is known before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Capacity:
    """
    What the mapped tasks of all runs share.

    :param slots: of the pool; 0 if it has none or they aren't known.
    :param requests_per_slot: requests a second of each slot.
    """

    slots: int
    requests_per_slot: float

    @property
    def rate(self) -> float:
        """Requests a second of all slots."""
        return self.slots * self.requests_per_slot

    def seconds(self, requests: int, tasks: int) -> float | None:
        """Return how long the requests of some mapped tasks take, each task in a slot; None without slots."""
        held = min(self.slots, max(tasks, 1))
        return requests / (held * self.requests_per_slot) if held > 0 else None


@dataclass(frozen=True)
class ExpectedCounts:
    """
    How many prospects a run would create, reuse and replace links for.

    :param create: without a valid ticket; also those whose request is still under way.
    :param edit: whose connection exists, and who get a ticket to finish it.
    :param reuse: with a valid ticket that stays.
    :param replace: with a valid ticket that is revoked first.
    :param finished: whose single sign-on is enabled, so that they need none.
    :param conflict: whose connection exists and is not enabled, and for whom nothing is sent.
    :param prospects: all, also those whose refusal stands, which are in none of these.
    :param requests: how many requests that takes, if none is repeated.
    """

    prospects: int
    create: int
    reuse: int
    replace: int
    requests: int
    edit: int = 0
    finished: int = 0
    conflict: int = 0


@dataclass(frozen=True)
class Forecast:
    """
    What a run would do now.

    :param requests: how many requests each organization takes, by its id.
    :param tenant: the tenant's domain.
    :param profile_id: of requests that name none.
    :param has_default_clients: whether requests that set no ``enabled_clients`` get some.
    :param revocations: a line for each valid link that would be revoked, which names its row.
    :param warnings: sentences for whoever approves the run or reads its report.
    :param ledger_is_empty: as a new one is, which knows no link of an earlier run.
    """

    counts: ExpectedCounts
    requests: Mapping[str, int]
    capacity: Capacity
    tenant: str
    profile_id: str
    has_default_clients: bool
    revocations: Sequence[str]
    warnings: Sequence[str]
    ledger_is_empty: bool
