"""The template loads as it is, and a spreadsheet changes nothing in it."""

from __future__ import annotations

import csv
import io

import pytest
from openpyxl import load_workbook

from include.prospects import check_contents, clients_warning, describe_columns, template_csv, template_xlsx


def table_of_csv() -> list[list[str]]:
    """Return the cells of the CSV template."""
    return list(csv.reader(io.StringIO(template_csv().decode("utf-8-sig"))))


@pytest.fixture(scope="module")
def sheets() -> dict[str, list[list[str]]]:
    """Return the cells of the sheets of the XLSX template."""
    workbook = load_workbook(io.BytesIO(template_xlsx()))
    return {sheet.title: [[str(cell.value or "") for cell in row] for row in sheet.rows] for sheet in workbook}


def test_its_rows_load_without_a_problem() -> None:
    found = check_contents([("template.csv", template_csv())])
    assert found.counts() == {"rows": 2, "valid": 2, "invalid": 0, "organizations": 2}
    assert found.warnings == []
    assert clients_warning(found.valid, has_default=False) == []


def test_it_has_the_usual_columns_and_leaves_the_profile_to_the_run() -> None:
    header, first, _second = table_of_csv()
    assert header == [column.name for column in describe_columns() if column.usual]
    empty = [name for name, cell in zip(header, first, strict=True) if not cell]
    assert empty == ["profile_id", "custom_domain"]


def test_the_xlsx_has_the_same_rows_and_describes_all_columns(sheets: dict[str, list[list[str]]]) -> None:
    assert list(sheets) == ["Prospects", "Columns"]
    assert sheets["Prospects"] == table_of_csv()
    assert sheets["Columns"] == [
        ["column", "type", "bounds", "meaning", "example"],
        *(
            [column.name, column.type, column.bounds, column.explanation, column.example]
            for column in describe_columns()
        ),
    ]


def test_all_cells_are_text_and_the_header_is_frozen() -> None:
    for sheet in load_workbook(io.BytesIO(template_xlsx())):
        assert sheet.freeze_panes == "A2"
        filled = [cell for row in sheet.rows for cell in row if cell.value is not None]
        assert {cell.data_type for cell in filled} == {"s"}
        assert {cell.number_format for cell in filled} == {"@"}
        letters = {cell.column_letter for cell in filled}
        assert {sheet.column_dimensions[letter].number_format for letter in letters} == {"@"}, "what is typed below"
