"""Whether a run is complete."""

from __future__ import annotations

import pytest

from include.check_outcome import Exported, IncompleteRunError, require_complete


def exported(failed: int, not_attempted: int, incomplete_rows: list[int]) -> Exported:
    counts = {"rows": 99, "failed": failed, "not_attempted": not_attempted, "incomplete_rows": incomplete_rows}
    return Exported("s3://bucket/run", counts, ["row 3: refused", "row 7: too long"])


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
