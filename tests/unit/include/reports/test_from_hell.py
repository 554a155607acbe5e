"""Texts that a spreadsheet, a browser or a terminal would obey reach none of them, and come back as they were."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, fields
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from upath import UPath

from dev.local.outcome_table import outcome_table
from include.reports import COLUMNS, STATUSES, ReportRow, RunInfo, read_tickets, write_report
from include.reports.cells import CELL_LIMIT, printable
from include.reports.charts.organizations import organization_chart
from include.reports.wording import utc_text

TEXT_COLUMNS = [field.name for field in fields(ReportRow) if field.type == "str" and field.name != "status"]
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "'=1",
    "''+1",
    "\uff1d1",
    "\uff20x",
    "=cmd|' /C calc'!A0",
]
MARKUP = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style></title><svg onload=alert(1)>",
    "]]><!--<iframe>",
    "&lt;b&gt;",
    "javascript:alert(1)",
    "{{ page }}{% raw %}",
]  # fmt: skip
ESCAPES = ["\x1b[31m", "\x1b]8;;http://a.example\x07", "\x9b31m", "\x85", "\u202e", "\u2066", "\u2028", "\x00", "\x7f"]
RUN = RunInfo("create_sso_tickets", "run", "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z", 9.0)


def row_of(text: str, column: str = "", **cells: object) -> ReportRow:
    """Return a row with a hostile text in one of its columns, or in all."""
    texts = dict.fromkeys(TEXT_COLUMNS, text) if not column else {column: text}
    return ReportRow(**{"row": 1, "status": "failed", **texts, **cells})


def files_of(name: str, rows: list[ReportRow], run: RunInfo = RUN) -> UPath:
    folder = UPath(f"memory://from-hell/{name}")
    write_report(folder, rows, run)
    return folder


def terminal(rows: list[ReportRow], width: int = 300) -> str:
    stream = io.StringIO()
    summary = {status: sum(row.status == status for row in rows) for status in STATUSES}
    Console(file=stream, width=width, force_terminal=False).print(outcome_table(summary, rows))
    return stream.getvalue()


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_in_any_column_is_a_text_in_every_file_and_comes_back(formula: str) -> None:
    folder = files_of("formulas", [row_of(formula)])
    (line,) = csv.DictReader(io.StringIO((folder / "tickets.csv").read_text(newline=""), newline=""))
    sheet = openpyxl.load_workbook(io.BytesIO((folder / "tickets.xlsx").read_bytes())).active
    (read,) = read_tickets(folder)
    for column in TEXT_COLUMNS:
        assert line[column] == "'" + printable(formula)
        cell = sheet.cell(2, COLUMNS.index(column) + 1)
        assert (cell.value, cell.data_type, cell.quotePrefix) == (printable(formula), "s", True)
        assert read[column] == printable(formula)


class Tags(HTMLParser):
    """Collects what a browser would obey, and what it would show."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    handle_startendtag = handle_starttag


@pytest.fixture(scope="module")
def harmless() -> Tags:
    return Tags((files_of("harmless", [row_of("harmless")]) / "report.html").read_text())


@pytest.mark.parametrize("markup", MARKUP)
def test_markup_in_any_column_adds_no_tag_and_no_attribute_to_the_page(harmless: Tags, markup: str) -> None:
    run = RunInfo("dag", markup, markup, markup, 1.0, warnings=[markup])
    page = Tags((files_of("markup", [row_of(markup)], run) / "report.html").read_text())
    assert page.tags == harmless.tags
    assert {name for name, _ in page.attributes} == {name for name, _ in harmless.attributes}
    assert not [value for name, value in page.attributes if name == "href" and "script" in str(value)]
    # The chart's label, its tooltip and the name beside it, unchanged.
    assert any(value == f"{markup}: 1 failed" for name, value in page.attributes if name == "aria-label")
    assert any(value == markup for name, value in page.attributes if name == "title")
    assert page.texts.count(markup) >= len({"name", "connection", "error"})


@pytest.mark.parametrize("markup", MARKUP)
def test_the_chart_is_well_formed_whatever_the_name(markup: str) -> None:
    (bar,) = organization_chart([row_of(markup)], STATUSES).bars
    assert ET.fromstring(bar.svg).attrib["aria-label"].startswith(markup)


@pytest.mark.parametrize("escape", ESCAPES)
def test_no_file_and_no_terminal_gets_a_character_that_it_would_obey(escape: str) -> None:
    rows = [row_of(f"Ac{escape}me")]
    folder = files_of("escapes", rows, RunInfo("dag", escape, escape, escape, 1.0, warnings=[escape]))
    sheet = openpyxl.load_workbook(io.BytesIO((folder / "tickets.xlsx").read_bytes())).active
    told = [
        (folder / "tickets.csv").read_text(),
        (folder / "report.html").read_text(),
        (folder / "summary.json").read_text(),
        *(str(cell.value) for cell in sheet[2]),
        terminal(rows),
    ]
    assert not [text for text in told if escape[0] in text]
    assert all("Ac\ufffd" in text for text in (told[0], told[1], told[-1]))


def test_a_name_keeps_to_its_line_of_the_terminals_table() -> None:
    assert terminal([row_of("a\r\nb\tc\n" * 9)]).count("\n") == terminal([row_of("abc")]).count("\n")


@pytest.mark.parametrize("length", [CELL_LIMIT, 1_000_000])
@pytest.mark.parametrize("letter", ["x", "😀", "="])
def test_a_cell_of_a_megabyte_is_cut_to_what_a_spreadsheet_takes(letter: str, length: int) -> None:
    folder = files_of("long", [row_of(letter * length, "error")])
    sheet = openpyxl.load_workbook(io.BytesIO((folder / "tickets.xlsx").read_bytes())).active
    shown = str(sheet.cell(2, COLUMNS.index("error") + 1).value)
    assert len(shown.encode("utf-16-le")) // 2 <= 32_767
    assert read_tickets(folder)[0]["error"] == shown
    assert (folder / "report.html").stat().st_size < 100_000


@pytest.mark.parametrize(
    "iso",
    ["99999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-02-30", "soon", "1e999"],
)
def test_a_time_beyond_the_calendar_is_shown_as_it_is(iso: str) -> None:
    assert utc_text(iso) == iso
    assert iso in (files_of("times", [row_of(iso)]) / "report.html").read_text()


texts = st.text(st.characters(), max_size=20) | st.sampled_from([*FORMULAS, *MARKUP, *ESCAPES, '"', ";", ",", "\r\n"])
rows = st.builds(
    ReportRow,
    row=st.integers(1, 10**9),
    status=st.sampled_from(STATUSES),
    attempts=st.integers(0, 99),
    duplicate_possible=st.booleans(),
    **dict.fromkeys(TEXT_COLUMNS, texts),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, max_size=5))
def test_any_report_is_written_and_comes_back(rows: list[ReportRow]) -> None:
    folder = files_of("any", rows)
    expected = [
        {name: printable(cell) if isinstance(cell, str) else cell for name, cell in asdict(row).items()} for row in rows
    ]
    assert read_tickets(folder) == expected
    assert printable(terminal(rows)) == terminal(rows)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("Łódź".encode("cp1250"), "is not UTF-8 text: save it as CSV in UTF-8"),
        ("row".encode("utf-16"), "is not UTF-8 text: save it as CSV in UTF-8"),
        (",".join(COLUMNS).replace(",", ";").encode(), "is not a ticket report, it lacks row, "),
        (f"{','.join(COLUMNS)}\n{'9' * 10_000}{',' * (len(COLUMNS) - 1)}\n".encode(), "row is not a number"),
        (f"{','.join(COLUMNS)}\n1{',' * (len(COLUMNS) - 1)}{'x' * 9_000_000}\n".encode(), "can't be read as CSV"),
        (b"", "is not a ticket report"),
    ],
    ids=["code page", "UTF-16", "semicolons", "endless number", "endless cell", "empty"],
)
def test_a_table_that_a_spreadsheet_has_spoilt_is_refused_with_a_reason(content: bytes, complaint: str) -> None:
    file = UPath("memory://from-hell/spoilt/tickets.csv")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    with pytest.raises(ValueError, match=complaint):
        read_tickets(file)
