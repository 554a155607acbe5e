"""The ledger keeps a dead link's URL for so many days; what was asked for whom, when and by which run stays."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.records import OPEN_LIFETIME, Entry
from auth0_sso.ledger.retention import KEEP_DAYS_VARIABLE, forget_dead_urls, keep_days
from auth0_sso.ledger.store import Ledger, StaleEntryError

from dev.sandbox.server import Sandbox
from tests.support import databases, factories
from tests.support.factories import FIRST_RUN, SECOND_RUN, issue, organizations

ledger_url = databases.ledger_url
ledger = databases.ledger
sqlite_url = databases.sqlite_url
sqlite_ledger = databases.sqlite_ledger

DAY = 86_400

pytestmark = pytest.mark.usefixtures("auth0_connection")


def aged(ledger: Ledger, rows: int, dead_for: float) -> list[Entry]:
    """Issue tickets, and let them have been dead for so many seconds."""
    issue(organizations(rows), ledger)
    ended = time.time() - dead_for - OPEN_LIFETIME
    return [
        ledger.record_created(entry, entry.ticket, sent_at=ended - 60, ttl=60)  # type: ignore[arg-type]
        for entry in ledger.live_entries()
    ]


def with_urls(ledger: Ledger) -> int:
    return sum(entry.ticket is not None for entry in ledger.entries_of_run(FIRST_RUN.run))


def test_the_url_goes_and_all_else_stays(ledger: Ledger, ledger_url: str) -> None:
    before = aged(ledger, 3, dead_for=8 * DAY)
    assert forget_dead_urls(ledger, 7) == 3
    after = ledger.entries([entry.key for entry in before])
    assert [after[entry.key] for entry in before] == [
        replace(entry, ticket=None, version=entry.version + 1) for entry in before
    ]
    assert {entry.run for entry in after.values()} == {FIRST_RUN.run}


@pytest.mark.parametrize(("dead_for", "days"), [(6 * DAY, 7), (-60, 0), (-OPEN_LIFETIME, 0)])
def test_a_url_stays_as_long_as_it_may_work_and_for_the_days_after_that(
    ledger: Ledger, dead_for: float, days: int
) -> None:
    aged(ledger, 2, dead_for=dead_for)
    assert forget_dead_urls(ledger, days) == 0
    assert with_urls(ledger) == 2


def test_with_0_days_it_goes_as_soon_as_the_link_is_dead(ledger: Ledger) -> None:
    aged(ledger, 2, dead_for=60)
    assert forget_dead_urls(ledger, 0) == 2


def test_a_run_removes_only_so_many_and_the_next_one_the_rest(ledger: Ledger) -> None:
    aged(ledger, 5, dead_for=DAY)
    assert [forget_dead_urls(ledger, 0, most=3) for _ in range(3)] == [3, 2, 0]


def test_a_prospect_whose_url_is_gone_is_asked_for_anew(ledger: Ledger, tenant: Sandbox) -> None:
    aged(ledger, 2, dead_for=DAY)
    forget_dead_urls(ledger, 0)
    outcomes = issue(organizations(2), ledger, SECOND_RUN)
    assert factories.statuses(outcomes) == {"created": 2}
    assert not any(outcome["duplicate_possible"] for outcome in outcomes.values())
    assert tenant.stats().tickets == 4


def test_a_task_that_has_read_such_an_entry_decides_anew_and_brings_no_url_back(ledger: Ledger) -> None:
    (entry,) = aged(ledger, 1, dead_for=DAY)
    forget_dead_urls(ledger, 0)
    with pytest.raises(StaleEntryError):
        ledger.record_revoking(entry, "revoke/run-1")
    assert with_urls(ledger) == 0


def test_runs_that_issue_while_urls_are_removed_are_not_harmed(ledger: Ledger, tenant: Sandbox) -> None:
    aged(ledger, 20, dead_for=DAY)
    ended = threading.Event()

    def remove() -> None:
        while not ended.is_set():
            forget_dead_urls(ledger, 0)

    remover = threading.Thread(target=remove)
    remover.start()
    outcomes = issue(organizations(20), ledger, SECOND_RUN)
    ended.set()
    remover.join(30)
    assert factories.statuses(outcomes) == {"created": 20}
    assert tenant.stats().tickets == 40
    assert factories.recorded(ledger) == {outcome["ticket_id"] for outcome in outcomes.values()}


@pytest.mark.parametrize(("said", "days"), [("", 30), ("0", 0), (" 7 ", 7), ("3650", 3650)])
def test_the_variable_says_for_how_many_days(monkeypatch: pytest.MonkeyPatch, said: str, days: int) -> None:
    monkeypatch.setenv(KEEP_DAYS_VARIABLE, said)
    assert keep_days() == days


def test_without_the_variable_it_is_30_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEEP_DAYS_VARIABLE, raising=False)
    assert keep_days() == 30


@pytest.mark.parametrize("said", ["-1", "1.5", "a week", "²", "30d"])
def test_another_text_is_refused_with_what_to_set(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv(KEEP_DAYS_VARIABLE, said)
    with pytest.raises(LedgerError, match=r"KEEP_DEAD_URLS_DAYS is '.*'\. Set it to a whole number of days"):
        keep_days()
