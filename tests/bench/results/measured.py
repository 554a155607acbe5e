"""What was measured of one way to create tickets, and the table that compares the ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.table import Table

from dev.local.background import PROJECT
from dev.sandbox.server import Sandbox
from dev.sandbox.tenant.traffic import Seen, each_second
from tests.support.services.second_client import SecondClient

HOME = PROJECT / ".airflow" / "bench"
# The tenant of the comparisons: a bucket of 50, 16 requests a second, responses after 0.24 to 0.65 s.
PLAN = "enterprise"
LATENCY = (0.24, 0.65)
OWN, OTHERS, REFUSED = KINDS = ("accepted", "accepted, of a second client", "refused (429)")


class BenchError(RuntimeError):
    """A measurement failed."""


@dataclass(frozen=True)
class Measured:
    """
    What was measured of one way.

    :param refill: the requests a second that the tenant's plan allows
    :param others: those of them that a second client takes
    :param seconds: from the first start to the last end of what creates the tickets
    :param requests: all that it sent to the Management API
    :param refused: those of them that got a 429
    :param peak: the most requests within any second, of a second client too
    :param tokens: tokens fetched
    :param tasks: Airflow tasks that it took; 0 outside Airflow
    :param run_seconds: of the whole DAG run; 0 outside Airflow
    :param is_ours: whether it is the project's own way
    :param each_second: the requests in each second after the first one: its own, a second client's, those refused
    """

    way: str
    requested: int
    refill: float
    others: float
    tickets: int
    seconds: float
    requests: int
    refused: int
    peak: int
    tokens: int
    tasks: int = 0
    run_seconds: float = 0.0
    is_ours: bool = True
    each_second: Mapping[str, Sequence[int]] = field(default_factory=dict, repr=False)

    @property
    def floor(self) -> float:
        """Seconds that the tickets take at the rate that is left."""
        return self.requested / (self.refill - self.others)

    @property
    def lost(self) -> int:
        """Prospects without a ticket."""
        return self.requested - self.tickets


def measured(
    way: str,
    tenant: Sandbox,
    requested: int,
    seconds: float,
    *,
    tasks: int = 0,
    run_seconds: float = 0.0,
    is_ours: bool = True,
    other: SecondClient | None = None,
) -> Measured:
    """Return what the tenant has counted for a way, without what a second client has sent."""
    seen, requests = tenant.stats(), tenant.requests
    start = min(request.monotonic for request in requests)
    others, others_refused = (other.answers.total(), other.answers[429]) if other else (0, 0)
    return Measured(
        way=way,
        requested=requested,
        refill=tenant.settings.limit.refill,
        others=other.rate if other else 0.0,
        tickets=seen.tickets,
        seconds=seconds,
        requests=seen.requests - others,
        refused=seen.rate_limited - others_refused,
        peak=seen.peak_rate,
        tokens=seen.tokens_issued - bool(other),
        tasks=tasks,
        run_seconds=run_seconds,
        is_ours=is_ours,
        each_second={
            kind: each_second((seen.monotonic for seen in requests if _kind(seen, shared=bool(other)) == kind), start)
            for kind in KINDS
        },
    )


def _kind(seen: Seen, *, shared: bool) -> str:
    """Return which of ``KINDS`` a request is of; a second client sends nothing but GETs, a run one at its start."""
    if not seen.accepted:
        return REFUSED
    return OTHERS if shared and seen.method == "GET" else OWN


def span(timed: Sequence[Mapping[str, Any]]) -> float:
    """Return the seconds from the first start to the last end of runs or task instances of Airflow's API."""
    starts, ends = (
        [datetime.fromisoformat(one[name]).timestamp() for one in timed] for name in ("start_date", "end_date")
    )
    return max(ends) - min(starts)


def table(title: str, found: Sequence[Measured]) -> Table:
    """Return a table that compares the ways."""
    caption = "floor: the tickets at the rate that the tenant's plan leaves"
    shown = Table(title=title, caption=caption, title_justify="left", caption_justify="left")
    shown.add_column("way")
    headings = (
        "requested",
        "tickets",
        "lost",
        "tasks",
        "tokens",
        "429s",
        "peak/s",
        "floor, s",
        "seconds",
        "÷ floor",
        "run ÷ floor",
    )
    for heading in headings:
        shown.add_column(heading, justify="right")
    for one in found:
        shown.add_row(
            one.way,
            *map(str, (one.requested, one.tickets, one.lost, one.tasks or "", one.tokens, one.refused, one.peak)),
            f"{one.floor:.1f}",
            f"{one.seconds:.1f}",
            f"{one.seconds / one.floor:.2f}",
            f"{one.run_seconds / one.floor:.2f}" if one.run_seconds else "",
        )
    return shown


def problems(found: Sequence[Measured]) -> list[str]:
    """Return what went wrong with the project's own ways: alone, no request may be refused; else one in a hundred."""
    return [
        f"{one.way}: {one.lost} of {one.requested} tickets missing, {one.refused} requests refused"
        for one in found
        if one.is_ours and (one.lost or one.refused > (one.requests / 100 if one.others else 0))
    ]
