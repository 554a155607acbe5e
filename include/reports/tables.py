"""The report's tables as CSV and XLSX, safe to open in a spreadsheet, and back."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, TypeAlias

from include.reports.cells import guard, is_formula, printable, unguard
from include.reports.rows import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from openpyxl.cell import Cell as XlsxCell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

    from include.files import AnyPath

Cell: TypeAlias = "str | int | bool"

_ADVICE = "name the tickets.csv of a create_sso_tickets run, or that run's folder"
_WIDTHS = {"ticket_url": 60, "error": 60, "ticket_id": 36}
_WIDE = ("_id", "_name", "_email", "_at", "prospect")


def table_of(columns: Sequence[str], rows: Sequence[object]) -> pd.DataFrame:
    """Return these attributes of the rows as a table of numbers, booleans and printable texts."""
    import pandas as pd

    values = ([getattr(row, column) for column in columns] for row in rows)
    cells = [[value if isinstance(value, int) else printable(value) for value in row] for row in values]
    return pd.DataFrame(cells, columns=list(columns), dtype=object)


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Write a table as CSV; a text that a spreadsheet would run as a formula has an apostrophe in front."""
    return table.map(_csv_cell).to_csv(index=False, lineterminator="\n").encode()


def xlsx_bytes(table: pd.DataFrame, title: str) -> bytes:
    """Write a table as one Excel sheet with a frozen header and a filter.

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


def read_tickets(report_uri: AnyPath | str) -> list[dict[str, Any]]:
    """Read ``tickets.csv``.

    :param report_uri: a run's folder or the file itself, local or in object storage.
    :return: one mapping a row, its keys and types those of :class:`~include.reports.rows.ReportRow`.
    :raises ValueError: if there is no such file, or if it is not a ticket report.
    """
    import pandas as pd
    from upath import UPath

    path = UPath(report_uri) if isinstance(report_uri, str) else report_uri
    file = path / "tickets.csv" if path.is_dir() else path
    if not file.exists():
        raise ValueError(f"there is no ticket report at {file}: {_ADVICE}")
    try:
        with file.open("rb") as stream:
            table = pd.read_csv(stream, dtype=object, keep_default_na=False, index_col=False, encoding="utf-8-sig")
    except ValueError as error:  # not UTF-8, or no CSV
        raise ValueError(f"{file} can't be read as CSV in UTF-8: {error}: export the report again") from error
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise ValueError(f"{file} is not a ticket report, it lacks {', '.join(missing)}: {_ADVICE}")
    rows = _typed(table[list(COLUMNS)]).itertuples(index=False, name=None)
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of texts with numbers and booleans, and without apostrophes before formulas."""
    damaged = table.isna().any(axis="columns")
    for column in ("row", "attempts"):
        damaged |= ~table[column].astype(str).str.fullmatch("[0-9]{1,18}")
    if damaged.any():
        raise ValueError(
            f"data row {damaged.argmax() + 1} of the ticket report has too few cells, or no number as row or attempts:"
            " export the report again"
        )
    table = table.map(unguard).astype({"row": int, "attempts": int})
    table["duplicate_possible"] = table["duplicate_possible"].str.lower() == "true"
    return table


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
