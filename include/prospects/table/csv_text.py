"""A CSV: its encoding, its separator, its quotes."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, dropwhile, islice

from auth0_sso.models import shown

from include.prospects.records import LINE, BrokenRowError, ProspectsError, Question
from include.prospects.table.quotes import without_space_around_quotes
from include.prospects.table.rows import HEADER_LINES, Row, Rows, ScoreOf, best_score

SEPARATORS = ",;\t|"
MAX_CELL_CHARACTERS = 8 * 2**20
"""A cell that is longer has an open quote: without this bound it would hold the rest of the file."""

_CODECS = {"utf-8": "utf-8-sig", "windows-1252": "cp1252"}
# Spreadsheets save the line again as a row of their own: its cell in quotes, empty cells behind it.
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\s,;|"]*', re.IGNORECASE)
_TAIL_BYTES = 4_000
_SAMPLES = 3
_CELL_TEXT = re.compile(r'[^,;\t|"\r\n]+')


def read_csv(content: bytes, source: str, encoding: str, score: ScoreOf) -> Rows:
    """
    Return the rows of a CSV: any line ends, UTF-8, UTF-16 with a byte order mark, or ``encoding``.

    The separator is the one with which the file's header is found: comma, semicolon, tab or bar. Above it may be the
    ``sep=;`` that Excel understands.

    :param score: how much a row looks like the header.
    :raises ProspectsError: the content is no text of that encoding, or names another separator. So does reading on.
    """
    codec = _codec(content, encoding)
    nul = -1 if codec == "utf-16" else content.find(0)  # valid UTF-8, but only other encodings and binary files have it
    if nul >= 0:
        raise _not_text(content, source, codec, nul)
    if codec == "cp1252" and _is_utf8(content):
        raise ProspectsError([f"{source}: is UTF-8 text, not Windows-1252: set encoding to utf-8"])
    # The limit is the process's own: never lower it for others.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARACTERS))
    try:
        separator = _separator(content, source, codec, score)
    except UnicodeDecodeError:
        raise _not_text(content, source, codec) from None
    return Rows(_decoded(content, source, codec, separator), LINE, has_end=_has_end(content, codec))


def _decoded(content: bytes, source: str, codec: str, separator: str) -> Iterator[Row]:
    try:
        yield from _records(content, codec, separator)
    except UnicodeDecodeError:
        raise _not_text(content, source, codec) from None


def _codec(content: bytes, encoding: str) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return _CODECS["utf-8" if content.startswith(codecs.BOM_UTF8) else encoding]


def _separator(content: bytes, source: str, codec: str, score: ScoreOf) -> str:
    """Return the separator with which the first lines look most like a table; of equal ones the one that is named."""
    named = _named_separator(content, source, codec)
    candidates = dict.fromkeys(named + SEPARATORS)
    return max(candidates, key=lambda separator: _likeness(_first_rows(content, codec, separator), score))


def _likeness(rows: Sequence[Row], score: ScoreOf) -> tuple[bool, int, int, int]:
    """Return how much rows look like a table: the names of its header, then the rows of one width."""
    best = best_score(rows, score)
    widths = Counter(len(cells) for _line, cells in rows if len(cells) > 1)
    count, width = max(((count, width) for width, count in widths.items()), default=(0, 0))
    return best.has_organization, best.known, count, width


def _named_separator(content: bytes, source: str, codec: str) -> str:
    first = next((line for line in _lines(content, codec) if line.strip()), "")
    found = _SEPARATOR_LINE.fullmatch(first)
    if found and found[1] not in SEPARATORS:
        advice = "save it with comma, semicolon, tab or bar"
        raise ProspectsError([f"{source}: the first line sets the separator '{shown(found[1])}': {advice}"])
    return found[1] if found else ""


def _first_rows(content: bytes, codec: str, separator: str) -> list[Row]:
    """Return the rows of the first lines, as far as they can be read."""
    rows: list[Row] = []
    try:
        for row in _records(content, codec, separator):
            if row[0] > HEADER_LINES:
                break
            rows.append(row)
    except BrokenRowError:  # whoever reads all rows gets it again
        pass
    return rows


def _records(content: bytes, codec: str, separator: str) -> Iterator[Row]:
    """Yield line and cells of each row that is not blank."""
    numbered = enumerate(_lines(content, codec), 1)
    line_number, first = next(dropwhile(lambda pair: not pair[1].strip(), numbered), (1, ""))
    lines: Iterable[str] = (line for _number, line in numbered)
    if not _SEPARATOR_LINE.fullmatch(first):
        lines = chain([first], lines)
        line_number -= 1
    lines_before = line_number
    line_number += 1
    reader = csv.reader(without_space_around_quotes(lines, separator), delimiter=separator, strict=True)
    try:
        for cells in reader:
            # Spreadsheets end a table with lines of bare separators.
            if any(cell and not cell.isspace() for cell in cells):
                yield line_number, cells
            line_number = lines_before + reader.line_num + 1
    except csv.Error as error:
        raise BrokenRowError(line_number, _broken(error)) from None


def _lines(content: bytes, codec: str) -> Iterator[str]:
    return iter(io.TextIOWrapper(io.BytesIO(content), encoding=codec, newline=""))


def _has_end(content: bytes, codec: str) -> bool:
    """Return whether the last row that isn't blank has a line end."""
    start = max(len(content) - _TAIL_BYTES, 0) // 2 * 2  # where a character of UTF-16 begins
    tail = _decode(content[:2] * (codec == "utf-16" and start > 0) + content[start:], codec, "ignore")
    return tail.rstrip(f" {SEPARATORS}").endswith(("\n", "\r"))


def _not_text(content: bytes, source: str, codec: str, place: int | None = None) -> ProspectsError:
    """Return the error for a content that is not text of its encoding, at a byte or where that is found."""
    if place is None:
        place = _first_bad_byte(content, codec)
    before = re.split("\r\n?|\n", _decode(content[:place], codec, "replace"))
    where = f"line {len(before):,}, character {len(before[-1]) + 1:,}"
    if codec == "utf-16":
        return ProspectsError([f"{source}: is not UTF-16 text, at {where}: export it again"])
    if codec == "cp1252":
        return ProspectsError([f"{source}: is not Windows-1252 text, at {where}: save it as 'CSV UTF-8'"])
    if content.startswith(codecs.BOM_UTF8):
        return ProspectsError([f"{source}: begins as UTF-8 text and is not, at {where}: export it again"])
    question = None if 0 in content else _encoding_question(content)
    other = " If it is Windows-1252, set encoding to windows-1252." if question else ""
    return ProspectsError([f"{source}: is not UTF-8 text, at {where}: save it as 'CSV UTF-8'.{other}"], question)


def _decode(content: bytes, codec: str, errors: str) -> str:
    return content.decode(codec.removesuffix("-sig"), errors).removeprefix("\ufeff")


def _is_utf8(content: bytes) -> bool:
    """Whether it has letters beyond ASCII, all of them in UTF-8: hardly any text of another encoding is like that."""
    try:
        return not content.isascii() and bool(content.decode())
    except UnicodeDecodeError:
        return False


def _first_bad_byte(content: bytes, codec: str) -> int:
    try:
        _decode(content, codec, "strict")
    except UnicodeDecodeError as error:
        return error.start
    return len(content)


def _encoding_question(content: bytes) -> Question | None:
    """Return the question whether these texts are right, as Windows-1252 reads them; None if it can't read them."""
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        return None
    cells = (match.group().strip() for match in _CELL_TEXT.finditer(text))
    found = dict.fromkeys(shown(cell) for cell in islice((cell for cell in cells if not cell.isascii()), 100))
    return Question("encoding", samples=list(found)[:_SAMPLES])


def _broken(error: csv.Error) -> str:
    if "unexpected end of data" in str(error):
        return "a quote that is opened here is never closed: add the closing quote"
    if "field larger than" in str(error):
        return f"a cell has over {MAX_CELL_CHARACTERS:,} characters: is a quote never closed?"
    return 'there is text after a closing quote: write a quote inside a quoted cell twice ("")'
