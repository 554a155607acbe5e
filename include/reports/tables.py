"""The report's tables as CSV and XLSX, safe to open in a spreadsheet, and back."""

from __future__ import annotations

import csv
import io
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from auth0_sso.models import COLUMNS, Outcome

from include.reports.cells import guard, is_formula, printable, unguard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from openpyxl.cell import Cell as XlsxCell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

    from include.files import AnyPath

Cell: TypeAlias = "str | int | bool"

_ADVICE = "name the tickets.csv of a create_sso_tickets run, or that run's folder"
MAX_REPORT_BYTES = 256 * 2**20
"""Bytes of a ``tickets.csv``; one of 250,000 rows, the most that a run has, takes half of that."""
_WIDTHS = {"ticket_url": 60, "error": 60, "ticket_id": 36}
_NUMBERS = ("row", "attempts")
_MAX_DIGITS = 18
_PART_ROWS = 5_000
_WIDE = ("_id", "_name", "_email", "_at", "prospect")


def table_of(columns: Sequence[str], rows: Sequence[object]) -> pd.DataFrame:
    """Return these attributes of the rows as a table of numbers, booleans and printable texts."""
    import pandas as pd

    values = ([getattr(row, column) for column in columns] for row in rows)
    cells = [[value if isinstance(value, int) else printable(value) for value in row] for row in values]
    return pd.DataFrame(cells, columns=list(columns), dtype=object)


def csv_parts(table: pd.DataFrame) -> Iterator[bytes]:
    """
    Write a table as CSV, in parts.

    A text that a spreadsheet would run as a formula has an apostrophe in front. A byte order mark lets a spreadsheet
    know the encoding.
    """
    for start in range(0, max(len(table), 1), _PART_ROWS):
        part = table.iloc[start : start + _PART_ROWS].map(_csv_cell)
        yield part.to_csv(index=False, header=start == 0, lineterminator="\n").encode("utf-8" if start else "utf-8-sig")


def xlsx_bytes(table: pd.DataFrame, title: str) -> bytes:
    """
    Write a table as one Excel sheet with a frozen header and a filter.

    Numbers and booleans keep their type. Every text is a string cell, never a formula or a hyperlink.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet(title)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(table.columns))}{len(table) + 1}"
    header = []
    for number, column in enumerate(table.columns, start=1):
        width = _WIDTHS.get(column, 24 if column.endswith(_WIDE) else len(column) + 4)
        sheet.column_dimensions[get_column_letter(number)].width = width
        header.append(WriteOnlyCell(sheet, value=column))
        header[-1].font = Font(bold=True)
    sheet.append(header)
    for cells in table.itertuples(index=False, name=None):
        sheet.append([_xlsx_cell(sheet, cell) for cell in cells])
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def read_tickets(report_uri: AnyPath | str) -> list[Outcome]:
    """
    Read ``tickets.csv``.

    :param report_uri: a run's folder or the file itself, local or in object storage.
    :return: the rows.
    :raises ValueError: if there is no such file, or if it is not a ticket report.
    """
    from upath import UPath

    path = UPath(report_uri) if isinstance(report_uri, str) else report_uri
    file = path / "tickets.csv" if path.is_dir() else path
    if not file.exists():
        raise ValueError(f"there is no ticket report at {file}: {_ADVICE}")
    return list(parse_tickets(_read(file), file))


def _read(file: AnyPath) -> bytes:
    if not file.is_file():  # a read from a pipe or a device may never end
        raise ValueError(f"{file} is not a regular file: {_ADVICE}")
    with file.open("rb") as stream:
        content = stream.read(MAX_REPORT_BYTES + 1)
    if len(content) > MAX_REPORT_BYTES:
        raise ValueError(f"{file} has over {MAX_REPORT_BYTES // 2**20} MiB, so it is no ticket report: {_ADVICE}")
    return content


def parse_tickets(content: bytes, file: object = "tickets.csv") -> Iterator[Outcome]:
    """
    Read the content of ``tickets.csv``.

    :param file: its name in errors.
    :raises ValueError: if it is not a ticket report, or a status is unknown.
    """
    for number, cells in enumerate(parse_table(content, COLUMNS, file), start=1):
        row = dict(zip(COLUMNS, cells, strict=True))
        for name in _NUMBERS:
            if not (row[name].isdecimal() and row[name].isascii() and len(row[name]) <= _MAX_DIGITS):
                raise ValueError(f"data row {number} of {file} has no number as {name}: export it again")
        try:
            yield Outcome.from_dict(row)
        except ValueError as error:
            raise ValueError(f"{error}, in {file}: export it again") from None


def parse_table(content: bytes, columns: Sequence[str], file: object) -> Iterator[list[str]]:
    """
    Read a table that :func:`csv_parts` wrote and a spreadsheet may have saved since.

    :param columns: those to return, in this order; others are ignored.
    :return: for each row its texts, without apostrophes before formulas.
    :raises ValueError: if it is not CSV in UTF-8, lacks one of the columns, or a row has too few cells.
    """
    try:
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        header = next(lines, [])
        missing = [column for column in columns if column not in header]
        if missing:
            raise ValueError(
                f"{file} is not a report's table, it lacks {', '.join(missing)}: name one that a run exported"
            )
        wanted = itemgetter(*map(header.index, columns))
        for number, cells in enumerate(filter(None, lines), start=1):
            if len(cells) < len(header):
                raise ValueError(f"data row {number} of {file} has too few cells: export it again")
            yield [unguard(cell) if "'" in cell else cell for cell in wanted(cells)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file} can't be read as CSV in UTF-8: {error}: export the report again") from error


def _csv_cell(cell: Cell) -> str | int:
    if isinstance(cell, bool):
        return str(cell).lower()
    return guard(cell) if isinstance(cell, str) else cell


def _xlsx_cell(sheet: WriteOnlyWorksheet, cell: Cell) -> Cell | XlsxCell:
    # openpyxl takes "=…" for a formula, and "#N/A" and other texts with "#" for an error.
    if not isinstance(cell, str) or not (is_formula(cell) or cell.startswith("#")):
        return cell
    from openpyxl.cell import WriteOnlyCell

    text = WriteOnlyCell(sheet, value=cell)
    text.data_type = "s"
    text.quotePrefix = True
    return text
