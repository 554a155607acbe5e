"""A CSV to start from, with the usual columns and two rows; as XLSX also with a description of all columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.prospects.schema.columns import USUAL
from include.prospects.schema.describe import ColumnInfo, describe_columns

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

_RIGHT_IF_EMPTY = ("profile_id", "custom_domain")  # the run or the Airflow connection names them
_SECOND_ROW = {
    "organization_id": "org_globex00000000002",
    "organization_name": "Globex",
    "prospect_name": "Identity team",
    "prospect_email": "identity@globex.example",
    "language": "en",
    "domains": "globex.example",
    "enabled_clients": "a1B2c3D4e5F6",
}


def template_csv() -> bytes:
    """Return the template as CSV in UTF-8, with a byte order mark so that Excel keeps the encoding."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_template())
    return text.getvalue().encode("utf-8-sig")


def template_xlsx() -> bytes:
    """Return the template as a sheet *Prospects*, and all columns as a sheet *Columns*; all cells are text."""
    from openpyxl import Workbook

    workbook = Workbook()
    _fill(workbook.active, "Prospects", _template())
    described = [
        [column.name, column.type, column.bounds, column.explanation, column.example] for column in describe_columns()
    ]
    _fill(workbook.create_sheet(), "Columns", [["column", "type", "bounds", "meaning", "example"], *described])
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def _template() -> list[list[str]]:
    first_row = [_example(column) for column in describe_columns() if column.usual]
    return [list(USUAL), first_row, [_SECOND_ROW.get(name, "") for name in USUAL]]


def _example(column: ColumnInfo) -> str:
    return "" if column.name in _RIGHT_IF_EMPTY else column.example


def _fill(sheet: Worksheet, title: str, rows: Sequence[Sequence[str]]) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet.title = title
    sheet.freeze_panes = "A2"
    for number, cells in enumerate(zip(*rows, strict=True), 1):
        dimension = sheet.column_dimensions[get_column_letter(number)]
        dimension.width = min(max(map(len, cells)) + 2, 80)
        dimension.number_format = "@"  # what a person types below is text, too
        for row, text in enumerate(cells, 1):
            cell = sheet.cell(row, number, text or None)
            cell.number_format = "@"
            if row == 1:
                cell.font = Font(bold=True)
