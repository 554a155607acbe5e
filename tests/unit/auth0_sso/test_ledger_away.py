"""A ledger that is away when an answer has come: it is waited for, and no ticket lives that nobody knows."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from auth0_sso import waits
from auth0_sso.event_loop import GuardedLoop
from auth0_sso.ledger import Ledger
from auth0_sso.records import Entry
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.pool import NullPool, QueuePool

from include.sandbox.server import Sandbox
from tests.unit.auth0_sso import databases, world
from tests.unit.auth0_sso.world import SECOND_RUN, issue, issuer, organizations

sqlite_url = databases.sqlite_url
sqlite_ledger = databases.sqlite_ledger

pytestmark = pytest.mark.usefixtures("auth0_connection")

Record = Callable[..., Entry]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "POLL", 0.02)
    monkeypatch.setattr(waits, "LEDGER", 5.0)


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
    assert world.statuses(outcomes) == {"created": 3}
    assert not any(outcome["duplicate_possible"] for outcome in outcomes.values())
    assert world.recorded(sqlite_ledger) == world.living(tenant)
    assert world.posts(tenant) == 3


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
    assert world.recorded(sqlite_ledger) == world.living(tenant)
    assert (world.posts(tenant), world.revocations(tenant)) == (1, 0)


@pytest.mark.parametrize("error", [sqlite3.InterfaceError, sqlite3.DatabaseError])
def test_a_commit_that_breaks_off_may_have_been_made_whatever_the_error_says(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch, error: type[sqlite3.Error]
) -> None:
    commit = DefaultDialect.do_commit
    left = [1]

    def commit_and_break_off(dialect: DefaultDialect, connection: Any) -> None:
        commit(dialect, connection)
        if world.living(tenant) and left:  # the answer's, not the intent's
            left.pop()
            raise error("the connection broke")

    monkeypatch.setattr(DefaultDialect, "do_commit", commit_and_break_off)
    outcome = issue(organizations(1), sqlite_ledger)[1]
    assert (outcome["status"], outcome["ticket_id"]) == ("created", *world.living(tenant))
    assert (world.posts(tenant), world.revocations(tenant)) == (1, 0)


def test_a_ticket_that_the_ledger_refuses_is_revoked_at_once_and_its_row_says_so(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(sqlite_ledger, monkeypatch, "record_created", 1, error=DataError("UPDATE", {}, Exception("value too long")))
    hook = world.open_hook(sqlite_ledger)
    made = issuer(organizations(1), sqlite_ledger, hook=hook)
    with pytest.raises(DataError):
        asyncio.run(world.within(hook, made.run()))
    outcome = world.by_row(made.results())[1]
    assert (outcome["status"], outcome["duplicate_possible"], outcome["ticket_id"]) == ("failed", True, "")
    assert "so it was revoked" in outcome["error"]
    assert (tenant.stats().tickets, world.living(tenant)) == (1, set())


@pytest.mark.answers("the ledger is away when Auth0 has made a link")
def test_a_ticket_that_can_neither_be_written_down_nor_revoked_is_in_its_rows_outcome(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits, "LEDGER", 0.1)
    tenant.fault("drop_before", route="revoke", count=10)
    lose(sqlite_ledger, monkeypatch, "record_created", 10_000)
    hook = world.open_hook(sqlite_ledger)
    made = issuer(organizations(1), sqlite_ledger, hook=hook)
    with pytest.raises(OperationalError):
        asyncio.run(world.within(hook, made.run()))
    outcome = world.by_row(made.results())[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("failed", True)
    assert {outcome["ticket_id"]} == world.living(tenant)
    assert outcome["ticket_url"].endswith(outcome["ticket_id"])
    assert "the ledger may not know it" in outcome["error"]


def test_a_ticket_is_in_its_rows_outcome_when_the_task_is_ended_while_the_ledger_is_away(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth0_sso.event_loop.DRAIN_SECONDS", 0.05)
    recording = threading.Event()

    def stay_away(*_what: Any, **_more: Any) -> Entry:
        recording.set()
        raise AWAY

    monkeypatch.setattr(sqlite_ledger, "record_created", stay_away)
    hook = world.open_hook(sqlite_ledger)
    made = issuer(organizations(1), sqlite_ledger, hook=hook)
    loop = GuardedLoop(made)

    async def main() -> None:
        running = asyncio.create_task(world.within(hook, made.run()))
        while not recording.is_set():
            await asyncio.sleep(0.01)
        loop.stop("told to")
        await running

    loop.run(main)
    outcome = world.by_row(made.results())[1]
    assert outcome["status"] == "failed"
    assert {outcome["ticket_id"]} == world.living(tenant)


def test_a_ticket_that_was_written_although_the_ledger_seemed_away_is_kept(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(sqlite_ledger, monkeypatch, "record_created", 1, after=True)
    outcomes = issue(organizations(1), sqlite_ledger)
    assert world.statuses(outcomes) == {"created": 1}
    assert world.recorded(sqlite_ledger) == world.living(tenant)
    assert (world.posts(tenant), world.revocations(tenant)) == (1, 0)


def test_a_refusal_is_written_down_when_the_ledger_comes_back(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.fault("fail_match", connection_name="connection-1", status=400)
    lose(sqlite_ledger, monkeypatch, "record_refused", 3)
    assert world.statuses(issue(organizations(1), sqlite_ledger)) == {"failed": 1}
    assert world.posts(tenant) == 1


def test_only_so_many_tickets_are_risked_although_the_ledger_goes_away_right_after_it_has_written_each_lost_answer(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits, "LONGEST_BACKOFF", 0.02)
    tenant.fault("drop_after", count=10)
    lose(sqlite_ledger, monkeypatch, "record_unanswered", 10, after=True)
    outcome = issue(organizations(1), sqlite_ledger)[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("failed", True)
    assert (outcome["attempts"], world.posts(tenant)) == (waits.MOST_UNANSWERED, waits.MOST_UNANSWERED)


def test_a_ticket_that_can_not_be_written_down_is_revoked_and_its_row_flagged(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits, "LEDGER", 0.1)
    with monkeypatch.context() as outage:
        lose(sqlite_ledger, outage, "record_created", 10_000)
        made = issuer(organizations(1), sqlite_ledger)
        with pytest.raises(OperationalError):
            asyncio.run(world.within(made._hook, made.run()))
    outcome = world.by_row(made.results())[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("failed", True)
    assert (tenant.stats().tickets, world.living(tenant)) == (1, set())


def test_a_ticket_that_may_be_written_down_is_not_revoked_and_counts_if_it_is(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits, "LEDGER", 0.1)
    dialect = sqlite_ledger._engine.dialect
    commit, connect = dialect.do_commit, dialect.connect
    commits: list[int] = []

    def commit_and_go_away(connection: Any) -> None:
        commit(connection)
        commits.append(len(world.living(tenant)))
        if commits[-1]:  # the answer's, not the intent's
            raise sqlite3.OperationalError("disk I/O error")

    def stay_away(*what: Any, **more: Any) -> Any:
        if any(commits):
            raise sqlite3.OperationalError("unable to open database file")
        return connect(*what, **more)

    with monkeypatch.context() as outage:
        outage.setattr(dialect, "do_commit", commit_and_go_away)
        outage.setattr(dialect, "connect", stay_away)
        outage.setattr(sqlite_ledger._engine, "pool", NullPool(sqlite_ledger._engine.pool._creator))
        made = issuer(organizations(1), sqlite_ledger)
        with pytest.raises(OperationalError):
            asyncio.run(world.within(made._hook, made.run()))
    in_doubt = world.by_row(made.results())[1]
    assert (in_doubt["status"], in_doubt["ticket_id"]) == ("failed", *world.living(tenant))
    outcome = issue(organizations(1), sqlite_ledger)[1]
    assert (outcome["status"], outcome["ticket_id"]) == ("created", *world.living(tenant))
    assert (world.posts(tenant), world.revocations(tenant)) == (1, 0)


def test_a_ticket_is_written_down_by_another_connection_after_a_failover_has_made_the_first_read_only(
    postgres_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = postgres_ledger.begin

    def begin_and_fail_over(*what: Any, **more: Any) -> Entry:
        entry = begin(*what, **more)
        with postgres_ledger._engine.begin() as connection:
            connection.exec_driver_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        return entry

    monkeypatch.setattr(postgres_ledger, "begin", begin_and_fail_over)
    outcome = issue(organizations(1), postgres_ledger)[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("created", False)
    assert world.recorded(postgres_ledger) == world.living(tenant)
    assert (world.posts(tenant), world.revocations(tenant)) == (1, 0)


def test_a_ticket_is_written_down_although_all_connections_are_held_up_for_a_while(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, record = sqlite_ledger._engine, sqlite_ledger.record_created
    pool = QueuePool(engine.pool._creator, pool_size=1, max_overflow=0, timeout=0.05)
    held_up: list[int] = []

    def record_while_others_wait(*what: Any, **more: Any) -> Entry:
        held_up.append(1)
        if len(held_up) > 3:
            return record(*what, **more)
        with engine.connect():
            return record(*what, **more)

    monkeypatch.setattr(engine, "pool", pool)
    monkeypatch.setattr(sqlite_ledger, "record_created", record_while_others_wait)
    outcome = issue(organizations(1), sqlite_ledger)[1]
    assert (outcome["status"], outcome["duplicate_possible"], len(held_up)) == ("created", False, 4)
    assert world.recorded(sqlite_ledger) == world.living(tenant)


def test_after_the_outage_another_run_makes_what_is_owed(
    sqlite_ledger: Ledger, tenant: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits, "LEDGER", 0.1)
    monkeypatch.setattr(waits, "ANSWER_GRACE", -29.9)
    with monkeypatch.context() as outage:
        lose(sqlite_ledger, outage, "record_created", 10_000)
        with pytest.raises(OperationalError):
            issue(organizations(1), sqlite_ledger)
    outcome = issue(organizations(1), sqlite_ledger, SECOND_RUN)[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("created", True)
    assert world.recorded(sqlite_ledger) == world.living(tenant)
