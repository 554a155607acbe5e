"""From bytes to a header and rows of cells."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from include.prospects.header import EXAMPLE
from include.prospects.records import ProspectsError

SEPARATORS = ",;\t"
_QUOTED = re.compile(r'"[^"]*"')

_FOREIGN_BEGINNINGS = {
    b"\xff\xfe": "is UTF-16 text",
    b"\xfe\xff": "is UTF-16 text",
    b"PK\x03\x04": "is an Excel workbook or another ZIP archive",
}


@dataclass(frozen=True, slots=True)
class Table:
    """One CSV file.

    :param source: name of the file.
    :param header: the cells of the first line that isn't blank.
    :param rows: cells of each data row, read as they are asked for; rows of empty cells only are left out.
        Iterating raises :class:`include.prospects.records.ProspectsError` where the file can't be read on.
    """

    source: str
    header: list[str]
    rows: Iterator[list[str]]


def read_table(content: bytes, source: str) -> Table:
    """Return the table in ``content``: UTF-8, with or without BOM, any line ends, separated by , ; or tab.

    :param content: the file.
    :param source: its name, for messages and the report.
    :raises ProspectsError: another encoding or format, or nothing in it.
    """
    _refuse_foreign(content, source)
    lines: Iterator[str] = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    # The module's limit would turn one long cell into an unreadable file; cells have their own bound.
    csv.field_size_limit(max(csv.field_size_limit(), len(content) + 1))
    records = _records(lines, source)
    header = next(records, None)
    if header is None:
        raise ProspectsError([f"{source}: is empty: its first line must name the columns, such as {EXAMPLE}"])
    return Table(source, header, records)


def _records(lines: Iterator[str], source: str) -> Iterator[list[str]]:
    """Yield the cells of each line that isn't blank, the header first."""
    blank_lines = 0
    try:
        for first in lines:
            if first.strip():
                break
            blank_lines += 1
        else:
            return
        reader = csv.reader(chain([first], lines), delimiter=sniff_separator(first), strict=True, skipinitialspace=True)
        begun = blank_lines + 1
        for cells in reader:
            # Spreadsheets end a table with lines of bare separators.
            if any(cell and not cell.isspace() for cell in cells):
                yield cells
            begun = blank_lines + reader.line_num + 1
    except csv.Error as error:
        raise ProspectsError([_broken_quotes(error, begun, source)]) from None


def sniff_separator(header_line: str) -> str:
    """Return the separator that the header line has most of outside quotes; a comma when it has none."""
    return max(SEPARATORS, key=_QUOTED.sub("", header_line).count)


def _refuse_foreign(content: bytes, source: str) -> None:
    for beginning, what in _FOREIGN_BEGINNINGS.items():
        if content.startswith(beginning):
            raise ProspectsError([f"{source}: {what}: save it as CSV in UTF-8"])
    nul = content.find(b"\x00")
    if nul >= 0:
        line = _line_at(content, nul)
        raise ProspectsError(
            [f"{source}: line {line} has a NUL byte, so this is UTF-16 or no text: save it as CSV in UTF-8"]
        )
    try:
        content.decode()
    except UnicodeDecodeError as error:
        byte, line = content[error.start], _line_at(content, error.start)
        raise ProspectsError(
            [f"{source}: line {line} has the byte 0x{byte:02X}, which isn't UTF-8: save it as CSV in UTF-8"]
        ) from None


def _broken_quotes(error: csv.Error, line: int, source: str) -> str:
    if "unexpected end of data" in str(error):
        return f"{source}: a quote opened in the row at line {line} is never closed: add the closing quote"
    return (
        f"{source}: the row at line {line} has text after a closing quote:"
        ' write a quote inside a quoted cell twice ("")'
    )


def _line_at(content: bytes, position: int) -> int:
    before = content[:position]
    return 1 + max(before.count(b"\n"), before.count(b"\r"))
