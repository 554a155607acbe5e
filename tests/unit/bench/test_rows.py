"""The benchmark of large inputs reports quadratic growth, too much memory and a timeout."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import rows
from tests.bench.results.measured import BenchError

MEASURED = {
    name: {"check": case.rows * 1e-4, "plan": case.rows * 1e-5, "memory": 2.0**29} for name, case in rows.CASES.items()
}


def test_twice_the_rows_in_twice_the_time_is_fine() -> None:
    assert rows.problems(MEASURED) == []


@pytest.mark.parametrize("phase", ["check", "plan"])
def test_time_that_grows_with_the_square_of_the_rows_is_reported(phase: str) -> None:
    squared = {name: {**one, phase: rows.CASES[name].rows ** 2 * 1e-8} for name, one in MEASURED.items()}
    (problem,) = rows.problems(squared)
    assert problem.startswith("rows: a row of 100,000 rows costs ")


def test_an_unexpected_number_of_invalid_rows_or_tasks_is_reported(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="0 of 8 rows are invalid, 2 tasks are planned"):
        rows.measure(rows.Case(8), tmp_path)
