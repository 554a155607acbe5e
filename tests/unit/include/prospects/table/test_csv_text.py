"""From the bytes of a CSV to rows: encodings, separators, quotes, titles above the header."""

from __future__ import annotations

import pytest

from include.prospects import ProspectsError, ReadOptions, check_contents
from include.prospects.records import BrokenRowError
from include.prospects.table.csv_text import MAX_CELL_CHARACTERS
from include.prospects.table.reader import read_table
from tests.unit.include.prospects.inputs import csv_of

ROWS = [["organization_id", "organization_name"], ["org_1", "Acme, Inc; the\tfirst"], ["org_2", 'The "Two"']]
BOM = b"\xef\xbb\xbf"


def read(content, **options):
    table = read_table(content, "a.csv", ReadOptions(**options))
    return [table.header, *(cells for _line, cells in table.rows)]


def refusal_of(content, **options):
    with pytest.raises(ProspectsError) as error:
        read(content, **options)
    (problem,) = error.value.problems
    return problem


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_usual_csv_reads_the_same(separator, line_end, encoding):
    text = csv_of(*ROWS, delimiter=separator, lineterminator=line_end)
    assert read(("\ufeff" * (encoding == "utf-16-be") + text).encode(encoding)) == ROWS


def test_windows_1252_is_read_if_it_is_named_and_a_byte_order_mark_comes_before_it():
    text = "organization_id,organization_name\norg_1,Société “Müller” €\n"
    for encoding in ("cp1252", "utf-8-sig", "utf-16"):
        assert read(text.encode(encoding), encoding="windows-1252")[1] == ["org_1", "Société “Müller” €"]


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


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "line",
    ["sep={0}\n", "SEP={0}\r\n", '"sep={0}"\n', "\n\nsep={0}\n", "sep={0}{0}{0}\n", '"sep={0}"{0}{0}\n', "sep={0} \n"],
)
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


def test_a_separator_that_a_spreadsheet_has_changed_is_not_the_named_one():
    assert read(b'"sep=;",\norganization_id,organization_name\norg_1,"a;b"\n')[1] == ["org_1", "a;b"]


@pytest.mark.parametrize(
    "above", ["Prospects, Q4; all\n", "Prospects|Q4\n\n;;\n", '"two\nlines";\n', "sep=;\nas of;2026-01-31\n", "\n\n\n"]
)
def test_the_header_is_found_below_a_title(above):
    table = read_table(f"{above}organization_id;organization_name\norg_1;Acme, Inc\n".encode(), "a.csv")
    line = f"{above}x".count("\n") + 1
    assert (table.header, next(table.rows)) == (
        ["organization_id", "organization_name"],
        (line + 1, ["org_1", "Acme, Inc"]),
    )
    has_title = bool(above.strip().removeprefix("sep=;"))
    assert table.warnings == [f"a.csv: the header is in line {line}, so what stands above it is left out"] * has_title


@pytest.mark.parametrize(
    "header", [["", "Account", "Email"], ["Account", "", "Email"], ["", "organization_id", "Email"]]
)
def test_a_header_with_a_column_without_a_name_is_no_title(header):
    content = csv_of(["All accounts", "", ""], header, ["0", "org_1", "it@acme.example"], ["1", "org_2", ""]).encode()
    assert read(content)[0] == header


def test_a_prospect_above_the_header_is_an_error_and_a_second_header_a_bad_row():
    header, row = "organization_id,domains\n", "org_1,acme.example\n"
    assert refusal_of(f"{row}\n{header}{row}".encode()) == (
        "a.csv: the header is in line 3, but line 1 above it has an organization's id: put the header above all"
        " prospects"
    )
    longer = "organization_id,domains,organization_name\n"
    found = check_contents([("a.csv", f"{header}{row}{longer}{row}".encode())])
    assert [row.row for row in found.valid] == [1, 3]


@pytest.mark.parametrize("name", ["org_id", "org_name", "org_info"])
def test_a_name_that_looks_like_an_organizations_id_is_one_of_a_column(name):
    text = f"{name},Website\nAcme,acme.example\norg_1,b.example\n"
    assert read(text.encode())[0] == [name, "Website"]


def test_a_prospect_whose_cell_is_a_columns_name_is_no_header():
    assert read(b"Account,Auth0 org\nDomains,org_1\nB,org_2\n")[0] == ["Account", "Auth0 org"]


@pytest.mark.parametrize("title", ["[Confidential] Prospects", "{{company}} prospects", "<Acme> prospects"])
def test_a_title_in_brackets_is_no_markup(title):
    assert read(f"{title}\norganization_id\norg_1\n".encode())[0] == ["organization_id"]


def test_a_file_that_begins_as_utf8_and_is_not_asks_for_no_encoding():
    content = BOM + b"organization_id\nM\xfcller\n"
    for encoding in ("utf-8", "windows-1252"):
        problem = "a.csv: begins as UTF-8 text and is not, at line 2, character 2: export it again"
        assert refusal_of(content, encoding=encoding) == problem


def test_only_cells_of_named_columns_are_missed_in_a_row():
    found = check_contents([("a.csv", b"organization_id,organization_name,,,\norg_1,Acme\norg_2,B")])
    assert (len(found.valid), found.warnings) == (2, [])


def test_a_row_with_fewer_cells_than_the_header_is_named():
    text = b"organization_id,organization_name,prospect_email\norg_1,Acme\nInc,it@acme.example\norg_2,Globex,\n"
    found = check_contents([("a.csv", text)])
    assert found.warnings == ["row 1 (line 2), 2 (line 3): has fewer cells than the header: is a line broken?"]


def test_a_header_is_not_looked_for_beyond_the_first_ten_lines():
    header = "organization_id,organization_name\n"
    assert read(("title\n" * 9 + header).encode())[0] == ["organization_id", "organization_name"]
    assert read(("title,\n" * 10 + header).encode())[0] == ["title", ""]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"a,b\n1,\x00\n", "line 2, character 3"),
        ("a,b\n1,2\nAgn\u00e8s".encode("latin-1"), "line 3, character 4"),
        (b"a,b\r\n1,\xe2\x82", "line 2, character 3"),
        ("\u00e9\u00e9".encode() + b"\xe9\n", "line 1, character 3"),
        (b"a\r" + b"12345\r" * 100_000 + b"\xe9\n", "line 100,002, character 1"),
    ],
    ids=["NUL", "latin-1", "half", "characters", "far"],
)
def test_bytes_that_are_not_utf8_are_named_by_their_place(content, place):
    assert refusal_of(content).startswith(f"a.csv: is not UTF-8 text, at {place}: save it as 'CSV UTF-8'.")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            "\ufeffa,b\n1,2\n".encode("utf-16-le") + b"\x00",
            "is not UTF-16 text, at line 3, character 1: export it again",
        ),
        (b"a,b\n1,\x81\n", "is not Windows-1252 text, at line 2, character 3: save it as 'CSV UTF-8'"),
    ],
)
def test_what_is_no_text_of_the_encoding_that_is_meant_is_refused(content, problem):
    assert refusal_of(content, encoding="windows-1252").startswith(f"a.csv: {problem}")


def test_a_text_in_utf8_is_not_read_as_windows_1252():
    assert refusal_of("a,b\n1,M\u00fcller\n".encode(), encoding="windows-1252") == (
        "a.csv: is UTF-8 text, not Windows-1252: set encoding to utf-8"
    )


def test_a_long_text_in_another_encoding_is_refused_as_fast_as_a_short_one():
    content = b"organization_id,organization_name\norg_a,M\xfcller\norg_b," + b"x" * 5_000_000 + b"\n"
    assert "is not UTF-8 text, at line 2, character 8" in refusal_of(content)


def test_who_is_asked_for_the_encoding_sees_three_names_in_it():
    names = ["Müller", "Agnès", "São Paulo", "Łódź"]
    text = csv_of(["organization_id", "organization_name"], *(["org_1", name] for name in [*names, "Müller", "Björk"]))
    with pytest.raises(ProspectsError) as error:
        read(text.encode("cp1252", errors="replace"))
    assert error.value.problems[0].endswith("If it is Windows-1252, set encoding to windows-1252.")
    assert (error.value.question.about, error.value.question.samples) == ("encoding", names[:3])
    for not_windows_1252 in (b"a,\xe9\x81\n", b"a,\xe9\x00\n"):
        with pytest.raises(ProspectsError) as error:
            read(not_windows_1252)
        assert error.value.question is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty: its first line must name the columns, such as organization_id,"),
        (BOM + b',,,\r\n"",,\n  \r\n', "is empty"),
        (b"sep=^\na^b\n", "the first line sets the separator '^': save it with comma, semicolon, tab or bar"),
    ],
)
def test_content_that_is_no_csv_is_refused_with_what_to_do(content, problem):
    assert refusal_of(content).startswith(f"a.csv: {problem}")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            b'organization_id,domains\norg_1,2\norg_2,"4\n5,6\n',
            "row 2, line 3: a quote that is opened here is never closed",
        ),
        (
            b'organization_id,domains\norg_1,"2\n2"\n"3,4\n5,6\n',
            "row 2, line 4: a quote that is opened here is never closed",
        ),
        (b'organization_id,domains\n"org_1\n2",3\n"x "y"",4\n', "row 2, line 4: there is text after a closing quote"),
        (
            b'organization_id\norg_1\n"' + b"x\n" * (MAX_CELL_CHARACTERS // 2 + 1),
            "row 2, line 3: a cell has over",
        ),
        (b'"organization_id,domains\norg_1,2\n', "row 1, line 1: a quote that is opened here is never closed"),
    ],
)
def test_a_row_that_can_not_be_read_is_named_as_other_rows_are(content, problem):
    with pytest.raises(ProspectsError) as error:
        check_contents([("a.csv", content)])
    assert error.value.problems[0].startswith(f"a.csv: {problem}")


@pytest.mark.parametrize("last", ["3", "3,4", '3,"4', "3,4,"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_last_row_with_too_few_cells_and_no_line_end_may_be_cut_off(last, line_end):
    content = line_end.join(["a,b,c,d", "1,2", last]).encode()
    if '"' in last:
        with pytest.raises(BrokenRowError, match="is never closed"):
            read(content)
    else:
        refused = refusal_of(content)
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
