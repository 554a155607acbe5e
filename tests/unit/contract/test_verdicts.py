"""Which verdicts make the command fail."""

from __future__ import annotations

import pytest

from tests.contract.verdicts import Statement, Verdict


@pytest.mark.parametrize(
    ("verdict", "assumption", "fails"),
    [
        (Verdict.HOLDS, "", False),
        (Verdict.LEFT_OUT, "", False),
        (Verdict.DIFFERS, "", True),
        (Verdict.DIFFERS, "no page says it", False),
        (Verdict.NOT_CHECKED, "", True),
        (Verdict.NOT_CHECKED, "no page says it", True),
    ],
)
def test_a_documented_difference_and_whatever_was_not_checked_fail(
    verdict: Verdict, assumption: str, fails: bool
) -> None:
    assert Statement("a link is 201", verdict, assumption).fails == fails
