"""From the bytes of a workbook to rows: sheets, values, formulas, hidden rows, and what is no workbook."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from include.prospects import ProspectsError, ReadOptions, check_contents
from include.prospects.schema.no_values import FORMULA_WITHOUT_VALUE
from include.prospects.schema.template import template_xlsx
from include.prospects.table import kinds
from include.prospects.table.reader import read_table
from tests.unit.include.prospects.inputs import workbook_of

HEADER = ["organization_id", "organization_name"]
WORKBOOK = workbook_of([HEADER, ["org_1", "Acme"]])
SHEET = "xl/worksheets/sheet1.xml"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHARED_TEXTS = (
    b'<Override PartName="/xl/sharedStrings.xml"'
    b' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
)


def saved(workbook: Workbook) -> bytes:
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def changed(workbook: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """Return a workbook with another content of one of its parts."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            content = old.read(part)
            new.writestr(part, change(content) if part == name else content)
    return stream.getvalue()


def read(content: bytes, sheet: str = "") -> list[list[str]]:
    table = read_table(content, "a.xlsx", ReadOptions(sheet=sheet))
    return [table.header, *(cells for _line, cells in table.rows)]


def refusal_of(content: bytes, name: str = "a.xlsx", **options: Any) -> ProspectsError:
    with pytest.raises(ProspectsError) as error:
        check_contents([(name, content)], ReadOptions(**options))
    return error.value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (86_400, "86400"),
        (86_400.0, "86400"),
        (1.5, "1.5"),
        (1e15, "1000000000000000"),
        (True, "true"),
        (False, "false"),
        ("00123", "00123"),
        (" Acme\u00a0Inc ", " Acme\u00a0Inc "),
        ("two\nlines", "two\nlines"),
        (date(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 9, 30), "2026-01-31T09:30:00"),
        (time(9, 30), "09:30:00"),
        (timedelta(hours=30), "30:00:00"),
        ("#N/A", "#N/A"),
        ("a_x000D_b", "a\rb"),
    ],
)
def test_a_cell_is_the_text_of_its_value(value: object, text: str) -> None:
    assert read(workbook_of([HEADER, ["org_1", value]]))[1] == ["org_1", text]


def test_the_format_of_a_number_does_not_change_its_text() -> None:
    workbook = Workbook()
    workbook.active.append(HEADER)
    workbook.active.append(["org_1", 432_000])
    for number_format in ("0.00E+00", "#,##0", "00000000", '"€" 0'):
        workbook.active["B2"].number_format = number_format
        assert read(saved(workbook))[1] == ["org_1", "432000"]


def test_rows_are_found_by_their_place_in_the_sheet() -> None:
    content = workbook_of([["Prospects, Q4"], [], HEADER, ["org_1", "Acme"], [], [None, " "], ["bad id", "Globex"]])
    found = check_contents([("a.xlsx", content)])
    assert str(found.invalid[0].problems[0]).startswith("row 2, sheet row 7, column organization_id, value 'bad id': ")
    assert found.warnings == ["a.xlsx: the header is in sheet row 3, so what stands above it is left out"]


def test_a_cell_beyond_the_header_has_no_column() -> None:
    found = check_contents([("a.xlsx", workbook_of([HEADER, ["org_1", "Acme", None, "stray"]]))])
    (problem,) = found.invalid[0].problems
    assert (problem.column, problem.rule) == ("#4", "has no column name above it: name the column or empty the cell")


@pytest.mark.parametrize(
    ("titles", "sheet", "read_sheet"),
    [
        (["Prospects", "Columns"], "", 0),
        (["Notes", " PROSPECTS "], "", 1),
        (["Tabelle1"], "", 0),
        (["Notes", "Data"], "data", 1),
        (["Prospects", "Data"], "Data ", 1),
    ],
)
def test_the_sheet_is_the_one_that_is_named_or_the_only_one(titles: list[str], sheet: str, read_sheet: int) -> None:
    sheets = [[HEADER, [f"org_{number}", ""]] for number in range(len(titles))]
    assert read(workbook_of(*sheets, titles=titles), sheet)[1] == [f"org_{read_sheet}"]


def test_a_hidden_sheet_is_read_only_if_it_is_named() -> None:
    workbook = Workbook()
    workbook.active.append(HEADER)
    hidden = workbook.create_sheet("Prospects")
    hidden.append([*HEADER, "ttl_sec"])
    hidden.sheet_state = "hidden"
    assert read(saved(workbook))[0] == HEADER
    assert read(saved(workbook), "Prospects")[0] == [*HEADER, "ttl_sec"]


@pytest.mark.parametrize(
    ("sheet", "problem"),
    [
        ("", "has 2 visible sheets, and none is named Prospects: set sheet to one of 'Notes', 'Data'"),
        ("Dat", "has no sheet 'Dat': set sheet to one of 'Notes', 'Data'"),
    ],
)
def test_whoever_can_say_which_sheet_it_is_is_asked(sheet: str, problem: str) -> None:
    error = refusal_of(workbook_of([HEADER], [HEADER], titles=["Notes", "Data"]), sheet=sheet)
    assert error.problems == [f"a.xlsx: {problem}"]
    assert error.question is not None
    assert (error.question.about, error.question.samples) == ("sheet", ["Notes", "Data"])


def test_a_formula_is_its_stored_value_and_without_one_a_problem_of_its_row() -> None:
    workbook = Workbook()
    for cells in (HEADER, ["org_1", "=A2"], ["org_2", '=""'], ["org_3", "=1/0"], ["org_4", "=A5"]):
        workbook.active.append(cells)
    stored = {
        b"<f>A2</f><v></v>": b"<f>A2</f><v>7</v>",
        b'<c r="B3"><f>""</f><v></v>': b'<c r="B3" t="str"><f>""</f><v></v>',
        b'<c r="B4"><f>1/0</f><v></v>': b'<c r="B4" t="e"><f>1/0</f><v>#DIV/0!</v>',
    }

    def calculated(xml: bytes) -> bytes:
        xml = xml.replace(b"<v />", b"<v></v>").replace(b"&quot;", b'"')
        for formula, value in stored.items():
            assert formula in xml
            xml = xml.replace(formula, value)
        return xml

    content = changed(saved(workbook), "xl/worksheets/sheet1.xml", calculated)
    assert [cells[1:] for cells in read(content)[1:]] == [["7"], [], ["#DIV/0!"], [FORMULA_WITHOUT_VALUE]]
    found = check_contents([("a.xlsx", content)])
    assert [row.row for row in found.valid] == [1, 2]
    error, missing = (problem.rule for row in found.invalid for problem in row.problems)
    assert "is a spreadsheet's error value" in error
    assert missing.endswith("open the workbook in a spreadsheet program and save it once")


def test_hidden_and_filtered_rows_are_read_and_counted() -> None:
    workbook = Workbook()
    for cells in (HEADER, *(["org_1", f"Acme {number}"] for number in range(4)), ["", ""]):
        workbook.active.append(cells)
    workbook.active.auto_filter.ref = "A1:B5"
    for number in (3, 4, 6):
        workbook.active.row_dimensions[number].hidden = True
    found = check_contents([("a.xlsx", saved(workbook))])
    assert len(found.valid) == 4
    assert "a.xlsx: hidden rows that are read, too: 2" in found.warnings


def test_of_merged_cells_the_first_has_the_value() -> None:
    workbook = Workbook()
    for cells in (HEADER, ["org_1", "Acme"], ["org_2", "Globex"]):
        workbook.active.append(cells)
    workbook.active.merge_cells("B2:B3")
    assert read(saved(workbook))[1:] == [["org_1", "Acme"], ["org_2"]]


def test_a_workbook_that_another_program_has_written_is_read() -> None:
    """It has shared texts, rich texts, a prefix before all names, rows without numbers, and a wrong dimension."""
    sheet = f"""<x:worksheet xmlns:x="{MAIN}"><x:dimension ref="A1"/><x:sheetData>
        <x:row><x:c t="s"><x:v>0</x:v></x:c><x:c t="inlineStr"><x:is><x:t>organization_name</x:t></x:is></x:c></x:row>
        <x:row r="4" hidden="true"><x:c r="A4" t="s"><x:v>1</x:v></x:c><x:c r="B4" t="str"><x:v>Acme</x:v></x:c></x:row>
        </x:sheetData></x:worksheet>"""
    texts = f"""<sst xmlns="{MAIN}"><si><t>organization_id</t></si><si><r><t>org</t></r><r><t>_1</t></r></si></sst>"""
    content = changed(WORKBOOK, SHEET, lambda _: sheet.encode())
    content = changed(content, "[Content_Types].xml", lambda xml: xml.replace(b"</Types>", SHARED_TEXTS + b"</Types>"))
    with zipfile.ZipFile(stream := io.BytesIO(content), "a") as archive:
        archive.writestr("xl/sharedStrings.xml", texts)
    table = read_table(stream.getvalue(), "a.xlsx")
    assert (table.header, list(table.rows)) == (HEADER, [(4, ["org_1", "Acme"])])
    assert table.warnings == ["a.xlsx: hidden rows that are read, too: 1"]


def test_the_filled_in_template_is_read() -> None:
    found = check_contents([("template.xlsx", template_xlsx())])
    assert (len(found.valid), found.invalid) == (2, [])


def archive_of(**parts: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (OLE, "an old Excel workbook (.xls)"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "protected by a password: open it, remove the password"),
        (archive_of(**{"mimetype": b"", "content.xml": b""}), "an OpenDocument file (.ods): open it in a spreadsheet"),
        (archive_of(**{"Index/Document.iwa": b""}), "a Numbers document: export it as 'Excel'"),
        (archive_of(**{"[Content_Types].xml": b"word", "word/document.xml": b""}), "a document of another program"),
        (archive_of(**{"[Content_Types].xml": b"", "xl/workbook.bin": b""}), "a binary workbook (.xlsb)"),
        (archive_of(**{"prospects.csv": b"organization_id\n"}), "an archive (ZIP): unpack it"),
        (b"\x1f\x8b\x08\x00", "an archive (gzip): unpack it"),
        (b"%PDF-1.7", "a PDF: export a table"),
        (b"\x89PNG\r\n", "a picture: export a table"),
        (b"\xef\xbb\xbf  <!DOCTYPE html><table>", "an HTML or XML file: export a table"),
        (b'<?xml version="1.0"?>', "an HTML or XML file"),
        (b'{"organization_id": "org_1"}', "a JSON file: export a table"),
    ],
)
@pytest.mark.parametrize("name", ["a.xlsx", "a.csv"])
def test_a_file_of_another_kind_is_called_what_it_is(content: bytes, kind: str, name: str) -> None:
    (problem,) = refusal_of(content, name).problems
    assert problem.startswith(f"{name}: is {kind}")


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04",
        WORKBOOK[: len(WORKBOOK) // 2],
        changed(WORKBOOK, SHEET, lambda xml: xml[: len(xml) // 2]),
        changed(WORKBOOK, SHEET, lambda xml: xml.replace(b"<sheetData>", b"<sheetData><row r='x'/>")),
        changed(WORKBOOK, "xl/styles.xml", lambda xml: b"no XML"),
    ],
    ids=["four bytes", "half a file", "half a sheet", "row number", "no XML"],
)
def test_a_broken_workbook_is_an_error_that_says_what_to_do(content: bytes) -> None:
    (problem,) = refusal_of(content).problems
    assert problem == (
        "a.xlsx: is no workbook, or a broken one: open it in a spreadsheet program, and save it again, or as"
        " 'CSV UTF-8'"
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"organization_id\norg_1\n", "is no workbook: if it is a CSV, rename it to .csv"),
        (changed(WORKBOOK, "xl/workbook.xml", lambda xml: b"<workbook/>"), "has no sheet that can be read: "),
    ],
)
def test_what_is_called_a_workbook_and_is_none_is_said_to_be_that(content: bytes, problem: str) -> None:
    assert refusal_of(content).problems[0].startswith(f"a.xlsx: {problem}")


def raw(*rows: str) -> bytes:
    """Return a workbook whose sheet has these rows of XML below the header."""
    header = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in HEADER)
    data = f'<sheetData><row r="1">{header}</row>{"".join(rows)}</sheetData>'
    return changed(WORKBOOK, SHEET, lambda xml: re.sub(b"<sheetData>.*</sheetData>", data.encode(), xml, flags=re.S))


def cell(text: str, address: str = "") -> str:
    return f'<c{address and f" r={chr(34)}{address}{chr(34)}"} t="inlineStr"><is><t>{text}</t></is></c>'


def test_rows_and_cells_that_are_out_of_order_are_all_read() -> None:
    content = raw(
        f'<row r="4">{cell("Acme", "B4")}{cell("org_1", "A4")}</row>',
        f'<row r="2">{cell("org_2", "A2")}</row>',
        f'<row r="2">{cell("org_3")}</row>',
    )
    rows = list(read_table(content, "a.xlsx").rows)
    assert rows == [(4, ["org_1", "Acme"]), (2, ["org_2"]), (2, ["org_3"])]


@pytest.mark.parametrize("row", ['<row r="999999999"/>', '<row r="0"/>', f'<row r="2">{cell("x", "XFE2")}</row>'])
def test_a_place_that_no_sheet_has_is_a_broken_workbook(row: str) -> None:
    assert "is no workbook, or a broken one" in refusal_of(raw(row)).problems[0]


def test_what_openpyxl_prints_is_not_among_the_lines_of_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    odd = b'<cellStyle name="Normal" xfId="9" builtinId="0"'
    content = changed(WORKBOOK, "xl/styles.xml", lambda xml: re.sub(rb'<cellStyle name="Normal"[^/>]*', odd, xml))
    with suppress(ProspectsError):
        read(content)
    assert capsys.readouterr().out == ""


def test_an_exact_name_of_a_sheet_comes_before_one_with_other_white_space() -> None:
    sheets = [[HEADER, [f"org_{number}"]] for number in range(2)]
    content = workbook_of(*sheets, titles=["Prospects ", "Prospects"])
    assert read(content)[1] == read(content, "Prospects")[1] == ["org_1"]


@pytest.mark.parametrize("byte", range(8, 60, 3))
def test_a_damaged_archive_is_a_broken_workbook_or_reads_the_same(byte: int) -> None:
    damaged = bytearray(WORKBOOK)
    start = damaged.rindex(b"PK\x01\x02") - 60
    damaged[start + byte] ^= 0xFF
    damaged[10] = 12  # another way of compression
    with suppress(ProspectsError):
        assert read(bytes(damaged)) == read(WORKBOOK)


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = changed(WORKBOOK, SHEET, lambda xml: xml + b" " * 5_000_000)
    assert len(bomb) < 5_000_000 / kinds.MAX_RATIO
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it is unpacked"))
    (problem,) = refusal_of(bomb).problems
    assert problem.startswith("a.xlsx: unpacks to 5 MiB, but must unpack to at most 1,024 MiB and 200 times its size")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(min_codepoint=32, exclude_categories=("Cs",)), max_size=20),
    st.dates(date(1900, 3, 1)),
    st.datetimes(datetime(1900, 3, 1)),
    st.times(),
    st.timedeltas(timedelta(0), timedelta(days=400)),
    st.sampled_from(["#REF!", "=1+1", "org_1", "acme.example", "it@acme.example", "null", "true"]),
)


@settings(max_examples=300)
@given(
    rows=st.lists(st.lists(VALUES, max_size=5), max_size=6),
    hidden=st.sets(st.integers(1, 8)),
    merged=st.sampled_from(["", "A2:B3", "A1:C1", "B1:B9"]),
    hide_other=st.booleans(),
)
def test_a_workbook_of_any_values_is_read_or_refused(
    rows: list[list[Any]], hidden: set[int], merged: str, hide_other: bool
) -> None:
    workbook = Workbook()
    sheet = workbook.active
    for cells in [["organization_id", "organization_name", "domains", "ttl_sec"], *rows]:
        sheet.append(cells)
    for number in hidden:
        sheet.row_dimensions[number].hidden = True
    if merged:
        sheet.merge_cells(merged)
    workbook.create_sheet().sheet_state = "hidden" if hide_other else "visible"
    lines = []
    with suppress(ProspectsError):
        found = check_contents([("a.xlsx", saved(workbook))], ReadOptions(sheet=sheet.title))
        lines = [problem.line for row in found.invalid for problem in row.problems]
    assert all(1 < line <= len(rows) + 1 for line in lines)
