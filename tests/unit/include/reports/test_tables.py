"""CSV and XLSX contain every text unchanged and none as a formula."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import openpyxl
import pytest
from auth0_sso.models import COLUMNS, Outcome
from hypothesis import given
from hypothesis import strategies as st

from include.reports import RunInfo, read_tickets, tables, write_report
from include.reports.cells import guard, printable, unguard
from include.reports.tables import csv_parts, table_of, xlsx_bytes

RUN = RunInfo("create_sso_tickets", "run", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:09+00:00", 9.0)


def csv_text(*rows: Outcome) -> str:
    return b"".join(csv_parts(table_of(COLUMNS, rows))).decode()


@given(st.text() | st.text(";'\"= \t\na"))
def test_removing_the_guard_gives_back_every_text(text: str) -> None:
    assert unguard(guard(text)) == text


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("Ada;=1+1", "Ada;'=1+1"),
        ("=1; @SUM(A1);'-1", "'=1;' @SUM(A1);''-1"),
        ('Ada;"=1+1;"', 'Ada;\'"=1+1;"'),
        ("Ada; Ben;Cy-Lee", "Ada; Ben;Cy-Lee"),
    ],
)
def test_a_formula_after_a_semicolon_is_guarded_too(text: str, guarded: str) -> None:
    assert guard(text) == guarded
    (line,) = b"".join(csv_parts(table_of(["error"], [Outcome(row=1, error=text)]))).decode().splitlines()[1:]
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
def test_characters_that_a_file_cannot_contain_are_replaced(text: str | None, clean: str) -> None:
    assert printable(text) == clean


def test_xlsx_has_typed_numbers_and_no_formula_error_or_hyperlink() -> None:
    hostile = ["=HYPERLINK(1)", "+1", "#N/A", "https://example.com/x?a=1", "007", "NUL \x00"]
    rows = [Outcome(row=n, prospect_name=text, error=text) for n, text in enumerate(hostile, 1)]
    sheet = openpyxl.load_workbook(io.BytesIO(xlsx_bytes(table_of(COLUMNS, rows), "T"))).active
    assert [cell.value for cell in sheet[1]] == list(COLUMNS)
    assert sheet.freeze_panes == "A2"
    cells = [cell for line in sheet.iter_rows(min_row=2) for cell in line]
    assert not [cell for cell in cells if cell.data_type in ("f", "e") or cell.hyperlink]
    assert [line[3] for line in sheet.iter_rows(min_row=2, values_only=True)] == [printable(t) for t in hostile]
    first = dict(zip(COLUMNS, next(sheet.iter_rows(min_row=2, values_only=True)), strict=True))
    assert (first["row"], first["attempts"], first["duplicate_possible"]) == (1, 0, False)


def test_a_report_is_read_from_its_folder_its_file_or_their_names(tmp_path: Path) -> None:
    write_report(tmp_path, [Outcome(row=1, organization_id="org_1", status="created", prospect_name="=x")], RUN)
    answers = [read_tickets(uri) for uri in (tmp_path, tmp_path / "tickets.csv", str(tmp_path), tmp_path.as_uri())]
    assert answers == [answers[0]] * 4
    assert answers[0][0].prospect_name == "=x"


def test_a_report_that_a_spreadsheet_has_saved_is_still_read(tmp_path: Path) -> None:
    table = csv_text(Outcome(row=1, status="created", duplicate_possible=True)).replace("true", "TRUE")
    (tmp_path / "tickets.csv").write_bytes(table.replace("\n", ",\r\n").encode())
    (ticket,) = read_tickets(tmp_path)
    assert (ticket.row, ticket.status, ticket.duplicate_possible) == (1, "created", True)


def test_a_missing_report_is_named() -> None:
    with pytest.raises(ValueError, match=r"there is no ticket report at .*nowhere.*name the tickets\.csv"):
        read_tickets("memory://nowhere/at-all")


def test_a_pipe_in_the_place_of_a_report_is_refused_without_being_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "tickets.csv")
    for uri in (tmp_path, tmp_path / "tickets.csv"):
        with pytest.raises(ValueError, match=r"tickets\.csv is not a regular file: name the tickets\.csv"):
            read_tickets(uri)


def test_a_report_of_any_size_is_read_no_further_than_the_largest_one_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_REPORT_BYTES", 2**20)
    with (tmp_path / "tickets.csv").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match=r"has over 1 MiB, so it is no ticket report"):
        read_tickets(tmp_path)


HEADER = ",".join(COLUMNS)
EMPTY_CELLS = "," * (len(COLUMNS) - 1)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("Łódź".encode("cp1250"), "can't be read as CSV in UTF-8"),
        ("row".encode("utf-16"), "can't be read as CSV in UTF-8"),
        (b"", "is not a report's table, it lacks row, "),
        (HEADER.replace(",", ";").encode(), "is not a report's table, it lacks row, "),
        (b"organization_id,status\norg_1,created\n", "is not a report's table, it lacks row, "),
        (f"{HEADER}\n1{EMPTY_CELLS[1:]}0\n1,org_1\n".encode(), "data row 1 of .* too few cells"),
        (f"{HEADER}\n1,org_1\n".encode(), "data row 1 of .* too few cells"),
        (f"{HEADER}\none{EMPTY_CELLS}\n".encode(), "no number as row"),
        (f"{HEADER}\n{'9' * 10_000}{EMPTY_CELLS}\n".encode(), "no number as row"),
    ],
    ids=["code page", "UTF-16", "empty", "semicolons", "other", "cut off", "short", "no number", "endless number"],
)
def test_a_table_that_is_no_ticket_report_is_refused_with_a_reason(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "tickets.csv").write_bytes(content)
    with pytest.raises(ValueError, match=complaint):
        read_tickets(tmp_path)


def test_a_long_table_has_one_header_and_each_row_once() -> None:
    lines = csv_text(*(Outcome(row=row) for row in range(1, 12_001))).splitlines()
    assert lines[0] == "\ufeff" + ",".join(COLUMNS)
    assert [int(line.split(",")[0]) for line in lines[1:]] == list(range(1, 12_001))
