"""The verdict on a batch names what is wrong, also if nothing was shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.audit import Audit
from tests.chaos.batch import Outcome
from tests.chaos.plan import Target
from tests.chaos.verdict import problems_of

AUDIT = Audit(
    created=201, with_ticket=200, flagged=frozenset({"org_a"}), lost=0, duplicates=0, unknown=0, unexplained=0
)
GOOD = Outcome(7, planned=2, killed=Counter({Target.TASK: 2}), in_flight={("org_a", 1), ("org_b", 3)}, audit=AUDIT)


def test_a_batch_in_which_all_is_right_has_no_problems() -> None:
    assert problems_of(GOOD) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"audit": None}, "there was no audit"),
        ({"killed": Counter({Target.TASK: 1})}, "1 kills were not carried out"),
        ({"audit": replace(AUDIT, lost=3)}, "3 rows lost"),
        ({"audit": replace(AUDIT, duplicates=1)}, "1 duplicates that are not flagged"),
        ({"audit": replace(AUDIT, unknown=1)}, "1 tickets that the ledger does not know"),
        ({"audit": replace(AUDIT, unexplained=1)}, "1 tickets that neither a row nor a request in flight"),
        ({"audit": replace(AUDIT, flagged=frozenset({"org_a", "org_c"}))}, "1 rows flagged that were in flight"),
        ({"incomplete": 1}, "1 reports that do not hold each row once"),
        ({"created_again": 2}, "2 tickets created by a run that had nothing to do"),
        (
            {"in_flight": set(), "audit": replace(AUDIT, flagged=frozenset())},
            "no request was in flight at any kill, so nothing is shown",
        ),
    ],
)
def test_each_problem_is_named(change: dict[str, Any], problem: str) -> None:
    (found,) = problems_of(replace(GOOD, **change))
    assert found.startswith(problem)
