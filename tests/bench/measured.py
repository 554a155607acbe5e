"""What a way of making tickets came to, and the table that sets the ways beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from dev.sandbox.server import Sandbox

PROJECT = Path(__file__).resolve().parents[2]
HOME = PROJECT / ".airflow" / "bench"
# The tenant of all comparisons: a bucket of 50, 16 requests a second, answers in 0.24 to 0.65 s.
PLAN = "enterprise"
LATENCY = (0.24, 0.65)
RATE = 16.0


class BenchError(RuntimeError):
    """What was to be measured did not happen."""


@dataclass(frozen=True)
class Measured:
    """
    What one way came to.

    :param way: what it is called
    :param asked: tickets asked for
    :param tickets: tickets that the tenant made
    :param seconds: from the first start to the last end
    :param refused: requests answered 429
    :param peak: the most requests within any second
    :param tokens: tokens fetched
    :param tasks: Airflow tasks that it took; 0 outside Airflow
    :param is_ours: whether it is the project's own way
    """

    way: str
    asked: int
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
        return self.seconds / (self.asked / RATE)

    @property
    def lost(self) -> int:
        """Prospects without a ticket."""
        return self.asked - self.tickets


def measured(
    way: str, tenant: Sandbox, asked: int, seconds: float, *, tasks: int = 0, is_ours: bool = True
) -> Measured:
    """Put together what a way came to, by the tenant's own account."""
    seen = tenant.stats()
    return Measured(
        way, asked, seen.tickets, seconds, seen.rate_limited, seen.peak_rate, seen.tokens_issued, tasks, is_ours
    )


def table(title: str, found: Sequence[Measured]) -> Table:
    """Return the ways beside each other; the first is what the others are measured against."""
    caption = f"floor: tickets at {RATE:.0f} a second; first: the first way's seconds a ticket"
    shown = Table(title=title, caption=caption, title_justify="left", caption_justify="left")
    shown.add_column("way")
    for heading in ("asked", "tickets", "lost", "tasks", "tokens", "429s", "peak/s", "seconds", "÷ floor", "÷ first"):
        shown.add_column(heading, justify="right")
    for one in found:
        shown.add_row(
            one.way,
            *map(str, (one.asked, one.tickets, one.lost, one.tasks or "", one.tokens, one.refused, one.peak)),
            f"{one.seconds:.1f}",
            f"{one.factor:.2f}",
            f"{one.factor / found[0].factor:.2f}",
        )
    return shown


def complaints(found: Sequence[Measured]) -> list[str]:
    """Return what the project's own ways failed to do."""
    return [
        f"{one.way}: {one.lost} of {one.asked} tickets missing, {one.refused} requests refused"
        for one in found
        if one.is_ours and (one.lost or one.refused)
    ]
