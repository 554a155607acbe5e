"""From a file, a folder or a pasted text to prospects, with all problems in one pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.prospects.naming import ConnectionNames
from include.prospects.records import InvalidRow, Prospect, Prospects, ProspectsError, TooLargeError
from include.prospects.rows.check import RowChecker, refuse
from include.prospects.schema.models import MAX_TTL_SEC
from include.prospects.table.header import EXAMPLE, resolve_header
from include.prospects.table.reader import read_table
from include.prospects.table.sources import read_sources

if TYPE_CHECKING:
    from include.files import AnyPath

MOST_ROWS = 250_000
"""Rows of one input, over all files; 100,000 take about 350 MiB of memory until they are planned."""

_MOST_PROBLEMS = 100
_MOST_ROWS_IN_A_WARNING = 10


def load_prospects(source: AnyPath | None, *, text: str = "", default_ttl_sec: int = 0) -> Prospects:
    """Read and check an input.

    :param source: a CSV file, or a folder whose ``*.csv`` files are read in the order of their names.
    :param text: a CSV as text; unless it is blank, it is read instead of ``source``.
    :param default_ttl_sec: seconds until an unopened ticket expires, for rows that set none; 0: the API's default.
    :raises ProspectsError: the input can't be read as a whole; names the first 100 problems of all files.
    """
    return check_contents(read_sources(source, text), default_ttl_sec)


def check_contents(contents: Iterable[tuple[str, bytes]], default_ttl_sec: int = 0) -> Prospects:
    """Check the CSVs that are given as names, see :func:`shown`, and bytes; else like :func:`load_prospects`."""
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
        more = len(problems) - _MOST_PROBLEMS
        raise ProspectsError(problems[:_MOST_PROBLEMS] + ([f"… and {more} more problems"] if more > 0 else []))
    return intake.finish()


@dataclass(slots=True)
class _Intake:
    """The rows read so far, file by file."""

    default_ttl_sec: int
    rows: list[Prospect | InvalidRow] = field(default_factory=list)
    names: ConnectionNames = field(default_factory=ConnectionNames)
    warnings: list[str] = field(default_factory=list)

    def take(self, name: str, content: bytes) -> list[str]:
        """Check the rows of one file, and return the problems of the file as a whole."""
        rows_before = len(self.rows)
        try:
            table = read_table(content, name)
            checker = RowChecker(name, resolve_header(table.header, name), self.default_ttl_sec, self.names)
            for cells in table.rows:
                if len(self.rows) == MOST_ROWS:
                    raise TooLargeError([f"the input has over {MOST_ROWS:,} rows: divide it among several runs"])
                self.rows.append(checker.check(len(self.rows) + 1, cells))
        except TooLargeError:
            raise
        except ProspectsError as error:
            return error.problems
        if len(self.rows) == rows_before:
            self.warnings.append(f"{name}: has a header, but no rows")
        return []

    def finish(self) -> Prospects:
        """Return all rows; those whose connection's name is another organization's are invalid."""
        refused = self.names.refused()
        prospects = Prospects(warnings=self.warnings)
        for row in self.rows:
            prospects.add(refuse(row, *refused[row.row]) if row.row in refused else row)
        prospects.warnings.extend(_alias_warnings(prospects.valid))
        return prospects


def _alias_warnings(valid: list[Prospect]) -> list[str]:
    rows = [prospect.row for prospect in valid if _sets_aliases(prospect)]
    if not rows:
        return []
    listed = ", ".join(map(str, rows[:_MOST_ROWS_IN_A_WARNING]))
    more = len(rows) - _MOST_ROWS_IN_A_WARNING
    return [
        f"row {listed}{f' and {more} more' if more > 0 else ''}: Auth0 takes connection_config.options.domain_aliases"
        " as verified without a check; with column domains the customer has to verify them"
    ]


def _sets_aliases(prospect: Prospect) -> bool:
    options = prospect.body.get("connection_config", {}).get("options") or {}
    return bool(options.get("domain_aliases"))
