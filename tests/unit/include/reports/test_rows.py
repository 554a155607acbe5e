"""Every row of the CSV is in the report exactly once, with the right outcome."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.reports import COLUMNS, STATUSES, ReportRow, join_rows
from include.reports.rows import PRECEDENCE

URL = "https://tenant.example.com/self-service/connections-flow?ticket="


def manifest_row(row: int, error: str = "", **cells: Any) -> dict[str, Any]:
    return {"row": row, "source": "a.csv", "organization_id": f"org_{row}", "error": error, **cells}


def outcome(row: int, status: str, **cells: Any) -> dict[str, Any]:
    return {"row": row, "organization_id": f"org_{row}", "status": status, "attempts": 1, **cells}


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    numbers = draw(st.lists(st.integers(1, 200), unique=True, max_size=30))
    manifest = [manifest_row(number, error=draw(st.sampled_from(["", "", "bad cell"]))) for number in numbers]
    valid = [mapping["row"] for mapping in manifest if not mapping["error"]]
    attempted = draw(st.lists(st.sampled_from(valid), max_size=60)) if valid else []
    return manifest, [outcome(number, draw(st.sampled_from(STATUSES))) for number in attempted]


@given(runs())
def test_every_manifest_row_is_reported_once_and_in_order(run: tuple[list[Any], list[Any]]) -> None:
    manifest, outcomes = run
    rows = join_rows(manifest, outcomes, "the run ended early")
    assert [row.row for row in rows] == sorted(mapping["row"] for mapping in manifest)


@given(runs())
def test_a_row_is_not_attempted_if_and_only_if_nothing_else_is_known(run: tuple[list[Any], list[Any]]) -> None:
    manifest, outcomes = run
    known = {(mapping["row"], mapping["status"]) for mapping in outcomes}
    known |= {(mapping["row"], "invalid") for mapping in manifest if mapping["error"]}
    attempted = {row for row, status in known if status != "not_attempted"}
    rows = join_rows(manifest, outcomes, "the run ended early")
    assert {row.row for row in rows if row.status != "not_attempted"} == attempted


@given(runs(), st.randoms())
def test_the_order_of_the_inputs_does_not_change_a_status(run: tuple[list[Any], list[Any]], random: Any) -> None:
    manifest, outcomes = run
    before = [row.status for row in join_rows(manifest, outcomes, "")]
    random.shuffle(manifest)
    random.shuffle(outcomes)
    assert [row.status for row in join_rows(manifest, outcomes, "")] == before


def test_columns_are_those_of_the_row_in_their_order() -> None:
    assert COLUMNS == (
        "row", "organization_id", "organization_name", "prospect_name", "prospect_email", "connection_name",
        "status", "ticket_url", "ticket_id", "expires_at", "created_at", "attempts", "duplicate_possible",
        "error", "source",
    )  # fmt: skip
    assert sorted(PRECEDENCE) == sorted(STATUSES)


def test_a_row_without_outcome_has_its_problem_or_the_reason() -> None:
    invalid, missing = join_rows([manifest_row(1, error="column ttl_sec"), manifest_row(2)], [], "the run was stopped")
    assert (invalid.status, invalid.error) == ("invalid", "column ttl_sec")
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
        (row,) = join_rows([manifest_row(1)], [outcome(1, status) for status in statuses], "")
        assert row.status == kept


def test_an_outcome_with_a_ticket_is_kept_before_any_other() -> None:
    with_ticket = outcome(1, "failed", ticket_url=URL + "a", ticket_id="a", error="revoking the old one failed")
    (row,) = join_rows([manifest_row(1)], [with_ticket, outcome(1, "created")], "")
    assert (row.status, row.ticket_url) == ("failed", URL + "a")


def test_a_ticket_of_an_invalid_row_is_not_lost() -> None:
    known = outcome(1, "created", ticket_url=URL + "a", ticket_id="a")
    (row,) = join_rows([manifest_row(1, error="bad cell")], [known], "")
    assert (row.status, row.ticket_id) == ("created", "a")


def test_of_two_equal_outcomes_the_later_is_kept() -> None:
    both = [outcome(1, "failed", error="first"), outcome(1, "failed", error="second")]
    (row,) = join_rows([manifest_row(1)], both, "")
    assert row.error == "second"


def test_a_possible_duplicate_and_the_most_attempts_are_kept() -> None:
    both = [outcome(1, "failed", duplicate_possible=True, attempts=4), outcome(1, "created", attempts=1)]
    (row,) = join_rows([manifest_row(1)], both, "")
    assert (row.status, row.duplicate_possible, row.attempts) == ("created", True, 4)


def test_unknown_keys_and_missing_cells_are_ignored() -> None:
    (row,) = join_rows([manifest_row(1)], [outcome(1, "created", body={"a": 1}, error=None, expires_at=None)], "")
    assert (row.error, row.expires_at) == ("", "")


def test_an_outcome_of_another_organization_is_refused_without_its_link() -> None:
    stale = outcome(1, "created", organization_id="org_other", ticket_url=URL + "secret")
    with pytest.raises(ValueError, match="row 1 is of organization 'org_other'") as caught:
        join_rows([manifest_row(1)], [stale], "")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "outcomes", "message"),
    [
        ([1], [outcome(7, "created")], "row 7, which is not in the manifest"),
        ([2, 2], [], "row 2 is twice"),
        ([1], [outcome(1, "done")], "row 1: status 'done' is none of created, "),
    ],
)
def test_rows_and_outcomes_that_do_not_fit_are_refused(
    rows: list[int], outcomes: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        join_rows([manifest_row(row) for row in rows], outcomes, "")


def test_the_repr_of_a_row_has_no_ticket() -> None:
    assert "s3cr3t" not in repr(ReportRow(row=1, status="created", ticket_url=URL + "s3cr3t", ticket_id="s3cr3t"))
