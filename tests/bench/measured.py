"""What was measured of one way to create tickets, and the table that compares the ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from dev.local.background import PROJECT
from dev.sandbox.server import Sandbox

HOME = PROJECT / ".airflow" / "bench"
# The tenant of the comparisons: a bucket of 50, 16 requests a second, responses after 0.24 to 0.65 s.
PLAN = "enterprise"
LATENCY = (0.24, 0.65)


class BenchError(RuntimeError):
    """A measurement failed."""


@dataclass(frozen=True)
class Measured:
    """
    What was measured of one way.

    :param rate: the requests a second that the tenant's plan allows
    :param seconds: from the first start to the last end of what creates the tickets
    :param refused: requests that got a 429
    :param peak: the most requests within any second
    :param tokens: tokens fetched
    :param tasks: Airflow tasks that it took; 0 outside Airflow
    :param run_seconds: of the whole DAG run; 0 outside Airflow
    :param is_ours: whether it is the project's own way
    """

    way: str
    requested: int
    rate: float
    tickets: int
    seconds: float
    refused: int
    peak: int
    tokens: int
    tasks: int = 0
    run_seconds: float = 0.0
    is_ours: bool = True

    @property
    def floor(self) -> float:
        """Seconds that the tenant's rate alone would take."""
        return self.requested / self.rate

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
) -> Measured:
    """Return what the tenant has counted for a way."""
    seen = tenant.stats()
    return Measured(
        way,
        requested,
        tenant.settings.limit.refill,
        seen.tickets,
        seconds,
        seen.rate_limited,
        seen.peak_rate,
        seen.tokens_issued,
        tasks,
        run_seconds,
        is_ours,
    )


def table(title: str, found: Sequence[Measured]) -> Table:
    """Return a table that compares the ways."""
    caption = "floor: the tickets at the rate of the tenant's plan; first: the first way's seconds a ticket"
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
        "÷ first",
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
            f"{one.seconds / one.requested / (found[0].seconds / found[0].requested):.2f}",
            f"{one.run_seconds / one.floor:.2f}" if one.run_seconds else "",
        )
    return shown


def problems(found: Sequence[Measured]) -> list[str]:
    """Return what went wrong with the project's own ways."""
    return [
        f"{one.way}: {one.lost} of {one.requested} tickets missing, {one.refused} requests refused"
        for one in found
        if one.is_ours and (one.lost or one.refused)
    ]
