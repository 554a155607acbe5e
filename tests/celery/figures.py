"""What a run on the workers did to the tenant, by the tenant's own count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True)
class Figures:
    """
    One run.

    :param refused: of its requests, those that got a 429; ``others_refused`` of the second client's.
    :param bucket: the smallest bucket that would have accepted all requests at the tenant's refill.
    :param seconds: from the first to the last request.
    :param used: the share of the tenant's refill that was used in these seconds.
    :param flagged: rows that say that a second ticket is possible.
    """

    name: str
    tickets: int
    requests: int
    refused: int
    others: int
    others_refused: int
    bucket: float
    seconds: float
    used: float
    each_second: Sequence[int]
    flagged: int


def table(found: Sequence[Figures]) -> Table:
    """Return a table with a row for each run."""
    shown = Table(title="Two workers with two processes each, 300 organizations, plan enterprise", title_justify="left")
    headings = ("run", "tickets", "requests", "429s", "others'", "their 429s", "bucket needed", "seconds", "rate used")
    for heading in (*headings, "flagged", "requests in each second"):
        shown.add_column(heading, justify="left" if heading in ("run", "requests in each second") else "right")
    for one in found:
        counts = (one.tickets, one.requests, one.refused, one.others, one.others_refused)
        used = (f"{one.bucket:.1f}", f"{one.seconds:.1f}", f"{one.used:.1%}")
        shown.add_row(one.name, *map(str, counts), *used, str(one.flagged), " ".join(map(str, one.each_second)))
    return shown
