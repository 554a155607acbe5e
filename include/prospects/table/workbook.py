"""A workbook (.xlsx): its sheet, and the text of each cell's value."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, iterparse

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
# How the file format writes characters that XML does not have, such as _x000D_.
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NOT_A_DATE = "#VALUE!"
_MAX_ROW, _MAX_COLUMN = 2**20, 2**14
"""Of a sheet, in the file format."""
_SHOW_OR_SAVE = "show the sheet with the prospects, and save it as 'Excel workbook (.xlsx)', not as 'Strict'"


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
        reader = _open(content)
        sheets = list(reader.parser.find_sheets())
        states = {one.name: one.state for one, relation in sheets if relation.Type.endswith("/worksheet")}
        paths = {one.name: relation.target for one, relation in sheets}
    except Exception:  # openpyxl has no common exception for what it can't read
        raise broken_workbook(source) from None
    path = paths[_chosen(sheet, states, source)]
    notes: list[str] = []
    return Rows(_rows(reader, path, source, notes), SHEET_ROW, warnings=notes)


def _open(content: bytes) -> ExcelReader:
    """Open a workbook: its sheets' names, styles and shared texts; no sheet is read yet."""
    from openpyxl.reader.excel import ExcelReader

    with redirect_stdout(io.StringIO()):  # it prints what it finds odd in a style sheet
        reader = ExcelReader(io.BytesIO(content), read_only=True, keep_links=False)
        reader.read()
    return reader


def _chosen(wanted: str, states: Mapping[str, str], source: str) -> str:
    """Return the name of the sheet to read."""
    visible = [name for name, state in states.items() if state == "visible"]
    if wanted in states or wanted.strip():
        found = [wanted] if wanted in states else [name for name in states if _same(name, wanted)]
        problem = f"has no sheet '{shown(wanted)}'"
    else:
        found = [SHEET] if SHEET in visible else [name for name in visible if _same(name, SHEET)] or visible
        problem = f"has {len(found)} visible sheets" + (f", and none is named {SHEET}" if found else "")
    if len(found) == 1:
        return found[0]
    names = listed([f"'{shown(name)}'" for name in visible], _MAX_NAMED)
    if not states:
        problem, names = "has no sheet that can be read", ""
    advice = f"set sheet to one of {names}" if visible else _SHOW_OR_SAVE
    raise ProspectsError([f"{source}: {problem}: {advice}"], Question("sheet", samples=visible) if visible else None)


def _same(name: str, wanted: str) -> bool:
    return name.strip().casefold() == wanted.strip().casefold()


def _rows(reader: ExcelReader, path: str, source: str, notes: list[str]) -> Iterator[Row]:
    """Yield a sheet's rows that are not blank; ``notes`` gets a warning if some of them are hidden."""
    hidden = 0
    try:
        for row in _SheetReader(reader).rows(path):
            if any(text and not text.isspace() for text in row.texts):
                hidden += row.is_hidden
                yield row.number, row.texts
    except Exception:  # no common exception for what is no sheet
        raise broken_workbook(source) from None
    if hidden:
        notes.append(f"{source}: hidden rows that are read, too: {hidden:,}")


@dataclass(frozen=True, slots=True)
class _SheetRow:
    number: int
    texts: list[str]
    is_hidden: bool


class _SheetReader:
    """
    Reads the XML of a sheet in one pass.

    openpyxl's own reader of rows doesn't tell which rows are hidden, nor which formulas have no stored value. It skips
    rows that are out of order, and needs three times as long.
    """

    def __init__(self, reader: ExcelReader) -> None:
        from openpyxl.styles.stylesheet import Stylesheet
        from openpyxl.xml.constants import ARC_STYLE
        from openpyxl.xml.functions import fromstring

        self._archive = reader.archive
        self._shared: Sequence[str] = reader.shared_strings
        self._epoch = reader.wb.epoch
        styles = Stylesheet.from_tree(fromstring(reader.archive.read(ARC_STYLE)))
        self._dates = frozenset(map(str, styles.date_formats))
        self._durations = frozenset(map(str, styles.timedelta_formats))

    def rows(self, path: str) -> Iterator[_SheetRow]:
        """Yield the rows of a sheet in their order in the file."""
        number = 0
        with self._archive.open(path) as stream:
            for _event, element in iterparse(stream):  # noqa: S314 - expat bounds what entities unpack to
                namespace, _, name = element.tag.rpartition("}")
                if name == "row":
                    number = int(element.get("r") or number + 1)
                    if not 0 < number <= _MAX_ROW:
                        raise ValueError(f"a sheet has no row {number}")
                    texts = self._texts(element, f"{namespace}}}" if namespace else "")
                    yield _SheetRow(number, texts, element.get("hidden") in ("1", "true"))
                    element.clear()

    def _texts(self, row: Element, prefix: str) -> list[str]:
        """Return the text of each cell up to the last one that is not empty; ``prefix`` is that of all tags."""
        value, formula, inline = f"{prefix}v", f"{prefix}f", f"{prefix}is"
        texts: list[str] = []
        column = 0
        for cell in row:
            address = cell.get("r")
            column = _column_number(address.rstrip("0123456789")) if address else column + 1
            kind = cell.get("t", "n")
            if kind == "inlineStr":
                text = _inline_text(cell.find(inline)) or _unescaped(cell.findtext(value, ""))
            else:
                text = self._text(kind, cell.findtext(value, ""), cell.get("s", "0"))
                if not text and kind != "str" and cell.find(formula) is not None:
                    text = FORMULA_WITHOUT_VALUE
            if text:
                texts += [""] * (column - len(texts))
                texts[column - 1] = text
        return texts

    def _text(self, kind: str, value: str, style: str) -> str:
        """Return the text of a value; of a formula whose result is an empty text, kind ``str`` without a value."""
        if not value:
            return ""
        if kind == "s":
            return _unescaped(self._shared[int(value)])
        if kind == "str":
            return _unescaped(value)
        if kind == "b":
            return "true" if value in ("1", "true") else "false"
        if kind == "n":
            return self._number(value, style)
        return value  # an error's name, or a date in ISO 8601

    def _number(self, value: str, style: str) -> str:
        if style not in self._dates:
            return _number_text(value)
        from openpyxl.utils.datetime import from_excel

        try:
            moment = from_excel(float(value), self._epoch, timedelta=style in self._durations)
        except (OverflowError, ValueError):
            return _NOT_A_DATE
        return _moment_text(moment)


def _local_name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


@lru_cache(maxsize=1024)
def _column_number(letters: str) -> int:
    from openpyxl.utils import column_index_from_string

    number: int = column_index_from_string(letters)
    if number > _MAX_COLUMN:
        raise ValueError(f"a sheet has no column {letters}")
    return number


def _inline_text(element: Element | None) -> str:
    """Return the text of a cell that has it in itself, without its formats and the readings of its characters."""
    if element is None:
        return ""
    if len(element) == 1 and not len(element[0]):
        return _unescaped(element[0].text or "")
    runs = (part for part in element if _local_name(part) in ("t", "r"))
    return _unescaped("".join(text.text or "" for run in runs for text in run.iter() if _local_name(text) == "t"))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _number_text(value: str) -> str:
    """Return a number as a person writes it, a whole one without ``.0``."""
    if value.isdigit():
        return value
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def _moment_text(moment: date | time | timedelta) -> str:
    """Return a date, a time or both in ISO 8601; a duration as hours, minutes and seconds."""
    if isinstance(moment, timedelta):
        minutes, seconds = divmod(round(moment.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if isinstance(moment, datetime) and moment.time() == time():
        return moment.date().isoformat()
    return moment.isoformat()
