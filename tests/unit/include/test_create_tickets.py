"""The steps of a run on bad input: what it ends with, what it logs, and where its files are."""

from __future__ import annotations

import csv
import io
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Param

from include import create_tickets, reports, revoke_tickets
from include.params import CREATE_PARAMS
from include.prospects import ProspectsError
from include.run import absolute, require_complete, run_folder

HOSTILE_NAMES = [
    "../../../escaped",
    "/etc/passwd",
    "..\\..\\escaped",
    "C:\\escaped",
    "a/../../b",
    "~/x",
    "%2e%2e/x",
    ".",
]
HOSTILE_RUNS = ["../../escaped", "/etc/passwd", "a\x00b", "..", ".", "", "a/b", "\u202e", "x" * 5_000, "con\nsole"]


@dataclass
class Run:
    """What a DAG run tells of itself."""

    run_id: str = "manual__1"
    dag_id: str = "create_sso_tickets"
    start_date: datetime | None = None


def csv_of(*rows: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def taken_through(text: str, folder: Path, run: Run, on_invalid_rows: str = "skip") -> tuple[list[Any], dict[str, Any]]:
    """Take a CSV through all steps but the sending; return the plan and what the export returned."""
    loaded = create_tickets.load(None, text, 0, folder)
    found = create_tickets.read(Path(loaded["manifest"]), on_invalid_rows=on_invalid_rows)
    planned = create_tickets.plan(found, 128, folder)
    return planned, create_tickets.export(found, [], [], folder, run)


def test_a_run_of_only_invalid_rows_sends_nothing_and_is_green_with_a_report(tmp_path: Path) -> None:
    planned, exported = taken_through("organization_id,ttl_sec\norg_1,soon\nbad id,\n,9\n", tmp_path, Run())
    assert planned == []
    assert (exported["summary"]["rows"], exported["summary"]["invalid"]) == (3, 3)
    assert [row["status"] for row in reports.read_tickets(tmp_path)] == ["invalid"] * 3
    assert all(row["error"].startswith(f"row {row['row']}, column ") for row in reports.read_tickets(tmp_path))
    require_complete(exported)


def test_a_run_of_only_invalid_rows_fails_before_its_plan_when_it_is_told_to(tmp_path: Path) -> None:
    with pytest.raises(create_tickets.InvalidRowsError) as error:
        taken_through("organization_id\n" + "bad id\n" * 1_000, tmp_path, Run(), on_invalid_rows="fail")
    lines = str(error.value).splitlines()
    assert lines[0] == "1000 rows are invalid and on_invalid_rows is 'fail', so nothing is sent:"
    assert lines[1].startswith("row 1, column organization_id, value 'bad id': ")
    assert lines[-2] == "… and 980 more, see the report"
    assert not (tmp_path / "plan").exists()


def test_a_whole_number_may_be_written_with_a_point(tmp_path: Path) -> None:
    hour, one = 3600.0, 1.0  # as they come from JSON; the parameters' schema takes them for integers
    assert Param(**CREATE_PARAMS["ttl_sec"]).resolve(hour) is hour
    loaded = create_tickets.load(None, "organization_id\norg_1\norg_2\n", hour, tmp_path)  # type: ignore[arg-type]
    assert (loaded["valid"], loaded["invalid"]) == (2, 0)
    found = create_tickets.read(Path(loaded["manifest"]))
    assert [type(prospect.body["ttl_sec"]) for prospect in found.valid] == [int, int]
    assert len(create_tickets.plan(found, one, tmp_path)) == 1  # type: ignore[arg-type]
    tickets = [{"key": "a", "created_at": 1.0}, {"key": "b", "created_at": 2.0}]
    assert len(revoke_tickets.plan(tickets, [], one, tmp_path)) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["organization_id\n", "organization_id\n\n,\n", ",,\n,,\n", "\ufeff\n\n"])
def test_an_input_without_rows_fails_the_run_and_leaves_nothing_behind(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProspectsError, match=r"the input has no rows|is empty"):
        create_tickets.load(None, text, 0, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("run_id", HOSTILE_RUNS)
def test_every_file_of_a_run_is_in_the_runs_own_folder(tmp_path: Path, run_id: str) -> None:
    base = tmp_path / "far" / "down" / "reports"
    bad = [[name, name, name, name] for name in HOSTILE_NAMES]
    good = [[f"org_{number}", name, name, f"c{number}"] for number, name in enumerate(HOSTILE_NAMES)]
    text = csv_of(["organization_id", "organization_name", "prospect_name", "connection_name"], *bad, *good)
    run = Run(run_id, dag_id=run_id)
    folder = Path(run_folder(base, run))
    planned, exported = taken_through(text, folder, run)
    assert len(planned) == exported["summary"]["not_attempted"] == exported["summary"]["invalid"] == len(HOSTILE_NAMES)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.relative_to(folder).parts[0] for path in files} == {
        "manifest.jsonl",
        "plan",
        "report.html",
        "summary.json",
        "tickets.csv",
        "tickets.xlsx",
    }
    assert folder.resolve().parent.parent == base.resolve()


@pytest.mark.parametrize(
    "escape", ["\x1b[31m", "\x9b31m", "\u202e", "\u2066", "\r\nINFO all is well", "\x07", "\u2028"]
)
def test_what_is_logged_of_a_bad_row_can_be_read_in_any_terminal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, escape: str
) -> None:
    name = f"Ac{escape}me"
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / f"{name.replace('/', '')}.csv").write_text(
        csv_of(["organization_id", "organization_name", "domains"], [name, name, name], ["org_1", name, f'["{name}"]']),
        newline="",
    )
    (folder / f"empty {name}.csv").write_text("organization_id\n")
    with caplog.at_level(logging.INFO, logger="include.create_tickets"):
        loaded = create_tickets.load(folder, "", 0, tmp_path / "run")
    assert (loaded["valid"], loaded["invalid"]) == (0, 2)
    assert len(caplog.messages) == 3
    assert not [message for message in caplog.messages if not message.isprintable()]


def test_a_log_names_the_first_bad_rows_and_not_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    create_tickets.load(None, "organization_id\n" + "bad id\n" * 1_000, 0, tmp_path)
    assert len(caplog.messages) == 20


@pytest.mark.parametrize("uri", ["~nobody-of-that-name/in.csv", "../in.csv", "in\x00.csv"])
def test_a_path_that_leads_nowhere_is_told_as_such(tmp_path: Path, uri: str) -> None:
    with pytest.raises(ProspectsError, match=r"^prospects_uri '.*' (does not exist|can't be read)"):
        create_tickets.load(Path(absolute(uri)), "", 0, tmp_path / "run")
