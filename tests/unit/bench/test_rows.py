"""The bench of rows complains of what must not be: growth beyond the number of rows, too much memory, no end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import rows
from tests.bench.measured import BenchError

MEASURED = {
    name: {"check": case.rows * 1e-4, "plan": case.rows * 1e-5, "memory": 2.0**29} for name, case in rows.CASES.items()
}


def test_twice_the_rows_in_twice_the_time_is_no_complaint() -> None:
    assert rows.complaints(MEASURED) == []


@pytest.mark.parametrize("step", ["check", "plan"])
def test_a_step_whose_time_grows_with_the_square_of_the_rows_is_a_complaint(step: str) -> None:
    squared = {name: {**one, step: rows.CASES[name].rows ** 2 * 1e-8} for name, one in MEASURED.items()}
    (complaint,) = rows.complaints(squared)
    assert complaint.startswith("rows: a row of 100,000 rows costs ")


@pytest.mark.parametrize("name", rows.CASES)
def test_more_memory_than_a_gibibyte_is_a_complaint(name: str) -> None:
    found = {**MEASURED, name: {**MEASURED[name], "memory": 2.0**30 + 2**20}}
    assert rows.complaints(found) == [f"rows: {name} took 1025 MiB"]


def test_an_input_that_takes_without_end_is_given_up() -> None:
    with pytest.raises(BenchError, match="rows: 100 MB took over"):
        rows.run_case("100 MB", seconds=0.01)


def test_rows_that_come_out_otherwise_than_they_should_are_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="0 of 8 rows are invalid, 2 tasks are planned"):
        rows.measure(rows.Case(8), tmp_path)
