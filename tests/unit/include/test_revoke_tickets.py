"""The steps of a run that revokes tickets."""

from __future__ import annotations

import json
import os
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.models import IssuedTicket, Outcome, RevocationOutcome, RevocationStatus

from include import revoke_tickets
from include.fan_out import FanOut
from include.files import ChangedFileError
from include.reports import RunInfo, write_report

TICKETS = [IssuedTicket(name, 1.0) for name in "abcde"]
RUN = RunInfo("create_sso_tickets", "run", "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z", 9.0)


@pytest.mark.parametrize(
    ("most", "labels"), [(2, ["3 tickets", "2 tickets"]), (5, ["1 ticket"] * 5), (9, ["1 ticket"] * 5)]
)
def test_tickets_are_divided_evenly_among_at_most_so_many_tasks(tmp_path: Path, most: int, labels: list[str]) -> None:
    batches, _ = revoke_tickets.plan(TICKETS, [], FanOut(most, ""), tmp_path)
    assert [batch["label"] for batch in batches] == labels
    parts = [json.loads(Path(batch["batch"]).read_text())["tickets"] for batch in batches]
    divided = [IssuedTicket(**ticket) for part in parts for ticket in part]
    assert sorted(divided, key=attrgetter("key")) == TICKETS


def test_the_selection_is_read_as_it_was_written_and_replaces_an_earlier_one(tmp_path: Path) -> None:
    finished = [RevocationOutcome(organization_id="org_1", status=RevocationStatus.EXPIRED)]
    revoke_tickets.plan(TICKETS, [], FanOut(5, ""), tmp_path)
    _, sha256 = revoke_tickets.plan(TICKETS[:1], finished, FanOut(5, ""), tmp_path)
    assert revoke_tickets.read_selection(tmp_path, sha256) == (TICKETS[:1], finished)
    assert {path.name for path in (tmp_path / "plan").iterdir()} == {"batch-0001.json", "selection.json"}


def test_a_selection_that_was_changed_is_refused_and_the_error_says_what_to_clear(tmp_path: Path) -> None:
    _, sha256 = revoke_tickets.plan(TICKETS, [], FanOut(1, ""), tmp_path)
    file = tmp_path / "plan" / "selection.json"
    file.write_bytes(file.read_bytes().replace(b'"e"', b'"f"'))
    with pytest.raises(ChangedFileError, match=r"selection\.json is not as select_tickets wrote it.*clear select"):
        revoke_tickets.read_selection(tmp_path, sha256)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(ChangedFileError, match="is not as select_tickets wrote it"):
        revoke_tickets.read_selection(tmp_path, sha256)


@pytest.mark.parametrize(
    ("changes", "is_selection"),
    [
        ({}, False),
        ({"report": None, "organization_ids": None}, False),
        ({"organization_ids": ["", " "]}, False),
        ({"organization_ids": ["", "org_1"]}, True),
        ({"report": "s3://bucket/run"}, True),
        ({"prospect_keys": ["", "0a"]}, True),
        ({"all_live": True}, True),
    ],
)
def test_a_run_must_select_something(changes: dict[str, Any], is_selection: bool) -> None:
    params = {"report": "", "organization_ids": [], "prospect_keys": None, "all_live": False, **changes}
    if is_selection:
        revoke_tickets.require_selection(params)
    else:
        with pytest.raises(revoke_tickets.NothingSelectedError, match="Set report, organization_ids, prospect_keys"):
            revoke_tickets.require_selection(params)


def test_only_reported_rows_with_a_ticket_are_selected(tmp_path: Path) -> None:
    rows = [Outcome(row=1, status="created", ticket_id="t1"), Outcome(row=2, status="failed")]
    write_report(tmp_path, rows, RUN)
    assert [ticket.row for ticket in revoke_tickets.reported_tickets(tmp_path)] == [1]
    write_report(tmp_path, rows[1:], RUN)
    with pytest.raises(ValueError, match=r"The report .* contains no ticket"):
        revoke_tickets.reported_tickets(tmp_path)
