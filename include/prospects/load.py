"""From a file, a folder or a pasted text to prospects, with all problems in one pass."""

from __future__ import annotations

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
    from pathlib import Path

    from upath import UPath

MOST_ROWS = 250_000
"""Rows of one input, over all files; 100,000 take about 350 MiB of memory until they are planned."""

_MOST_PROBLEMS = 100
_MOST_ROWS_IN_A_WARNING = 10


def load_prospects(source: UPath | Path | None, *, text: str = "", default_ttl_sec: int = 0) -> Prospects:
    """Read and check an input.

    :param source: a CSV file, or a folder whose ``*.csv`` files are read in the order of their names.
    :param text: a CSV as text; unless it is blank, it is read instead of ``source``.
    :param default_ttl_sec: seconds a ticket lives until it is first opened, for rows that set none;
        0..432000, 0 leaves it to the API.
    :return: every data row, valid or invalid, numbered from 1 over all files.
    :raises ProspectsError: the input can't be read as a whole; names the problems of all files, the first 100.
    """
    if not 0 <= default_ttl_sec <= MAX_TTL_SEC:
        raise ProspectsError([f"ttl_sec {default_ttl_sec}: must be 0 to {MAX_TTL_SEC} seconds"])
    intake = _Intake(int(default_ttl_sec))  # Airflow's parameters take 60.0 for an integer
    problems = [problem for name, content in read_sources(source, text) for problem in intake.take(name, content)]
    intake.refuse_taken_names()
    prospects = intake.prospects
    if not problems and not prospects.valid and not prospects.invalid:
        problems.append(
            "the input has no rows: below a first line that names the columns, such as"
            f" {EXAMPLE}, it needs one line for each prospect"
        )
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        raise ProspectsError(problems[:_MOST_PROBLEMS] + ([f"… and {more} more problems"] if more > 0 else []))
    prospects.warnings.extend(_alias_warnings(prospects.valid))
    return prospects


@dataclass(slots=True)
class _Intake:
    """What has been read so far, file by file."""

    default_ttl_sec: int
    prospects: Prospects = field(default_factory=Prospects)
    names: ConnectionNames = field(default_factory=ConnectionNames)
    rows: int = 0

    def take(self, name: str, content: bytes) -> list[str]:
        """Check the rows of one file.

        :return: what is wrong with it as a whole.
        :raises TooLargeError: the rows of all files so far are too many.
        """
        rows_before = self.rows
        try:
            table = read_table(content, name)
            columns = resolve_header(table.header, name)
            checker = RowChecker(name, columns, self.default_ttl_sec, self.names)
            for cells in table.rows:
                self._count_row()
                self._keep(checker.check(self.rows, cells))
        except TooLargeError:
            raise
        except ProspectsError as error:
            return error.problems
        if self.rows == rows_before:
            self.prospects.warnings.append(f"{name}: has a header, but no rows")
        return []

    def refuse_taken_names(self) -> None:
        """Make each row invalid whose connection's name is another organization's."""
        refused = self.names.refused()
        rows: list[Prospect | InvalidRow] = [*self.prospects.valid, *self.prospects.invalid]
        self.prospects.valid.clear()
        self.prospects.invalid.clear()
        for checked in sorted(rows, key=lambda one: one.row):
            self._keep(refuse(checked, *refused[checked.row]) if checked.row in refused else checked)

    def _count_row(self) -> None:
        self.rows += 1
        if self.rows > MOST_ROWS:
            raise TooLargeError([f"the input has over {MOST_ROWS:,} rows: divide it among several runs"])

    def _keep(self, checked: Prospect | InvalidRow) -> None:
        if isinstance(checked, InvalidRow):
            self.prospects.invalid.append(checked)
        else:
            self.prospects.valid.append(checked)


def _alias_warnings(valid: list[Prospect]) -> list[str]:
    rows = [prospect.row for prospect in valid if _sets_aliases(prospect)]
    if not rows:
        return []
    listed = ", ".join(map(str, rows[:_MOST_ROWS_IN_A_WARNING]))
    more = len(rows) - _MOST_ROWS_IN_A_WARNING
    return [
        f"row {listed}{f' and {more} more' if more > 0 else ''}: connection_config.options.domain_aliases are"
        " taken as verified without proof; column domains has the customer prove them"
    ]


def _sets_aliases(prospect: Prospect) -> bool:
    options = prospect.body.get("connection_config", {}).get("options") or {}
    return bool(options.get("domain_aliases"))
