"""Input that nobody should write and somebody will: a clear refusal of the file, or an invalid row that says why."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from dataclasses import asdict, replace

import pytest

from include.prospects import Prospects, ProspectsError, load_prospects, plan_batches
from include.prospects.records import HIDDEN_CHARACTERS, MOST_PROBLEMS_OF_A_ROW
from include.prospects.schema.columns import COLUMNS
from include.prospects.table.header import MOST_COLUMNS
from include.prospects.table.reader import MOST_ROW_CHARACTERS, PIECE_BYTES, read_table

MB = 1_000_000
ESCAPES = "\x1b[31m", "\x9b31m", "\x07", "\u202e", "\u2066", "\u2028", "\r\nfake line"
TEXT_COLUMNS = ["organization_name", "prospect_name", "display_name", "prospect_email", "connection_name"]
INTEGER_COLUMNS = ["ttl_sec", "provisioning_config.token_lifetime"]
BOOLEAN_COLUMNS = [
    "assign_membership_on_login",
    "organization_show_as_button",
    "connection_config.show_as_button",
    "use_for_organization_discovery",
    "enabled_features.sso",
]
JSON_COLUMNS = ["connection_config", "connection_config.metadata", "enabled_organizations", "provisioning_config"]


def csv_of(columns, *rows):
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    return text.getvalue()


def problems_of(column, cell):
    """Return the problems of a row that has one hostile cell beside a good organization."""
    loaded = load_prospects(None, text=csv_of(["organization_id", column], ["org_1", cell]))
    (invalid,) = loaded.invalid
    assert loaded.valid == []
    return invalid.problems


def texts_in(value):
    """Yield all texts of nested objects and lists, their keys among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts_in([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_in(inner)


def refusal_of(content):
    with pytest.raises(ProspectsError) as error:
        list(read_table(content, "a.csv").rows)
    (problem,) = error.value.problems
    return problem


def refusal_of_text(text):
    with pytest.raises(ProspectsError) as error:
        load_prospects(None, text=text)
    return error.value.problems


class TestSizes:
    def test_twenty_thousand_rows_come_out_each_once(self):
        rows = "".join(f"org_{row}\norg {row}\n" for row in range(10_000))
        loaded = load_prospects(None, text="organization_id\n" + rows)
        assert [prospect.row for prospect in loaded.valid] == list(range(1, 20_001, 2))
        assert [invalid.row for invalid in loaded.invalid] == list(range(2, 20_001, 2))

    @pytest.mark.parametrize("column", ["organization_name", "domains", "connection_config", "connection_id"])
    def test_a_cell_of_a_megabyte_is_an_invalid_row_that_shows_its_beginning(self, column):
        (problem,) = problems_of(column, "x" * MB)
        assert problem.rule == "must be at most 400000 characters long"
        assert problem.value == "x" * 79 + "…"

    def test_a_megabyte_in_a_column_without_a_name_is_an_invalid_row(self):
        (problem,) = problems_of("", "x" * MB)
        assert problem.column == "#2"
        assert len(problem.value) == 80

    @pytest.mark.parametrize("prefix", ["", "connection_config.metadata."])
    def test_a_megabyte_in_the_header_is_refused_in_a_line(self, prefix):
        (problem,) = refusal_of_text(f"organization_id,{prefix}{'x' * MB}\norg_1,y\n")
        assert "has a name of over 255 characters: shorten it" in problem
        assert len(problem) < 200

    def test_ten_thousand_columns_are_no_csv_of_prospects(self):
        names = ["organization_id", *(f"connection_config.metadata.k{number}" for number in range(9_999))]
        (problem,) = refusal_of_text(csv_of(names, names))
        assert problem == "prospects_csv: the first line has 10000 columns: is this a CSV of prospects?"

    def test_ten_thousand_cells_in_a_row_are_an_invalid_row(self):
        loaded = load_prospects(None, text="organization_id\n" + "," * 10_000 + "x\norg_2\n")
        assert [prospect.row for prospect in loaded.valid] == [2]
        assert "the row has 10001 cells, the header 1" in loaded.invalid[0].problems[0].rule

    @pytest.mark.parametrize(("begun", "on"), [("", "x"), ('"', "x" * 999 + "\n"), ("", ",")], ids=["x", '"', ","])
    def test_a_row_without_end_does_not_swallow_the_file(self, begun, on):
        content = f"organization_id\norg_1\n{begun}{on * (MOST_ROW_CHARACTERS // len(on) + 1)}"
        assert refusal_of(content.encode()) == (
            f"a.csv: the row at line 3 has over {MOST_ROW_CHARACTERS:,} characters: is a quote in it never closed?"
        )

    def test_a_long_list_that_is_wrong_throughout_names_its_first_problems_and_counts_the_rest(self):
        problems = problems_of("domains", "x;" * 5_000)
        assert len(problems) == MOST_PROBLEMS_OF_A_ROW
        assert problems[0].rule.startswith("item 1: must be a domain name")
        assert problems[-1].rule.endswith(" (and 4,991 more problems of this row)")

    @pytest.mark.parametrize("cell", ["a;" * 5_001, json.dumps(["a"] * 5_001), json.dumps([["a"] * 2_500] * 2)])
    def test_a_list_with_thousands_of_items_is_one_problem(self, cell):
        (problem,) = problems_of("domains", cell)
        assert problem.rule == "must be at most 5,000 values"

    def test_many_unknown_columns_are_counted(self):
        problems = refusal_of_text(csv_of(["organization_id", *(f"c{n}" for n in range(400))], ["org_1"]))
        assert len(problems) == 11
        assert problems[-1] == "prospects_csv: 390 more columns are unknown"

    def test_reading_a_large_file_takes_no_second_copy_of_it(self):
        # One letter beyond the first plane makes a text of the whole file four times its bytes.
        content = "organization_id\n😀\n".encode() + (b"x" * 999 + b"\n") * 16_000
        tracemalloc.start()
        try:
            rows = sum(1 for _ in read_table(content, "a.csv").rows)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert rows == 16_001
        assert peak < len(content) / 2

    def test_names_of_organizations_are_not_kept_beyond_what_a_connection_name_needs(self):
        rows = [[f"org_{row}", f"{row}" + "x" * 100_000] for row in range(100)]
        text = csv_of(["organization_id", "organization_name"], *rows)
        tracemalloc.start()
        try:
            load_prospects(None, text=text)
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert kept < len(text) / 4

    def test_a_row_full_of_wrong_lists_and_objects_is_one_invalid_row(self):
        header = ["organization_id", "connection_config.metadata", "enabled_organizations", "domains"]
        metadata = json.dumps({f"k{number}": number for number in range(4_900)})
        row = ["org_1", metadata, json.dumps([{}] * 4_900), json.dumps([f"bad {n}" for n in range(4_900)])]
        loaded = load_prospects(None, text=csv_of(header, row, ["org_2"]))
        assert [prospect.row for prospect in loaded.valid] == [2]
        assert loaded.invalid[0].problems[-1].rule.endswith(" more problems of this row)")


class TestEncodings:
    @pytest.mark.parametrize(
        ("encoding", "named"),
        [
            ("utf-16", "is UTF-16 text"),
            ("utf-16-le", "is UTF-16 text without a mark that says so"),
            ("utf-16-be", "is UTF-16 text without a mark that says so"),
            ("utf-32", "is UTF-32 text"),
        ],
    )
    @pytest.mark.parametrize("separator", [",", "\t"])
    def test_another_unicode_encoding_is_named_with_the_remedy(self, encoding, named, separator):
        content = f"organization_id{separator}organization_name\norg_1{separator}Łódź\n".encode(encoding)
        assert refusal_of(content) == f"a.csv: {named}: save it as CSV in UTF-8"

    @pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"], ids=["little-endian", "big-endian"])
    def test_utf_16_is_known_by_its_mark_alone(self, mark):
        assert refusal_of(mark + b"\x41\x04") == "a.csv: is UTF-16 text: save it as CSV in UTF-8"

    @pytest.mark.parametrize(
        ("cell", "byte"),
        [
            ("é".encode("latin-1"), "0xE9"),
            ("“".encode("cp1252"), "0x93"),
            (b"\xed\xa0\x80", "0xED"),
            (b"\xc0\xaf", "0xC0"),
            (b"\xf4\x90\x80\x80", "0xF4"),
            (b"\xe2\x82", "0xE2"),
        ],
        ids=["latin-1", "windows-1252", "lone surrogate", "overlong", "beyond Unicode", "half a character"],
    )
    @pytest.mark.parametrize("rows_before", [1, 200_000], ids=["at the start", "beyond the first piece"])
    def test_bytes_that_are_not_utf_8_are_named_with_their_line(self, cell, byte, rows_before):
        content = b"organization_id\n" + b"org_12345\n" * rows_before + cell
        assert refusal_of(content) == (
            f"a.csv: line {rows_before + 2} has the byte {byte}, which isn't UTF-8: save it as CSV in UTF-8"
        )

    def test_half_a_character_at_the_border_of_two_pieces_is_the_byte_that_is_named(self):
        content = b"organization_id\n".ljust(PIECE_BYTES - 1, b"x") + b"\xe2\norg_1\n"
        assert "line 2 has the byte 0xE2" in refusal_of(content)

    def test_a_character_that_lies_on_the_border_of_two_pieces_is_whole(self):
        for padding in range(4):
            content = b"a\n" + b"x" * padding + "😀".encode() * (MOST_ROW_CHARACTERS // 16)
            (cells,) = read_table(content, "a.csv").rows
            assert cells[0].lstrip("x") == "😀" * (MOST_ROW_CHARACTERS // 16)

    @pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
    def test_a_line_is_counted_as_an_editor_counts_it(self, line_end):
        content = line_end.join(["organization_id", "org_1", "org_2", ""]).encode() + b"x\n\xff"
        assert "line 5 has the byte 0xFF" in refusal_of(content)

    @pytest.mark.parametrize("place", ["a\x00,b\n", "organization_id\norg\x00_1\n"])
    def test_a_nul_byte_is_refused_with_its_line(self, place):
        line = place[: place.index("\x00")].count("\n") + 1
        assert f"line {line} has a NUL byte" in refusal_of(place.encode())
        assert f"line {line} has a NUL byte" in refusal_of_text(place)[0]

    @pytest.mark.parametrize("content", [b"\xd0\xcf\x11\xe0rest", b"\x1f\x8b\x08\x00rest", b"PK\x03\x04rest"])
    def test_a_workbook_or_an_archive_is_called_by_its_name(self, content):
        assert any(name in refusal_of(content) for name in ("Excel workbook", "gzip"))


class TestLinesAndQuotes:
    def test_mixed_line_ends_end_rows_and_unicode_ones_do_not(self):
        loaded = load_prospects(None, text="organization_id,display_name\rorg_1,a\norg_2,b\r\norg_3,c\u2028d\n")
        assert [prospect.organization_id for prospect in loaded.valid] == ["org_1", "org_2"]
        (problem,) = loaded.invalid[0].problems
        assert problem.value == "c\\u2028d"
        assert "unprintable character U+2028, at character 2" in problem.rule

    @pytest.mark.parametrize("character", ["\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\t", "\n", "\r"])
    def test_what_breaks_a_line_within_a_cell_is_named_and_placed(self, character):
        (problem,) = problems_of("organization_name", f"Acme{character}Inc")
        assert f"U+{ord(character):04X}, at character 5" in problem.rule

    def test_a_tab_in_a_quoted_cell_does_not_part_it(self):
        loaded = load_prospects(None, text='organization_id\tdomains\norg_1\t"a.example;\tb.example"\n')
        assert loaded.valid[0].body["domain_aliases_config"]["pending_domains"] == ["a.example", "b.example"]

    @pytest.mark.parametrize("line", ['org_2,"Acme', 'org_2,"Acme ""Inc""', '"org_2,Acme'])
    def test_an_open_quote_is_told_with_the_row_that_opened_it(self, line):
        problem = refusal_of(f'organization_id,display_name\norg_1,"two\nlines"\n{line}\norg_3,x\n'.encode())
        assert problem == "a.csv: a quote opened in the row at line 4 is never closed: add the closing quote"

    def test_an_open_quote_that_another_one_ends_is_told_with_the_row_that_opened_it(self):
        problem = refusal_of(b'organization_id,display_name\norg_1,"open\norg_2,"Acme"\norg_3,x\n')
        assert problem.startswith("a.csv: the row at line 2 has text after a closing quote")

    @pytest.mark.parametrize("cell", ['5" pipe', 'a"b"c', "'", "''", 'x"'])
    def test_a_stray_quote_within_a_cell_is_part_of_it(self, cell):
        loaded = load_prospects(None, text=f"organization_id,display_name\norg_1,{cell}\n")
        assert loaded.valid[0].body["connection_config"]["display_name"] == cell

    @pytest.mark.parametrize("text", ["", "\n\n \r\n", ",,,\n,,,\n", ";;\n", "\t\t\n", '"",""\n'])
    def test_a_file_without_any_text_is_called_empty(self, text):
        assert "is empty: its first line must name the columns" in refusal_of(text.encode())

    def test_a_header_alone_has_no_rows(self):
        (problem,) = refusal_of_text("organization_id,domains\n,\n\n")
        assert problem.startswith("the input has no rows: below a first line that names the columns")

    @pytest.mark.parametrize("blank", ["\n", "\r\n\r\n", " \n\t\n", "\ufeff\n", ",,\n"])
    def test_blank_lines_above_a_pasted_csv_do_not_count(self, blank):
        loaded = load_prospects(None, text=f"{blank}organization_id\norg_1\n")
        assert [prospect.row for prospect in loaded.valid] == [1]

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    @pytest.mark.parametrize("line", ["sep={}\n", "SEP={}\r\n", '"sep={}"\n', "\n\ufeffsep={}\n"])
    def test_the_first_line_may_name_the_separator_as_excel_writes_it(self, line, separator):
        text = f"{line.format(separator)}\norganization_id{separator}display_name\norg_1{separator}x\n"
        if "\ufeff" in line:
            text = "\ufeff" + text.replace("\ufeff", "")
        loaded = load_prospects(None, text=text)
        assert loaded.valid[0].body["connection_config"]["display_name"] == "x"

    def test_a_separator_that_the_first_line_names_wins_over_what_the_header_has_more_of(self):
        assert read_table(b"sep=;\na,b,c;d\n", "a.csv").header == ["a,b,c", "d"]

    def test_another_separator_is_refused_with_the_ones_that_are_read(self):
        assert refusal_of(b"sep=|\na|b\n") == (
            "a.csv: the first line sets the separator '|': save it with comma, semicolon or tab"
        )

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("organization_id;organization_name\norg_1;Acme, Inc, Ltd\n", "Acme, Inc, Ltd"),
            ('organization_id;organization_name\norg_1;"Acme; Inc"\n', "Acme; Inc"),
            ("organization_id,organization_name\norg_1,Acme; Inc; Ltd\n", "Acme; Inc; Ltd"),
            ("organization_id\torganization_name\norg_1\tAcme, Inc; Ltd\n", "Acme, Inc; Ltd"),
        ],
    )
    def test_the_other_separators_are_text_in_a_cell(self, text, name):
        assert load_prospects(None, text=text).valid[0].organization_name == name


class TestHeaders:
    @pytest.mark.parametrize(
        "header",
        ["organization_id,organization_id", "organization_id,ORGANIZATION_ID", " organization_id ,Organization_Id"],
    )
    def test_a_name_given_twice_is_refused_whatever_its_case(self, header):
        assert refusal_of_text(header + "\norg_1,org_1\n") == [
            "prospects_csv: column 'organization_id' is given 2 times: keep one of them"
        ]

    def test_a_path_with_a_free_key_given_twice_is_refused(self):
        header = "organization_id,connection_config.metadata.plan,CONNECTION_CONFIG.metadata.plan"
        assert "'connection_config.metadata.plan' is given 2 times" in refusal_of_text(header + "\norg_1,a,a\n")[0]

    def test_a_column_and_its_short_name_must_say_the_same(self):
        header = "organization_id,connection_name,connection_config.name"
        loaded = load_prospects(None, text=f"{header}\norg_1,acme,acme\norg_2,one,two\n")
        assert [prospect.row for prospect in loaded.valid] == [1]
        assert "differs from what column connection_config.name says" in loaded.invalid[0].problems[0].rule

    @pytest.mark.parametrize("name", ["\ufefforganization_id", "organi\u200bzation_id", "organization\x1b[31m_id"])
    def test_an_invisible_character_in_a_name_is_named_and_placed(self, name):
        (problem,) = refusal_of_text(f"display_name,{name}\nx,org_1\n")
        place = HIDDEN_CHARACTERS.search(name)
        assert f"U+{ord(place.group()):04X} in its name, at character {place.start() + 1}: remove it" in problem
        assert not HIDDEN_CHARACTERS.search(problem)

    @pytest.mark.parametrize("name", ["organization id", "Organization-ID", "organisation_id", "organization\u00a0id"])
    def test_a_name_that_is_nearly_right_gets_a_hint(self, name):
        assert any("did you mean 'organization_id'?" in problem for problem in refusal_of_text(f"{name}\norg_1\n"))

    def test_empty_names_and_trailing_separators_do_no_harm_above_empty_cells(self):
        loaded = load_prospects(None, text="organization_id,,display_name,,\norg_1,,x,,\norg_2,, y ,\norg_3\n")
        assert [prospect.row for prospect in loaded.valid] == [1, 2, 3]

    @pytest.mark.parametrize(
        ("row", "rule"),
        [
            ("org_1,x,y", "the row has 3 cells, the header 2"),
            ("org_1,x,", "the row has 3 cells, the header 2"),
        ],
    )
    def test_more_cells_than_the_header_has_are_an_invalid_row(self, row, rule):
        loaded = load_prospects(None, text=f"organization_id,display_name\n{row}\n")
        assert loaded.invalid[0].problems[0].rule.startswith(rule)

    def test_cells_that_a_row_lacks_are_absent(self):
        loaded = load_prospects(None, text="organization_id,display_name,ttl_sec\norg_1,x\n")
        assert "ttl_sec" not in loaded.valid[0].body

    @pytest.mark.parametrize(
        "name", [".".join(["a"] * 1_000), "a" + ".a" * 100, "__proto__", "a..b", ".", "connection_config..name"]
    )
    def test_a_path_that_leads_nowhere_is_unknown(self, name):
        assert any(
            "unknown column" in problem or "over 255 characters" in problem
            for problem in refusal_of_text(f"organization_id,{name}\norg_1,x\n")
        )

    def test_keys_that_are_special_elsewhere_are_plain_keys_here(self):
        keys = ["__proto__", "constructor", "__class__", "a", "a.b", "a.b.c"]
        header = ",".join(f"connection_config.metadata.{key}" for key in keys)
        loaded = load_prospects(None, text=f"organization_id,{header}\norg_1,{','.join(keys)}\n")
        assert loaded.valid[0].body["connection_config"]["metadata"] == {key: key for key in keys}

    @pytest.mark.parametrize(
        ("outer", "inner"),
        [("null", "x"), ('{"metadata": null}', "x"), ('{"metadata": "x"}', "x"), ('{"metadata": {"plan": "y"}}', "x")],
    )
    def test_a_path_within_what_another_column_says_otherwise_is_a_conflict(self, outer, inner):
        header = ["organization_id", "connection_config", "connection_config.metadata.plan"]
        loaded = load_prospects(None, text=csv_of(header, ["org_1", outer, inner]))
        assert any("says: keep one of the two" in problem.rule for problem in loaded.invalid[0].problems)

    def test_five_hundred_columns_are_read(self):
        keys = [f"connection_config.metadata.k{number}" for number in range(MOST_COLUMNS - 1)]
        loaded = load_prospects(None, text=csv_of(["organization_id", *keys], ["org_1"], ["org_2", *keys]))
        assert (len(loaded.valid), len(loaded.invalid)) == (1, 1)


class TestCells:
    @pytest.mark.parametrize("column", TEXT_COLUMNS)
    @pytest.mark.parametrize("escape", ESCAPES)
    def test_what_a_terminal_would_obey_is_refused_and_shown_escaped(self, column, escape):
        problems = problems_of(column, f"Ac{escape}me")
        assert {problem.column for problem in problems} == {column}
        assert not [problem for problem in problems if HIDDEN_CHARACTERS.search(str(problem))]

    @pytest.mark.parametrize("column", COLUMNS)
    @pytest.mark.parametrize("escape", ESCAPES)
    def test_no_column_lets_an_escape_through_to_a_message_or_a_request(self, column, escape):
        header = ["organization_id"] if column == "organization_id" else ["organization_id", column]
        text = f"a{escape}b"
        for cell in (text, json.dumps([text]), json.dumps({text: text}), json.dumps({"name": text})):
            row = [cell] if column == "organization_id" else ["org_1", cell]
            loaded = load_prospects(None, text=csv_of(header, row))
            (told,) = [asdict(row) for row in [*loaded.valid, *loaded.invalid]]
            assert not [text for text in texts_in(told) if HIDDEN_CHARACTERS.search(text)]

    @pytest.mark.parametrize(
        ("organization_id", "name", "place"),
        [
            ("\u043erg_1", "CYRILLIC SMALL LETTER O", 1),
            ("org_\uff11", "FULLWIDTH DIGIT ONE", 5),
            ("or\u200dg_1", "ZERO WIDTH JOINER", 3),
            ("org_1\u200b", "ZERO WIDTH SPACE", 6),
            ("\ufefforg_1", "ZERO WIDTH NO-BREAK SPACE", 1),
            ("org\u00a0_1", "NO-BREAK SPACE", 4),
            ("org _1", "SPACE", 4),
            ("org\u00ad_1", "SOFT HYPHEN", 4),
            ("org_1\u202e", "RIGHT-TO-LEFT OVERRIDE", 6),
            ("org\x7f_1", "U+007F, which has no name", 4),
            ("../org_1", "FULL STOP", 1),
            ("/etc/passwd", "SOLIDUS", 1),
            ("..\\org_1", "FULL STOP", 1),
        ],
    )
    def test_a_look_alike_of_an_organization_id_is_named_and_placed(self, organization_id, name, place):
        lead = "\n" if organization_id.startswith("\ufeff") else ""
        loaded = load_prospects(None, text=f"display_name,organization_id\n{lead}x,{organization_id}\n")
        (problem,) = loaded.invalid[0].problems
        assert f"({name}) at character {place}" in problem.rule

    @pytest.mark.parametrize(
        ("column", "cell", "name", "place"),
        [
            ("connection_name", "acme\u2013saml", "EN DASH", 5),
            ("connection_name", "\u0430cme", "CYRILLIC SMALL LETTER A", 1),
            ("connection_config", '{"name": "acme\\u00a0saml"}', "NO-BREAK SPACE", 5),
            ("connection_config", '{"name": "acme\\n"}', "U+000A, which has no name", 5),
            ("prospect_email", "ada@a.example\u200b", "ZERO WIDTH SPACE", 14),
            ("prospect_email", "ada\u00a0@a.example", "NO-BREAK SPACE", 4),
            ("domains", "a.example; b.example\ufeff", "ZERO WIDTH NO-BREAK SPACE", 10),
            ("custom_domain", "a\u00ad.example", "SOFT HYPHEN", 2),
            ("connection_config.options.icon_url", "https://a.example/\u200e", "LEFT-TO-RIGHT MARK", 19),
        ],
    )
    def test_what_only_looks_right_or_nobody_sees_is_named_and_placed(self, column, cell, name, place):
        (problem,) = problems_of(column, cell)
        assert problem.rule.endswith(f"({name}) at character {place}")

    @pytest.mark.parametrize("around", [" ", "\t", "\u00a0", "\u3000"])
    def test_white_space_around_a_cell_does_not_count(self, around):
        loaded = load_prospects(None, text=f'organization_id,prospect_name\n"{around}org_1{around}","Ada{around}"\n')
        assert (loaded.valid[0].organization_id, loaded.valid[0].prospect_name) == ("org_1", "Ada")

    @pytest.mark.parametrize("address", ["ada\u200b@a.example", "ada@a\u200d.example", "\ufeffada@a.example"])
    def test_an_address_with_an_unseen_character_is_no_second_prospect(self, address):
        (problem,) = problems_of("prospect_email", address)
        assert problem.rule.startswith("must be one e-mail address")

    @pytest.mark.parametrize("column", JSON_COLUMNS)
    @pytest.mark.parametrize("levels", [101, 10_000, 100_000])
    @pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")], ids=["arrays", "objects"])
    def test_json_nested_beyond_reason_is_an_invalid_row(self, column, levels, opening, closing):
        rules = [problem.rule for problem in problems_of(column, opening * levels + "1" + closing * levels)]
        assert set(rules) <= {"must be JSON, but is nested too deeply", "must be at most 400000 characters long"}
        assert rules

    def test_two_columns_that_disagree_deep_within_are_compared(self):
        columns = ["organization_id", "domains", "domain_aliases_config.pending_domains"]
        deep = ["[" * 99 + text + "]" * 99 for text in ('"a"', '"b"')]
        loaded = load_prospects(None, text=csv_of(columns, ["org_1", *deep]))
        assert any("keep one of the two" in problem.rule for problem in loaded.invalid[0].problems)

    @pytest.mark.parametrize("column", JSON_COLUMNS)
    @pytest.mark.parametrize(
        "cell",
        [
            '{"a":1,"a":2}',
            '{"name":"x","options":{"icon_url":null,"icon_url":null}}',
            "NaN",
            "[NaN]",
            "Infinity",
            '{"a":-Infinity}',
            "1e999",
            "[-1e999]",
            '{"token_lifetime":1e999}',
            '{"token_lifetime":1e-99999999999}',
            '{"token_lifetime":' + "9" * 400 + "}",
            '{"token_lifetime":' + "9" * 10_000 + "}",
            '{"' + "k" * 256 + '":1}',
            "{" + ",".join(f'"k{number}":1' for number in range(9_999)) + ',"k9998":2}',
        ],
        ids=lambda cell: cell[:40],
    )
    def test_json_that_no_two_parsers_read_alike_is_an_invalid_row(self, column, cell):
        assert {problem.column for problem in problems_of(column, cell)} == {column}

    @pytest.mark.parametrize("digits", [19, 400, 10_000])
    def test_an_endless_number_in_json_that_is_good_otherwise_is_an_invalid_row(self, digits):
        cell = '{"scopes":["get:users"],"token_lifetime":' + "9" * digits + "}"
        (problem,) = problems_of("provisioning_config", cell)
        assert problem.rule == "must be JSON, but holds a number of more than 18 digits"

    @pytest.mark.parametrize("column", INTEGER_COLUMNS)
    @pytest.mark.parametrize(
        "cell", ["9" * 19, "9" * 400, "9" * 10_000, "-" + "9" * 10_000, "1e999", "١٢", "0x10", "1,5", "99999-12-31"]
    )
    def test_an_integer_that_is_none_or_endless_is_an_invalid_row(self, column, cell):
        assert any(problem.rule.startswith("must be a whole number") for problem in problems_of(column, cell))

    @pytest.mark.parametrize("column", BOOLEAN_COLUMNS)
    @pytest.mark.parametrize(
        "cell", ["Y", "on", "wahr", "\uff59es", "tru\u0435", "2", "01", "true;false", "TRUE.", "y\u0131"]
    )
    def test_a_boolean_in_other_words_is_an_invalid_row(self, column, cell):
        assert any(problem.rule.startswith("must be true or false") for problem in problems_of(column, cell))

    @pytest.mark.parametrize("column", ["organization_name", "prospect_name", "display_name"])
    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", "\uff1d1", "=cmd|' /C calc'!A0"])
    def test_a_formula_is_a_text_like_any_other(self, column, text):
        loaded = load_prospects(None, text=csv_of(["organization_id", column], ["org_1", text]))
        assert text in (
            getattr(loaded.valid[0], column, ""),
            loaded.valid[0].body["connection_config"].get("display_name"),
        )

    @pytest.mark.parametrize("escape", ESCAPES)
    def test_a_tasks_label_has_nothing_that_a_terminal_would_obey(self, escape):
        prospect = load_prospects(None, text="organization_id\norg_1\n").valid[0]
        (batch,) = plan_batches(Prospects([replace(prospect, organization_name=f"Ac{escape}me")]), 1)
        assert batch.label.isprintable()

    @pytest.mark.parametrize("entity", ["&#99999999999999;", "&#x110000;", "&#xD800;", "&#0;", "&unknown;"])
    def test_a_name_with_a_broken_entity_still_makes_a_connection_name(self, entity):
        loaded = load_prospects(None, text=csv_of(["organization_id", "organization_name"], ["org_1", entity]))
        assert loaded.valid[0].connection_name
