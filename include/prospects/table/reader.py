"""From bytes to a header and rows of cells."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from auth0_sso.models import shown

from include.prospects.records import ProspectsError
from include.prospects.table.header import EXAMPLE
from include.prospects.table.quotes import without_space_around_quotes

SEPARATORS = ",;\t"
MAX_CELL_CHARACTERS = 8 * 2**20
"""A cell that is longer has an open quote: without this bound it would hold the rest of the file."""

_QUOTED = re.compile(r'"[^"]*"')
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)


Row = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Table:
    """
    The header of a CSV, and its rows without the blank ones; reading them may raise ProspectsError.

    :param rows: of each row the line on which it begins, from 1, and its cells.
    """

    header: list[str]
    rows: Iterator[Row]


def read_table(content: bytes, source: str) -> Table:
    """
    Return the table in ``content``: UTF-8, with or without BOM, any line ends, separated by , ; or tab.

    Above the header may be blank lines, and the ``sep=;`` that Excel understands.

    :param source: the file's name, for messages.
    :raises ProspectsError: the file is empty, is not UTF-8, is cut off, or is no such CSV.
    """
    records = _records(content, source)
    _line, header = next(records, (0, None))
    if header is None:
        raise ProspectsError([f"{source}: is empty: its first line must name the columns, such as {EXAMPLE}"])
    has_end = content[-1_000:].rstrip(b" \t,;").endswith((b"\n", b"\r"))  # the last row that isn't blank
    return Table(header, records if has_end else _complete(records, len(header), source))


def _complete(rows: Iterator[Row], width: int, source: str) -> Iterator[Row]:
    """Yield the rows of a file without a line end; raise ProspectsError if the last one has too few cells."""
    line, cells = 0, None
    for line, cells in rows:
        yield line, cells
    if cells is not None and len(cells) < width:
        raise ProspectsError(
            [
                f"{source}: may be cut off: its last row, at line {line}, has {len(cells)} of {width} cells and no line"
                " end. Export it again, or, if it is complete, end the line"
            ]
        )


def _records(content: bytes, source: str) -> Iterator[Row]:
    """Yield line and cells of each row that is not blank, the header first."""
    nul = content.find(0)  # valid UTF-8, but only other encodings and binary files have it
    if nul >= 0:
        raise _not_utf8(content[:nul], source)
    # The limit is the process's own: never lower it for others.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARACTERS))
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    line_number = 1
    try:
        numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
        line_number, first = next(numbered, (1, ""))
        named = _SEPARATOR_LINE.fullmatch(first)
        if named:
            line_number, first = next(numbered, (line_number, ""))
        separator = _checked(named[1], source) if named else sniff_separator(first)
        lines_before = line_number - 1
        reader = csv.reader(
            without_space_around_quotes(chain([first], lines), separator), delimiter=separator, strict=True
        )
        for cells in reader:
            # Spreadsheets end a table with lines of bare separators.
            if any(cell and not cell.isspace() for cell in cells):
                yield line_number, cells
            line_number = lines_before + reader.line_num + 1
    except UnicodeDecodeError:
        raise _not_utf8(content, source) from None
    except csv.Error as error:
        raise ProspectsError([f"{source}: {_broken_row(error, line_number)}"]) from None


def sniff_separator(header_line: str) -> str:
    """Return the separator that the header line has most of outside quotes; a comma when it has none."""
    return max(SEPARATORS, key=_QUOTED.sub("", header_line).count)


def _checked(separator: str, source: str) -> str:
    if separator not in SEPARATORS:
        raise ProspectsError(
            [f"{source}: the first line sets the separator '{shown(separator)}': save it with comma, semicolon or tab"]
        )
    return separator


def _not_utf8(content: bytes, source: str) -> ProspectsError:
    """Return the error for a content whose first bad byte is within it, or comes right after it."""
    try:
        content.decode()
        place = len(content)
    except UnicodeDecodeError as error:
        place = error.start
    return ProspectsError([f"{source}: is not UTF-8 text, at byte {place + 1:,}: save it as 'CSV UTF-8'"])


def _broken_row(error: csv.Error, line: int) -> str:
    if "unexpected end of data" in str(error):
        return f"a quote opened in the row at line {line} is never closed: add the closing quote"
    if "field larger than" in str(error):
        return f"the row at line {line} has a cell of over {MAX_CELL_CHARACTERS:,} characters: is a quote never closed?"
    return f'the row at line {line} has text after a closing quote: write a quote inside a quoted cell twice ("")'
