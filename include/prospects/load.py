"""From a file, a folder or a pasted text to prospects, with all problems in one pass."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from auth0_sso.models import MAX_TTL_SEC, TicketRequest, first_lines, listed, shown

from include.prospects.naming import ConnectionNames
from include.prospects.records import (
    LINE,
    BrokenRowError,
    FileColumn,
    InvalidRow,
    Prospects,
    ProspectsError,
    Question,
    TooLargeError,
    place_of,
)
from include.prospects.rows.check import RowChecker, refuse
from include.prospects.rows.row_warnings import other_prospects, row_warning, warnings_about
from include.prospects.schema.columns import find_column
from include.prospects.table.header import EXAMPLE, MAX_COLUMNS, HeaderError, require_columns, resolve_header
from include.prospects.table.options import DEFAULT_OPTIONS, ReadOptions
from include.prospects.table.reader import Table, read_table
from include.prospects.table.sources import read_sources

if TYPE_CHECKING:
    from include.files import AnyPath

MAX_ROWS = 250_000
"""Rows of one input, over all files; 100,000 take about 350 MiB of memory until they are planned."""

_MAX_PROBLEMS = 100
_MAX_NAMED = 10
_SAMPLE_ROWS = 100
_SAMPLES = 3


def load_prospects(
    source: AnyPath | None,
    *,
    text: str = "",
    options: ReadOptions = DEFAULT_OPTIONS,
    default_ttl_sec: int = 0,
    one_link_per_connection: bool = False,
) -> Prospects:
    """
    Read and check an input.

    :param source: a CSV or a workbook, or a folder whose ``*.csv``, ``*.tsv`` and ``*.xlsx`` are read in the order of
        their names.
    :param text: a CSV as text; unless it is blank, it is read instead of ``source``.
    :param options: how the files are read.
    :param default_ttl_sec: seconds until an unopened ticket expires, for rows that set none; 0: the API's default.
    :param one_link_per_connection: whether a row is invalid if an earlier one is another prospect of its connection.
    :raises ProspectsError: the input can't be read as a whole; names the first 100 problems of all files.
    """
    left_out: list[str] = []
    contents = read_sources(source, text, left_out)
    found = check_contents(contents, options, default_ttl_sec, one_link_per_connection)
    found.warnings[:0] = left_out
    return found


def check_contents(
    contents: Iterable[tuple[str, bytes]],
    options: ReadOptions = DEFAULT_OPTIONS,
    default_ttl_sec: int = 0,
    one_link_per_connection: bool = False,
) -> Prospects:
    """
    Check files that are given as bytes; else like :func:`load_prospects`.

    :param contents: name, as it is shown, and content of each.
    """
    if not 0 <= default_ttl_sec <= MAX_TTL_SEC:
        raise ProspectsError([f"ttl_sec {default_ttl_sec}: must be 0 to {MAX_TTL_SEC} seconds"])
    require_columns(options.columns)
    intake = _Intake(int(default_ttl_sec), options)  # Airflow's parameters take 60.0 for an integer
    errors = [error for name, content in contents if (error := intake.take(name, content))]
    problems = [problem for error in errors for problem in error.problems]
    if not problems and not intake.rows:
        problems.append(
            f"the input has no rows: below a header that names the columns, such as {EXAMPLE}, it needs a row for each"
            " prospect"
        )
    if problems:
        question = next((error.question for error in errors if error.question), None)
        raise ProspectsError(first_lines(problems, _MAX_PROBLEMS, "… and {:,} more problems"), question)
    return intake.finish(one_link_per_connection)


@dataclass(slots=True)
class _Intake:
    """
    The rows read so far, file by file.

    :param lines: where each row begins in its file; ``units`` has what that counts, by file.
    """

    default_ttl_sec: int
    options: ReadOptions
    rows: list[TicketRequest | InvalidRow] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("L"))
    units: dict[str, str] = field(default_factory=dict)
    cut_domains: list[tuple[int, str]] = field(default_factory=list)
    short_rows: list[tuple[int, str]] = field(default_factory=list)
    names: ConnectionNames = field(default_factory=ConnectionNames)
    warnings: list[str] = field(default_factory=list)

    def take(self, name: str, content: bytes) -> ProspectsError | None:
        """Check the rows of one file; return the error if it can't be used as a whole."""
        rows_before = len(self.rows)
        try:
            table = read_table(content, name, self.options)
            self._check(table, name)
        except TooLargeError:
            raise
        except ProspectsError as error:
            return error
        except BrokenRowError as error:
            return ProspectsError([f"{name}: {place_of(len(self.rows) + 1, LINE, error.line)}: {error}"])
        self.warnings += table.warnings
        if len(self.rows) == rows_before:
            self.warnings.append(f"{name}: has a header, but no rows")
        return None

    def _check(self, table: Table, name: str) -> None:
        try:
            header = resolve_header(table.header, name, self.options)
        except HeaderError as error:
            raise ProspectsError(error.problems, _columns_question(table)) from None
        if header.ignored:
            names = listed([f"'{shown(ignored)}'" for ignored in header.ignored], _MAX_NAMED)
            self.warnings.append(f"{name}: columns that are left out: {names}")
        self.units[name] = table.unit
        checker = RowChecker(name, table.unit, header, self.default_ttl_sec, self.names, self.cut_domains)
        for line, cells in table.rows:
            if len(self.rows) == MAX_ROWS:
                raise TooLargeError([f"the input has over {MAX_ROWS:,} rows: divide it among several runs"])
            self.rows.append(checker.check(len(self.rows) + 1, line, cells))
            self.lines.append(line)
            if table.unit == LINE and len(cells) < header.needed_width:
                self.short_rows.append((len(self.rows), f"line {line}"))

    def finish(self, one_link_per_connection: bool) -> Prospects:
        """Return all rows; those that others exclude are invalid."""
        self._refuse(self.names.refused())
        if one_link_per_connection:
            self._refuse(_second_links(self._valid()))
        prospects = Prospects(warnings=self.warnings)
        for row in self.rows:
            prospects.add(row)
        cut = ((row, domain) for row, domain in self.cut_domains if isinstance(self.rows[row - 1], TicketRequest))
        prospects.warnings.extend(row_warning("what is around the domain was cut off", cut))
        prospects.warnings.extend(row_warning("has fewer cells than the header: is a line broken?", self.short_rows))
        prospects.warnings.extend(warnings_about(prospects.valid))
        return prospects

    def _valid(self) -> Iterator[TicketRequest]:
        return (row for row in self.rows if isinstance(row, TicketRequest))

    def _refuse(self, refused: Mapping[int, tuple[str, str, str]]) -> None:
        for number, (column, value, rule) in refused.items():
            row, line = self.rows[number - 1], self.lines[number - 1]
            self.rows[number - 1] = refuse(row, line, self.units[row.source], column, value, rule)


def _columns_question(table: Table) -> Question:
    """Return the question which column of a file is which of ours."""
    rows: list[list[str]] = []
    with suppress(ProspectsError, BrokenRowError):
        rows += (cells for _line, cells in islice(table.rows, _SAMPLE_ROWS))
    columns = []
    for place, cell in enumerate(table.header[:MAX_COLUMNS]):
        name = " ".join(cell.split())
        given = (cells[place].strip() for cells in rows if place < len(cells))
        samples = dict.fromkeys(shown(cell) for cell in given if cell)
        known = find_column(name)
        if name or samples:
            columns.append(FileColumn(name, list(samples)[:_SAMPLES], known.name if known else ""))
    return Question("columns", columns=columns)


def _second_links(valid: Iterable[TicketRequest]) -> dict[int, tuple[str, str, str]]:
    """Return column, value and rule of each row that would be a connection's second link."""
    found = {}
    for request, earlier in other_prospects(valid):
        column = "connection_name" if request.connection_name else "connection_id"
        rule = (
            f"connection '{request.connection}' gets its link by row {earlier.row}, for another prospect or profile,"
            " and one_link_per_connection is set: remove one of the two rows, or set another connection"
        )
        found[request.row] = (column, request.connection, rule)
    return found
