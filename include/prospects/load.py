"""From a file, a folder or a pasted text to prospects, with all problems in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from include.prospects.check import RowChecker
from include.prospects.header import EXAMPLE, resolve_header
from include.prospects.models import MAX_TTL_SEC
from include.prospects.naming import ConnectionNames
from include.prospects.reader import read_table
from include.prospects.records import InvalidRow, Prospect, Prospects, ProspectsError

if TYPE_CHECKING:
    from pathlib import Path

    from upath import UPath

PASTED = "prospects_csv"
"""What stands for the file's name when the CSV was pasted."""

_MOST_ROWS_IN_A_WARNING = 10


def load_prospects(source: UPath | Path | None, *, text: str = "", default_ttl_sec: int = 0) -> Prospects:
    """Read and check an input.

    :param source: a CSV file, or a folder whose ``*.csv`` files are read in the order of their names.
    :param text: a CSV as text; unless it is blank, it is read instead of ``source``.
    :param default_ttl_sec: seconds a ticket lives until it is first opened, for rows that set none;
        0..432000, 0 leaves it to the API.
    :return: every data row, valid or invalid, numbered from 1 over all files.
    :raises ProspectsError: the input can't be read as a whole; names every file's problems.
    """
    if not 0 <= default_ttl_sec <= MAX_TTL_SEC:
        raise ProspectsError([f"ttl_sec {default_ttl_sec}: must be 0 to {MAX_TTL_SEC} seconds"])
    intake = _Intake(default_ttl_sec)
    problems = [problem for name, content in _contents(source, text) for problem in intake.take(name, content)]
    prospects = intake.prospects
    if not problems and not prospects.valid and not prospects.invalid:
        problems.append(
            "the input has no rows: below a first line that names the columns, such as"
            f" {EXAMPLE}, it needs one line for each prospect"
        )
    if problems:
        raise ProspectsError(problems)
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
        """Check the rows of one file and return what is wrong with it as a whole."""
        rows_before = self.rows
        try:
            table = read_table(content, name)
            columns = resolve_header(table.header, name)
            checker = RowChecker(name, columns, self.default_ttl_sec, self.names)
            for cells in table.rows:
                self.rows += 1
                self._keep(checker.check(self.rows, cells))
        except ProspectsError as error:
            return error.problems
        if self.rows == rows_before:
            self.prospects.warnings.append(f"{name}: has a header, but no rows")
        return []

    def _keep(self, checked: Prospect | InvalidRow) -> None:
        if isinstance(checked, InvalidRow):
            self.prospects.invalid.append(checked)
        else:
            self.prospects.valid.append(checked)


def _contents(source: UPath | Path | None, text: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file, one at a time."""
    if text.strip():
        yield PASTED, text.encode("utf-8", "surrogatepass")
        return
    if source is None:
        raise ProspectsError(["no input: set prospects_uri to a CSV file or folder, or paste prospects_csv"])
    try:
        for file in _files(source):
            yield file.name, file.read_bytes()
    except (OSError, ImportError) as error:
        raise ProspectsError([f"prospects_uri '{source}' can't be read: {error}"]) from error


def _files(source: UPath | Path) -> list[UPath | Path]:
    if not source.exists():
        raise ProspectsError(
            [f"prospects_uri '{source}' does not exist: give a CSV file or a folder of them that the worker can reach"]
        )
    if not source.is_dir():
        return [source]
    entries = cast("Iterable[UPath | Path]", source.iterdir())
    files = sorted(filter(_is_csv, entries), key=lambda entry: entry.name)
    if not files:
        raise ProspectsError([f"prospects_uri '{source}' is a folder without *.csv files: put one there"])
    return files


def _is_csv(entry: UPath | Path) -> bool:
    # A leading dot marks what systems keep beside files, such as the resource forks of macOS.
    return entry.suffix.lower() == ".csv" and not entry.name.startswith(".") and not entry.is_dir()


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
