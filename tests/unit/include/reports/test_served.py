"""The page in Airflow is made from the run's files, which others may have written, and has no link in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.models import COLUMNS, Outcome, RevocationOutcome, RevocationStatus

from include.reports import RateSample, RunInfo, write_report, write_revocations
from include.reports.tables import csv_parts, table_of
from include.reports.webpage.page import page_parts
from include.reports.webpage.served import MAX_BYTES, read_links, served_page
from include.reports.webpage.views import revocation_page, ticket_page

URL = "https://tenant.example.com/self-service/connections-flow?ticket="
URLS: dict[str, Any] = {"links_url": "/links", "downloads_url": "/files", "navigation": {"Runs": "/runs?a=1&b=2"}}
RUN = RunInfo(
    "create_sso_tickets", "run", "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z", 9.25, requests=4, rate_limited=1,
    samples=[RateSample(1_790_000_000, 2, 1.5), RateSample(1_790_000_001, 0, 1.5)], warnings=["row 1: Łódź"],
)  # fmt: skip
ROWS = [
    Outcome(
        row=1,
        organization_id="org_1",
        organization_name="=Acme",
        prospect_name="Ada",
        prospect_email="ada@acme.example",
        connection_name="acme-saml",
        status="created",
        ticket_url=URL + "s3cr3t1",
        ticket_id="s3cr3t1",
        expires_at="2026-01-06T00:00:00Z",
        created_at="2026-01-01T00:00:05Z",
        attempts=1,
        duplicate_possible=True,
        error="",
        source="a.csv",
    ),
    Outcome(row=2, organization_id="org_1", organization_name="Acme", status="failed", error="<b>no\nlink</b>"),
    Outcome(
        row=5,
        organization_id="org_2",
        organization_name="Globex",
        status="reused",
        ticket_url=URL + "s3cr3t5",
        ticket_id="s3cr3t5",
    ),
]
REVOCATIONS = [
    RevocationOutcome(
        organization_id="org_1", prospect="ada|acme", connection_name="acme", status=RevocationStatus.REVOKED
    ),
    RevocationOutcome(
        organization_id="org_2", organization_name="@Globex", status=RevocationStatus.FAILED, error="503"
    ),
]

Read = Callable[[str], bytes]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    write_report(tmp_path, ROWS, RUN)
    return tmp_path


def reader_of(folder: Path, **changes: bytes) -> Read:
    """Return a function that reads a folder's files, some of them changed."""
    changed = {"summary.json": changes.get("summary"), "tickets.csv": changes.get("tickets")}
    return lambda name: changed.get(name) or (folder / name).read_bytes()


def changed_summary(folder: Path, **changes: Any) -> Read:
    summary = json.loads((folder / "summary.json").read_text())
    return reader_of(folder, summary=json.dumps({**summary, **changes}).encode())


def test_the_page_shows_what_the_exported_one_does(report: Path) -> None:
    page = served_page(reader_of(report), **URLS)
    assert page == b"".join(page_parts(ticket_page(ROWS, RUN), **URLS))
    assert b'<a href="/runs?a=1&amp;b=2">Runs</a>' in page


def test_the_page_of_revocations_shows_what_the_exported_one_does(tmp_path: Path) -> None:
    run = replace(RUN, dag_id="revoke_sso_tickets")
    write_revocations(tmp_path, REVOCATIONS, run)
    assert served_page(reader_of(tmp_path), **URLS) == b"".join(page_parts(revocation_page(REVOCATIONS, run), **URLS))


def test_no_ticket_is_in_the_page(report: Path) -> None:
    assert b"s3cr3t" not in served_page(reader_of(report), **URLS)


def test_links_are_read_by_their_rows(report: Path) -> None:
    read = reader_of(report)
    assert read_links(read, [5, 2, 99]) == {5: URL + "s3cr3t5"}
    assert read_links(read, {1, 5}) == {1: URL + "s3cr3t1", 5: URL + "s3cr3t5"}
    assert read_links(read, []) == {}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"run_id": None}, "run_id Input should be a valid string"),
        ({"seconds": float("nan")}, "seconds Input should be a finite number"),
        ({"requests": -1}, "requests Input should be greater than or equal to 0"),
        ({"rate_limited": 10**400}, "rate_limited "),
        ({"warnings": [{}]}, "warnings.0 Input should be a valid string"),
        ({"files": []}, "files Input should be"),
        ({"request_rate": [[1, 2]]}, "request_rate.0"),
        ({"request_rate": [[1, 1, 1.0]] * 601}, "request_rate List should have at most 600 items"),
    ],
    ids=str,
)
def test_a_summary_that_no_run_has_written_is_refused(report: Path, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"summary.json is not the summary of a report: {complaint}"):
        served_page(changed_summary(report, **changes), **URLS)


@pytest.mark.parametrize(
    "content", [b"no", b"[]", b"{}", b"\xff", b"[" * 100_000], ids=["text", "list", "empty", "bytes", "deep"]
)
def test_a_summary_that_is_no_json_object_is_refused(report: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"summary\.json is not the summary of a report: "):
        served_page(reader_of(report, summary=content), **URLS)


@pytest.mark.parametrize("name", MAX_BYTES)
def test_a_file_that_is_too_large_is_refused_before_it_is_read_as_what_it_says(report: Path, name: str) -> None:
    files = {**{other: (report / other).read_bytes() for other in ("summary.json", "tickets.csv")}}
    if name == "revocations.csv":
        files["summary.json"] = changed_summary(report, files={name: name})("summary.json")
    files[name] = b" " * (MAX_BYTES[name] + 1)
    with pytest.raises(ValueError, match=rf"{name} is larger than [0-9,]+ bytes"):
        served_page(files.__getitem__, **URLS)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (b"5,org_2", b"1,org_2", "row 1 of tickets.csv is there twice"),
        (b",reused,", b",gone,", "row 5: status .gone. is none of .* in tickets.csv"),
        (b"5,org_2", b"five,org_2", "data row 3 of tickets.csv has no number as row"),
        (b"row,", b"line,", "tickets.csv is not a report's table, it lacks row"),
    ],
)
def test_a_table_that_no_run_has_written_is_refused(report: Path, old: bytes, new: bytes, complaint: str) -> None:
    tickets = (report / "tickets.csv").read_bytes().replace(old, new)
    with pytest.raises(ValueError, match=complaint):
        served_page(reader_of(report, tickets=tickets), **URLS)


def test_the_page_of_ten_thousand_rows_is_smaller_than_two_megabytes(tmp_path: Path) -> None:
    rows = [
        Outcome(
            row=number,
            organization_id=f"org_{number // 4:020d}",
            organization_name=f"Customer {number // 4}",
            prospect_name="IT desk",
            prospect_email=f"p{number}@customer.example",
            connection_name=f"customer-{number}-saml",
            status="created",
            ticket_url=f"{URL}{number:032d}",
            ticket_id=f"{number:032d}",
            expires_at="2026-01-06T00:00:00Z",
        )
        for number in range(1, 10_001)
    ]
    write_report(tmp_path, rows[:1], RUN)
    (tmp_path / "tickets.csv").write_bytes(b"".join(csv_parts(table_of(COLUMNS, rows))))
    assert len(served_page(reader_of(tmp_path), **URLS)) < 2_000_000
