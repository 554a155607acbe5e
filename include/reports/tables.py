"""The report's tables as CSV and XLSX, safe to open in a spreadsheet, and the way back."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from include.reports.cells import guard, is_formula, printable, unguard
from include.reports.rows import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from openpyxl.cell import Cell as XlsxCell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet
    from upath import UPath

Cell: TypeAlias = "str | int | bool"

_ROWS_AT_ONCE = 5_000
_NUMBER = re.compile("[0-9]{1,18}")


def csv_bytes(columns: Sequence[str], rows: Sequence[object]) -> bytes:
    """Write rows as CSV.

    :param columns: names of the rows' attributes, in order.
    :return: UTF-8 without a BOM, lines end with ``\\n``; booleans are ``true`` and ``false``; what a
        spreadsheet would run as a formula, be it after a semicolon, has an apostrophe in front.
    """
    import pandas as pd

    content = io.BytesIO()
    text = io.TextIOWrapper(content, encoding="utf-8", newline="")
    for start in range(0, max(len(rows), 1), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        records = [[_csv_cell(cell) for cell in cells] for cells in _cells(columns, some)]
        frame = pd.DataFrame(records, columns=list(columns), dtype=object)
        frame.to_csv(text, index=False, header=start == 0, lineterminator="\n")
    text.flush()
    return content.getvalue()


def xlsx_bytes(columns: Sequence[str], rows: Sequence[object], title: str) -> bytes:
    """Write rows as one Excel sheet with a frozen head and a filter; numbers and booleans keep their type.

    Every text is a string cell, whatever it starts with, and none is a hyperlink.

    :param columns: names of the rows' attributes, in order.
    :param title: the sheet's name.
    """
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet(title)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{len(rows) + 1}"
    for number, column in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = max(len(column) + 4, _width(column))
    sheet.append([_head_cell(sheet, column) for column in columns])
    for cells in _cells(columns, rows):
        sheet.append([_xlsx_cell(sheet, cell) for cell in cells])
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def read_tickets(report_uri: UPath | Path | str) -> list[dict[str, Any]]:
    """Read ``tickets.csv`` back.

    :param report_uri: a run's folder or the file itself, local or in object storage.
    :return: one mapping a row, its keys and types those of :class:`~include.reports.rows.ReportRow`.
    :raises ValueError: if there is no such file, or if it is not a ticket report.
    """
    file = _tickets_file(report_uri)
    reader = csv.DictReader(io.StringIO(_text_of(file), newline=""))
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(
            f"{file} is not a ticket report, it lacks {', '.join(missing)}: "
            "name the tickets.csv of a create_sso_tickets run, or that run's folder"
        )
    try:
        return [_ticket(number, record) for number, record in enumerate(reader, start=1)]
    except csv.Error as error:
        raise ValueError(f"{file} can't be read as CSV after line {reader.line_num}: {error}") from error


def _cells(columns: Sequence[str], rows: Sequence[object]) -> Iterator[list[Cell]]:
    for row in rows:
        values = (getattr(row, column) for column in columns)
        yield [value if isinstance(value, int) else printable(value) for value in values]


def _csv_cell(cell: Cell) -> str | int:
    if isinstance(cell, bool):
        return str(cell).lower()
    return guard(cell) if isinstance(cell, str) else cell


def _xlsx_cell(sheet: WriteOnlyWorksheet, cell: Cell) -> Cell | XlsxCell:
    # openpyxl takes "=…" for a formula and "#N/A" and its like for an error.
    if not isinstance(cell, str) or not (is_formula(cell) or cell.startswith("#")):
        return cell
    from openpyxl.cell import WriteOnlyCell

    text = WriteOnlyCell(sheet, value=cell)
    text.data_type = "s"
    text.quotePrefix = True
    return text


def _head_cell(sheet: WriteOnlyWorksheet, column: str) -> XlsxCell:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    cell = WriteOnlyCell(sheet, value=column)
    cell.font = Font(bold=True)
    return cell


def _width(column: str) -> int:
    wide = {"ticket_url": 60, "error": 60, "ticket_id": 36}
    return wide.get(column, 24 if column.endswith(("_id", "_name", "_email", "_at", "prospect")) else 0)


def _tickets_file(report_uri: UPath | Path | str) -> UPath | Path:
    from upath import UPath

    path = UPath(report_uri) if isinstance(report_uri, str) else report_uri
    file = path / "tickets.csv" if path.is_dir() else path
    if not file.exists():
        raise ValueError(
            f"there is no ticket report at {file}: "
            "name the tickets.csv of a create_sso_tickets run, or that run's folder"
        )
    return file


def _text_of(file: UPath | Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8 text: save it as CSV in UTF-8, or export the report again") from None


def _ticket(number: int, record: dict[str, str | None]) -> dict[str, Any]:
    if any(record[column] is None for column in COLUMNS):
        raise ValueError(f"data row {number} of the ticket report has too few cells: export it again")
    ticket: dict[str, Any] = {column: unguard(record[column] or "") for column in COLUMNS}
    for column in ("row", "attempts"):
        if not _NUMBER.fullmatch(ticket[column]):
            raise ValueError(f"data row {number} of the ticket report: {column} is not a number")
        ticket[column] = int(ticket[column])
    ticket["duplicate_possible"] = ticket["duplicate_possible"].lower() == "true"
    return ticket
