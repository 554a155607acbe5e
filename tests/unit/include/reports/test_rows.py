"""Every row of the CSV is in the report exactly once, with the right outcome."""

from __future__ import annotations

from typing import Any

import pytest
from auth0_sso.models import COLUMNS, Outcome, TicketRequest, TicketStatus
from hypothesis import given
from hypothesis import strategies as st

from include.reports import join_rows
from include.reports.rows import PRECEDENCE

URL = "https://tenant.example.com/self-service/connections-flow?ticket="


Rows = tuple[list[TicketRequest], list[Outcome]]


def request(row: int) -> TicketRequest:
    return TicketRequest(row=row, source="a.csv", organization_id=f"org_{row}", body={})


def invalid(row: int, error: str = "bad cell") -> Outcome:
    return Outcome(row=row, source="a.csv", organization_id=f"org_{row}", status=TicketStatus.INVALID, error=error)


def outcome(row: int, status: str, **cells: Any) -> Outcome:
    values = {"organization_id": f"org_{row}", "attempts": 1, **cells}
    return Outcome(row=row, status=TicketStatus(status), **values)


@st.composite
def runs(draw: st.DrawFn) -> tuple[Rows, list[Outcome]]:
    numbers = draw(st.lists(st.integers(1, 200), unique=True, max_size=30))
    bad = set(draw(st.lists(st.sampled_from(numbers), max_size=10))) if numbers else set()
    valid = [number for number in numbers if number not in bad]
    attempted = draw(st.lists(st.sampled_from(valid), max_size=60)) if valid else []
    outcomes = [outcome(number, draw(st.sampled_from(tuple(TicketStatus)))) for number in attempted]
    return ([request(number) for number in valid], [invalid(number) for number in bad]), outcomes


@given(runs())
def test_every_row_is_reported_once_and_in_order(run: tuple[Rows, list[Outcome]]) -> None:
    (requests, bad), outcomes = run
    rows = join_rows(requests, bad, outcomes, "the run ended early")
    assert [row.row for row in rows] == sorted(row.row for row in (*requests, *bad))


@given(runs())
def test_a_row_is_not_attempted_if_and_only_if_nothing_else_is_known(run: tuple[Rows, list[Outcome]]) -> None:
    (requests, bad), outcomes = run
    attempted = {row.row for row in (*outcomes, *bad) if row.status != "not_attempted"}
    rows = join_rows(requests, bad, outcomes, "the run ended early")
    assert {row.row for row in rows if row.status != "not_attempted"} == attempted


@given(runs(), st.randoms())
def test_the_order_of_the_inputs_does_not_change_a_status(run: tuple[Rows, list[Outcome]], random: Any) -> None:
    (requests, bad), outcomes = run
    before = [row.status for row in join_rows(requests, bad, outcomes, "")]
    random.shuffle(requests)
    random.shuffle(outcomes)
    assert [row.status for row in join_rows(requests, bad, outcomes, "")] == before


def test_columns_are_those_of_the_row_in_their_order() -> None:
    assert COLUMNS == (
        "row", "organization_id", "organization_name", "prospect_name", "prospect_email", "connection_name",
        "status", "ticket_url", "ticket_id", "expires_at", "created_at", "attempts", "duplicate_possible",
        "error", "source",
    )  # fmt: skip
    assert sorted(PRECEDENCE) == sorted(tuple(TicketStatus))


def test_a_row_without_outcome_has_its_problem_or_the_reason() -> None:
    bad, missing = join_rows([request(2)], [invalid(1, "column ttl_sec")], [], "the run was stopped")
    assert (bad.status, bad.error) == ("invalid", "column ttl_sec")
    assert (missing.status, missing.error) == ("not_attempted", "the run was stopped")


@pytest.mark.parametrize(
    ("one", "other", "kept"),
    [
        ("failed", "created", "created"),
        ("not_attempted", "failed", "failed"),
        ("failed", "conflict", "conflict"),
        ("created", "reused", "created"),
        ("planned", "not_attempted", "planned"),
    ],
)
def test_the_most_advanced_of_two_outcomes_is_kept(one: str, other: str, kept: str) -> None:
    for statuses in ((one, other), (other, one)):
        (row,) = join_rows([request(1)], [], [outcome(1, status) for status in statuses], "")
        assert row.status == kept


def test_an_outcome_with_a_ticket_is_kept_before_any_other() -> None:
    with_ticket = outcome(1, "failed", ticket_url=URL + "a", ticket_id="a", error="revoking the old one failed")
    (row,) = join_rows([request(1)], [], [with_ticket, outcome(1, "created")], "")
    assert (row.status, row.ticket_url) == ("failed", URL + "a")


def test_a_ticket_of_an_invalid_row_is_not_lost() -> None:
    known = outcome(1, "created", ticket_url=URL + "a", ticket_id="a")
    (row,) = join_rows([], [invalid(1)], [known], "")
    assert (row.status, row.ticket_id) == ("created", "a")


def test_of_two_equal_outcomes_the_later_is_kept() -> None:
    both = [outcome(1, "failed", error="first"), outcome(1, "failed", error="second")]
    (row,) = join_rows([request(1)], [], both, "")
    assert row.error == "second"


def test_a_possible_duplicate_and_the_most_attempts_are_kept() -> None:
    both = [outcome(1, "failed", duplicate_possible=True, attempts=4), outcome(1, "created", attempts=1)]
    (row,) = join_rows([request(1)], [], both, "")
    assert (row.status, row.duplicate_possible, row.attempts) == ("created", True, 4)


def test_an_outcome_of_another_organization_is_refused_without_its_link() -> None:
    stale = outcome(1, "created", organization_id="org_other", ticket_url=URL + "secret")
    with pytest.raises(ValueError, match="row 1 is of organization 'org_other'") as caught:
        join_rows([request(1)], [], [stale], "")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "outcomes", "message"),
    [
        ([1], [outcome(7, "created")], "row 7, which is not in the manifest"),
        ([2, 2], [], "row 2 is twice"),
    ],
)
def test_rows_and_outcomes_that_do_not_fit_are_refused(rows: list[int], outcomes: list[Outcome], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        join_rows([request(row) for row in rows], [], outcomes, "")


def test_the_repr_of_a_row_has_no_ticket() -> None:
    assert "s3cr3t" not in repr(
        Outcome(row=1, status=TicketStatus.CREATED, ticket_url=URL + "s3cr3t", ticket_id="s3cr3t")
    )
