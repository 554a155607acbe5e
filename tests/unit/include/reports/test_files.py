"""The report's files: names, permissions, wholeness, local and in object storage."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from include.reports import (
    STATUSES,
    ReportRow,
    RunInfo,
    read_tickets,
    run_folder,
    write_report,
    write_revocations,
)

RUN = RunInfo(
    "create_sso_tickets", "run", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:09+00:00", 9.25,
    requests=4, rate_limited=1, warnings=["row 1: Łódź"],
)  # fmt: skip
FILES = {"tickets.csv", "tickets.xlsx", "report.html", "summary.json"}


def rows_of(*statuses: str) -> list[ReportRow]:
    return [ReportRow(n, f"org_{n % 2}", "Acme", status=status) for n, status in enumerate(statuses, 1)]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


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
def test_a_runs_folder_bears_its_name(tmp_path: Path, run_id: str, name: str) -> None:
    assert run_folder(tmp_path, "create_sso_tickets", run_id) == tmp_path / "create_sso_tickets" / name


def test_runs_whose_names_look_alike_on_a_disk_have_folders_of_their_own() -> None:
    runs = ["x:1", "x_1", "x~1", "T00:00:00+00:00", "T00_00_00+00_00", "T00:00_00+00:00", "", "_", ".", "..", "a/b"]
    runs += [run_folder(Path("b"), "d", run).name for run in ("x:1", "x" * 300)]
    assert len({run_folder(Path("b"), "d", run) for run in runs}) == len(runs)


@given(st.text(max_size=400), st.text(max_size=400))
def test_no_name_leaves_the_base_or_is_too_long(dag_id: str, run_id: str) -> None:
    folder = run_folder(Path("/base"), dag_id, run_id)
    assert folder.parent.parent == Path("/base")
    assert 1 <= len(folder.name) <= 200
    assert folder.name not in (".", "..")


def test_long_names_that_differ_at_the_end_stay_different() -> None:
    assert run_folder(Path("b"), "d", "x" * 300 + "1") != run_folder(Path("b"), "d", "x" * 300 + "2")


def test_a_local_report_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    write_report(folder, rows_of("created"), RUN)
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == dict.fromkeys(FILES, 0o600)


@pytest.mark.parametrize("uri", ["{}", "file://{}"])
def test_a_local_folder_is_private_whatever_kind_of_path_names_it(tmp_path: Path, uri: str) -> None:
    write_report(UPath(uri.format(tmp_path / "run")), rows_of("created"), RUN)
    assert mode(tmp_path / "run" / "tickets.csv") == 0o600


def test_object_storage_gets_the_same_files() -> None:
    folder = run_folder(UPath("memory://bucket/reports"), "create_sso_tickets", "run:1")
    summary = write_report(folder, rows_of("created", "failed"), RUN)
    assert {path.name for path in folder.iterdir()} == FILES
    assert json.loads((folder / "summary.json").read_text()) == summary
    assert [row["status"] for row in read_tickets(folder)] == ["created", "failed"]


def test_the_summary_counts_every_status_and_names_every_file(tmp_path: Path) -> None:
    rows = [
        *rows_of("created", "created", "failed", "invalid"),
        ReportRow(5, "", status="reused", duplicate_possible=True),
    ]
    summary = write_report(tmp_path, rows, RUN)
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert {status: summary[status] for status in STATUSES} == {
        "created": 2, "reused": 1, "planned": 0, "conflict": 0, "failed": 1, "invalid": 1, "not_attempted": 0,
    }  # fmt: skip
    assert summary["files"] == {name: str(tmp_path / name) for name in FILES}
    rest = {key: summary[key] for key in summary if key not in STATUSES and key != "files"}
    assert rest == {
        "dag_id": "create_sso_tickets",
        "run_id": "run",
        "rows": 5,
        "organizations": 2,
        "duplicate_possible": 1,
        "requests": 4,
        "rate_limited": 1,
        "seconds": 9.25,
        "started_at": "2026-01-01T00:00:00+00:00",
        "finished_at": "2026-01-01T00:00:09+00:00",
        "warnings": ["row 1: Łódź"],
    }


def test_a_summary_holds_no_ticket(tmp_path: Path) -> None:
    row = ReportRow(1, status="created", ticket_url="https://tenant.example.com/?ticket=s3cr3t", ticket_id="s3cr3t")
    write_report(tmp_path, [row], RUN)
    assert "s3cr3t" not in (tmp_path / "summary.json").read_text()


def test_an_empty_run_has_a_report_too(tmp_path: Path) -> None:
    assert write_report(tmp_path, [], RUN)["rows"] == 0
    assert read_tickets(tmp_path) == []


def test_writing_again_replaces_the_older_report(tmp_path: Path) -> None:
    write_report(tmp_path, rows_of("failed", "failed"), RUN)
    write_report(tmp_path, rows_of("created"), RUN)
    assert [row["status"] for row in read_tickets(tmp_path)] == ["created"]
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_the_summary_is_written_last(tmp_path: Path) -> None:
    write_report(tmp_path, rows_of("created"), RUN)
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert max(times, key=times.__getitem__) == "summary.json"


def test_two_thousand_rows_are_all_written(tmp_path: Path) -> None:
    rows = [
        ReportRow(n, f"org_{n // 20}", f"Org {n // 20}", "Ada", "ada@example.com", "acme", "created",
                  f"https://tenant.example.com/self-service/connections-flow?ticket={n:032}", f"{n:032}")
        for n in range(1, 2_001)
    ]  # fmt: skip
    assert write_report(tmp_path, rows, RUN)["created"] == 2_000
    assert (tmp_path / "report.html").stat().st_size < 2_000_000
    assert len(read_tickets(tmp_path)) == 2_000


def revocation(status: str, **cells: Any) -> dict[str, Any]:
    return {
        "organization_id": "org_1",
        "organization_name": "=Acme",
        "prospect": "ada",
        "status": status,
        **cells,
    }


def test_revocations_have_a_report_of_their_own_without_urls(tmp_path: Path) -> None:
    url = "https://tenant.example.com/?ticket=a"
    rows = [
        revocation("revoked", ticket_url=url, revoked_at="2026-01-01T00:00:05+00:00"),
        revocation("replaced", revoked_by="create_sso_tickets/run-2"),
        revocation("expired"),
    ]
    summary = write_revocations(tmp_path, rows, RUN)
    assert [summary[name] for name in ("revoked", "replaced", "expired", "failed", "rows")] == [1, 1, 1, 0, 3]
    assert "3 of 3 links are dead" in (tmp_path / "report.html").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {
        "revocations.csv", "revocations.xlsx", "report.html", "summary.json",
    }  # fmt: skip
    table = (tmp_path / "revocations.csv").read_text()
    assert table.splitlines()[0] == (
        "organization_id,organization_name,prospect,connection_name,status,ticket_id,created_at,expires_at,"
        "revoked_at,revoked_by,error"
    )
    assert "'=Acme" in table
    assert not [path.name for path in tmp_path.iterdir() if url.encode() in path.read_bytes()]


def test_a_revocation_with_an_unknown_status_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="revocation 2: status 'gone' is none of revoked, "):
        write_revocations(tmp_path, [revocation("revoked"), revocation("gone")], RUN)
