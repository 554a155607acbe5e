"""The batch file that a mapped task works on, and the outcome of each request."""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.exceptions import Auth0RunError
from auth0_sso.ledger.records import OutcomeStatus
from auth0_sso.tickets.batch import IssuedTicket, read_batch, read_tickets
from auth0_sso.tickets.outcomes import Outcome, iso

from tests.support import factories
from tests.support.factories import NOW, entry, organizations, request


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_batch_comes_back_as_the_plan_wrote_it_from_a_path_or_a_uri(tmp_path: Path, scheme: str) -> None:
    wanted = organizations(7, per_organization=3)
    assert read_batch(f"{scheme}{factories.batch_file(tmp_path, wanted)['batch']}") == wanted


def test_what_a_batch_does_not_say_is_empty_and_what_is_unknown_is_left_out(tmp_path: Path) -> None:
    whole = asdict(request(1))
    row = {name: value for name, value in whole.items() if name not in ("profile_id", "custom_domain", "source")}
    organization = {"organization_id": "org_1", "organization_name": "", "requests": [{**row, "new": 1}]}
    (tmp_path / "batch.json").write_text(json.dumps({"label": "", "organizations": [organization]}))
    (read,) = read_batch(str(tmp_path / "batch.json"))
    assert read.requests == [request(1)]


def test_tickets_come_back_in_order_and_to_the_last_digit(tmp_path: Path) -> None:
    tickets = [IssuedTicket("b", 1_800_000_000.123456), IssuedTicket("a", 1.1)]
    document = {"label": "", "tickets": [asdict(ticket) for ticket in tickets]}
    (tmp_path / "tickets.json").write_text(json.dumps(document))
    assert read_tickets(str(tmp_path / "tickets.json")) == tickets


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", "null", "\udcff"])
@pytest.mark.parametrize("read", [read_batch, read_tickets])
def test_a_batch_that_can_not_be_read_says_what_to_clear(tmp_path: Path, read: Any, content: str | None) -> None:
    path = tmp_path / "batch.json"
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(Auth0RunError, match=r"batch\.json can't be read.*Clear the task that plans the run"):
        read(str(path))


@pytest.mark.parametrize("read", [read_batch, read_tickets])
def test_a_batch_that_was_changed_after_the_plan_is_refused_and_says_what_to_clear(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "batch.json"
    path.write_text('{"label": "", "organizations": [], "tickets": []}')
    planned = sha256(path.read_bytes()).hexdigest()
    assert read(str(path), planned) == []
    path.write_text('{"label": "", "organizations": [], "tickets": [] }')
    with pytest.raises(Auth0RunError, match=r"batch\.json is not as the run was planned.*clear the task that plans"):
        read(str(path), planned)
    assert read(str(path)) == [], "a batch of one's own needs no digest"


def test_an_outcome_has_the_reports_columns_in_order() -> None:
    outcome = Outcome(request(7, source="one.csv"), OutcomeStatus.CREATED, entry=entry(), duplicate_possible=True)
    assert list(outcome.as_dict().items()) == [
        ("row", 7),
        ("organization_id", "org_0"),
        ("organization_name", "Organization org_0"),
        ("prospect_name", "Prospect 7"),
        ("prospect_email", "prospect-7@example.com"),
        ("connection_name", "connection-7"),
        ("status", "created"),
        ("ticket_url", "https://acme.example.com/self-service/connections-flow?ticket=t1"),
        ("ticket_id", "t1"),
        ("expires_at", "2027-01-15T08:16:40Z"),
        ("created_at", "2027-01-15T07:59:40Z"),
        ("attempts", 2),
        ("duplicate_possible", True),
        ("error", ""),
        ("source", "one.csv"),
    ]
    assert "t1" not in f"{outcome!r}"


@pytest.mark.parametrize("status", ["planned", "conflict", "failed", "not_attempted"])
def test_a_ticket_is_given_only_if_it_was_created_or_reused(status: str) -> None:
    outcome = Outcome(request(1), OutcomeStatus(status), entry=entry()).as_dict()
    assert [outcome[name] for name in ("ticket_url", "ticket_id", "expires_at", "created_at")] == [""] * 4


@pytest.mark.parametrize(("status", "attempts"), [("created", 2), ("failed", 2), ("reused", 0), ("planned", 0)])
def test_attempts_are_those_of_this_run(status: str, attempts: int) -> None:
    assert Outcome(request(1), OutcomeStatus(status), entry=entry()).as_dict()["attempts"] == attempts


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (0.0, "1970-01-01T00:00:00Z"), (NOW + 0.9, "2027-01-15T08:00:00Z")]
)
def test_times_are_iso_8601_in_utc_to_the_second(seconds: float | None, text: str) -> None:
    assert iso(seconds) == text
