"""What was measured of one way to create tickets, and the table that compares the ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from dev.local.background import PROJECT
from dev.sandbox.server import Sandbox

HOME = PROJECT / ".airflow" / "bench"
# The tenant of all comparisons: a bucket of 50, 16 requests a second, responses after 0.24 to 0.65 s.
PLAN = "enterprise"
LATENCY = (0.24, 0.65)
RATE = 16.0


class BenchError(RuntimeError):
    """A measurement failed."""


@dataclass(frozen=True)
class Measured:
    """
    What was measured of one way.

    :param seconds: from the first start to the last end
    :param refused: requests that got a 429
    :param peak: the most requests within any second
    :param tokens: tokens fetched
    :param tasks: Airflow tasks that it took; 0 outside Airflow
    :param is_ours: whether it is the project's own way
    """

    way: str
    requested: int
    tickets: int
    seconds: float
    refused: int
    peak: int
    tokens: int
    tasks: int = 0
    is_ours: bool = True

    @property
    def factor(self) -> float:
        """Seconds, as a multiple of what the tenant's rate alone would take."""
        return self.seconds / (self.requested / RATE)

    @property
    def lost(self) -> int:
        """Prospects without a ticket."""
        return self.requested - self.tickets


def measured(
    way: str, tenant: Sandbox, requested: int, seconds: float, *, tasks: int = 0, is_ours: bool = True
) -> Measured:
    """Return what the tenant has counted for a way."""
    seen = tenant.stats()
    return Measured(
        way, requested, seen.tickets, seconds, seen.rate_limited, seen.peak_rate, seen.tokens_issued, tasks, is_ours
    )


def table(title: str, found: Sequence[Measured]) -> Table:
    """Return a table that compares the ways; the last column is relative to the first way."""
    caption = f"floor: tickets at {RATE:.0f} a second; first: the first way's seconds a ticket"
    shown = Table(title=title, caption=caption, title_justify="left", caption_justify="left")
    shown.add_column("way")
    headings = ("requested", "tickets", "lost", "tasks", "tokens", "429s", "peak/s", "seconds", "÷ floor", "÷ first")
    for heading in headings:
        shown.add_column(heading, justify="right")
    for one in found:
        shown.add_row(
            one.way,
            *map(str, (one.requested, one.tickets, one.lost, one.tasks or "", one.tokens, one.refused, one.peak)),
            f"{one.seconds:.1f}",
            f"{one.factor:.2f}",
            f"{one.factor / found[0].factor:.2f}",
        )
    return shown


def problems(found: Sequence[Measured]) -> list[str]:
    """Return what went wrong with the project's own ways."""
    return [
        f"{one.way}: {one.lost} of {one.requested} tickets missing, {one.refused} requests refused"
        for one in found
        if one.is_ours and (one.lost or one.refused)
    ]
