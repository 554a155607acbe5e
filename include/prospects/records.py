"""What a CSV of prospects becomes: prospects, invalid rows, problems."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby
from operator import attrgetter
from typing import Any

_UNSAFE = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
_UNSEEN = "\xad\u061c\u180e\u200b-\u200f\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0001-\U000e007f"

UNSAFE_CHARACTERS = re.compile(f"[{_UNSAFE}]")
"""Control characters, line separators, marks that turn the writing direction, lone surrogates and non-characters.

No name needs them, and each can break a line of a report or a log, or change how it reads.
"""

HIDDEN_CHARACTERS = re.compile(f"[{_UNSAFE}{_UNSEEN}]")
"""The unsafe ones, and those without a width, such as joiners and byte order marks.

Some languages and emoji need joiners in names; in an address or a column's name they only hide a difference.
"""

MOST_PROBLEMS_OF_A_ROW = 10
"""A long list with an error in each item would otherwise fill the report."""


def shown(text: str, limit: int = 80) -> str:
    """Return ``text`` for a message or a report: hidden characters escaped, at most ``limit`` characters."""
    escaped = HIDDEN_CHARACTERS.sub(lambda found: ascii(found.group())[1:-1], text[: limit + 1])
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


class ProspectsError(ValueError):
    """The input as a whole can't be used; each of ``problems`` says what is wrong and what to do."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(list(problems))
        self.problems = list(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class TooLargeError(ProspectsError):
    """The input is larger than one run takes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One rule that one cell breaks.

    :param line: where the row begins in the file, from 1.
    :param column: as the file's header names it; ``#5`` for the fifth cell when it has no name.
    :param value: the cell, see :func:`shown`.
    :param rule: what the value must be, and what to do where that is not obvious.
    """

    row: int
    line: int
    source: str
    column: str
    value: str
    rule: str

    @property
    def place(self) -> str:
        """The row, with its line of the file unless it is the one that a reader expects."""
        return f"row {self.row}" if self.line == self.row + 1 else f"row {self.row}, line {self.line} of the file"

    @property
    def cell(self) -> str:
        """The cell in words."""
        return f"column {self.column}, value '{self.value}'"

    def __str__(self) -> str:
        return f"{self.place}, {self.cell}: {self.rule}"


@dataclass(frozen=True, slots=True)
class InputRow:
    """
    What the report shows of every row of the CSV; a text that the row doesn't have is empty.

    :param row: number of the data row, from 1, over all files.
    :param source: name of the file.
    :param connection_name: of the connection to set up; empty for a ticket that edits one.
    """

    row: int
    source: str
    organization_id: str
    organization_name: str
    prospect_name: str
    prospect_email: str
    connection_name: str

    @property
    def error(self) -> str:
        """Why the row must not be sent; empty for a valid row."""
        return ""


@dataclass(frozen=True, slots=True)
class Prospect(InputRow):
    """
    A valid row: the request for one ticket.

    :param profile_id: the row's self-service profile; empty for the run's.
    :param custom_domain: for the ``auth0-custom-domain`` header; empty for none.
    :param prospect: identity within the organization, see :func:`include.prospects.naming.prospect_key`.
    :param body: JSON body of POST /api/v2/self-service-profiles/{id}/sso-ticket.
    """

    profile_id: str
    custom_domain: str
    prospect: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
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

    valid: list[Prospect] = field(default_factory=list)
    invalid: list[InvalidRow] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, row: Prospect | InvalidRow) -> None:
        """Add the next row."""
        if isinstance(row, InvalidRow):
            self.invalid.append(row)
        else:
            self.valid.append(row)

    def rows(self) -> Iterator[Prospect | InvalidRow]:
        """Yield all rows in row order."""
        return merge(self.valid, self.invalid, key=lambda row: row.row)

    def counts(self) -> dict[str, int]:
        """Return the number of ``rows``, of ``valid`` and ``invalid`` ones, and the ``organizations`` of the valid."""
        return {
            "rows": len(self.valid) + len(self.invalid),
            "valid": len(self.valid),
            "invalid": len(self.invalid),
            "organizations": len({prospect.organization_id for prospect in self.valid}),
        }
