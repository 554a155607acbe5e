"""The report's files: names, permissions and summary, local and in object storage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from auth0_sso.models import Outcome, RevocationOutcome, RevocationStatus, TicketStatus

from include.reports import RateSample, RunInfo, read_tickets, write_report, write_revocations

RUN = RunInfo(
    "create_sso_tickets", "run", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:09+00:00", 9.25,
    requests=4, rate_limited=1, warnings=["row 1: Łódź"], samples=[RateSample(7, 2, 1.5)], tenant="acme.example.com",
    replaced=1, replaced_rows=[2],
)  # fmt: skip
FILES = {"tickets.csv", "tickets.xlsx", "report.html", "summary.json"}


def rows_of(*statuses: str) -> list[Outcome]:
    return [
        Outcome(row=n, organization_id=f"org_{n % 2}", organization_name="Acme", status=status)
        for n, status in enumerate(statuses, 1)
    ]


def test_the_summary_counts_every_status_and_names_every_file(tmp_path: Path) -> None:
    rows = [
        *rows_of("created", "created", "failed", "invalid"),
        Outcome(row=5, organization_id="", status="reused", duplicate_possible=True),
    ]
    summary = write_report(tmp_path, rows, RUN)
    assert json.loads((tmp_path / "summary.json").read_text()) == {**summary, "request_rate": [[7, 2, 1.5]]}
    assert {status: summary[status] for status in tuple(TicketStatus)} == {
        "created": 2, "reused": 1, "planned": 0, "conflict": 0, "finished": 0, "failed": 1, "invalid": 1,
        "not_attempted": 0,
    }  # fmt: skip
    assert summary["files"] == {name: str(tmp_path / name) for name in FILES}
    rest = {key: summary[key] for key in summary if key not in tuple(TicketStatus) and key != "files"}
    assert rest == {
        "dag_id": "create_sso_tickets",
        "run_id": "run",
        "rows": 5,
        "organizations": 2,
        "duplicate_possible": 1,
        "incomplete_rows": [3],
        "requests": 4,
        "rate_limited": 1,
        "seconds": 9.25,
        "started_at": "2026-01-01T00:00:00+00:00",
        "finished_at": "2026-01-01T00:00:09+00:00",
        "warnings": ["row 1: Łódź"],
        "tenant": "acme.example.com",
        "replaced": 1,
        "replaced_rows": [2],
    }


def test_a_summary_names_the_first_incomplete_rows_only(tmp_path: Path) -> None:
    summary = write_report(tmp_path, rows_of("created", *["failed", "not_attempted"] * 50), RUN)
    assert summary["incomplete_rows"] == list(range(2, 22))


def test_writing_again_replaces_the_older_report(tmp_path: Path) -> None:
    write_report(tmp_path, rows_of("failed", "failed"), RUN)
    assert write_report(tmp_path, [], RUN)["rows"] == 0
    assert read_tickets(tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_the_summary_is_written_last_and_contains_no_ticket(tmp_path: Path) -> None:
    url = "https://tenant.example.com/?ticket=s3cr3t"
    write_report(tmp_path, [Outcome(row=1, status="created", ticket_url=url, ticket_id="s3cr3t")], RUN)
    assert "s3cr3t" not in (tmp_path / "summary.json").read_text()
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert max(times, key=times.__getitem__) == "summary.json"


def revocation(status: str, **cells: Any) -> RevocationOutcome:
    values = {"organization_id": "org_1", "organization_name": "=Acme", "prospect": "ada", **cells}
    return RevocationOutcome(status=RevocationStatus(status), **values)


def test_a_report_of_revocations_has_no_urls(tmp_path: Path) -> None:
    url = "https://tenant.example.com/?ticket=a"
    rows = [
        revocation("revoked", ticket_id="t1", revoked_at="2026-01-01T00:00:05+00:00"),
        revocation("replaced", revoked_by="create_sso_tickets/run-2"),
        revocation("expired"),
    ]
    summary = write_revocations(tmp_path, rows, RUN)
    assert [summary[name] for name in ("revoked", "replaced", "expired", "failed", "rows")] == [1, 1, 1, 0, 3]
    assert "3 of 3 links are no longer valid" in (tmp_path / "report.html").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {
        "revocations.csv", "revocations.xlsx", "report.html", "summary.json",
    }  # fmt: skip
    table = (tmp_path / "revocations.csv").read_text(encoding="utf-8-sig")
    assert table.splitlines()[0] == (
        "organization_id,organization_name,prospect,connection_name,status,ticket_id,created_at,expires_at,"
        "revoked_at,revoked_by,error"
    )
    assert "'=Acme" in table
    assert not [path.name for path in tmp_path.iterdir() if url.encode() in path.read_bytes()]
