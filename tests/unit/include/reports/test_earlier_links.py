"""The links that the reports of earlier runs list."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from include.reports import ReportedLinks, newest_links

DAY = timedelta(days=1)
TENANT = "acme.example.com"
OURS = f'"tenant": "{TENANT}"'


def _write_summary(
    folder: Path, run: str, *, hours_ago: float, created: Any = 0, reused: int = 0, tenant: str = TENANT
) -> str:
    """Write the summary of a run; return when it ended."""
    finished_at = (datetime.now(UTC) - timedelta(hours=hours_ago)).isoformat(timespec="seconds")
    (folder / run).mkdir()
    (folder / run / "summary.json").write_text(
        json.dumps({"tenant": tenant, "created": created, "reused": reused, "finished_at": finished_at})
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
    assert newest_links(UPath(tmp_path), TENANT, DAY) == ReportedLinks(str(tmp_path / newest), finished_at, 3)


def test_a_report_whose_links_have_expired_does_not_count(tmp_path: Path) -> None:
    _write_summary(tmp_path, "manual__2026-11-05T00_00_00+00_00", hours_ago=25, created=2)
    assert newest_links(UPath(tmp_path), TENANT, DAY) is None


def test_the_report_of_another_tenant_does_not_count(tmp_path: Path) -> None:
    _write_summary(tmp_path, "manual__2026-11-05T00_00_00+00_00", hours_ago=1, created=2, tenant="sandbox.example.com")
    assert newest_links(UPath(tmp_path), TENANT, DAY) is None


def test_of_many_reports_only_the_newest_are_looked_at(tmp_path: Path) -> None:
    _write_summary(tmp_path, "a person's own name", hours_ago=1, created=1)
    for day in range(1, 50):
        _write_summary(tmp_path, f"manual__2026-11-{day:02d}T00_00_00+00_00", hours_ago=1)
    assert newest_links(UPath(tmp_path), TENANT, DAY) is not None
    _write_summary(tmp_path, "manual__2026-12-01T00_00_00+00_00", hours_ago=1)
    assert newest_links(UPath(tmp_path), TENANT, DAY) is None


@pytest.mark.parametrize(
    "text",
    [
        f'{{{OURS}, "created": "[open](//evil.example)", "reused": "", "finished_at": "2999-01-01T00:00:00Z"}}',
        f'{{{OURS}, "created": -1, "reused": 0, "finished_at": "2999-01-01T00:00:00Z"}}',
        f'{{{OURS}, "created": 1, "reused": 0, "finished_at": "2999-01-01T00:00:00"}}',
        "[" * 100_000,
    ],
    ids=["text for a count", "negative count", "time without a zone", "deeply nested"],
)
def test_a_summary_that_no_run_has_written_does_not_count(tmp_path: Path, text: str) -> None:
    (tmp_path / "manual__1").mkdir()
    (tmp_path / "manual__1" / "summary.json").write_text(text)
    assert newest_links(tmp_path, TENANT, DAY) is None


def test_a_pipe_in_the_place_of_a_summary_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "manual__1").mkdir()
    os.mkfifo(tmp_path / "manual__1" / "summary.json")
    search = threading.Thread(target=newest_links, args=[tmp_path, TENANT, DAY], daemon=True)
    search.start()
    search.join(10)
    assert not search.is_alive()


def test_a_missing_folder_has_no_report_and_one_that_can_not_be_listed_is_named_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert newest_links(tmp_path / "missing", TENANT, DAY) is None
    assert caplog.messages == []
    (tmp_path / "a file").touch()
    assert newest_links(tmp_path / "a file", TENANT, DAY) is None
    assert f"The folder of reports, {tmp_path / 'a file'}, can't be read" in caplog.messages[0]
