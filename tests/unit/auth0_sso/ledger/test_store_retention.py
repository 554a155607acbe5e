"""The ledger keeps an expired ticket's URL for some days, and everything else about it for good."""

from __future__ import annotations

from dataclasses import replace

import pytest
from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.store import Ledger, StaleEntryError
from auth0_sso.models import OPEN_SECONDS

from tests.support import factories
from tests.support.factories import FIRST_RUN, issue, organizations

DAY = 86_400

pytestmark = pytest.mark.usefixtures("auth0_connection")


def issue_expired(ledger: Ledger, rows: int, ago: float) -> list[Entry]:
    """Issue tickets that have worked for nobody for so many seconds."""
    issue(organizations(rows), ledger)
    return [factories.expire(ledger, entry, ago + OPEN_SECONDS) for entry in ledger.live_entries()]


def test_the_url_is_removed_and_everything_else_stays(ledger: Ledger) -> None:
    before = issue_expired(ledger, 3, ago=8 * DAY)
    assert ledger.forget_expired_urls(7) == 3
    after = ledger.entries([entry.key for entry in before])
    assert list(after.values()) == [replace(entry, ticket=None, version=entry.version + 1) for entry in before]


@pytest.mark.parametrize(("ago", "days", "removed"), [(6 * DAY, 7, 0), (-60, 0, 0), (-OPEN_SECONDS, 0, 0), (60, 0, 2)])
def test_a_url_stays_as_long_as_it_may_work_and_for_the_days_after_that(
    ledger: Ledger, ago: float, days: int, removed: int
) -> None:
    issue_expired(ledger, 2, ago=ago)
    assert ledger.forget_expired_urls(days) == removed
    assert sum(entry.ticket is None for entry in ledger.entries_of_run(FIRST_RUN.run)) == removed


def test_a_run_removes_only_so_many_and_the_next_one_more(ledger: Ledger) -> None:
    issue_expired(ledger, 5, ago=DAY)
    assert [ledger.forget_expired_urls(0, limit=3) for _ in range(3)] == [3, 2, 0]


def test_a_task_that_holds_such_an_entry_does_not_bring_its_url_back(ledger: Ledger) -> None:
    (entry,) = issue_expired(ledger, 1, ago=DAY)
    ledger.forget_expired_urls(0)
    with pytest.raises(StaleEntryError):
        ledger.record_revoking(entry, "revoke/run-1")
    assert ledger.entries([entry.key])[entry.key].ticket is None
