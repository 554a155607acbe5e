"""The verdict on a batch of the chaos: what is wrong is said, and so is that nothing was shown."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from tests.chaos.batch import Outcome
from tests.chaos.books import Books
from tests.chaos.plan import Target
from tests.chaos.verdict import complaints_of, table

BOOKS = Books(
    rows=200, made=201, settled=200, flagged=frozenset({"org_a"}), lost=0, doubled=0, unknown=0, unexplained=0
)
GOOD = Outcome(7, planned=2, killed=Counter({Target.TASK: 2}), in_flight={("org_a", 1), ("org_b", 3)}, books=BOOKS)


def test_a_batch_that_balances() -> None:
    assert complaints_of(GOOD) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"books": None}, "the books were not balanced"),
        ({"killed": Counter({Target.TASK: 1})}, "1 kills were not carried out"),
        ({"books": replace(BOOKS, lost=3)}, "3 rows lost"),
        ({"books": replace(BOOKS, doubled=1)}, "1 duplicates that are not flagged"),
        ({"books": replace(BOOKS, unknown=1)}, "1 tickets that the ledger does not know"),
        ({"books": replace(BOOKS, unexplained=1)}, "1 tickets that neither a row nor a request in flight"),
        ({"books": replace(BOOKS, flagged=frozenset({"org_a", "org_c"}))}, "1 rows flagged that were in flight"),
        ({"incomplete": 1}, "1 reports that do not hold each row once"),
        ({"made_again": 2}, "2 tickets made by a run that had nothing to do"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], said: str) -> None:
    (complaint,) = complaints_of(replace(GOOD, **change))
    assert complaint.startswith(said)


def test_a_batch_that_was_killed_at_no_request_shows_nothing() -> None:
    idle = replace(GOOD, in_flight=set(), books=replace(BOOKS, flagged=frozenset()))
    assert complaints_of(idle) == ["no request was in flight at any kill, so nothing is shown"]


def test_the_table_has_a_column_for_each_batch_and_one_for_all() -> None:
    shown = table([GOOD, replace(GOOD, seed=8)], 200)
    assert [column.header for column in shown.columns] == ["", "seed 7", "seed 8", "all"]
    console = Console(file=StringIO(), width=200)
    console.print(shown)
    assert re.search(r"tickets made\W+201\W+201\W+402\W*\n", console.file.getvalue())  # type: ignore[attr-defined]
