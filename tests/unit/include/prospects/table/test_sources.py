"""Folders and files that are unusual, unreadable, too large or being changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from upath import UPath

from include.prospects import ProspectsError, load_prospects
from include.prospects.table import sources
from tests.unit.include.prospects.inputs import workbook_of

HEADER = "organization_id\n"
LEFT_OUT = "left out, since only *.csv, *.tsv and *.xlsx of a folder are read"


def refusal_of(source, text=""):
    with pytest.raises(ProspectsError) as error:
        load_prospects(source, text=text)
    return "\n".join(error.value.problems)


def test_a_folder_is_read_without_its_subfolders_and_other_files(tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.csv" / "inner.txt").write_text("not read")
    assert "is a folder without *.csv, *.tsv and *.xlsx" in refusal_of(tmp_path)
    (tmp_path / "folder.csv" / "inner.csv").write_text(HEADER + "org_2\n")
    (tmp_path / "a.csv").write_text(HEADER + "org_1\n")
    loaded = load_prospects(tmp_path)
    assert [prospect.organization_id for prospect in loaded.valid] == ["org_1"]
    assert loaded.warnings == [f"folder.csv, notes.txt: {LEFT_OUT}"]


@pytest.mark.parametrize("address", ["{}", "file://{}", "memory://left-out{}"], ids=["path", "file", "object storage"])
def test_the_tables_of_a_folder_are_read_and_other_files_are_named(tmp_path, address):
    folder = UPath(address.format(tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("january.csv", "february.TSV", "march.csv.gz", ".DS_Store", "._january.csv", "~$april.xlsx"):
        (folder / name).write_bytes(HEADER.encode() + b"org_1\n")
    (folder / "april.xlsx").write_bytes(workbook_of([["organization_id"], ["org_2"]]))
    loaded = load_prospects(folder)
    assert [prospect.source for prospect in loaded.valid] == ["april.xlsx", "february.TSV", "january.csv"]
    assert loaded.warnings == [f"march.csv.gz: {LEFT_OUT}"]
    assert load_prospects(folder, text=HEADER + "org_1\n").warnings == []
    assert load_prospects(folder / "january.csv").warnings == []


def test_of_many_files_that_are_left_out_ten_are_named(tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + "org_1\n")
    for number in range(1_012):
        (tmp_path / f"{number:04d}\x1b.xls").write_bytes(b"")
    (warning,) = load_prospects(tmp_path).warnings
    assert warning.startswith("0000\\x1b.xls, 0001\\x1b.xls, ")
    assert warning.endswith(f"0009\\x1b.xls and 1,002 more: {LEFT_OUT}")


@pytest.mark.parametrize("whole_folder", [True, False])
def test_a_pipe_or_a_broken_link_is_refused(tmp_path, whole_folder):
    os.mkfifo(tmp_path / "a.csv")
    problem = f"prospects_uri '{tmp_path}/a.csv' can't be read: it is not a regular file"
    assert refusal_of(tmp_path if whole_folder else tmp_path / "a.csv") == problem
    (tmp_path / "a.csv").unlink()
    (tmp_path / "a.csv").symlink_to(tmp_path / "gone.csv")
    assert refusal_of(tmp_path) == problem


class Unreachable(type(Path())):
    """A path of a storage whose driver raises an exception of its own."""

    def exists(self, *args, **kwargs):
        raise type("DriverError", (Exception,), {})("no credentials\x1b[31m")


def test_an_error_of_a_storage_is_shown_without_its_control_characters(tmp_path):
    refusal = refusal_of(Unreachable(tmp_path))
    assert refusal == f"prospects_uri '{tmp_path}' can't be read: no credentials\\x1b[31m"


@pytest.mark.parametrize("name", ["\x1b[31mred.csv", "two\nlines.csv", "\u202efvs.csv", b"latin-\xe9.csv"])
def test_a_files_name_is_shown_without_its_control_characters(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    path.write_text("organization_id,ttl_sec\norg_1,never\n")
    (problem,) = load_prospects(tmp_path).invalid[0].problems
    path.write_text("")
    for text in (problem.source, refusal_of(path)):
        assert text.isprintable()
        assert ".csv" in text


class Replaced(type(Path())):
    """A file that another process replaces by one of the same size while it is open."""

    def open(self, *args, **kwargs):
        stream = super().open(*args, **kwargs)
        state = self.stat()
        os.utime(self, (state.st_atime, state.st_mtime + 1))
        return stream


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + "org_1\n")
    refusal = refusal_of(Replaced(tmp_path / "a.csv"))
    assert refusal.endswith("/a.csv' was changed while it was read: run again when it is complete")


@pytest.mark.parametrize("files", [1, 2])
def test_an_input_that_is_too_large_is_refused_however_it_is_divided(tmp_path, monkeypatch, files):
    monkeypatch.setattr(sources, "MAX_BYTES", 1_000)
    for number in range(files):
        (tmp_path / f"{number}.csv").write_text(HEADER + "x" * (1_001 // files))
    assert "divide it among several runs" in refusal_of(tmp_path)
    assert "divide it among several runs" in refusal_of(None, text=HEADER + "x" * 1_000)


def test_no_more_of_a_file_is_read_than_an_input_may_have(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MAX_BYTES", 1_000)
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(2**40)  # a sparse file: a terabyte that takes no room
    assert "divide it among several runs" in refusal_of(tmp_path)
