"""The manifest is read as it was written."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from auth0_sso.models import TicketStatus

from include.files import ChangedFileError
from include.prospects import (
    ProspectsError,
    load_prospects,
    read_lines,
    read_manifest,
    read_rows,
    write_manifest,
)
from include.prospects.manifest import error_line, is_invalid_row, manifest_lines, read_row

BAD_ROWS = Path(__file__).parents[3] / "support" / "bad_rows.csv"


def test_a_manifest_is_one_line_a_row_in_row_order(tmp_path):
    loaded = load_prospects(BAD_ROWS)
    path, sha256 = write_manifest(loaded, tmp_path / "run" / "1")
    assert path == str(tmp_path / "run" / "1" / "manifest.jsonl")
    assert read_manifest(Path(path), sha256) == loaded
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
        read_manifest(tmp_path / "x.jsonl", hashlib.sha256(text.encode()).hexdigest())


def test_a_rows_language_is_in_the_manifest_and_not_in_the_request(tmp_path):
    path, sha256 = write_manifest(load_prospects(None, text="organization_id,language\norg_1,pt-BR\n"), tmp_path)
    (request,) = read_rows(Path(path), sha256).requests
    assert request.language == "pt-BR"
    assert "pt-BR" not in json.dumps(request.body)


@pytest.mark.parametrize("read", [read_manifest, read_rows])
def test_a_manifest_whose_content_was_changed_is_refused_and_the_error_says_what_to_clear(tmp_path, read):
    path, sha256 = write_manifest(load_prospects(None, text="organization_id\norg_1\n"), tmp_path)
    file = Path(path)
    file.write_bytes(file.read_bytes().replace(b"org_1", b"org_2"))
    with pytest.raises(ChangedFileError, match=r"manifest\.jsonl is not as .* clear load_prospects and all"):
        read(file, sha256)


def test_a_manifest_that_another_worker_has_written_on_its_own_disk_says_what_to_set(tmp_path):
    with pytest.raises(FileNotFoundError, match="All workers must reach the run's folder: set report_uri to object"):
        read_manifest(tmp_path / "manifest.jsonl", "")


def test_an_input_that_cannot_be_used_is_one_line_and_the_reader_raises_it_again():
    with pytest.raises(ProspectsError) as error:
        read_lines([error_line(ProspectsError(["a.csv: is empty", "b.csv: is empty"]))])
    assert error.value.problems == ["a.csv: is empty", "b.csv: is empty"]


def test_the_rows_for_the_report_are_requests_and_outcomes_with_the_problems_as_text(tmp_path):
    text = "organization_id,ttl_sec,domains\norg_1,,\norg_2,soon,a b;c d\n"
    found = load_prospects(None, text=text)
    path, sha256 = write_manifest(found, tmp_path)
    rows = read_rows(Path(path), sha256)
    assert rows.requests == found.valid
    assert rows.warnings == found.warnings
    (invalid,) = rows.invalid
    assert (invalid.row, invalid.organization_id, invalid.source) == (2, "org_2", "prospects_csv")
    assert (invalid.status, invalid.error) == (TicketStatus.INVALID, found.invalid[0].error)


def test_the_line_of_an_invalid_row_is_known_by_how_it_begins():
    found = load_prospects(None, text="organization_id,ttl_sec\norg_1,\norg_2,soon\n")
    _, valid, invalid = manifest_lines(found)
    assert (is_invalid_row(valid), is_invalid_row(invalid)) == (False, True)
    assert (read_row(valid), read_row(invalid)) == (found.valid[0], found.invalid[0])


def test_an_error_names_its_row_once_and_each_cell_once():
    (row,) = load_prospects(None, text="organization_id,ttl_sec,domains\norg_2,soon,a b;c d\n").invalid
    assert row.error.count("row 1") == 1
    assert row.error.count("column domains, value 'a b;c d': item 1: ") == 1
    assert "; item 2: must be a domain name" in row.error
    assert "; column domains" in row.error or "; column ttl_sec" in row.error
