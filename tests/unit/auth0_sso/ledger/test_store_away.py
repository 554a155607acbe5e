"""A ledger that is away when an answer has come: it is waited for, and no ticket lives that nobody knows."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.store import Ledger
from auth0_sso.runtime.event_loop import GuardedLoop
from auth0_sso.runtime.timeouts import MOST_AMBIGUOUS
from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    TimeoutError,
)
from sqlalchemy.pool import Pool

from dev.sandbox.server import Sandbox
from tests.support import databases, factories
from tests.support.factories import SECOND_RUN, issue, issuer, organizations

sqlite_url = databases.sqlite_url
sqlite_ledger = databases.sqlite_ledger

pytestmark = pytest.mark.usefixtures("auth0_connection")

Record = Callable[..., Entry]


GIVES_UP = replace(factories.SHORT, ledger=0.1)


@contextmanager
def listening(target: type, name: str, listener: Callable[..., object]) -> Iterator[None]:
    """Let a listener hear what happens to all databases."""
    event.listen(target, name, listener)
    yield
    event.remove(target, name, listener)


@pytest.fixture
def postgres_ledger(fernet: str) -> Iterator[Ledger]:
    with databases.postgres_schema() as url:
        opened = Ledger(url)
        yield opened
        opened.close()


AWAY = OperationalError("UPDATE", {}, Exception("server closed the connection unexpectedly"))


def lose(
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    times: int,
    *,
    after: bool = False,
    error: DBAPIError = AWAY,
) -> None:
    """Let the ledger go away for so many writes, before it has written or right after."""
    real: Record = getattr(ledger, name)
    left = [times]

    def record(*what: Any, **more: Any) -> Entry:
        gone = left[0] > 0
        left[0] -= 1
        if gone and not after:
            raise error
        entry = real(*what, **more)
        if gone:
            raise error
        return entry

    monkeypatch.setattr(ledger, name, record)


def test_a_ticket_is_written_down_when_the_ledger_comes_back(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(sqlite_ledger, monkeypatch, "record_created", 4)
    outcomes = issue(organizations(3), sqlite_ledger)
    assert factories.statuses(outcomes) == {"created": 3}
    assert not any(outcome["duplicate_possible"] for outcome in outcomes.values())
    assert factories.recorded(sqlite_ledger) == factories.living(tenant)
    assert factories.posts(tenant) == 3


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(InterfaceError("UPDATE", {}, Exception("connection already closed")), id="an InterfaceError"),
        pytest.param(
            DatabaseError("UPDATE", {}, Exception("SSL SYSCALL error: EOF detected")), id="a bare DatabaseError"
        ),
        pytest.param(
            InternalError("UPDATE", {}, Exception("shutting down"), connection_invalidated=True),
            id="any error that broke the connection",
        ),
    ],
)
def test_whatever_says_that_the_ledger_is_away_the_ticket_is_written_down_when_it_comes_back(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch, error: DBAPIError
) -> None:
    lose(sqlite_ledger, monkeypatch, "record_created", 2, error=error)
    outcome = issue(organizations(1), sqlite_ledger)[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("created", False)
    assert factories.recorded(sqlite_ledger) == factories.living(tenant)
    assert (factories.posts(tenant), factories.revocations(tenant)) == (1, 0)


@pytest.mark.parametrize("error", [sqlite3.InterfaceError, sqlite3.DatabaseError])
def test_a_commit_that_breaks_off_may_have_been_made_whatever_the_error_says(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch, error: type[sqlite3.Error]
) -> None:
    commit = DefaultDialect.do_commit
    left = [1]

    def commit_and_break_off(dialect: DefaultDialect, connection: Any) -> None:
        commit(dialect, connection)
        if factories.living(tenant) and left:  # the answer's, not the intent's
            left.pop()
            raise error("the connection broke")

    monkeypatch.setattr(DefaultDialect, "do_commit", commit_and_break_off)
    outcome = issue(organizations(1), sqlite_ledger)[1]
    assert (outcome["status"], outcome["ticket_id"]) == ("created", *factories.living(tenant))
    assert (factories.posts(tenant), factories.revocations(tenant)) == (1, 0)


def test_a_ticket_that_the_ledger_refuses_is_revoked_at_once_and_its_row_says_so(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(sqlite_ledger, monkeypatch, "record_created", 1, error=DataError("UPDATE", {}, Exception("value too long")))
    hook = factories.open_hook(sqlite_ledger)
    made = issuer(organizations(1), sqlite_ledger, hook=hook)
    with pytest.raises(DataError):
        asyncio.run(made.run())
    outcome = factories.by_row(made.results())[1]
    assert (outcome["status"], outcome["duplicate_possible"], outcome["ticket_id"]) == ("failed", True, "")
    assert "so it was revoked" in outcome["error"]
    assert (tenant.stats().tickets, factories.living(tenant)) == (1, set())


@pytest.mark.answers("the ledger is unavailable when Auth0 has created a link")
def test_a_ticket_that_can_neither_be_written_down_nor_revoked_is_in_its_rows_outcome(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.fault("drop_before", route="revoke", count=10)
    lose(sqlite_ledger, monkeypatch, "record_created", 10_000)
    hook = factories.open_hook(sqlite_ledger, timeouts=GIVES_UP)
    made = issuer(organizations(1), sqlite_ledger, hook=hook)
    with pytest.raises(OperationalError):
        asyncio.run(made.run())
    outcome = factories.by_row(made.results())[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("failed", True)
    assert {outcome["ticket_id"]} == factories.living(tenant)
    assert outcome["ticket_url"].endswith(outcome["ticket_id"])
    assert "the ledger may not know it" in outcome["error"]


def test_a_ticket_is_in_its_rows_outcome_when_the_task_is_ended_while_the_ledger_is_away(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stay_away(*_what: Any, **_more: Any) -> Entry:
        loop.stop("told to")
        raise AWAY

    monkeypatch.setattr(sqlite_ledger, "record_created", stay_away)
    hook = factories.open_hook(sqlite_ledger, timeouts=replace(factories.SHORT, shutdown=0.05))
    made = issuer(organizations(1), sqlite_ledger, hook=hook)
    loop = GuardedLoop(made, timeouts=hook.timeouts)
    loop.run(made.run)
    outcome = factories.by_row(made.results())[1]
    assert outcome["status"] == "failed"
    assert {outcome["ticket_id"]} == factories.living(tenant)


def test_a_ticket_that_was_written_although_the_ledger_seemed_away_is_kept(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(sqlite_ledger, monkeypatch, "record_created", 1, after=True)
    outcomes = issue(organizations(1), sqlite_ledger)
    assert factories.statuses(outcomes) == {"created": 1}
    assert factories.recorded(sqlite_ledger) == factories.living(tenant)
    assert (factories.posts(tenant), factories.revocations(tenant)) == (1, 0)


def test_a_refusal_is_written_down_when_the_ledger_comes_back(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.fault("fail_match", connection_name="connection-1", status=400)
    lose(sqlite_ledger, monkeypatch, "record_refused", 3)
    assert factories.statuses(issue(organizations(1), sqlite_ledger)) == {"failed": 1}
    assert factories.posts(tenant) == 1


def test_only_so_many_tickets_are_risked_although_the_ledger_goes_away_right_after_it_has_written_each_lost_answer(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.fault("drop_after", count=10)
    lose(sqlite_ledger, monkeypatch, "record_unknown", 10, after=True)
    outcome = issue(organizations(1), sqlite_ledger)[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("failed", True)
    assert (outcome["attempts"], factories.posts(tenant)) == (MOST_AMBIGUOUS, MOST_AMBIGUOUS)


def test_a_ticket_that_can_not_be_written_down_is_revoked_and_its_row_flagged(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as outage:
        lose(sqlite_ledger, outage, "record_created", 10_000)
        hook = factories.open_hook(sqlite_ledger, timeouts=GIVES_UP)
        made = issuer(organizations(1), sqlite_ledger, hook=hook)
        with pytest.raises(OperationalError):
            asyncio.run(made.run())
    outcome = factories.by_row(made.results())[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("failed", True)
    assert (tenant.stats().tickets, factories.living(tenant)) == (1, set())


def test_a_ticket_that_may_be_written_down_is_not_revoked_and_counts_if_it_is(
    sqlite_url: str, fernet: str, tenant: Sandbox
) -> None:
    outage = ["not yet"]

    class Connection(sqlite3.Connection):
        def commit(self) -> None:
            super().commit()
            if outage == ["not yet"] and factories.living(tenant):  # the answer's, not the intent's
                outage[:] = ["now"]
                raise sqlite3.OperationalError("disk I/O error")

        def cursor(self, *what: Any) -> Any:
            if outage == ["now"]:
                raise sqlite3.OperationalError("unable to open database file")
            return super().cursor(*what)

    with listening(Engine, "do_connect", lambda _dialect, _record, _what, more: more.update(factory=Connection)):
        ledger = Ledger(sqlite_url)
        made = issuer(organizations(1), ledger, hook=factories.open_hook(ledger, timeouts=GIVES_UP))
        with pytest.raises(OperationalError):
            asyncio.run(made.run())
        outage[:] = ["over"]
        in_doubt = factories.by_row(made.results())[1]
        assert (in_doubt["status"], in_doubt["ticket_id"]) == ("failed", *factories.living(tenant))
        outcome = issue(organizations(1), ledger)[1]
        ledger.close()
    assert (outcome["status"], outcome["ticket_id"]) == ("created", *factories.living(tenant))
    assert (factories.posts(tenant), factories.revocations(tenant)) == (1, 0)


def test_a_ticket_is_written_down_by_another_connection_after_a_failover_has_made_the_first_read_only(
    postgres_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, used = postgres_ledger.begin, []

    def begin_and_fail_over(*what: Any, **more: Any) -> Entry:
        entry = begin(*what, **more)
        for connection in used:
            connection.set_session(readonly=True)
        return entry

    monkeypatch.setattr(postgres_ledger, "begin", begin_and_fail_over)
    with listening(Pool, "checkin", lambda connection, _record: used.append(connection)):
        outcome = issue(organizations(1), postgres_ledger)[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("created", False)
    assert factories.recorded(postgres_ledger) == factories.living(tenant)
    assert (factories.posts(tenant), factories.revocations(tenant)) == (1, 0)


def test_a_ticket_is_written_down_although_all_connections_are_held_up_for_a_while(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = sqlite_ledger.record_created
    tries: list[int] = []

    def count_and_record(*what: Any, **more: Any) -> Entry:
        tries.append(1)
        return record(*what, **more)

    def hold_up(*_what: object) -> None:
        if 0 < len(tries) <= 3:
            raise TimeoutError("QueuePool limit of size 5 overflow 10 reached")

    monkeypatch.setattr(sqlite_ledger, "record_created", count_and_record)
    with listening(Pool, "checkout", hold_up):
        outcome = issue(organizations(1), sqlite_ledger)[1]
    assert (outcome["status"], outcome["duplicate_possible"], len(tries)) == ("created", False, 4)
    assert factories.recorded(sqlite_ledger) == factories.living(tenant)


def test_after_the_outage_another_run_makes_what_is_owed(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered_no_more = replace(GIVES_UP, answer_grace=-30)
    with monkeypatch.context() as outage:
        lose(sqlite_ledger, outage, "record_created", 10_000)
        with pytest.raises(OperationalError):
            issue(organizations(1), sqlite_ledger, hook=factories.open_hook(sqlite_ledger, timeouts=answered_no_more))
    outcome = issue(organizations(1), sqlite_ledger, SECOND_RUN)[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("created", True)
    assert factories.recorded(sqlite_ledger) == factories.living(tenant)
