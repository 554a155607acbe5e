"""The outcome of each request, as the report's rows."""

from __future__ import annotations

import pytest
from auth0_sso.models import Outcome, TicketStatus
from auth0_sso.tickets.outcomes import outcome_of

from tests.support.factories import entry, request


def test_an_outcome_has_the_reports_columns_in_order() -> None:
    outcome = outcome_of(request(7, source="one.csv"), TicketStatus.CREATED, entry=entry(), duplicate_possible=True)
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
    outcome = outcome_of(request(1), TicketStatus(status), entry=entry()).as_dict()
    assert [outcome[name] for name in ("ticket_url", "ticket_id", "expires_at", "created_at")] == [""] * 4


@pytest.mark.parametrize(("status", "attempts"), [("created", 2), ("failed", 2), ("reused", 0), ("planned", 0)])
def test_attempts_are_those_of_this_run(status: str, attempts: int) -> None:
    assert outcome_of(request(1), TicketStatus(status), entry=entry()).as_dict()["attempts"] == attempts


def test_an_outcome_is_read_as_it_was_pushed() -> None:
    outcome = outcome_of(request(7, source="one.csv"), TicketStatus.CREATED, entry=entry(), duplicate_possible=True)
    assert Outcome.from_dict(outcome.as_dict()) == outcome


def test_what_is_read_may_have_other_keys_and_no_value() -> None:
    outcome = Outcome.from_dict(
        {"row": "3", "status": "created", "error": None, "body": {}, "duplicate_possible": "True"}
    )
    assert outcome == Outcome(row=3, status=TicketStatus.CREATED, duplicate_possible=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"row": 1, "status": "done"}, "row 1: status 'done' is none of created, "), ({"row": "x"}, "invalid literal")],
)
def test_what_no_task_can_have_pushed_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Outcome.from_dict(values)
