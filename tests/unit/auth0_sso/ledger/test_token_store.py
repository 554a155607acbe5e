"""One token for all: renewed by one task at a time, and by another if that one is killed."""

from __future__ import annotations

import time
from contextlib import closing

import pytest
import time_machine
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.ledger.token_store import LedgerTokenStore
from auth0_sso.models import Token

TOKEN = Token("token", 1_900_000_000.0 + 1 / 3, frozenset({"create:sso_access_tickets", "read:x"}), 1)


@pytest.fixture
def store(ledger: Ledger) -> LedgerTokenStore:
    return LedgerTokenStore(ledger.database)


@pytest.fixture
def sqlite_store(sqlite_ledger: Ledger) -> LedgerTokenStore:
    return LedgerTokenStore(sqlite_ledger.database)


def test_a_token_comes_back_exactly_as_it_was_saved_for_all_that_open_the_ledger(
    store: LedgerTokenStore, ledger_url: str
) -> None:
    store.acquire_lease("key", 0, "me", 30)
    store.save_token("key", TOKEN, "me")
    with closing(open_ledger(ledger_url)) as another:
        assert LedgerTokenStore(another.database).read_token("key") == TOKEN
    assert store.read_token("other credentials") is None


def test_a_lease_is_for_the_version_that_was_read(store: LedgerTokenStore) -> None:
    assert store.acquire_lease("key", 0, "me", 30)
    assert not store.acquire_lease("key", 0, "you", 30)
    store.save_token("key", TOKEN, "me")
    assert not store.acquire_lease("key", 0, "you", 30), "there is a newer token"
    assert store.acquire_lease("key", 1, "you", 30)


def test_a_lease_is_released_by_its_owner_only(store: LedgerTokenStore) -> None:
    assert store.acquire_lease("key", 0, "me", 30)
    store.release_lease("key", "stranger")
    assert not store.acquire_lease("key", 0, "you", 30)
    store.release_lease("key", "me")
    assert store.acquire_lease("key", 0, "you", 30)


def test_a_lease_of_a_killed_task_ends_by_itself(sqlite_store: LedgerTokenStore) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        assert sqlite_store.acquire_lease("key", 0, "killed", 30)
        clock.shift(29)
        assert not sqlite_store.acquire_lease("key", 0, "you", 30)
        clock.shift(2)
        assert sqlite_store.acquire_lease("key", 0, "you", 30)


def test_a_lease_from_before_the_clock_was_set_back_ends_at_once(sqlite_store: LedgerTokenStore) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        assert sqlite_store.acquire_lease("key", 0, "killed", 30)
        clock.shift(-5 * 3600)
        assert sqlite_store.acquire_lease("key", 0, "you", 30)


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_lease_is_no_longer_if_the_workers_clock_is_off(hours: int, postgres_ledger: Ledger) -> None:
    store = LedgerTokenStore(postgres_ledger.database)
    with time_machine.travel(time.time() + hours * 3600, tick=True):
        assert store.acquire_lease("key", 0, "off", 300)
        assert 0 < owned_for(postgres_ledger) <= 300
        store.release_lease("key", "off", 200)
    assert 0 < owned_for(postgres_ledger) <= 200
    assert not store.acquire_lease("key", 0, "you", 30)


def owned_for(ledger: Ledger) -> float:
    """Return for how many seconds, by the server's clock, nobody else may renew the token."""
    query = "SELECT owned_until - extract(epoch FROM clock_timestamp()) FROM sso_tokens"
    with ledger.database.engine.connect() as connection:
        return float(connection.exec_driver_sql(query).scalar_one())


def test_after_a_failure_the_cooldown_is_for_all(sqlite_store: LedgerTokenStore) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        assert sqlite_store.acquire_lease("key", 0, "me", 30)
        sqlite_store.release_lease("key", "me", 5)
        assert not sqlite_store.acquire_lease("key", 0, "you", 30)
        clock.shift(6)
        assert sqlite_store.acquire_lease("key", 0, "you", 30)


def test_a_token_that_comes_after_another_task_has_acquired_the_lease_is_not_saved(
    sqlite_store: LedgerTokenStore,
) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        sqlite_store.acquire_lease("key", 0, "slow", 30)
        clock.shift(31)
        sqlite_store.acquire_lease("key", 0, "me", 30)
        sqlite_store.save_token("key", TOKEN, "slow")
        assert sqlite_store.read_token("key") is None
        sqlite_store.save_token("key", TOKEN, "me")
        assert sqlite_store.read_token("key") == TOKEN
