"""The folders of the runs' reports."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from include.reports import ReportedLinks, newest_links, run_folder

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("run_id", "name"),
    [
        ("scheduled__2026-01-01T00:00:00+00:00", "scheduled__2026-01-01T00_00_00+00_00"),
        ("manual__2026-01-01T00:00:00.123456+00:00_aB3", "manual__2026-01-01T00_00_00.123456+00_00_aB3"),
        ("manual__a@b=c.d", "manual__a@b=c.d"),
        ("x_1", "x_1"),
        ("x:1", "x_1-0b788078937c4c6e"),
    ],
)
def test_a_runs_folder_has_its_name(tmp_path: Path, run_id: str, name: str) -> None:
    assert run_folder(tmp_path, "create_sso_tickets", run_id) == tmp_path / "create_sso_tickets" / name


def test_runs_whose_names_differ_only_in_replaced_characters_have_different_folders() -> None:
    runs = ["x:1", "x_1", "x~1", "T00:00:00+00:00", "T00_00_00+00_00", "T00:00_00+00:00", "", "_", ".", "..", "a/b"]
    runs += [run_folder(Path("b"), "d", run).name for run in ("x:1", "x" * 300)]
    runs += ["x" * 300 + "1", "x" * 300 + "2"]
    assert len({run_folder(Path("b"), "d", run) for run in runs}) == len(runs)


@given(st.text(max_size=400), st.text(max_size=400))
def test_no_name_leaves_the_base_or_is_too_long(dag_id: str, run_id: str) -> None:
    folder = run_folder(Path("/base"), dag_id, run_id)
    assert folder.parent.parent == Path("/base")
    assert 1 <= len(folder.name) <= 200
    assert folder.name not in (".", "..")


def _write_summary(folder: Path, run: str, *, hours_ago: float, created: Any = 0, reused: int = 0) -> str:
    """Write the summary of a run; return when it ended."""
    finished_at = (datetime.now(UTC) - timedelta(hours=hours_ago)).isoformat(timespec="seconds")
    (folder / run).mkdir()
    (folder / run / "summary.json").write_text(
        json.dumps({"created": created, "reused": reused, "finished_at": finished_at})
    )
    return finished_at


def test_the_newest_report_with_links_is_found_among_those_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "manual__2026-11-09T00_00_00+00_00").mkdir()
    (tmp_path / "manual__2026-11-08T00_00_00+00_00").mkdir()
    (tmp_path / "manual__2026-11-08T00_00_00+00_00" / "summary.json").write_text("{")
    _write_summary(tmp_path, "manual__2026-11-07T00_00_00+00_00", hours_ago=1, created=None)
    _write_summary(tmp_path, "scheduled__2026-11-06T00_00_00+00_00", hours_ago=1)
    newest = "manual__2026-11-05T00_00_00+00_00"
    finished_at = _write_summary(tmp_path, newest, hours_ago=2, created=2, reused=1)
    _write_summary(tmp_path, "scheduled__2026-11-04T00_00_00+00_00", hours_ago=1, created=9)
    _write_summary(tmp_path, "named by a person", hours_ago=1, created=9)
    assert newest_links(UPath(tmp_path), DAY) == ReportedLinks(str(tmp_path / newest), finished_at, 3)


def test_a_report_whose_links_have_expired_does_not_count(tmp_path: Path) -> None:
    _write_summary(tmp_path, "manual__2026-11-05T00_00_00+00_00", hours_ago=25, created=2)
    assert newest_links(UPath(tmp_path), DAY) is None


def test_of_many_reports_only_the_newest_are_looked_at(tmp_path: Path) -> None:
    _write_summary(tmp_path, "a person's own name", hours_ago=1, created=1)
    for day in range(1, 50):
        _write_summary(tmp_path, f"manual__2026-11-{day:02d}T00_00_00+00_00", hours_ago=1)
    assert newest_links(UPath(tmp_path), DAY) is not None
    _write_summary(tmp_path, "manual__2026-12-01T00_00_00+00_00", hours_ago=1)
    assert newest_links(UPath(tmp_path), DAY) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"created": "[open](//evil.example)", "reused": "", "finished_at": "2999-01-01T00:00:00Z"}',
        '{"created": -1, "reused": 0, "finished_at": "2999-01-01T00:00:00Z"}',
        '{"created": 1, "reused": 0, "finished_at": "2999-01-01T00:00:00"}',
        "[" * 100_000,
    ],
    ids=["text for a count", "negative count", "time without a zone", "deeply nested"],
)
def test_a_summary_that_no_run_has_written_does_not_count(tmp_path: Path, text: str) -> None:
    (tmp_path / "manual__1").mkdir()
    (tmp_path / "manual__1" / "summary.json").write_text(text)
    assert newest_links(tmp_path, DAY) is None


def test_a_pipe_in_the_place_of_a_summary_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "manual__1").mkdir()
    os.mkfifo(tmp_path / "manual__1" / "summary.json")
    search = threading.Thread(target=newest_links, args=[tmp_path, DAY], daemon=True)
    search.start()
    search.join(10)
    assert not search.is_alive()


def test_a_missing_folder_has_no_report_and_one_that_can_not_be_listed_is_named_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert newest_links(tmp_path / "missing", DAY) is None
    assert caplog.messages == []
    (tmp_path / "a file").touch()
    assert newest_links(tmp_path / "a file", DAY) is None
    assert f"The folder of reports, {tmp_path / 'a file'}, can't be read" in caplog.messages[0]
