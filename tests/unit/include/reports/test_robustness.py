"""Texts that a spreadsheet or a terminal would run or obey are harmless in the report, and are read back unchanged."""

from __future__ import annotations

import csv
import io
from dataclasses import fields

import openpyxl
import pytest
from auth0_sso.models import COLUMNS, Outcome, TicketStatus
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from upath import UPath

from dev.local.terminal.outcome_table import outcome_table
from include.reports import RunInfo, read_tickets, write_report
from include.reports.cells import printable

TEXT_COLUMNS = [field.name for field in fields(Outcome) if field.type == "str" and field.name != "status"]
FORMULAS = ["=cmd|'c'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "'=1", "''+1", "\uff1d1", "\uff20x"]
ESCAPES = ["\x1b[31m", "\x1b]8;;http://a.example\x07", "\x9b31m", "\x85", "\u202e", "\u2066", "\u2028", "\x00", "\x7f"]
RUN = RunInfo("create_sso_tickets", "run", "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z", 9.0)


def row_of(text: str, column: str = "", **cells: object) -> Outcome:
    """Return a row with a hostile text in one of its columns, or in all."""
    texts = dict.fromkeys(TEXT_COLUMNS, text) if not column else {column: text}
    return Outcome(**{"row": 1, "status": "failed", **texts, **cells})


def files_of(name: str, rows: list[Outcome], run: RunInfo = RUN) -> UPath:
    folder = UPath(f"memory://robustness/{name}")
    write_report(folder, rows, run)
    return folder


def terminal(rows: list[Outcome], width: int = 300) -> str:
    stream = io.StringIO()
    summary = {status: sum(row.status == status for row in rows) for status in tuple(TicketStatus)}
    Console(file=stream, width=width, force_terminal=False).print(outcome_table(summary, rows))
    return stream.getvalue()


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_in_any_column_is_a_text_in_every_file_and_is_read_back(formula: str) -> None:
    folder = files_of("formulas", [row_of(formula)])
    (line,) = csv.DictReader(
        io.StringIO((folder / "tickets.csv").read_text(encoding="utf-8-sig", newline=""), newline="")
    )
    sheet = openpyxl.load_workbook(io.BytesIO((folder / "tickets.xlsx").read_bytes())).active
    (read,) = read_tickets(folder)
    for column in TEXT_COLUMNS:
        assert line[column] == "'" + printable(formula)
        cell = sheet.cell(2, COLUMNS.index(column) + 1)
        assert (cell.value, cell.data_type, cell.quotePrefix) == (printable(formula), "s", True)
        assert getattr(read, column) == printable(formula)


@pytest.mark.parametrize("escape", ESCAPES)
def test_no_file_and_no_terminal_gets_a_control_character(escape: str) -> None:
    rows = [row_of(f"Ac{escape}me")]
    folder = files_of("escapes", rows, RunInfo("dag", escape, escape, escape, 1.0, warnings=[escape]))
    sheet = openpyxl.load_workbook(io.BytesIO((folder / "tickets.xlsx").read_bytes())).active
    outputs = [
        (folder / "tickets.csv").read_text(),
        (folder / "report.html").read_text(),
        (folder / "summary.json").read_text(),
        *(str(cell.value) for cell in sheet[2]),
        terminal(rows),
    ]
    assert not [text for text in outputs if escape[0] in text]
    assert all("Ac\ufffd" in text for text in (outputs[0], outputs[1], outputs[-1]))


@pytest.mark.parametrize("letter", ["x", "😀", "="])
def test_a_cell_of_a_megabyte_is_cut_to_the_limit_of_a_spreadsheet(letter: str) -> None:
    folder = files_of("long", [row_of(letter * 1_000_000, "error")])
    sheet = openpyxl.load_workbook(io.BytesIO((folder / "tickets.xlsx").read_bytes())).active
    shown = str(sheet.cell(2, COLUMNS.index("error") + 1).value)
    assert len(shown.encode("utf-16-le")) // 2 <= 32_767
    assert read_tickets(folder)[0].error == shown
    assert (folder / "report.html").stat().st_size < 100_000


texts = st.text(st.characters(), max_size=20) | st.sampled_from(
    [*FORMULAS, *ESCAPES, "<b>", "NA", "null", "007", '"', ";", ",", "\r\n"]
)
rows = st.builds(
    Outcome,
    row=st.integers(1, 10**9),
    status=st.sampled_from(tuple(TicketStatus)),
    attempts=st.integers(0, 99),
    duplicate_possible=st.booleans(),
    **dict.fromkeys(TEXT_COLUMNS, texts),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, max_size=5))
def test_any_report_is_written_and_read_back(rows: list[Outcome]) -> None:
    folder = files_of("any", rows)
    expected = [
        {name: printable(cell) if isinstance(cell, str) else cell for name, cell in row.as_dict().items()}
        for row in rows
    ]
    assert [ticket.as_dict() for ticket in read_tickets(folder)] == expected
    assert printable(terminal(rows)) == terminal(rows)
