"""From a file, a folder or a pasted text to prospects, with all problems in one pass."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auth0_sso.models import MAX_TTL_SEC, TicketRequest, first_lines

from include.prospects.naming import ConnectionNames
from include.prospects.records import InvalidRow, Prospects, ProspectsError, TooLargeError
from include.prospects.rows.check import RowChecker, refuse
from include.prospects.rows.row_warnings import other_prospects, row_warning, warnings_about
from include.prospects.table.header import EXAMPLE, resolve_header
from include.prospects.table.reader import read_table
from include.prospects.table.sources import read_sources

if TYPE_CHECKING:
    from include.files import AnyPath

MAX_ROWS = 250_000
"""Rows of one input, over all files; 100,000 take about 350 MiB of memory until they are planned."""

_MAX_PROBLEMS = 100


def load_prospects(
    source: AnyPath | None, *, text: str = "", default_ttl_sec: int = 0, one_link_per_connection: bool = False
) -> Prospects:
    """
    Read and check an input.

    :param source: a CSV file, or a folder whose ``*.csv`` files are read in the order of their names.
    :param text: a CSV as text; unless it is blank, it is read instead of ``source``.
    :param default_ttl_sec: seconds until an unopened ticket expires, for rows that set none; 0: the API's default.
    :param one_link_per_connection: whether a row is invalid if an earlier one is another prospect of its connection.
    :raises ProspectsError: the input can't be read as a whole; names the first 100 problems of all files.
    """
    left_out: list[str] = []
    found = check_contents(read_sources(source, text, left_out), default_ttl_sec, one_link_per_connection)
    found.warnings[:0] = left_out
    return found


def check_contents(
    contents: Iterable[tuple[str, bytes]], default_ttl_sec: int = 0, one_link_per_connection: bool = False
) -> Prospects:
    """
    Check CSVs that are given as bytes; else like :func:`load_prospects`.

    :param contents: name, as it is shown, and content of each.
    """
    if not 0 <= default_ttl_sec <= MAX_TTL_SEC:
        raise ProspectsError([f"ttl_sec {default_ttl_sec}: must be 0 to {MAX_TTL_SEC} seconds"])
    intake = _Intake(int(default_ttl_sec))  # Airflow's parameters take 60.0 for an integer
    problems = [problem for name, content in contents for problem in intake.take(name, content)]
    if not problems and not intake.rows:
        problems.append(
            "the input has no rows: below a first line that names the columns, such as"
            f" {EXAMPLE}, it needs one line for each prospect"
        )
    if problems:
        raise ProspectsError(first_lines(problems, _MAX_PROBLEMS, "… and {:,} more problems"))
    return intake.finish(one_link_per_connection)


@dataclass(slots=True)
class _Intake:
    """The rows read so far, file by file."""

    default_ttl_sec: int
    rows: list[TicketRequest | InvalidRow] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("L"))
    cut_domains: list[tuple[int, str]] = field(default_factory=list)
    names: ConnectionNames = field(default_factory=ConnectionNames)
    warnings: list[str] = field(default_factory=list)

    def take(self, name: str, content: bytes) -> list[str]:
        """Check the rows of one file, and return the problems of the file as a whole."""
        rows_before = len(self.rows)
        try:
            table = read_table(content, name)
            columns = resolve_header(table.header, name)
            checker = RowChecker(name, columns, self.default_ttl_sec, self.names, self.cut_domains)
            for line, cells in table.rows:
                if len(self.rows) == MAX_ROWS:
                    raise TooLargeError([f"the input has over {MAX_ROWS:,} rows: divide it among several runs"])
                self.rows.append(checker.check(len(self.rows) + 1, line, cells))
                self.lines.append(line)
        except TooLargeError:
            raise
        except ProspectsError as error:
            return error.problems
        if len(self.rows) == rows_before:
            self.warnings.append(f"{name}: has a header, but no rows")
        return []

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
        prospects.warnings.extend(warnings_about(prospects.valid))
        return prospects

    def _valid(self) -> Iterator[TicketRequest]:
        return (row for row in self.rows if isinstance(row, TicketRequest))

    def _refuse(self, refused: Mapping[int, tuple[str, str, str]]) -> None:
        for number, (column, value, rule) in refused.items():
            self.rows[number - 1] = refuse(self.rows[number - 1], self.lines[number - 1], column, value, rule)


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
