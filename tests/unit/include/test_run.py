"""A run as a whole: its own folder, and whether it is complete."""

from __future__ import annotations

import pytest

from include.run import IncompleteRunError, first_errors, require_complete


def exported(failed: int, not_attempted: int, incomplete_rows: list[int]) -> dict[str, object]:
    counts = {"rows": 99, "failed": failed, "not_attempted": not_attempted, "incomplete_rows": incomplete_rows}
    return {"report_uri": "s3://bucket/run", "summary": counts, "errors": ["row 3: refused", "row 7: too long"]}


def test_a_run_with_incomplete_rows_fails_and_names_them_and_the_remedy() -> None:
    with pytest.raises(IncompleteRunError) as error:
        require_complete(exported(2, 0, [3, 7]), "Fix these rows in the CSV.")
    assert str(error.value) == (
        "2 failed of 99 rows: the report says why, row by row: s3://bucket/run (rows 3, 7). Fix these rows in the CSV. "
        "Then clear the failed tasks or trigger another run: rows that are done are not done again.\n"
        "row 3: refused\nrow 7: too long"
    )
    with pytest.raises(IncompleteRunError, match=r"^1 failed and 2 not attempted of 99 rows: .*\(rows 3, 7, …\)"):
        require_complete(exported(1, 2, [3, 7]))
    require_complete(exported(0, 0, []))


def test_a_run_without_a_report_fails() -> None:
    with pytest.raises(IncompleteRunError, match="There is no report"):
        require_complete(None)


def test_the_first_five_errors_are_kept_short_and_on_one_line_each() -> None:
    errors = first_errors((f"row {number}", f"{number}\n" + "x" * 1000) for number in range(1, 10_000))
    assert [error[:11] for error in errors] == [f"row {number}: {number}\\nx" for number in range(1, 6)]
    assert max(map(len, errors)) < 320
