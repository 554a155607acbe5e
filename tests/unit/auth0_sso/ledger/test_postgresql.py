"""No call of a PostgreSQL ledger waits for a lock or for a machine that is gone without a bound."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.ledger.database import connect, is_away
from auth0_sso.ledger.store import Ledger, open_ledger
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from tests.support import factories
from tests.support.factories import FIRST_RUN, SPEC

BOUND = 0.5
LOCK = text("LOCK TABLE sso_tickets IN ACCESS EXCLUSIVE MODE")


@pytest.fixture
def ledger(postgres_url: str, fernet: str) -> Iterator[Ledger]:
    with closing(open_ledger(postgres_url, replace(factories.SHORT, ledger_answer=BOUND))) as opened:
        yield opened


@pytest.fixture
def other(postgres_url: str, ledger: Ledger) -> Iterator[Connection]:
    with create_engine(postgres_url, poolclass=NullPool).connect() as connection:
        connection.execute(text("SET statement_timeout = '10s'"))
        connection.execute(text("SET idle_in_transaction_session_timeout = '10s'"))
        connection.commit()
        yield connection


def test_a_lock_is_waited_for_as_long_as_for_an_answer_and_then_the_ledger_counts_as_away(
    ledger: Ledger, other: Connection
) -> None:
    other.execute(LOCK)
    started_at = time.monotonic()
    with pytest.raises(DBAPIError, match="statement timeout") as raised:
        ledger.begin(SPEC, None, FIRST_RUN, answer_within=35)
    assert is_away(raised.value)
    assert BOUND <= time.monotonic() - started_at < 10 * BOUND


def test_a_task_that_stands_still_in_a_transaction_loses_its_locks_and_then_the_ledger_counts_as_away_for_it(
    ledger: Ledger, other: Connection
) -> None:
    with ledger.database.engine.connect() as standing_still:
        standing_still.execute(LOCK)
        other.execute(text("SELECT count(*) FROM sso_tickets"))  # waits until the lock is free
        with pytest.raises(DBAPIError) as raised:
            standing_still.execute(LOCK)
    assert is_away(raised.value)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (socket.TCP_USER_TIMEOUT, 30_000),
        (socket.TCP_KEEPIDLE, 10),
        (socket.TCP_KEEPINTVL, 10),
    ],
    ids=["for what was sent", "before the first probe", "between two probes"],
)
def test_the_kernel_waits_so_long_for_a_machine_that_acknowledges_nothing(
    postgres_url: str, option: int, expected: int
) -> None:
    with closing(connect(postgres_url)) as database, database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        with socket.socket(fileno=driver.fileno()) as wire:
            assert wire.getsockopt(socket.IPPROTO_TCP, option) == expected
            wire.detach()
