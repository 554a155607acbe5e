"""CSV and XLSX carry every text unchanged and none as a formula."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from include.reports import COLUMNS, ReportRow, RunInfo, read_tickets, write_report
from include.reports.cells import guard, printable, unguard
from include.reports.tables import csv_bytes, xlsx_bytes

HOSTILE = [
    "=1+1",
    "=HYPERLINK(\"https://example.com/\",\"click\")",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "\uff1d1",
    "'=1",
    "#N/A",
]  # fmt: skip
RUN = RunInfo("create_sso_tickets", "run", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:09+00:00", 9.0)

texts = st.text(max_size=30)
rows = st.builds(
    ReportRow,
    row=st.integers(1, 10**6),
    organization_name=texts,
    prospect_name=st.sampled_from([*HOSTILE, "NA", "null", "007", 'say "hi"', "a,b;c", "two\nlines"]),
    status=st.just("created"),
    attempts=st.integers(0, 9),
    duplicate_possible=st.booleans(),
    error=texts,
)


@given(st.text() | st.text(";'\"= \t\na"))
def test_removing_the_guard_gives_back_every_text(text: str) -> None:
    assert unguard(guard(text)) == text


@pytest.mark.parametrize("text", [text for text in HOSTILE if text != "#N/A"])
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert guard(text) == f"'{text}"


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("Ada;=1+1", "Ada;'=1+1"),
        ("Ada; @SUM(A1);+1", "Ada;' @SUM(A1);'+1"),
        ("=1;'-1", "'=1;''-1"),
        ('Ada;"=1+1;"', 'Ada;\'"=1+1;"'),
        ("Ada; Ben;Cy-Lee", "Ada; Ben;Cy-Lee"),
    ],
)
def test_a_text_that_excel_would_run_where_it_divides_at_semicolons_is_guarded_too(text: str, guarded: str) -> None:
    assert guard(text) == guarded
    (line,) = csv_bytes(["error"], [ReportRow(1, error=text)]).decode().splitlines()[1:]
    cells = next(csv.reader([line], delimiter=";"))
    assert not [cell for cell in cells if cell.lstrip().startswith(tuple("=+-@"))]


@pytest.mark.parametrize("text", ["", "Acme", "O'Brien", "'quoted'", "a=b", "1-2", "jo@example.com"])
def test_a_harmless_text_stays_as_it_is(text: str) -> None:
    assert guard(text) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (None, ""),
        ("a\x00b\x1b[31m", "a\ufffdb\ufffd[31m"),
        ("lone \ud800", "lone \ufffd"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("x" * 16_001, "x" * 15_999 + "…"),
        ("Łódź 東京", "Łódź 東京"),
    ],
)
def test_what_a_file_cannot_hold_is_made_visible(text: str | None, clean: str) -> None:
    assert printable(text) == clean


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, max_size=8))
def test_reading_a_report_back_gives_the_rows_that_were_written(rows: list[ReportRow]) -> None:
    file = UPath("memory://round-trip/tickets.csv")
    file.write_bytes(csv_bytes(COLUMNS, rows))
    expected = [
        {name: printable(cell) if isinstance(cell, str) else cell for name, cell in asdict(row).items()} for row in rows
    ]
    assert read_tickets(file) == expected


def test_pandas_and_csv_read_the_same_table() -> None:
    table = csv_bytes(COLUMNS, [ReportRow(n, prospect_name=text) for n, text in enumerate(HOSTILE, 1)])
    by_csv = list(csv.DictReader(io.StringIO(table.decode(), newline="")))
    by_pandas = pd.read_csv(io.BytesIO(table), dtype=str, keep_default_na=False).to_dict("records")
    assert by_csv == by_pandas
    assert [row["prospect_name"][0] for row in by_csv[:-1]] == ["'"] * (len(HOSTILE) - 1)
    assert {row["duplicate_possible"] for row in by_csv} == {"false"}


def test_csv_of_no_rows_is_its_head() -> None:
    assert csv_bytes(COLUMNS, []).decode() == ",".join(COLUMNS) + "\n"


def test_xlsx_has_typed_numbers_and_no_formula_error_or_hyperlink() -> None:
    hostile = [*HOSTILE, "https://example.com/x?a=1", "007", "NUL \x00"]
    table = xlsx_bytes(COLUMNS, [ReportRow(n, prospect_name=t, error=t) for n, t in enumerate(hostile, 1)], "T")
    sheet = openpyxl.load_workbook(io.BytesIO(table)).active
    assert [cell.value for cell in sheet[1]] == list(COLUMNS)
    assert sheet.freeze_panes == "A2"
    cells = [cell for line in sheet.iter_rows(min_row=2) for cell in line]
    assert not [cell for cell in cells if cell.data_type in ("f", "e") or cell.hyperlink]
    assert [line[3] for line in sheet.iter_rows(min_row=2, values_only=True)] == [printable(t) for t in hostile]
    first = dict(zip(COLUMNS, next(sheet.iter_rows(min_row=2, values_only=True)), strict=True))
    assert (first["row"], first["attempts"], first["duplicate_possible"]) == (1, 0, False)


def test_a_report_is_read_from_its_folder_its_file_or_their_names(tmp_path: Path) -> None:
    write_report(tmp_path, [ReportRow(1, organization_id="org_1", status="created", prospect_name="=x")], RUN)
    answers = [read_tickets(uri) for uri in (tmp_path, tmp_path / "tickets.csv", str(tmp_path), tmp_path.as_uri())]
    assert answers == [answers[0]] * 4
    assert answers[0][0]["prospect_name"] == "=x"


def test_a_report_that_went_through_a_spreadsheet_is_still_read(tmp_path: Path) -> None:
    table = csv_bytes(COLUMNS, [ReportRow(1, status="created", duplicate_possible=True)]).decode()
    (tmp_path / "tickets.csv").write_bytes(("\ufeff" + table.replace("true", "TRUE")).encode())
    assert read_tickets(tmp_path)[0]["duplicate_possible"] is True


def test_a_missing_report_is_named() -> None:
    with pytest.raises(ValueError, match=r"there is no ticket report at .*nowhere.*name the tickets\.csv"):
        read_tickets("memory://nowhere/at-all")


def test_another_table_is_not_taken_for_a_report(tmp_path: Path) -> None:
    (tmp_path / "tickets.csv").write_text("organization_id,status\norg_1,created\n")
    with pytest.raises(ValueError, match="is not a ticket report, it lacks row, "):
        read_tickets(tmp_path)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [("1,org_1", "data row 1 .* too few cells"), ("one" + "," * (len(COLUMNS) - 1), "row is not a number")],
)
def test_a_damaged_row_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "tickets.csv").write_text(",".join(COLUMNS) + f"\n{line}\n")
    with pytest.raises(ValueError, match=complaint):
        read_tickets(tmp_path)
