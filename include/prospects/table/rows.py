"""What all formats of a table have in common: rows, and which of them is the header."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

HEADER_LINES = 10
"""The header is looked for in so many lines of a file: above it may be a title."""

Row: TypeAlias = tuple[int, list[str]]
"""The line or the sheet's row on which it begins, from 1, and its cells."""


@dataclass(frozen=True, slots=True)
class Rows:
    """
    What a format makes of a file.

    :param rows: those that are not blank, the header and what is above it among them. Reading them may raise
        ProspectsError, and BrokenRowError.
    :param unit: what their numbers count: :data:`~include.prospects.records.LINE` or ``SHEET_ROW``.
    :param has_end: whether the last row is known to be complete.
    :param warnings: of the file; more may come while the rows are read.
    """

    rows: Iterator[Row]
    unit: str
    has_end: bool = True
    warnings: list[str] = field(default_factory=list)


class Score(NamedTuple):
    """
    How much a row looks like a header; the larger, the more.

    :param has_organization: whether it names ``organization_id``.
    :param known: how many of its names are known; ``names``: how many it has.
    """

    has_organization: bool
    known: int
    names: int


ScoreOf: TypeAlias = Callable[[Sequence[str]], Score]
"""See :func:`~include.prospects.table.header.known_names`."""


def best_score(rows: Iterable[Row], score: ScoreOf) -> Score:
    """Return the score of the row that looks most like a header."""
    return max((score(cells) for _line, cells in rows), default=Score(False, 0, 0))
