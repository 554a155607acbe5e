"""A workbook (.xlsx): its sheet, and the text of each cell's value."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from functools import partial
from typing import TYPE_CHECKING, Any

from auth0_sso.models import listed, shown

from include.prospects.records import SHEET_ROW, ProspectsError, Question
from include.prospects.schema.no_values import FORMULA_WITHOUT_VALUE
from include.prospects.table.kinds import broken_workbook
from include.prospects.table.rows import Row, Rows

if TYPE_CHECKING:
    from openpyxl.reader.excel import ExcelReader

SHEET = "Prospects"
"""The sheet that is read if there are several; case doesn't count."""

_MAX_NAMED = 10
_PART_BYTES = 2**20
_HIDDEN_ROW = re.compile(rb"<(?:\w+:)?row\b[^>]*?\shidden=[\"'](?:1|true)[\"'][^>]*>")
_ROW_NUMBER = re.compile(rb"\sr=[\"'](\d+)[\"']")
# How the file format writes characters that XML does not have, such as _x000D_.
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")


def read_workbook(content: bytes, source: str, sheet: str) -> Rows:
    """
    Return the rows of a workbook's sheet; a cell is the text of its value, whatever its format is.

    Hidden and filtered rows are read, too, and counted in a warning.

    :param sheet: name of the sheet; empty: the visible one named *Prospects*, else the only visible one.
    :raises ProspectsError: the workbook is broken, or its sheet is not known. So does reading on.
    """
    # What openpyxl can't keep, such as rules for what may be typed into a cell, doesn't matter here.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\.")
    try:
        reader = _open(content, data_only=True)
        sheets = list(reader.parser.find_sheets())
        states = {one.name: one.state for one, relation in sheets if relation.Type.endswith("/worksheet")}
        paths = {one.name: relation.target for one, relation in sheets}
    except Exception:  # openpyxl has no common exception for what it can't read
        raise broken_workbook(source) from None
    name = _chosen(sheet, states, source)
    notes: list[str] = []
    return Rows(_readable(_rows(content, reader, source, name, paths[name], notes), source), SHEET_ROW, warnings=notes)


def _open(content: bytes, *, data_only: bool) -> ExcelReader:
    """Open a workbook whose rows are read one by one; ``data_only``: the stored values of formulas."""
    from openpyxl.reader.excel import ExcelReader

    reader = ExcelReader(io.BytesIO(content), read_only=True, data_only=data_only, keep_links=False)
    reader.read()
    return reader


def _chosen(wanted: str, states: Mapping[str, str], source: str) -> str:
    """Return the name of the sheet to read."""
    visible = [name for name, state in states.items() if state == "visible"]
    if wanted:
        found = [name for name in states if _same(name, wanted)]
        problem = f"has no sheet '{shown(wanted)}'"
    else:
        found = [name for name in visible if _same(name, SHEET)] or visible
        problem = f"has {len(found)} visible sheets" + (f", and none is named {SHEET}" if found else "")
    if len(found) == 1:
        return found[0]
    names = listed([f"'{shown(name)}'" for name in visible], _MAX_NAMED)
    advice = f"set sheet to one of {names}" if visible else "show the sheet with the prospects"
    raise ProspectsError([f"{source}: {problem}: {advice}"], Question("sheet", samples=visible) if visible else None)


def _same(name: str, wanted: str) -> bool:
    return name.strip().casefold() == wanted.strip().casefold()


def _readable(rows: Iterator[Row], source: str) -> Iterator[Row]:
    """Yield the rows; ProspectsError if the workbook turns out to be broken."""
    try:
        yield from rows
    except Exception:
        raise broken_workbook(source) from None


def _rows(content: bytes, reader: ExcelReader, source: str, name: str, path: str, notes: list[str]) -> Iterator[Row]:
    """Yield the rows that are not blank; ``notes`` gets a warning if some of them are hidden."""
    hidden, has_formulas = _scan(reader, path)
    cells = _with_formulas(content, reader, name) if has_formulas else _cells(reader, name)
    number_of_hidden = 0
    for number, values in enumerate(cells, 1):
        texts = [_text(value) for value in values]
        if any(text and not text.isspace() for text in texts):
            number_of_hidden += number in hidden
            yield number, texts
    if number_of_hidden:
        notes.append(f"{source}: hidden rows that are read, too: {number_of_hidden:,}")


def _scan(reader: ExcelReader, path: str) -> tuple[set[int], bool]:
    """Return the numbers of a sheet's hidden rows, and whether it has formulas; openpyxl tells neither."""
    hidden: set[int] = set()
    has_formulas = False
    rest = b""
    with reader.archive.open(path) as stream:
        for part in iter(partial(stream.read, _PART_BYTES), b""):
            part = rest + part
            end = part.rfind(b"<")  # where a tag begins that may go on in the next part
            part, rest = part[:end], part[end:]
            hidden |= _hidden_rows(part)
            has_formulas = has_formulas or _FORMULA.search(part) is not None
    return hidden | _hidden_rows(rest), has_formulas


def _hidden_rows(xml: bytes) -> set[int]:
    numbers = map(_ROW_NUMBER.search, _HIDDEN_ROW.findall(xml))
    return {int(number[1]) for number in numbers if number}


def _cells(reader: ExcelReader, name: str) -> Iterator[Sequence[Any]]:
    """Yield the values of each row, blank ones too."""
    sheet = reader.wb[name]
    sheet.reset_dimensions()  # some programs write wrong ones
    yield from sheet.iter_rows(values_only=True)


def _with_formulas(content: bytes, reader: ExcelReader, name: str) -> Iterator[Sequence[Any]]:
    """Yield the values of each row; those of formulas as they are stored, or a word for the lack of one."""
    stored = reader.wb[name]
    stored.reset_dimensions()
    formulas = _cells(_open(content, data_only=False), name)
    for row, formulas_of_row in zip(stored.iter_rows(), formulas, strict=True):
        yield [
            FORMULA_WITHOUT_VALUE if _lacks_value(cell) and formula is not None else cell.value
            for cell, formula in zip(row, formulas_of_row, strict=True)
        ]


def _lacks_value(cell: Any) -> bool:
    """Whether a cell has no value; a formula whose result is an empty text has one, and is of type ``str``."""
    return cell.value is None and cell.data_type != "str"


def _text(value: Any) -> str:
    """Return the text of a cell's value: whole numbers without ``.0``, dates and times in ISO 8601."""
    if isinstance(value, str):
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value) if "_x" in value else value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)
