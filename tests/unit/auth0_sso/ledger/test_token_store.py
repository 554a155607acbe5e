"""One token for all: kept encrypted, renewed by one at a time, by another when that one died."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.store import Ledger
from auth0_sso.ledger.token_store import LedgerTokenStore
from auth0_sso.models import Token
from cryptography.fernet import Fernet
from sqlalchemy import NullPool, create_engine

from tests.support import databases

ledger_url = databases.ledger_url
ledger = databases.ledger
sqlite_url = databases.sqlite_url
sqlite_ledger = databases.sqlite_ledger

TOKEN = Token("readable-token", 1_900_000_000.0, frozenset({"create:sso_access_tickets", "read:x"}), 1)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    with databases.postgres_schema() as url:
        yield url


@pytest.fixture
def token_store(ledger: Ledger) -> LedgerTokenStore:
    return ledger.token_store


def test_an_unknown_token_is_none_and_so_is_one_that_is_only_being_fetched(token_store: LedgerTokenStore) -> None:
    assert token_store.read_token("key") is None
    assert token_store.acquire_lease("key", 0, "me", 30)
    assert token_store.read_token("key") is None


def test_a_token_comes_back_as_it_was_saved(token_store: LedgerTokenStore) -> None:
    token_store.acquire_lease("key", 0, "me", 30)
    token_store.save_token("key", TOKEN, "me")
    assert token_store.read_token("key") == TOKEN
    assert token_store.read_token("other credentials") is None


def test_a_token_is_not_readable_in_the_database(token_store: LedgerTokenStore, ledger_url: str) -> None:
    token_store.acquire_lease("key", 0, "me", 30)
    token_store.save_token("key", TOKEN, "me")
    held = databases.dump(ledger_url)
    assert b"create:sso_access_tickets" in held
    assert b"readable-token" not in held


def test_of_those_that_claim_together_one_renews(token_store: LedgerTokenStore) -> None:
    together = threading.Barrier(8)

    def claim(number: int) -> bool:
        together.wait(10)
        return token_store.acquire_lease("key", 0, f"owner-{number}", 30)

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(claim, range(8))) == 1


def test_while_one_renews_others_wait_and_afterwards_they_see_the_new_version(token_store: LedgerTokenStore) -> None:
    assert token_store.acquire_lease("key", 0, "me", 30)
    assert not token_store.acquire_lease("key", 0, "you", 30)
    token_store.save_token("key", TOKEN, "me")
    assert not token_store.acquire_lease("key", 0, "you", 30), "the version that you have seen is not the latest"
    assert token_store.acquire_lease("key", 1, "you", 30)


def test_whoever_could_not_renew_lets_the_next_try_at_once(token_store: LedgerTokenStore) -> None:
    assert token_store.acquire_lease("key", 0, "me", 30)
    token_store.release_lease("key", "stranger")
    assert not token_store.acquire_lease("key", 0, "you", 30)
    token_store.release_lease("key", "me")
    assert token_store.acquire_lease("key", 0, "you", 30)


def test_a_claim_ends_with_its_time_so_that_a_killed_task_holds_up_nobody(sqlite_ledger: Ledger) -> None:
    token_store = sqlite_ledger.token_store
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        assert token_store.acquire_lease("key", 0, "killed", 30)
        clock.shift(29)
        assert not token_store.acquire_lease("key", 0, "you", 30)
        clock.shift(2)
        assert token_store.acquire_lease("key", 0, "you", 30)


def test_a_claim_from_before_the_clock_was_set_back_holds_up_nobody(sqlite_ledger: Ledger) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        assert sqlite_ledger.token_store.acquire_lease("key", 0, "killed", 30)
        clock.shift(-5 * 3600)
        assert sqlite_ledger.token_store.acquire_lease("key", 0, "you", 30)


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_worker_whose_clock_is_off_holds_up_those_of_other_machines_no_longer(
    hours: int, fernet: str, postgres_url: str
) -> None:
    ledger = Ledger(postgres_url)
    with time_machine.travel(time.time() + hours * 3600, tick=True):
        assert ledger.token_store.acquire_lease("key", 0, "off", 300)
        assert 0 < owned_for(postgres_url) <= 300
        ledger.token_store.release_lease("key", "off", 200)
    assert 0 < owned_for(postgres_url) <= 200
    assert not ledger.token_store.acquire_lease("key", 0, "you", 30)
    ledger.close()


def owned_for(postgres_url: str) -> float:
    """Return for how many seconds, by the server's clock, nobody else may renew the token."""
    query = "SELECT owned_until - extract(epoch FROM clock_timestamp()) FROM sso_tokens"
    with create_engine(postgres_url, poolclass=NullPool).connect() as connection:
        return float(connection.exec_driver_sql(query).scalar_one())


def test_after_a_failure_the_row_rests_for_all_and_is_then_free(sqlite_ledger: Ledger) -> None:
    token_store = sqlite_ledger.token_store
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        assert token_store.acquire_lease("key", 0, "me", 30)
        token_store.release_lease("key", "me", 5)
        assert not token_store.acquire_lease("key", 0, "you", 30)
        clock.shift(6)
        assert token_store.acquire_lease("key", 0, "you", 30)


def test_a_token_that_comes_after_the_claim_has_passed_on_is_not_kept(sqlite_ledger: Ledger) -> None:
    token_store = sqlite_ledger.token_store
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        token_store.acquire_lease("key", 0, "slow", 30)
        clock.shift(31)
        token_store.acquire_lease("key", 0, "me", 30)
        token_store.save_token("key", TOKEN, "slow")
        assert token_store.read_token("key") is None
        token_store.save_token("key", TOKEN, "me")
        assert token_store.read_token("key") == TOKEN


def test_the_token_is_shared_by_all_that_open_the_ledger(token_store: LedgerTokenStore, ledger_url: str) -> None:
    token_store.acquire_lease("key", 0, "me", 30)
    token_store.save_token("key", TOKEN, "me")
    another = Ledger(ledger_url)
    assert another.token_store.read_token("key") == TOKEN
    another.close()


def test_a_token_of_another_fernet_key_says_how_to_mend_it(token_store: LedgerTokenStore, ledger_url: str) -> None:
    token_store.acquire_lease("key", 0, "me", 30)
    token_store.save_token("key", TOKEN, "me")
    databases.use_fernet_key(Fernet.generate_key().decode())
    stranger = Ledger(ledger_url)
    with pytest.raises(LedgerError, match="Keep the old key after the new one"):
        stranger.token_store.read_token("key")
    stranger.close()


def test_expiry_is_in_unix_seconds_and_survives_the_database_exactly(token_store: LedgerTokenStore) -> None:
    exact = Token("t", time.time() + 1 / 3, frozenset(), 7)
    token_store.acquire_lease("key", 0, "me", 30)
    token_store.save_token("key", exact, "me")
    assert token_store.read_token("key") == exact
