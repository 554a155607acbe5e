"""The audit of a mailing that was killed counts what it must, and the verdict names what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.mailing import MailAudit, MailingOutcome, audit_mails
from tests.chaos.plan import MAILING_TARGETS, Target, mailing_kills
from tests.chaos.verdict import problems_of_mailing

AUDIT = MailAudit(mailed=80, flagged=2, twice=0, lost=0)
GOOD = MailingOutcome(1, planned=3, killed=Counter({Target.TASK: 2, Target.SUPERVISOR: 1}), audit=AUDIT)


@pytest.mark.parametrize(
    ("mailed", "statuses", "twice", "lost"),
    [
        (["ada", "bob"], [("ada", "sent"), ("bob", "sent")], 0, 0),
        (["ada"], [("ada", "sent"), ("bob", "possibly_sent")], 0, 0),
        (["ada", "bob"], [("ada", "sent"), ("bob", "possibly_sent")], 0, 0),
        (["ada", "bob", "bob"], [("ada", "sent"), ("bob", "possibly_sent")], 1, 0),
        (["ada"], [("ada", "sent"), ("bob", "sent")], 0, 1),
        (["ada"], [("ada", "sent"), ("bob", "failed")], 0, 1),
        (["ada"], [("ada", "sent")], 0, 1),
        (["ada", "bob"], [("ada", "sent"), ("ada", "sent"), ("bob", "sent")], 0, 1),
    ],
)
def test_who_was_mailed_twice_or_not_at_all_is_counted(
    mailed: Sequence[str], statuses: Sequence[tuple[str, str]], twice: int, lost: int
) -> None:
    rows = [{"prospect_email": to, "status": status} for to, status in statuses]
    audit = audit_mails(["ada", "bob"], mailed, rows)
    assert (audit.twice, audit.lost) == (twice, lost)
    assert audit.mailed == len(set(mailed))
    assert audit.flagged == sum(status == "possibly_sent" for _, status in statuses)


def test_a_mailing_in_which_all_is_right_has_no_problems() -> None:
    assert problems_of_mailing(GOOD) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"audit": None}, "there was no audit"),
        ({"planned": 4}, "1 kills were not carried out"),
        ({"audit": replace(AUDIT, twice=1)}, "1 prospects mailed twice"),
        ({"audit": replace(AUDIT, lost=2)}, "2 prospects without a mail and without a flag"),
        ({"audit": replace(AUDIT, flagged=5)}, "2 prospects flagged beyond one a kill"),
        ({"mailed_again": 1}, "1 mails sent by a run that had nothing to do"),
        ({"audit": replace(AUDIT, flagged=0)}, "no mail was under way at any kill, so nothing is shown"),
    ],
)
def test_each_problem_is_named(change: dict[str, Any], problem: str) -> None:
    (found,) = problems_of_mailing(replace(GOOD, **change))
    assert found == problem


def test_each_seed_kills_the_same_processes_in_an_order_of_its_own() -> None:
    plans = [mailing_kills(seed) for seed in range(5)]
    assert all(Counter(plan) == MAILING_TARGETS for plan in plans)
    assert len({tuple(plan) for plan in plans}) > 1
