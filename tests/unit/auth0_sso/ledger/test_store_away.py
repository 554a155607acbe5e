"""If the ledger is away when an answer has come, the answer is recorded later, or its ticket is revoked."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.runtime.event_loop import GuardedLoop
from auth0_sso.runtime.timeouts import MAX_AMBIGUOUS
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
from tests.support import factories
from tests.support.factories import SECOND_RUN, issue, organizations

pytestmark = pytest.mark.usefixtures("auth0_connection")

AWAY = OperationalError("UPDATE", {}, Exception("server closed the connection unexpectedly"))
GIVES_UP = replace(factories.SHORT, ledger=0.1)


@contextmanager
def listening(target: type, name: str, listener: Callable[..., object]) -> Iterator[None]:
    """Call a listener for the events of all databases."""
    event.listen(target, name, listener)
    yield
    event.remove(target, name, listener)


def lose(
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    times: int,
    *,
    after: bool = False,
    error: DBAPIError = AWAY,
) -> None:
    """Let the ledger be away for so many writes, before it has written or right after."""
    write: Callable[..., Entry] = getattr(ledger, name)
    left = iter(range(times))

    def record(*args: Any, **kwargs: Any) -> Entry:
        away = next(left, None) is not None
        if away and not after:
            raise error
        entry = write(*args, **kwargs)
        if away:
            raise error
        return entry

    monkeypatch.setattr(ledger, name, record)


def issue_until_it_fails(
    ledger: Ledger, error: type[DBAPIError] = OperationalError, hook: factories.Hook | None = None
) -> dict[str, Any]:
    """Issue one row, which fails with an error of the database; return its outcome."""
    issuer = factories.issuer(organizations(1), ledger, hook=hook or factories.open_hook(ledger, timeouts=GIVES_UP))
    with pytest.raises(error):
        asyncio.run(issuer.run())
    return factories.by_row(issuer.results())[1]


def assert_recorded_once(ledger: Ledger, tenant: Sandbox, outcome: dict[str, Any]) -> None:
    assert (outcome["status"], outcome["duplicate_possible"]) == ("created", False)
    assert {outcome["ticket_id"]} == factories.recorded(ledger) == factories.living(tenant)
    assert (factories.posts(tenant), factories.revocations(tenant)) == (1, 0)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(AWAY, id="an OperationalError"),
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
def test_a_ticket_is_recorded_when_the_ledger_comes_back(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch, error: DBAPIError
) -> None:
    lose(sqlite_ledger, monkeypatch, "record_created", 4, error=error)
    assert_recorded_once(sqlite_ledger, tenant, issue(organizations(1), sqlite_ledger)[1])


def test_a_ticket_is_recorded_although_all_connections_are_in_use_for_a_while(
    sqlite_ledger: Ledger, tenant: Sandbox
) -> None:
    left = [1, 2, 3]

    def hold_up(*_args: object) -> None:
        if factories.living(tenant) and left:
            left.pop()
            raise TimeoutError("QueuePool limit of size 5 overflow 10 reached")

    with listening(Pool, "checkout", hold_up):
        outcome = issue(organizations(1), sqlite_ledger)[1]
    assert left == []
    assert_recorded_once(sqlite_ledger, tenant, outcome)


@pytest.mark.parametrize("error", [sqlite3.InterfaceError, sqlite3.DatabaseError])
def test_a_ticket_whose_commit_broke_off_is_kept_if_it_was_recorded(
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
    assert_recorded_once(sqlite_ledger, tenant, issue(organizations(1), sqlite_ledger)[1])


def test_a_ticket_that_may_be_recorded_is_not_revoked_and_counts_if_it_is(
    sqlite_url: str, fernet: str, tenant: Sandbox
) -> None:
    outage = ["not yet"]

    class Connection(sqlite3.Connection):
        def commit(self) -> None:
            super().commit()
            if outage == ["not yet"] and factories.living(tenant):  # the answer's, not the intent's
                outage[:] = ["now"]
                raise sqlite3.OperationalError("disk I/O error")

        def cursor(self, *args: Any) -> Any:
            if outage == ["now"]:
                raise sqlite3.OperationalError("unable to open database file")
            return super().cursor(*args)

    def connect_with(_dialect: object, _record: object, _args: object, options: dict[str, Any]) -> None:
        options["factory"] = Connection

    with listening(Engine, "do_connect", connect_with), closing(open_ledger(sqlite_url)) as ledger:
        failed = issue_until_it_fails(ledger)
        outage[:] = ["over"]
        assert (failed["status"], failed["ticket_id"]) == ("failed", *factories.living(tenant))
        assert_recorded_once(ledger, tenant, issue(organizations(1), ledger)[1])


def test_a_ticket_that_the_ledger_refuses_is_revoked_at_once_and_its_row_says_so(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(sqlite_ledger, monkeypatch, "record_created", 1, error=DataError("UPDATE", {}, Exception("value too long")))
    outcome = issue_until_it_fails(sqlite_ledger, DataError)
    assert (outcome["status"], outcome["duplicate_possible"], outcome["ticket_id"]) == ("failed", True, "")
    assert "so it was revoked" in outcome["error"]
    assert (tenant.stats().tickets, factories.living(tenant)) == (1, set())


@pytest.mark.answers("the ledger is unavailable when Auth0 has created a link")
def test_a_ticket_that_can_not_be_recorded_is_revoked_and_its_row_flagged_and_another_run_creates_one(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as outage:
        lose(sqlite_ledger, outage, "record_created", 10_000)
        hook = factories.open_hook(sqlite_ledger, timeouts=replace(GIVES_UP, answer_grace=-30))
        outcome = issue_until_it_fails(sqlite_ledger, hook=hook)
    assert (outcome["status"], outcome["duplicate_possible"]) == ("failed", True)
    assert (tenant.stats().tickets, factories.living(tenant)) == (1, set())
    outcome = issue(organizations(1), sqlite_ledger, SECOND_RUN)[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("created", True)
    assert factories.recorded(sqlite_ledger) == factories.living(tenant)


@pytest.mark.answers("the ledger is unavailable when Auth0 has created a link")
def test_a_ticket_that_can_neither_be_recorded_nor_revoked_is_in_its_rows_outcome(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.fault("drop_before", route="revoke", count=10)
    lose(sqlite_ledger, monkeypatch, "record_created", 10_000)
    outcome = issue_until_it_fails(sqlite_ledger)
    assert (outcome["status"], outcome["duplicate_possible"]) == ("failed", True)
    assert {outcome["ticket_id"]} == factories.living(tenant)
    assert outcome["ticket_url"].endswith(outcome["ticket_id"])
    assert "the ledger may not know it" in outcome["error"]


def test_a_ticket_is_in_its_rows_outcome_when_the_task_is_ended_while_the_ledger_is_away(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stay_away(*_args: Any, **_kwargs: Any) -> Entry:
        loop.stop("stopped")
        raise AWAY

    monkeypatch.setattr(sqlite_ledger, "record_created", stay_away)
    hook = factories.open_hook(sqlite_ledger, timeouts=replace(factories.SHORT, shutdown=0.05))
    issuer = factories.issuer(organizations(1), sqlite_ledger, hook=hook)
    loop = GuardedLoop(issuer.workers, timeouts=hook.timeouts)
    loop.run(issuer.run)
    outcome = factories.by_row(issuer.results())[1]
    assert outcome["status"] == "failed"
    assert {outcome["ticket_id"]} == factories.living(tenant)


def test_only_so_many_tickets_are_risked_although_the_ledger_is_away_right_after_it_has_recorded_each_lost_answer(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.fault("drop_after", count=10)
    lose(sqlite_ledger, monkeypatch, "record_unknown", 10, after=True)
    outcome = issue(organizations(1), sqlite_ledger)[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("failed", True)
    assert (outcome["attempts"], factories.posts(tenant)) == (MAX_AMBIGUOUS, MAX_AMBIGUOUS)
