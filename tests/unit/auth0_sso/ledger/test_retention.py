"""The ledger keeps an expired ticket's URL for some days, and everything else about it for good."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.records import OPEN_LIFETIME, Entry
from auth0_sso.ledger.retention import KEEP_DAYS_VARIABLE, forget_expired_urls, keep_days
from auth0_sso.ledger.store import Ledger, StaleEntryError

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.support.factories import FIRST_RUN, SECOND_RUN, issue, organizations

DAY = 86_400

pytestmark = pytest.mark.usefixtures("auth0_connection")


def issue_expired(ledger: Ledger, rows: int, ago: float) -> list[Entry]:
    """Issue tickets that have worked for nobody for so many seconds."""
    issue(organizations(rows), ledger)
    return [factories.expire(ledger, entry, ago + OPEN_LIFETIME) for entry in ledger.live_entries()]


def test_the_url_is_removed_and_everything_else_stays(ledger: Ledger) -> None:
    before = issue_expired(ledger, 3, ago=8 * DAY)
    assert forget_expired_urls(ledger, 7) == 3
    after = ledger.entries([entry.key for entry in before])
    assert list(after.values()) == [replace(entry, ticket=None, version=entry.version + 1) for entry in before]


@pytest.mark.parametrize(("ago", "days", "removed"), [(6 * DAY, 7, 0), (-60, 0, 0), (-OPEN_LIFETIME, 0, 0), (60, 0, 2)])
def test_a_url_stays_as_long_as_it_may_work_and_for_the_days_after_that(
    ledger: Ledger, ago: float, days: int, removed: int
) -> None:
    issue_expired(ledger, 2, ago=ago)
    assert forget_expired_urls(ledger, days) == removed
    assert sum(entry.ticket is None for entry in ledger.entries_of_run(FIRST_RUN.run)) == removed


def test_a_run_removes_only_so_many_and_the_next_one_more(ledger: Ledger) -> None:
    issue_expired(ledger, 5, ago=DAY)
    assert [forget_expired_urls(ledger, 0, most=3) for _ in range(3)] == [3, 2, 0]


def test_a_task_that_holds_such_an_entry_does_not_bring_its_url_back(ledger: Ledger) -> None:
    (entry,) = issue_expired(ledger, 1, ago=DAY)
    forget_expired_urls(ledger, 0)
    with pytest.raises(StaleEntryError):
        ledger.record_revoking(entry, "revoke/run-1")
    assert ledger.entries([entry.key])[entry.key].ticket is None


def test_tickets_are_created_as_usual_while_urls_are_removed(ledger: Ledger, tenant: Sandbox) -> None:
    issue_expired(ledger, 20, ago=DAY)
    ended = threading.Event()

    def remove() -> None:
        while not ended.is_set():
            forget_expired_urls(ledger, 0)

    remover = threading.Thread(target=remove)
    remover.start()
    outcomes = issue(organizations(20), ledger, SECOND_RUN)
    ended.set()
    remover.join(30)
    assert factories.statuses(outcomes) == {"created": 20}
    assert not any(outcome["duplicate_possible"] for outcome in outcomes.values())
    assert tenant.stats().tickets == 40
    assert factories.recorded(ledger) == {outcome["ticket_id"] for outcome in outcomes.values()}


@pytest.mark.parametrize(("text", "days"), [(None, 30), ("", 30), ("0", 0), (" 7 ", 7), ("3650", 3650)])
def test_a_variable_says_for_how_many_days(monkeypatch: pytest.MonkeyPatch, text: str | None, days: int) -> None:
    monkeypatch.delenv(KEEP_DAYS_VARIABLE, raising=False)
    if text is not None:
        monkeypatch.setenv(KEEP_DAYS_VARIABLE, text)
    assert keep_days() == days


@pytest.mark.parametrize("text", ["-1", "1.5", "a week", "²", "30d"])
def test_another_text_is_an_error(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(KEEP_DAYS_VARIABLE, text)
    with pytest.raises(LedgerError, match=r"KEEP_DEAD_URLS_DAYS is '.*'\. Set it to a whole number of days"):
        keep_days()
