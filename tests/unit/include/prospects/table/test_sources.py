"""Folders and files that are odd, unreadable, too large or in motion."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from upath import UPath

from include.prospects import ProspectsError, load, load_prospects
from include.prospects.table import sources
from include.prospects.table.sources import read_sources

HEADER = "organization_id\n"


def refusal_of(source, text=""):
    with pytest.raises(ProspectsError) as error:
        load_prospects(source, text=text)
    return "\n".join(error.value.problems)


def test_a_folder_of_a_thousand_files_is_read_in_order(tmp_path):
    for number in range(1_000):
        (tmp_path / f"{number:04d}.csv").write_text(f"{HEADER}org_{number}\n")
    loaded = load_prospects(tmp_path)
    assert [(prospect.row, prospect.organization_id) for prospect in loaded.valid] == [
        (number + 1, f"org_{number}") for number in range(1_000)
    ]


def test_a_thousand_bad_files_are_told_by_the_first_and_a_count(tmp_path):
    for number in range(1_000):
        (tmp_path / f"{number:04d}.csv").write_text("organisation,nmae\nx,y\n")
    problems = refusal_of(tmp_path).splitlines()
    assert problems[0].startswith("0000.csv: unknown column 'organisation': did you mean 'organization")
    assert problems[-1] == "… and 2900 more problems"
    assert len(problems) == 101


def test_what_is_no_csv_is_passed_over_in_a_folder(tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.csv" / "inner.csv").write_text(HEADER + "org_2\n")
    (tmp_path / "a.csv").write_text(HEADER + "org_1\n")
    assert [prospect.organization_id for prospect in load_prospects(tmp_path).valid] == ["org_1"]


def test_a_file_that_is_no_csv_is_refused_by_what_it_is(tmp_path):
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04")
    assert refusal_of(tmp_path / "book.xlsx") == (
        "book.xlsx: is an Excel workbook or another ZIP archive: save it as CSV in UTF-8"
    )


def test_a_folder_whose_name_ends_like_a_csv_is_a_folder(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    assert "is a folder without *.csv files" in refusal_of(tmp_path / "folder.csv")


@pytest.mark.parametrize("whole_folder", [True, False])
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path, whole_folder):
    os.mkfifo(tmp_path / "a.csv")
    said = refusal_of(tmp_path if whole_folder else tmp_path / "a.csv")
    assert said == f"prospects_uri '{tmp_path}/a.csv' can't be read: it is no regular file"


def test_a_device_is_refused_instead_of_read_for_ever():
    assert refusal_of(Path("/dev/zero")) == "prospects_uri '/dev/zero' can't be read: it is no regular file"


class Forbidden(type(Path())):
    """A file that its reader may not open; the superuser, who runs tests in containers, may open any other."""

    def open(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))


class DriverError(Exception):
    """What the drivers of object storage raise has no base in common with anything."""


class Unreachable(type(Path())):
    """A path of a storage whose driver fails in its own way."""

    def exists(self, *args, **kwargs):
        raise DriverError("no credentials\x1b[31m")


def test_a_file_that_may_not_be_read_is_named_with_the_reason(tmp_path):
    (tmp_path / "a.csv").write_text(HEADER)
    said = refusal_of(Forbidden(tmp_path / "a.csv"))
    assert said.startswith(f"prospects_uri '{tmp_path}/a.csv' can't be read: [Errno 13] Permission denied")


def test_what_a_storage_raises_is_told_without_its_control_characters(tmp_path):
    said = refusal_of(Unreachable(tmp_path))
    assert said == f"prospects_uri '{tmp_path}' can't be read: no credentials\\x1b[31m"


@pytest.mark.parametrize("name", ["a\x00b.csv", "x" * 5_000 + ".csv"], ids=["NUL", "too long"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path, name):
    said = refusal_of(tmp_path / name)
    assert "prospects_uri" in said
    assert "\x00" not in said


@pytest.mark.parametrize("name", ["\x1b[31mred.csv", "two\nlines.csv", "\u202efvs.csv", b"latin-\xe9.csv"])
def test_a_files_name_is_told_without_its_control_characters(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    path.write_text("organization_id,ttl_sec\norg_1,never\n")
    (problem,) = load_prospects(tmp_path).invalid[0].problems
    path.write_text("")
    for said in (problem.source, refusal_of(path)):
        assert said.isprintable()
        assert ".csv" in said


class Growing(type(Path())):
    """A file that somebody else writes to whenever it is opened."""

    def open(self, *args, **kwargs):
        stream = super().open(*args, **kwargs)
        with open(self, "ab") as other:
            other.write(b"org_9")
        return stream


class Replaced(type(Path())):
    """A file that somebody else replaces by one of the same size while it is open."""

    def open(self, *args, **kwargs):
        stream = super().open(*args, **kwargs)
        state = self.stat()
        os.utime(self, (state.st_atime, state.st_mtime + 1))
        return stream


@pytest.mark.parametrize("kind", [Growing, Replaced])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, kind):
    (tmp_path / "a.csv").write_text(HEADER + "org_1\n")
    said = refusal_of(kind(tmp_path / "a.csv"))
    assert said.endswith("/a.csv' was changed while it was read: run again when it is complete")


@pytest.mark.parametrize("files", [1, 2])
def test_an_input_that_is_too_large_is_refused_however_it_is_divided(tmp_path, monkeypatch, files):
    monkeypatch.setattr(sources, "MOST_BYTES", 1_000)
    for number in range(files):
        (tmp_path / f"{number}.csv").write_text(HEADER + "x" * (1_001 // files))
    assert "divide it among several runs" in refusal_of(tmp_path)
    assert "divide it among several runs" in refusal_of(None, text=HEADER + "x" * 1_000)


def test_no_more_of_a_file_is_read_than_an_input_may_have(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MOST_BYTES", 1_000)
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(2**40)  # a sparse file: a terabyte that takes no room
    assert "divide it among several runs" in refusal_of(tmp_path)


def test_more_rows_than_a_run_takes_are_refused_once(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "MOST_ROWS", 1_999)
    for number in range(5):
        (tmp_path / f"{number}.csv").write_text(HEADER + "org_1\n" * 1_000)
    assert refusal_of(tmp_path) == "the input has over 1,999 rows: divide it among several runs"


@pytest.mark.parametrize("storage", ["memory://sources", "file://{}", "{}"])
def test_every_kind_of_path_gives_the_same_files(tmp_path, storage):
    folder = UPath(storage.format(tmp_path)) / "folder"
    folder.mkdir(parents=True)
    (folder / "b.csv").write_bytes(b"2")
    (folder / "a.CSV").write_bytes(b"1")
    assert list(read_sources(folder, "")) == [("a.CSV", b"1"), ("b.csv", b"2")]
