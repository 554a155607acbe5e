"""The batch file that a mapped task works on, and the outcome of each of its rows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.exceptions import Auth0RunError
from auth0_sso.ledger.records import Entry
from auth0_sso.models import SsoTicket
from auth0_sso.tickets.batch import IssuedTicket, read_batch, read_tickets
from auth0_sso.tickets.outcomes import iso, outcome

from tests.support import factories
from tests.support.factories import organizations, request

NOW = 1_800_000_000.0
URL = "https://acme.example.com/self-service/connections-flow?ticket=t1"


def entry(status: str = "created", **changes: Any) -> Entry:
    fields: dict[str, Any] = {
        **dict.fromkeys(("key", "tenant", "profile_id", "organization_id", "organization_name", "prospect"), "x"),
        **{"connection_name": "x", "fingerprint": "x", "run": "create/run-1", "run_attempt": 3, "attempts": 2},
        **{"requested_at": NOW, "answer_by": NOW + 35, "lives_until": NOW + 100, "version": 2},
        **{"ticket": SsoTicket(URL), "created_at": NOW, "expires_at": NOW + 60},
    }
    return Entry(status=status, **{**fields, **changes})


def test_a_batch_comes_back_as_the_plan_wrote_it(tmp_path: Path) -> None:
    wanted = organizations(7, per_organization=3)
    assert read_batch(factories.batch_file(tmp_path, wanted)["batch"]) == wanted


def test_a_batch_is_read_from_object_storage_too(tmp_path: Path) -> None:
    assert read_batch(f"file://{factories.batch_file(tmp_path, organizations(2))['batch']}") == organizations(2)


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
def test_a_batch_that_is_none_says_what_to_clear(tmp_path: Path, read: Any, content: str | None) -> None:
    path = tmp_path / "batch.json"
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(Auth0RunError, match=r"batch\.json can't be read.*Clear the task that plans the run"):
        read(str(path))


def test_an_outcome_carries_the_row_and_the_ticket() -> None:
    made = outcome(request(7, source="one.csv"), "created", entry=entry(), now=NOW)
    assert made.as_dict() == {
        "row": 7,
        "organization_id": "org_0",
        "organization_name": "Organization org_0",
        "prospect_name": "Prospect 7",
        "prospect_email": "prospect-7@example.com",
        "connection_name": "connection-7",
        "status": "created",
        "ticket_url": URL,
        "ticket_id": "t1",
        "expires_at": "2027-01-15T08:01:00Z",
        "created_at": "2027-01-15T08:00:00Z",
        "attempts": 2,
        "duplicate_possible": False,
        "error": "",
        "source": "one.csv",
    }


@pytest.mark.parametrize("status", ["planned", "conflict", "failed", "not_attempted"])
def test_only_a_ticket_that_was_asked_for_is_handed_out(status: str) -> None:
    made = outcome(request(1), status, entry=entry(), now=NOW)
    assert (made.ticket_url, made.ticket_id, made.expires_at, made.created_at) == ("", "", "", "")


@pytest.mark.parametrize(("status", "attempts"), [("created", 2), ("failed", 2), ("reused", 0), ("planned", 0)])
def test_attempts_are_those_made_for_this_run(status: str, attempts: int) -> None:
    assert outcome(request(1), status, entry=entry(), now=NOW).attempts == attempts


@pytest.mark.parametrize(("until", "flagged"), [(0.0, False), (NOW, False), (NOW + 1, True)])
def test_a_duplicate_is_possible_as_long_as_an_unseen_ticket_may_live(until: float, flagged: bool) -> None:
    assert outcome(request(1), "reused", entry=entry(duplicate_until=until), now=NOW).duplicate_possible is flagged


def test_an_outcomes_repr_does_not_show_its_ticket() -> None:
    made = outcome(request(1), "created", entry=entry(), now=NOW)
    assert repr(made) == "Outcome(row=1, status='created')"
    assert "t1" not in f"{made} {entry()!r}"


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (0.0, "1970-01-01T00:00:00Z"), (NOW + 0.9, "2027-01-15T08:00:00Z")]
)
def test_times_are_iso_8601_in_utc_to_the_second(seconds: float | None, text: str) -> None:
    assert iso(seconds) == text
