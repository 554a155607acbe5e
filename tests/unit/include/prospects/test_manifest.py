"""The manifest is read as it was written."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from include.files import ChangedFileError
from include.prospects import (
    ProspectsError,
    load_prospects,
    manifest_rows,
    read_lines,
    read_manifest,
    read_rows,
    write_manifest,
)
from include.prospects.manifest import error_line

BAD_ROWS = Path(__file__).parents[3] / "support" / "bad_rows.csv"


def test_a_manifest_is_one_line_a_row_in_row_order(tmp_path):
    loaded = load_prospects(BAD_ROWS)
    written = write_manifest(loaded, tmp_path / "run" / "1")
    path = written["manifest"]
    assert path == str(tmp_path / "run" / "1" / "manifest.jsonl")
    assert read_manifest(Path(path), written["sha256"]) == loaded
    head, *rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
    assert head == {"kind": "head", "warnings": [], "rows": 39}
    assert [row["row"] for row in rows] == list(range(1, 40))
    assert [row["row"] for row in rows if row["kind"] == "valid"] == [item.row for item in loaded.valid]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        '{"kind": "ticket"}',
        '{"kind": "head", "warnings": [], "rows": 1}',
        '{"kind": "head", "warnings": [], "rows": 1}\n{"kind": "valid"}',
        '{"kind": "head", "warnings": [], "rows": 1}\n{"row": 1}',
    ],
    ids=["empty", "no JSON", "no object", "no head", "cut off", "a row without fields", "a row without a kind"],
)
def test_another_file_is_no_manifest(tmp_path, text):
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(ChangedFileError, match="is not as load_prospects wrote it, so nothing of it is used"):
        read_manifest(tmp_path / "x.jsonl", sha256(text.encode()).hexdigest())


@pytest.mark.parametrize("read", [read_manifest, read_rows])
def test_a_manifest_whose_content_was_changed_is_refused_and_the_error_says_what_to_clear(tmp_path, read):
    written = write_manifest(load_prospects(None, text="organization_id\norg_1\n"), tmp_path)
    file = Path(written["manifest"])
    file.write_bytes(file.read_bytes().replace(b"org_1", b"org_2"))
    with pytest.raises(ChangedFileError, match=r"manifest\.jsonl is not as .* clear load_prospects and all"):
        read(file, written["sha256"])


def test_a_manifest_that_another_worker_has_written_on_its_own_disk_says_what_to_set(tmp_path):
    with pytest.raises(FileNotFoundError, match="All workers must reach the run's folder: set report_uri to object"):
        read_manifest(tmp_path / "manifest.jsonl", "")


def test_an_input_that_cannot_be_used_is_one_line_and_the_reader_raises_it_again():
    with pytest.raises(ProspectsError) as error:
        read_lines([error_line(ProspectsError(["a.csv: is empty", "b.csv: is empty"]))])
    assert error.value.problems == ["a.csv: is empty", "b.csv: is empty"]


def test_the_rows_for_the_report_have_the_fields_of_their_requests_or_an_error():
    rows = manifest_rows(load_prospects(None, text="organization_id,ttl_sec\norg_1,\norg_2,soon\n"))
    assert [(row["row"], row["organization_id"], row["source"]) for row in rows] == [
        (1, "org_1", "prospects_csv"),
        (2, "org_2", "prospects_csv"),
    ]
    assert rows[0]["error"] == ""
    assert rows[0]["body"]["enabled_organizations"] == [{"organization_id": "org_1"}]
    assert rows[1]["error"].startswith("row 2, column ttl_sec, value 'soon': must be a whole number")


def test_the_rows_for_the_report_are_read_without_their_single_problems(tmp_path):
    text = "organization_id,ttl_sec,domains\norg_1,,\norg_2,soon,a b;c d\n"
    found = load_prospects(None, text=text)
    written = write_manifest(found, tmp_path)
    rows, warnings = read_rows(Path(written["manifest"]), written["sha256"])
    assert (rows, warnings) == (manifest_rows(found), found.warnings)
    assert "problems" not in rows[1]


def test_an_error_names_its_row_once_and_each_cell_once():
    (row,) = load_prospects(None, text="organization_id,ttl_sec,domains\norg_2,soon,a b;c d\n").invalid
    assert row.error.count("row 1") == 1
    assert row.error.count("column domains, value 'a b;c d': item 1: ") == 1
    assert "; item 2: must be a domain name" in row.error
    assert "; column domains" in row.error or "; column ttl_sec" in row.error
