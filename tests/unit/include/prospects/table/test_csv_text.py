"""From bytes to rows: encodings, separators, quotes."""

from __future__ import annotations

import pytest

from include.prospects import ProspectsError
from include.prospects.table.reader import MAX_CELL_CHARACTERS, read_table
from tests.unit.include.prospects.inputs import csv_of

ROWS = [["organization_id", "organization_name"], ["org_1", "Acme, Inc; the\tfirst"], ["org_2", 'The "Two"']]
BOM = b"\xef\xbb\xbf"


def read(content):
    table = read_table(content, "a.csv")
    return [table.header, *(cells for _line, cells in table.rows)]


def refusal_of(content):
    with pytest.raises(ProspectsError) as error:
        read(content)
    (problem,) = error.value.problems
    return problem


@pytest.mark.parametrize("bom", [b"", BOM], ids=["no-bom", "bom"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_any_usual_csv_reads_the_same(separator, line_end, bom):
    assert read(bom + csv_of(*ROWS, delimiter=separator, lineterminator=line_end).encode()) == ROWS


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b'organization_id;"x,y,z"\norg_1;2\n', ["org_1", "2"]),
        (b"a;b\norg_1;Acme, Inc, Ltd\n", ["org_1", "Acme, Inc, Ltd"]),
        (b'a;b\norg_1;"Acme; Inc"\n', ["org_1", "Acme; Inc"]),
        (b"a\tb\norg_1\tAcme, Inc; Ltd\n", ["org_1", "Acme, Inc; Ltd"]),
        (b'a\tb\norg_1\t"a;\tb"\n', ["org_1", "a;\tb"]),
        (b"sep=;\na,b,c;d\n1;2\n", ["1", "2"]),
    ],
)
def test_the_separator_is_that_of_the_header_and_the_others_are_text(content, row):
    assert read(content)[1] == row


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line", ["sep={}\n", "SEP={}\r\n", '"sep={}"\n', "\n\nsep={}\n"])
def test_the_first_line_may_name_the_separator_as_excel_does(line, separator):
    text = f"{line.format(separator)}\na{separator}b\n1{separator}2\n"
    assert read(BOM + text.encode()) == [["a", "b"], ["1", "2"]]


def test_mixed_line_ends_end_rows_and_quoted_ones_and_unicode_line_separators_do_not():
    assert read('a\r1\n2\r\n"3\n4"\n5\u20286\n'.encode()) == [["a"], ["1"], ["2"], ["3\n4"], ["5\u20286"]]


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


@pytest.mark.parametrize("cell", ['5" pipe', 'a"b"c', "'", 'x"', 'x "y" '])
def test_a_quote_within_a_cell_is_part_of_it(cell):
    assert read(f"a,b\n{cell},1\n".encode())[1] == [cell, "1"]


@pytest.mark.parametrize(
    ("content", "byte"),
    [
        ("a,b\nŁódź".encode("utf-16"), 1),
        (b"a,b\n1,\x00\n", 7),
        (b"PK\x03\x04\x14\x00", 6),
        ("a,b\n1,2\nAgnès".encode("latin-1"), 12),
        (b"a,b\n1,\xe2\x82", 7),
        (BOM + b"a,b\n1,\xff\n", 10),
        (b"a\n" + b"12345\n" * 100_000 + b"\xe9\n", 600_003),
    ],
    ids=["UTF-16", "NUL", "workbook", "latin-1", "half", "mark", "far"],
)
def test_bytes_that_are_not_utf8_are_named_by_their_place(content, byte):
    assert refusal_of(content) == f"a.csv: is not UTF-8 text, at byte {byte:,}: save it as 'CSV UTF-8'"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty: its first line must name the columns, such as organization_id,"),
        (BOM + b',,,\r\n"",,\n  \r\n', "is empty"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "a quote opened in the row at line 3 is never closed: add the closing quote"),
        (b'a,b\n1,"2\n2"\n"3,4\n5,6\n', "a quote opened in the row at line 4 is never closed"),
        (b'a,b\n"1\n2",3\n"x "y"",4\n', "the row at line 4 has text after a closing quote"),
        (b"sep=|\na|b\n", "the first line sets the separator '|': save it with comma, semicolon or tab"),
        (b'a\n1\n"' + b"x\n" * (MAX_CELL_CHARACTERS // 2 + 1), "the row at line 3 has a cell of over 8,388,608"),
    ],
)
def test_content_that_is_no_csv_is_refused_with_what_to_do(content, problem):
    assert refusal_of(content).startswith(f"a.csv: {problem}")


def test_a_cell_beyond_the_default_limit_of_the_csv_module_is_read():
    assert read(b"a\n" + b"x" * 1_000_000)[1] == ["x" * 1_000_000]


@pytest.mark.parametrize("last", ["3", "3,4", '3,"4', "3,4,"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_last_row_with_too_few_cells_and_no_line_end_may_be_cut_off(last, line_end):
    refused = refusal_of(line_end.join(["a,b,c,d", "1,2", last]).encode())
    assert ("may be cut off: its last row, at line 3, has " in refused) or ("is never closed" in refused)
    if '"' not in last:
        assert refused == (
            f"a.csv: may be cut off: its last row, at line 3, has {last.count(',') + 1} of 4 cells and no line end."
            " Export it again, or, if it is complete, end the line"
        )
        assert len(read((line_end.join(["a,b,c,d", "1,2", last]) + line_end).encode())) == 3


@pytest.mark.parametrize("end", ["3,4", "3,", "3,4\n  ", "3,4\n,", "3\n\t", "3\n,"])
def test_a_complete_last_row_needs_no_line_end(end):
    assert len(read(f"a,b\n1,2\n{end}".encode())) == 3


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_row_knows_the_line_on_which_it_begins(line_end):
    lines = ["sep=,", "", "a,b", '"1', '2",3', "", ",", "4,5", '6,"7', '8"', "9,0"]
    table = read_table(line_end.join(lines).encode(), "a.csv")
    assert [line for line, _cells in table.rows] == [4, 8, 9, 11]
