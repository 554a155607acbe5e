"""A run as a whole: its own folder, and whether it is complete."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from include import create_tickets
from include.run import IncompleteRunError, require_complete, run_folder
from tests.unit.include.prospects.inputs import csv_of

HOSTILE_NAMES = ["../../../escaped", "/etc/passwd", "..\\..\\escaped", "a/../../b", "~/x", "%2e%2e/x", "."]
HOSTILE_RUNS = ["../../escaped", "/etc/passwd", "a\x00b", "..", "", "a/b", "\u202e", "x" * 5_000, "con\nsole"]


@pytest.mark.parametrize("run_id", HOSTILE_RUNS)
def test_every_file_of_a_run_is_in_the_runs_own_folder(tmp_path: Path, run_id: str) -> None:
    base = tmp_path / "far" / "down" / "reports"
    bad = [[name, name, name, name] for name in HOSTILE_NAMES]
    good = [[f"org_{number}", name, name, f"c{number}"] for number, name in enumerate(HOSTILE_NAMES)]
    text = csv_of(["organization_id", "organization_name", "prospect_name", "connection_name"], *bad, *good)
    run = SimpleNamespace(dag_id=run_id, run_id=run_id, start_date=None)
    folder = Path(run_folder(base, run))
    loaded = create_tickets.load(None, text, 0, folder)
    found = create_tickets.read(Path(loaded["manifest"]))
    assert len(create_tickets.plan(found, 128, folder)) == len(HOSTILE_NAMES)
    summary = create_tickets.export(found, [], [], folder, run)["summary"]
    assert summary["not_attempted"] == summary["invalid"] == len(HOSTILE_NAMES)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.relative_to(folder).parts[0] for path in files} == {
        "manifest.jsonl", "plan", "report.html", "summary.json", "tickets.csv", "tickets.xlsx",
    }  # fmt: skip
    assert folder.resolve().parent.parent == base.resolve()


def exported(failed: int, not_attempted: int, incomplete_rows: list[int]) -> dict[str, object]:
    counts = {"rows": 99, "failed": failed, "not_attempted": not_attempted, "incomplete_rows": incomplete_rows}
    return {"report_uri": "s3://bucket/run", "summary": counts}


def test_a_run_with_incomplete_rows_fails_and_names_them_and_the_remedy() -> None:
    with pytest.raises(IncompleteRunError) as error:
        require_complete(exported(2, 0, [3, 7]), "Fix these rows in the CSV.")
    assert str(error.value) == (
        "2 failed of 99 rows: the report says why, row by row: s3://bucket/run (rows 3, 7). Fix these rows in the CSV. "
        "Then clear the failed tasks or trigger another run: rows that are done are not done again."
    )
    with pytest.raises(IncompleteRunError, match=r"^1 failed and 2 not attempted of 99 rows: .*\(rows 3, 7, …\)"):
        require_complete(exported(1, 2, [3, 7]))


def test_a_run_without_a_report_fails() -> None:
    with pytest.raises(IncompleteRunError, match="There is no report"):
        require_complete(None)
