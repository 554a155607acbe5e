"""Whatever is read: no traceback, every row exactly once under its number, and what is written is what is read."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path

from auth0_sso.tickets.batch import read_batch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from upath import UPath

from include.prospects import (
    ProspectsError,
    load_prospects,
    plan_batches,
    read_manifest,
    write_manifest,
    write_plan,
)
from include.prospects.records import HIDDEN_CHARACTERS
from include.prospects.schema.cells import BOOLEANS
from include.prospects.schema.columns import COLUMNS

HEADER = [name for name in COLUMNS if name != "organization_id"]

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
headers = st.lists(st.sampled_from(HEADER), min_size=1, max_size=7, unique=True).map(
    lambda names: ["organization_id", *names]
)


def written(table, dialect):
    text = io.StringIO()
    csv.writer(text, **dialect).writerows(table)
    return text.getvalue()


def outcome_of(content):
    """Return what becomes of a file's bytes: the prospects, or None when the file as a whole is refused."""
    file = UPath("memory://any-input/a.csv")
    file.write_bytes(content)
    try:
        return load_prospects(file)
    except ProspectsError as error:
        problems = error.problems
    assert problems
    assert not [problem for problem in problems if HIDDEN_CHARACTERS.search(problem)]
    return None


def kept(loaded, name):
    """Take the input through the files of a run, and return what its report and its tasks see of it."""
    folder = UPath(f"memory://any-input/{name}")
    manifest = read_manifest(UPath(write_manifest(loaded, folder)))
    references = write_plan(plan_batches(manifest, 3), folder)
    organizations = [organization for reference in references for organization in read_batch(reference["batch"])]
    requests = [asdict(request) for organization in organizations for request in organization.requests]
    return manifest, sorted(requests, key=lambda request: request["row"])


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
@example(b"\xff\xfe\x00\x00")
@example(b"sep=")
@example(b"sep=\xe2\x80\xa8")
@example(b"\xef\xbb\xbf")
@example(b"\xef\xbb\xbf\xef\xbb\xbforganization_id\n")
@example(b'organization_id\n"')
@example(b"\r\r\n\n\rorganization_id\rx\r")
def test_any_bytes_are_prospects_or_a_refusal(content):
    outcome_of(content)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=6), st.sampled_from([b"\n", b"\r", b"\r\n", b'"\n"', b","]))
def test_any_bytes_below_a_good_header_are_prospects_or_a_refusal(pieces, between):
    content = between.join([b"organization_id,domains,ttl_sec,connection_config\norg_1,,,", *pieces])
    loaded = outcome_of(content)
    if loaded is not None:
        numbers = sorted(row.row for row in [*loaded.valid, *loaded.invalid])
        assert numbers == list(range(1, len(numbers) + 1))


@settings(max_examples=150, deadline=None)
@given(headers, st.lists(rows, min_size=1, max_size=8), dialects)
def test_every_row_of_any_table_comes_out_once_and_stays_the_same_through_all_files(header, table, dialect):
    loaded = outcome_of(written([header, *table], dialect).encode())
    expected = sum(any(cell and not cell.isspace() for cell in row) for row in table)
    if loaded is None:
        assert expected == 0
        return
    assert sorted(row.row for row in [*loaded.valid, *loaded.invalid]) == list(range(1, expected + 1))
    assert all(invalid.problems for invalid in loaded.invalid)
    manifest, requests = kept(loaded, "table")
    assert manifest == loaded
    assert requests == [asdict(prospect) for prospect in loaded.valid]


labels = st.text("abcdefghij", min_size=1, max_size=10)
names = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=60).map(str.strip)
GOOD_CELLS = {
    "organization_id": st.from_regex(r"org_[A-Za-z0-9]{1,16}", fullmatch=True),
    "organization_name": names,
    "prospect_name": names,
    "domains": st.lists(labels.map("{}.example".format), min_size=1, max_size=5),
    "connection_config.is_domain_connection": st.sampled_from(list(BOOLEANS)),
    "connection_config.metadata": st.dictionaries(names.filter(bool), names, max_size=5),
    "provisioning_config.scopes": st.lists(st.sampled_from(["get:users", "put:groups"]), min_size=1, max_size=3),
    "provisioning_config.token_lifetime": st.integers(900, 10**18 - 1),
    "ttl_sec": st.integers(1, 432_000),
}
GOOD = list(GOOD_CELLS)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.fixed_dictionaries(GOOD_CELLS), min_size=1, max_size=4, unique_by=lambda row: row["organization_id"]),
    dialects,
    st.booleans(),
)
def test_what_a_good_row_says_is_what_is_asked_for(rows, dialect, lists_as_json):
    def cell(value):
        if isinstance(value, list) and not lists_as_json:
            return " ; ".join(value)
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    # Two organizations of one name would come to the same connection, so each row names its own.
    table = [[*(cell(row[column]) for column in GOOD), f"c{number}"] for number, row in enumerate(rows)]
    loaded = load_prospects(None, text=written([[*GOOD, "connection_name"], *table], dialect))
    assert loaded.invalid == []
    for row, request in zip(rows, kept(loaded, "good")[1], strict=True):
        body = request["body"]
        assert [request[column] for column in GOOD[:3]] == [row[column] for column in GOOD[:3]]
        assert body["domain_aliases_config"]["pending_domains"] == row["domains"]
        assert body["connection_config"]["metadata"] == row["connection_config.metadata"]
        assert (
            body["connection_config"]["is_domain_connection"] is BOOLEANS[row["connection_config.is_domain_connection"]]
        )
        assert body["provisioning_config"]["scopes"] == row["provisioning_config.scopes"]
        assert body["provisioning_config"]["token_lifetime"] == row["provisioning_config.token_lifetime"]
        assert body["ttl_sec"] == row["ttl_sec"]


def test_the_sample_of_bad_rows_stays_the_same_through_all_files():
    loaded = load_prospects(Path(__file__).parents[3] / "support" / "bad_rows.csv")
    manifest, requests = kept(loaded, "sample")
    assert manifest == loaded
    assert requests == [asdict(prospect) for prospect in loaded.valid]
