"""What a CSV of prospects becomes: requests, invalid rows, problems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby
from operator import attrgetter
from typing import Literal

from auth0_sso.models import InputRow, TicketRequest

LINE, SHEET_ROW = "line", "sheet row"
"""What is counted in a CSV and in a workbook to say where a row is."""

MAX_PROBLEMS_OF_A_ROW = 10
"""A long list with an error in each item would otherwise fill the report."""


@dataclass(frozen=True, slots=True)
class FileColumn:
    """
    A column of a file whose columns are not all known.

    :param name: as the file's header has it; empty for one without a name.
    :param samples: up to three of its values.
    :param column: which column of ours it is, as far as that is known.
    """

    name: str
    samples: Sequence[str]
    column: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """
    What a person can say so that an input can be used after all.

    :param about: the option that answers it, see :class:`~include.prospects.table.options.ReadOptions`.
    :param samples: ``encoding``: texts as Windows-1252 reads them. ``sheet``: the names of the visible sheets.
    :param columns: ``columns``: those of the file.
    """

    about: Literal["encoding", "sheet", "columns"]
    samples: Sequence[str] = ()
    columns: Sequence[FileColumn] = ()


class ProspectsError(ValueError):
    """
    The input as a whole can't be used.

    :param problems: each says what is wrong and what to do.
    :param question: whose answer makes the input usable, if there is one. It has cells of the file in it.
    """

    def __init__(self, problems: Sequence[str], question: Question | None = None) -> None:
        super().__init__(list(problems))
        self.problems = list(problems)
        self.question = question

    def __str__(self) -> str:
        return "\n".join(self.problems)


class TooLargeError(ProspectsError):
    """The input is larger than one run takes."""


class BrokenRowError(ValueError):
    """
    A row of a file can't be read, nor any row after it.

    :param line: on which the row begins.
    """

    def __init__(self, line: int, rule: str) -> None:
        super().__init__(rule)
        self.line = line


def place_of(row: int, unit: str, line: int) -> str:
    """Return where a row is, for messages: the number of the data row, and its place in the file."""
    return f"row {row}, {unit} {line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One rule that one cell breaks.

    :param line: where the row begins in the file, from 1.
    :param unit: what ``line`` counts, see :class:`~include.prospects.table.reader.Table`.
    :param column: as the file's header names it; ``#5`` for the fifth cell when it has no name.
    :param value: the cell, see :func:`~auth0_sso.models.shown`.
    :param rule: what the value must be, and what to do where that is not obvious.
    """

    row: int
    line: int
    source: str
    column: str
    value: str
    rule: str
    unit: str = LINE

    @property
    def place(self) -> str:
        """The row, and where it is in the file."""
        return place_of(self.row, self.unit, self.line)

    @property
    def cell(self) -> str:
        """The cell in words."""
        return f"column {self.column}, value '{self.value}'"

    def __str__(self) -> str:
        return f"{self.place}, {self.cell}: {self.rule}"


@dataclass(frozen=True, kw_only=True, slots=True)
class InvalidRow(InputRow):
    """A row that must not be sent, with its first problems; its texts are escaped, at most 255 characters."""

    problems: tuple[Problem, ...]

    @property
    def error(self) -> str:
        """All problems in one text; it names the row once, and each cell."""
        cells = groupby(self.problems, attrgetter("cell"))
        texts = (f"{cell}: {'; '.join(problem.rule for problem in problems)}" for cell, problems in cells)
        return f"{self.problems[0].place}, {'; '.join(texts)}"


@dataclass(frozen=True, slots=True)
class Prospects:
    """All data rows of an input: each is either in ``valid`` or in ``invalid``, both in row order."""

    valid: list[TicketRequest] = field(default_factory=list)
    invalid: list[InvalidRow] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, row: TicketRequest | InvalidRow) -> None:
        """Add the next row."""
        if isinstance(row, InvalidRow):
            self.invalid.append(row)
        else:
            self.valid.append(row)

    def rows(self) -> Iterator[TicketRequest | InvalidRow]:
        """Yield all rows in row order."""
        return merge(self.valid, self.invalid, key=lambda row: row.row)

    def counts(self) -> dict[str, int]:
        """Return the number of ``rows``, of ``valid`` and ``invalid`` ones, and the ``organizations`` of the valid."""
        return {
            "rows": len(self.valid) + len(self.invalid),
            "valid": len(self.valid),
            "invalid": len(self.invalid),
            "organizations": len({request.organization_id for request in self.valid}),
        }
