"""What the README says happens is shown by tests: each row of its table by at least one that bears the row's words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def rows_of_the_table() -> list[str]:
    """Return the first cells of the table; a line in bold is a heading."""
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    section = text.split("## What happens when …\n")[1].split("\n##")[0]
    cells = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("|")]
    return [cell for cell in cells[2:] if not cell.startswith("**")]


def answers() -> Iterator[str]:
    """Return what the tests' marks name."""
    for path in (PROJECT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for mark in getattr(node, "decorator_list", ()):
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.answers":
                    yield ast.literal_eval(mark.args[0])


def test_each_row_of_what_happens_when_is_shown_by_a_test() -> None:
    assert sorted(set(rows_of_the_table()) - set(answers())) == []


def test_no_test_answers_to_a_row_that_is_not_there() -> None:
    assert sorted(set(answers()) - set(rows_of_the_table())) == []


def test_no_row_stands_twice() -> None:
    rows = rows_of_the_table()
    assert len(rows) == len(set(rows)) > 20
