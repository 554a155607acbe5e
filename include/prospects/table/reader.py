"""From bytes to a header and rows of cells."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from include.prospects.records import ProspectsError, shown
from include.prospects.table.header import EXAMPLE
from include.prospects.table.quotes import without_space_around_quotes

SEPARATORS = ",;\t"
MOST_ROW_CHARACTERS = 8 * 2**20
"""Room for a row with every column full; what goes on for longer has an open quote, or is no CSV."""

_QUOTED = re.compile(r'"[^"]*"')
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)

_FOREIGN_BEGINNINGS = {
    b"\xff\xfe\x00\x00": "is UTF-32 text",
    b"\x00\x00\xfe\xff": "is UTF-32 text",
    b"\xff\xfe": "is UTF-16 text",
    b"\xfe\xff": "is UTF-16 text",
    b"PK\x03\x04": "is an Excel workbook or another ZIP archive",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook",
    b"\x1f\x8b": "is compressed with gzip",
}
_UTF_16 = re.compile(rb"(?:[^\x00]\x00){2}|(?:\x00[^\x00]){2}")
PIECE_BYTES = 2**20
"""So much of a file is decoded at once."""


@dataclass(frozen=True, slots=True)
class Table:
    """One CSV file.

    :param source: name of the file.
    :param header: the cells of the first line that isn't blank, nor the ``sep=;`` that Excel understands.
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
    # The row's bound is the one that counts; the module's would turn one long cell into an unreadable file.
    csv.field_size_limit(max(csv.field_size_limit(), MOST_ROW_CHARACTERS))
    records = _records(_Lines(content), source)
    header = next(records, None)
    if header is None:
        raise ProspectsError([f"{source}: is empty: its first line must name the columns, such as {EXAMPLE}"])
    return Table(source, header, records)


class _RowTooLongError(Exception):
    """A row has no end within its bound."""


class _Lines:
    """The lines of a file: counted, and no more of them for one row than a row may be long.

    :ivar count: lines read so far.
    """

    def __init__(self, content: bytes) -> None:
        self._text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
        self._room = MOST_ROW_CHARACTERS
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(self._room + 1)
        if not line:
            raise StopIteration
        self._room -= len(line)
        if self._room < 0:
            raise _RowTooLongError
        self.count += 1
        return line

    def begin_row(self) -> int:
        """Give the next row its room, and return the number of the line that it begins at."""
        self._room = MOST_ROW_CHARACTERS
        return self.count + 1

    def next_text(self) -> str:
        """Return the next line that isn't blank; an empty text when there is none."""
        for line in self:
            if line.strip():
                return line
            self.begin_row()
        return ""


def _records(lines: _Lines, source: str) -> Iterator[list[str]]:
    """Yield the cells of each line that isn't blank, the header first."""
    begun = 1
    try:
        first = lines.next_text()
        named = _SEPARATOR_LINE.fullmatch(first)
        if named:
            first = lines.next_text()
        separator = _checked(named[1], source) if named else sniff_separator(first)
        begun = lines.count
        read = without_space_around_quotes(chain([first], lines), separator)
        for cells in csv.reader(read, delimiter=separator, strict=True):
            # Spreadsheets end a table with lines of bare separators.
            if any(cell and not cell.isspace() for cell in cells):
                yield cells
            begun = lines.begin_row()
    except csv.Error as error:
        raise ProspectsError([_broken_quotes(error, begun, source)]) from None
    except _RowTooLongError:
        raise ProspectsError(
            [
                f"{source}: the row at line {begun} has over {MOST_ROW_CHARACTERS:,} characters:"
                " is a quote in it never closed?"
            ]
        ) from None


def sniff_separator(header_line: str) -> str:
    """Return the separator that the header line has most of outside quotes; a comma when it has none."""
    return max(SEPARATORS, key=_QUOTED.sub("", header_line).count)


def _checked(separator: str, source: str) -> str:
    if separator not in SEPARATORS:
        raise ProspectsError(
            [f"{source}: the first line sets the separator '{shown(separator)}': save it with comma, semicolon or tab"]
        )
    return separator


def _refuse_foreign(content: bytes, source: str) -> None:
    for beginning, what in _FOREIGN_BEGINNINGS.items():
        if content.startswith(beginning):
            raise ProspectsError([f"{source}: {what}: save it as CSV in UTF-8"])
    if _UTF_16.match(content):
        raise ProspectsError([f"{source}: is UTF-16 text without a mark that says so: save it as CSV in UTF-8"])
    nul = content.find(b"\x00")
    if nul >= 0:
        line = _line_at(content, nul)
        raise ProspectsError(
            [f"{source}: line {line} has a NUL byte, so this is UTF-16 or no text: save it as CSV in UTF-8"]
        )
    bad = _undecodable(content)
    if bad is not None:
        byte, line = content[bad], _line_at(content, bad)
        raise ProspectsError(
            [f"{source}: line {line} has the byte 0x{byte:02X}, which isn't UTF-8: save it as CSV in UTF-8"]
        )


def _undecodable(content: bytes) -> int | None:
    """Return the place of the first byte that isn't UTF-8; in pieces, for a text takes up to four times its bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(content), PIECE_BYTES):
        end = start + PIECE_BYTES
        kept, _ = decoder.getstate()
        try:
            decoder.decode(content[start:end], final=end >= len(content))
        except UnicodeDecodeError as error:
            return start - len(kept) + error.start
    return None


def _broken_quotes(error: csv.Error, line: int, source: str) -> str:
    if "unexpected end of data" in str(error):
        return f"{source}: a quote opened in the row at line {line} is never closed: add the closing quote"
    return (
        f"{source}: the row at line {line} has text after a closing quote:"
        ' write a quote inside a quoted cell twice ("")'
    )


def _line_at(content: bytes, position: int) -> int:
    line_feeds, returns, pairs = (content.count(end, 0, position) for end in (b"\n", b"\r", b"\r\n"))
    return 1 + line_feeds + returns - pairs
