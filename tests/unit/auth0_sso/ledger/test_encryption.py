"""Ticket URLs and access tokens are encrypted with Airflow's Fernet key, and encrypted again when it changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.encryption import Cipher, rotate_keys
from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.schema import tickets
from auth0_sso.ledger.store import Ledger, open_ledger
from auth0_sso.ledger.token_store import LedgerTokenStore
from auth0_sso.models import SsoTicket, Token
from cryptography.fernet import Fernet
from sqlalchemy import insert, select

from tests.support import databases
from tests.support.factories import FIRST_RUN, SPEC

Open = Callable[..., Ledger]

MANY = 1200  # more than two chunks
TOKEN = Token("readable-token", 4_000_000_000.0, frozenset({"create:sso_access_tickets"}), 1)


@pytest.fixture
def new() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def reopen(ledger_url: str, request: pytest.FixtureRequest) -> Open:
    """Open the ledger with other keys."""

    def opened(*keys: str) -> Ledger:
        databases.use_fernet_key(",".join(keys))
        again = open_ledger(ledger_url)
        request.addfinalizer(again.close)
        return again

    return opened


def url(number: int) -> str:
    return f"https://acme.example.com/self-service/connections-flow?ticket=id{number}"


def create(ledger: Ledger, number: int, ttl: float = 1000) -> Entry:
    request = replace(SPEC.request, prospect=f"p{number}")
    intent = ledger.begin(replace(SPEC, request=request), None, FIRST_RUN, answer_within=35)
    return ledger.record_created(intent, SsoTicket(url(number)), sent_at=time.time(), ttl=ttl)


def create_many(ledger: Ledger) -> None:
    """Insert tickets with one statement."""
    create(ledger, 0)
    cipher = Cipher()
    with ledger.database.engine.begin() as connection:
        first = dict(connection.execute(select(tickets)).one()._mapping)
        others = [
            {**first, "key": f"{n:064}", "prospect": f"p{n}", "ticket_encrypted": cipher.encrypt(url(n))}
            for n in range(1, MANY)
        ]
        connection.execute(insert(tickets), others)


def save_token(ledger: Ledger, token: Token = TOKEN) -> None:
    store = LedgerTokenStore(ledger.database)
    store.acquire_lease("key", 0, "me", 30)
    store.save_token("key", token, "me")


def rotate(ledger: Ledger, cipher: Cipher | None = None, seconds: float = 60.0) -> bool:
    return rotate_keys(ledger.database.engine, cipher or ledger.database.cipher, ledger.now(), seconds)


def urls(ledger: Ledger) -> dict[str, str]:
    return {entry.prospect: entry.ticket.url for entry in ledger.live_entries() if entry.ticket}


def test_without_a_fernet_key_the_ledger_refuses_to_work(sqlite_url: str) -> None:
    databases.use_fernet_key("")
    with pytest.raises(LedgerError, match=r"no Fernet key.*Set AIRFLOW__CORE__FERNET_KEY"):
        open_ledger(sqlite_url)


@pytest.mark.parametrize("keys", ["short", "{key},"])
def test_a_malformed_key_is_an_error_that_does_not_show_it(keys: str, fernet: str) -> None:
    databases.use_fernet_key(keys.format(key=fernet))
    with pytest.raises(LedgerError, match=r"FERNET_KEY is malformed.*32 bytes in URL-safe base64") as raised:
        Cipher()
    assert fernet not in str(raised.value)


def test_neither_a_ticket_nor_a_token_is_readable_in_the_database(ledger: Ledger, ledger_url: str) -> None:
    create(ledger, 1)
    save_token(ledger)
    content = databases.dump(ledger_url)
    assert b"p1" in content
    assert b"ticket=id1" not in content
    assert b"readable-token" not in content


def test_with_an_old_key_everything_is_read_and_what_is_written_needs_the_new_one_only(
    ledger: Ledger, reopen: Open, new: str, fernet: str
) -> None:
    create(ledger, 1)
    both = reopen(new, fernet)
    second = create(both, 2)
    assert urls(both) == {"p1": url(1), "p2": url(2)}
    assert reopen(new).entries([second.key])[second.key].ticket == SsoTicket(url(2))


def test_a_valid_secret_whose_key_is_gone_is_an_error_that_says_what_to_do(
    ledger: Ledger, reopen: Open, new: str
) -> None:
    create(ledger, 1)
    save_token(ledger)
    without = reopen(new)
    for read in (without.live_entries, lambda: LedgerTokenStore(without.database).read_token("key")):
        with pytest.raises(LedgerError, match=r"another Fernet key.*Keep the old key after the new one") as raised:
            read()
        assert raised.value.__cause__ is None


def test_an_expired_secret_whose_key_is_gone_holds_up_nobody(ledger: Ledger, reopen: Open, new: str) -> None:
    entry = create(ledger, 1, ttl=-1)
    save_token(ledger, Token("lost", time.time() - 1, frozenset(), 1))
    without = reopen(new)
    known, token = without.entries([entry.key])[entry.key], LedgerTokenStore(without.database).read_token("key")
    assert (known.ticket, known.late_ticket_until > time.time()) == (None, True), "its link may still work"
    assert token is not None
    assert not token.serves(time.time())
    assert LedgerTokenStore(without.database).acquire_lease("key", token.version, "me", 30)


def test_after_a_rotation_the_old_key_is_not_needed(
    ledger: Ledger, reopen: Open, new: str, fernet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    create_many(ledger)
    save_token(ledger)
    assert rotate(reopen(new, fernet))
    assert "All of the ledger is encrypted with the first Fernet key: it needs no other" in capsys.readouterr().out
    alone = reopen(new)
    assert urls(alone) == {f"p{n}": url(n) for n in range(MANY)}
    assert LedgerTokenStore(alone.database).read_token("key") == TOKEN


def test_when_time_is_up_the_old_key_is_still_needed_and_the_next_run_goes_on(
    ledger: Ledger, reopen: Open, new: str, fernet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    create(ledger, 1)
    both = reopen(new, fernet)
    create(both, 2)
    assert not rotate(both, seconds=0)
    assert "Keep the older Fernet keys: the next run" in capsys.readouterr().out
    assert rotate(both)
    assert urls(reopen(new)) == {"p1": url(1), "p2": url(2)}


def test_a_rotation_drops_what_has_expired_and_fails_at_a_valid_secret_whose_key_is_gone(
    ledger: Ledger, reopen: Open, new: str
) -> None:
    create(ledger, 1, ttl=-1)
    other = reopen(new, Fernet.generate_key().decode())
    assert rotate(other)
    with other.database.engine.connect() as connection:
        assert connection.scalars(select(tickets.c.ticket_encrypted)).all() == [None]
    save_token(ledger)
    with pytest.raises(LedgerError, match="another Fernet key"):
        rotate(other)


def test_a_task_that_holds_an_entry_during_a_rotation_can_still_write_it(
    ledger: Ledger, reopen: Open, new: str, fernet: str
) -> None:
    held = create(ledger, 1)
    rotate(reopen(new, fernet))
    assert ledger.record_revoking(held, "revoke_sso_tickets/r").status == "revoking"


def test_a_rotation_does_not_overwrite_what_a_task_writes_meanwhile(
    ledger: Ledger, reopen: Open, new: str, fernet: str
) -> None:
    first = create(ledger, 1)
    create(ledger, 2)
    both, cipher = reopen(new, fernet), Cipher()

    def reissue_and_encrypt(secret: str) -> str:
        """Reissue between the reading of a chunk and its rewriting."""
        del cipher.encrypt
        revoked = both.record_revoked(both.record_revoking(first, FIRST_RUN.run))
        request = replace(SPEC.request, prospect="p1")
        intent = both.begin(replace(SPEC, request=request), revoked, FIRST_RUN, answer_within=35)
        both.record_created(intent, SsoTicket(url(100)), sent_at=time.time(), ttl=1000)
        return cipher.encrypt(secret)

    cipher.encrypt = reissue_and_encrypt  # type: ignore[method-assign]
    assert rotate(both, cipher)
    assert urls(reopen(new)) == {"p1": url(100), "p2": url(2)}
