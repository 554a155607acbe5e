"""From the bytes of a file to its header and rows, whatever its format is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from include.prospects.records import BrokenRowError, ProspectsError
from include.prospects.table.csv_text import read_csv
from include.prospects.table.header import EXAMPLE, known_names, named_width
from include.prospects.table.kinds import is_workbook, require_table
from include.prospects.table.options import DEFAULT_OPTIONS, ReadOptions
from include.prospects.table.rows import HEADER_LINES, Row, Rows, ScoreOf
from include.prospects.table.workbook import read_workbook

_ORGANIZATION_ID = re.compile(r"org_(?=[A-Za-z]*[0-9]|[A-Za-z]{12})[A-Za-z0-9]+")  # not a name such as org_id


@dataclass(frozen=True, slots=True)
class Table:
    """
    The header of a file, and its rows without the blank ones.

    :param rows: reading them may raise ProspectsError, and BrokenRowError for a row that can't be read.
    :param unit: what the numbers of the rows count: ``line``, or ``sheet row`` in a workbook.
    :param warnings: of the file; complete when the rows are read.
    """

    header: list[str]
    rows: Iterator[Row]
    unit: str
    warnings: list[str]


def read_table(content: bytes, source: str, options: ReadOptions = DEFAULT_OPTIONS) -> Table:
    """
    Return the table in a CSV or a workbook, whatever the file's name is.

    :param source: the file's name, for messages.
    :raises ProspectsError: the file is empty or broken, or of another kind; BrokenRowError if a row is.
    """
    require_table(content, source)
    score = partial(known_names, options=options)
    if is_workbook(content):
        found = read_workbook(content, source, options.sheet)
    else:
        found = read_csv(content, source, options.encoding, score)
    return _with_header(found, source, score)


def _with_header(found: Rows, source: str, score: ScoreOf) -> Table:
    """Return the table whose header is the row that looks most like one, among the first lines."""
    first, rest = _first_rows(found.rows)
    if not first:
        next(rest, None)  # raises if the header can't be read
        raise ProspectsError([f"{source}: is empty: its first line must name the columns, such as {EXAMPLE}"])
    place = _header_place([cells for _line, cells in first], score)
    line, header = first[place]
    above = next((line for line, cells in first[:place] if _has_organization(cells)), 0)
    if above:
        raise ProspectsError(
            [
                f"{source}: the header is in {found.unit} {line}, but {found.unit} {above} above it has an"
                " organization's id: put the header above all prospects"
            ]
        )
    if place:
        found.warnings.append(f"{source}: the header is in {found.unit} {line}, so what stands above it is left out")
    rows = chain(first[place + 1 :], rest)
    checked = rows if found.has_end else _complete(rows, named_width(header), source)
    return Table(header, checked, found.unit, found.warnings)


def _header_place(rows: Sequence[Sequence[str]], score: ScoreOf) -> int:
    """
    Return which of the first rows is the header: the first one that names the organization, or has most known names.

    If no name is known, it is the first row that is neither a title nor a prospect: it has at least half as many cells
    as the widest.
    """
    scores = [score(cells) for cells in rows]
    if any(one.has_organization for one in scores):
        return next(place for place, one in enumerate(scores) if one.has_organization)
    candidates = [place for place, cells in enumerate(rows) if not _has_organization(cells)] or [0]
    most = max(scores[place].known for place in candidates)
    if most:
        return next(place for place in candidates if scores[place].known == most)
    widest = max(one.names for one in scores)
    return next((place for place in candidates if 2 * scores[place].names >= widest), candidates[0])


def _has_organization(cells: Sequence[str]) -> bool:
    """Whether a cell is an organization's id, which no header and no title has."""
    return any(_ORGANIZATION_ID.fullmatch(cell.strip()) for cell in cells)


def _first_rows(rows: Iterator[Row]) -> tuple[list[Row], Iterator[Row]]:
    """Return the rows of the first lines, at least one if there is any, and the others."""
    first: list[Row] = []
    try:
        for row in rows:
            if first and row[0] > HEADER_LINES:
                return first, chain([row], rows)
            first.append(row)
    except BrokenRowError as error:
        return first, _broken(error)
    return first, rows


def _broken(error: BrokenRowError) -> Iterator[Row]:
    raise error
    yield


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
