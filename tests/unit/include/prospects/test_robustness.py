"""Any input: every row comes out exactly once under its number, or the file is refused; no text can do harm."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict

import pytest
from auth0_sso.models import HIDDEN_CHARACTERS
from auth0_sso.tickets.batch import read_batch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from upath import UPath

from include.files import write_batches
from include.prospects import ProspectsError, load_prospects, plan_batches, read_manifest, write_manifest
from include.prospects.schema.columns import COLUMNS
from tests.unit.include.prospects.inputs import csv_of, load

ESCAPES = "\x1b[31m", "\x9b31m", "\x07", "\u202e", "\u2066", "\u2028", "\r\nfake line"

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=15)
numbers = st.integers(-(10**20), 10**20).map(str) | st.floats().map(repr)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
).map(json.dumps)
likely = st.sampled_from(
    ["org_1", "org_2", "a@b.example", "yes", "60", "[]", "{}", "null", "a.example;b.example", '{"name":"acme"}']
)
unlikely = st.sampled_from(
    ['"', '""', "'", ",", ";", "\t", "\n", "\r", "=1+1", "\x1b[31m", "\u202e", "\ufeff", "\u2028", "9" * 400, "[" * 500]
)
cells = texts | likely | unlikely | numbers | json_values
rows = st.lists(cells, min_size=1, max_size=8)
# A cell with a line end other than the rows' own is only written in quotes when all cells are.
dialects = st.builds(
    lambda separator, style: {"delimiter": separator, **style},
    st.sampled_from(",;\t"),
    st.sampled_from(
        [
            {"lineterminator": "\r\n", "quoting": csv.QUOTE_MINIMAL},
            *({"lineterminator": line_end, "quoting": csv.QUOTE_ALL} for line_end in ("\n", "\r\n", "\r")),
        ]
    ),
)
headers = st.lists(
    st.sampled_from([name for name in COLUMNS if name != "organization_id"]), min_size=1, max_size=7, unique=True
).map(lambda names: ["organization_id", *names])


@pytest.fixture(scope="module", autouse=True)
def storage_in_memory():
    """Let the tasks read files that are in memory, as if a provider had registered such a storage."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("auth0_sso.runtime.storage.has_fs", lambda scheme: scheme == "memory")
        yield


def outcome_of(content):
    """Return the prospects in a file, or None when the file as a whole is refused."""
    file = UPath("memory://any-input/a.csv")
    file.write_bytes(content)
    try:
        return load_prospects(file)
    except ProspectsError as error:
        problems = error.problems
    assert problems
    assert not [problem for problem in problems if HIDDEN_CHARACTERS.search(problem)]
    return None


def row_numbers(loaded):
    return sorted(row.row for row in [*loaded.valid, *loaded.invalid])


def through_files(loaded, name):
    """Return what the report and the tasks read from a run's files."""
    folder = UPath(f"memory://any-input/{name}")
    path, sha256 = write_manifest(loaded, folder)
    manifest = read_manifest(UPath(path), sha256)
    references = write_batches(plan_batches(manifest, 3), folder)
    organizations = [organization for reference in references for organization in read_batch(reference["batch"])]
    requests = [asdict(request) for organization in organizations for request in organization.requests]
    return manifest, sorted(requests, key=lambda request: request["row"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=6), st.sampled_from([b"\n", b"\r", b"\r\n", b'"\n"', b","]))
@example([b"sep="], b"")
@example([b"sep=\xe2\x80\xa8"], b"")
@example([b"\xef\xbb\xbf\xef\xbb\xbforganization_id\n"], b"")
@example([b'organization_id\n"'], b"")
def test_any_bytes_are_prospects_or_a_refusal(pieces, between):
    outcome_of(between.join(pieces))
    loaded = outcome_of(between.join([b"organization_id,domains,ttl_sec,connection_config\norg_1,,,", *pieces]))
    if loaded is not None:
        numbers = row_numbers(loaded)
        assert numbers == list(range(1, len(numbers) + 1))


@settings(max_examples=150, deadline=None)
@given(headers, st.lists(rows, min_size=1, max_size=8), dialects)
def test_every_row_of_any_table_comes_out_once_and_unchanged_through_all_files(header, table, dialect):
    loaded = outcome_of(csv_of(header, *table, **dialect).encode())
    expected = sum(any(cell and not cell.isspace() for cell in row) for row in table)
    if loaded is None:
        assert expected == 0
        return
    assert row_numbers(loaded) == list(range(1, expected + 1))
    assert all(invalid.problems for invalid in loaded.invalid)
    manifest, requests = through_files(loaded, "table")
    assert manifest == loaded
    assert requests == [asdict(prospect) for prospect in loaded.valid]


def texts_in(value):
    """Yield all texts of nested objects and lists, their keys among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts_in([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_in(inner)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("escape", ESCAPES)
def test_no_column_lets_an_escape_through_to_a_message_or_a_request(column, escape):
    text = f"a{escape}b"
    for cell in (text, json.dumps([text]), json.dumps({text: text}), json.dumps({"name": text})):
        loaded = load({column: cell})
        (row,) = [asdict(row) for row in [*loaded.valid, *loaded.invalid]]
        assert not [text for text in texts_in(row) if HIDDEN_CHARACTERS.search(text)]
