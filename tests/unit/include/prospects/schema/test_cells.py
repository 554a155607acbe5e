"""The grammar of cells."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.prospects.schema.cells import (
    CellError,
    list_parser,
    parse_boolean,
    parse_integer,
    parse_json,
    parse_text,
    parser_for,
)
from include.prospects.schema.columns import COLUMNS


@settings(max_examples=200, deadline=None)
@given(column=st.sampled_from(list(COLUMNS.values())), cell=st.text(min_size=1, max_size=60))
def test_a_cell_of_any_text_is_a_value_or_a_broken_rule(column, cell):
    rule = "must be "
    try:
        column.parse(cell)
    except CellError as error:
        rule = str(error)
    assert rule.startswith("must be ")


@pytest.mark.parametrize(
    ("cell", "value"),
    [("true", True), ("YES", True), ("1", True), ("False", False), ("no", False), ("0", False)],
)
def test_a_boolean_is_one_of_six_words(cell, value):
    assert parse_boolean(cell) is value


@pytest.mark.parametrize("cell", ["y", "on", "2", "01", "wahr", "TRUE.", "\uff59es", "tru\u0435", "null", "true;false"])
def test_other_words_are_no_boolean(cell):
    with pytest.raises(CellError, match="must be true or false"):
        parse_boolean(cell)


@settings(deadline=None)
@given(st.integers(-(10**17), 10**17))
def test_an_integer_is_read_as_it_is_written(number):
    assert parse_integer(str(number)) == number


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("86400.0", 86_400),
        ("4.32E+05", 432_000),
        ("1e3", 1_000),
        ("-1.0", -1),
        ("9" * 18 + ".0", 10**18 - 1),
        ("0.0", 0),
    ],
)
def test_a_whole_number_is_read_as_programs_write_it(cell, number):
    assert parse_integer(cell) == number


@pytest.mark.parametrize(
    "cell",
    [
        "1.5",
        "1e999",
        "1e18",
        "1,0",
        "1.0.0",
        "1e-1",
        "1_000",
        "+1",
        "0x10",
        "٣",
        "1 000",
        "1,5",
        "--1",
        "9" * 19,
        "-" + "9" * 10_000,
    ],
)
def test_other_spellings_are_no_integer(cell):
    with pytest.raises(CellError, match="must be a whole number"):
        parse_integer(cell)


@pytest.mark.parametrize(
    "cell", ['{"a":1,"a":2}', '{"a":{"b":1,"b":1}}', "{'a': 1}", "[1,]", '["a"', "[" + "9" * 10_000 + "]"]
)
def test_json_with_errors_or_repeated_keys_is_refused(cell):
    with pytest.raises(CellError, match=r"must be (JSON, but|a whole number)"):
        parse_json(cell)


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters=";", exclude_categories=["C", "Z"]), min_size=1)))
def test_a_list_is_read_from_items_between_semicolons_and_from_json(items):
    parse = list_parser(parse_text)
    assert parse(json.dumps(items)) == items
    if not any(item == "null" or item.startswith(("[", "{")) for item in items):
        assert parse(" ; ".join(items)) == items


def test_items_are_read_by_their_own_type_and_empty_ones_are_left_out():
    assert parser_for(list[int])("1; ;2;") == [1, 2]
    assert parser_for(list[bool])("yes;0") == [True, False]


def test_a_type_without_a_grammar_is_refused_when_columns_are_made():
    with pytest.raises(TypeError, match="no grammar"):
        parser_for(complex)
