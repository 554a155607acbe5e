"""Bytes to rows: encodings, separators, quotes, and that nothing is lost or crashes."""

from __future__ import annotations

import contextlib
import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.prospects import ProspectsError, load_prospects
from include.prospects.table.reader import read_table

ROWS = [["organization_id", "organization_name"], ["org_1", "Acme, Inc; the\tfirst"], ["org_2", 'The "Two"']]


def encode(rows, separator=",", line_end="\n", quoting=csv.QUOTE_MINIMAL):
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=line_end, quoting=quoting).writerows(rows)
    return text.getvalue().encode()


def read(content):
    table = read_table(content, "a.csv")
    return [table.header, *table.rows]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["no-bom", "bom"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_any_usual_csv_reads_the_same(separator, line_end, bom):
    assert read(bom + encode(ROWS, separator, line_end)) == ROWS


def test_a_separator_within_a_quoted_name_does_not_mislead():
    assert read(b'organization_id;"x,y,z"\norg_1;2\n') == [["organization_id", "x,y,z"], ["org_1", "2"]]


def test_a_quoted_line_break_belongs_to_its_cell():
    assert read(b'a,b\n"1\n2",3\n') == [["a", "b"], ["1\n2", "3"]]


def test_lines_without_content_are_no_rows():
    assert read(b'\n  \r\na,b\n\n1,2\n,\n \n"",\n3,4\n\n') == [["a", "b"], ["1", "2"], ["3", "4"]]


@pytest.mark.parametrize("blank", [" ", "   ", "\u00a0"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_white_space_around_a_quoted_cell_does_not_count(blank, line_end):
    cells = [['"organization_id"', '"b"'], ['"IT ""desk"" , second; floor"', '"1 \n "" , 2"'], ['""', '"3"']]
    lines = [";".join(f"{blank}{cell}{blank}" for cell in row) for row in cells]
    assert read(line_end.join(lines).encode()) == [
        ["organization_id", "b"],
        ['IT "desk" , second; floor', '1 \n " , 2'],
        ["", "3"],
    ]


def test_white_space_around_a_quote_within_a_cell_counts():
    assert read(b'a,b\nx "y" ,"1 \n"" ,"\n') == [["a", "b"], ['x "y" ', '1 \n" ,']]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a.csv: is empty: its first line must name the columns, such as organization_id,"),
        (b"\xef\xbb\xbf\r\n  \r\n", "a.csv: is empty"),
        ("a,b\n".encode("utf-16"), "a.csv: is UTF-16 text: save it as CSV in UTF-8"),
        ("a,b\n".encode("utf-16-le"), "a.csv: is UTF-16 text without a mark that says so: save it as CSV in UTF-8"),
        (b"a,b\n1,\x00\n", "a.csv: line 2 has a NUL byte"),
        (b"PK\x03\x04\x14\x00", "a.csv: is an Excel workbook or another ZIP archive: save it as CSV"),
        (
            "a,b\n1,2\nAgne\u0161,\u00e9".encode("iso8859-2"),
            "a.csv: line 3 has the byte 0xB9, which isn't UTF-8",
        ),
        (b'a,b\n1,2\n3,"4\n5,6\n', "a.csv: a quote opened in the row at line 3 is never closed"),
        (b'\n\na,"b\n', "a.csv: a quote opened in the row at line 3 is never closed"),
        (b'a,b\n"1\n2",3\n"x "y"",4\n', "a.csv: the row at line 4 has text after a closing quote"),
        (b'a,b\n"1" 2,3\n', "a.csv: the row at line 2 has text after a closing quote"),
    ],
)
def test_what_is_no_such_csv_is_refused_with_what_to_do(content, said):
    with pytest.raises(ProspectsError) as error:
        read(content)
    assert str(error.value).startswith(said)


def test_a_cell_beyond_the_csv_modules_limit_is_read():
    assert read(b"a\n" + b"x" * 1_000_000)[1] == ["x" * 1_000_000]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_a_prospects_error(content):
    with contextlib.suppress(ProspectsError):
        assert read(content)[0]


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(), max_size=200))
def test_any_text_below_a_header_is_rows_or_a_prospects_error(text):
    with contextlib.suppress(ProspectsError):
        loaded = load_prospects(None, text="organization_id,display_name,domains,ttl_sec\n" + text)
        assert loaded.valid or loaded.invalid


cells = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
likely = st.sampled_from(["org_1", "org_2", "a@b.example", "yes", "60", "[]", "{}", "null", "a.example"])
tables = st.lists(st.lists(cells | likely, max_size=9), min_size=1, max_size=12)
HEADER = [
    "organization_id",
    "organization_name",
    "prospect_email",
    "domains",
    "ttl_sec",
    "connection_config",
    "enabled_organizations",
    "connection_config.options",
]


@settings(max_examples=200, deadline=None)
@given(
    tables,
    st.sampled_from(",;\t"),
    st.sampled_from([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]),
)
def test_every_row_is_either_valid_or_invalid(rows, separator, style):
    expected = sum(any(cell.strip() for cell in row) for row in rows)
    text = encode([HEADER, *rows], separator, *style).decode()
    if not expected:
        with pytest.raises(ProspectsError, match="has no rows"):
            load_prospects(None, text=text)
        return
    loaded = load_prospects(None, text=text)
    numbers = sorted(row.row for row in [*loaded.valid, *loaded.invalid])
    assert numbers == list(range(1, expected + 1))
    assert all(invalid.problems for invalid in loaded.invalid)
