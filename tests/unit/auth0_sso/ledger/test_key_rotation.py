"""After a change of the Fernet key the ledger encrypts itself anew, and the old key can be dropped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import airflow
import pytest
import time_machine
from airflow.models import Connection, import_all_models
from airflow.models.base import Base
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.encryption import PLAINTEXT_VARIABLE, Cipher, KeyRotation
from auth0_sso.ledger.records import Entry, RunAttempt, TicketSpec
from auth0_sso.ledger.schema import tickets, tokens
from auth0_sso.ledger.store import Ledger
from auth0_sso.models import SsoTicket, Token
from auth0_sso.tickets.decide import Action, decide
from cryptography.fernet import Fernet
from sqlalchemy import NullPool, create_engine, insert, select

from tests.support import databases

ledger_url = databases.ledger_url
ledger = databases.ledger
sqlite_url = databases.sqlite_url

Open = Callable[..., Ledger]

MANY = 1200  # more than two chunks
ME = RunAttempt("create/run-1", 3)
TOKEN = Token("readable-token", 4_000_000_000.0, frozenset({"create:sso_access_tickets"}), 1)


def spec(number: int) -> TicketSpec:
    return TicketSpec("acme.example.com", "ssp_1", "org_1", f"p{number}", {"connection_config": {"name": "acme"}})


def url(number: int) -> str:
    return f"https://acme.example.com/self-service/connections-flow?ticket=id{number}"


def create(ledger: Ledger, number: int, ttl: float = 1000) -> Entry:
    intent = ledger.begin(spec(number), None, ME, answer_within=35)
    return ledger.record_created(intent, SsoTicket(url(number)), sent_at=time.time(), ttl=ttl)


def fill(ledger: Ledger, ledger_url: str, rows: int) -> None:
    """Keep that many tickets with one statement, as they would be kept one by one."""
    create(ledger, 0)
    cipher = Cipher()
    with create_engine(ledger_url, poolclass=NullPool).begin() as connection:
        like = dict(connection.execute(select(tickets)).one()._mapping)
        made = [
            {**like, "key": spec(n).key, "prospect": f"p{n}", "ticket_encrypted": cipher.encrypt(url(n))}
            for n in range(1, rows)
        ]
        connection.execute(insert(tickets), made)


def save_token(ledger: Ledger, token: Token = TOKEN) -> None:
    ledger.token_store.acquire_lease("key", 0, "me", 30)
    ledger.token_store.save_token("key", token, "me")


def urls(ledger: Ledger) -> dict[str, str]:
    return {entry.prospect: entry.ticket.url for entry in ledger.live_entries() if entry.ticket}


def marks(ledger_url: str) -> set[str]:
    """Return what says which keys the secrets in the database are locked with."""
    engine = create_engine(ledger_url)
    with engine.connect() as connection:
        kept = [
            *connection.scalars(select(tickets.c.ticket_encrypted)),
            *connection.scalars(select(tokens.c.token_encrypted)),
        ]
    engine.dispose()
    return {secret.partition(":")[0] for secret in kept if secret}


@pytest.fixture
def new() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def reopen(ledger_url: str, request: pytest.FixtureRequest) -> Open:
    """Open the ledger with other keys."""

    def opened(*keys: str) -> Ledger:
        databases.use_fernet_key(",".join(keys))
        again = Ledger(ledger_url)
        request.addfinalizer(again.close)
        return again

    return opened


def test_with_both_keys_all_is_read_and_what_is_written_needs_the_new_one_only(
    ledger: Ledger, reopen: Open, new: str, fernet: str
) -> None:
    create(ledger, 1)
    both = reopen(new, fernet)
    create(both, 2)
    assert urls(both) == {"p1": url(1), "p2": url(2)}
    assert reopen(new).entries([spec(2).key])[spec(2).key].ticket == SsoTicket(url(2))


def test_after_catching_up_the_old_key_can_be_dropped(
    ledger: Ledger, ledger_url: str, reopen: Open, new: str, fernet: str
) -> None:
    fill(ledger, ledger_url, MANY)
    save_token(ledger)
    assert reopen(new, fernet).rotation.catch_up() == 0
    alone = reopen(new)
    assert urls(alone) == {f"p{n}": url(n) for n in range(MANY)}
    assert alone.token_store.read_token("key") == TOKEN
    assert marks(ledger_url) == {Cipher().mark.rstrip(":")}


def test_when_all_is_done_the_log_says_that_the_old_key_is_not_needed(
    ledger: Ledger, ledger_url: str, reopen: Open, new: str, fernet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(ledger, ledger_url, 2)
    both = reopen(new, fernet)
    both.rotation.catch_up()
    said = capsys.readouterr().out
    assert "The ledger is encrypted anew with the newest Fernet key" in said
    assert "All of the ledger is encrypted with the first Fernet key: it needs no other" in said
    both.rotation.catch_up()
    said = capsys.readouterr().out
    assert "anew" not in said
    assert "it needs no other" in said


def test_when_time_is_up_the_log_says_to_keep_the_old_key_and_the_next_call_goes_on(
    ledger: Ledger, ledger_url: str, reopen: Open, new: str, fernet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(ledger, ledger_url, 3)
    both = reopen(new, fernet)
    assert both.rotation.catch_up(seconds=0) == 3
    said = capsys.readouterr().out
    assert "Keep the older Fernet keys: the next run goes on" in said
    assert "it needs no other" not in said
    assert both.rotation.catch_up() == 0
    assert len(urls(reopen(new))) == 3


def test_a_task_that_holds_an_entry_meanwhile_can_still_write_it(
    ledger: Ledger, reopen: Open, new: str, fernet: str
) -> None:
    held = create(ledger, 1)
    reopen(new, fernet).rotation.catch_up()
    assert ledger.record_revoking(held, "revoke_sso_tickets/r").status == "revoking"


class _Interrupted(Cipher):
    """Lets something happen between the reading of a chunk and its rewriting."""

    def __init__(self, happen: Callable[[], object], after: int = 0) -> None:
        super().__init__()
        self._happen = happen
        self._after = after

    def encrypt(self, secret: str) -> str:
        self._after -= 1
        if self._after == -1:
            self._happen()
        return super().encrypt(secret)


def test_what_a_task_writes_meanwhile_is_not_overwritten(
    ledger: Ledger, ledger_url: str, reopen: Open, new: str, fernet: str
) -> None:
    first = create(ledger, 1)
    create(ledger, 2)
    both = reopen(new, fernet)

    def reissue() -> None:
        revoked = both.record_revoked(both.record_revoking(first, ME.run))
        intent = both.begin(spec(1), revoked, ME, answer_within=35)
        both.record_created(intent, SsoTicket(url(100)), sent_at=time.time(), ttl=1000)

    assert KeyRotation(create_engine(ledger_url), _Interrupted(reissue)).catch_up() == 0
    assert urls(reopen(new)) == {"p1": url(100), "p2": url(2)}


def test_two_runs_that_catch_up_together_do_not_disturb_each_other(
    ledger: Ledger, ledger_url: str, reopen: Open, new: str, fernet: str
) -> None:
    fill(ledger, ledger_url, MANY)
    both = [reopen(new, fernet) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda opened: opened.rotation.catch_up(), both)) == [0, 0]
    assert urls(reopen(new)) == {f"p{n}": url(n) for n in range(MANY)}


def test_one_that_is_killed_in_the_middle_is_taken_up_by_the_next(
    ledger: Ledger, ledger_url: str, reopen: Open, new: str, fernet: str
) -> None:
    fill(ledger, ledger_url, MANY)
    databases.use_fernet_key(f"{new},{fernet}")
    child = os.fork()
    if not child:
        try:
            cipher = _Interrupted(lambda: os.kill(os.getpid(), signal.SIGKILL), after=MANY // 2)
            KeyRotation(create_engine(ledger_url), cipher).catch_up()
        finally:
            os._exit(1)  # whatever happens, the tests go on in one process only
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert len(marks(ledger_url)) == 2, "some are done, some are not"
    both = reopen(new, fernet)
    assert len(urls(both)) == MANY
    assert both.rotation.catch_up() == 0
    assert len(urls(reopen(new))) == MANY


def test_a_key_that_was_dropped_too_early_is_asked_for_before_anything_is_sent(
    ledger: Ledger, ledger_url: str, reopen: Open, new: str, fernet: str
) -> None:
    create(ledger, 1)
    before = marks(ledger_url)
    with pytest.raises(LedgerError, match=r"another Fernet key.*Keep the old key after the new one.*nothing is sent"):
        reopen(new).rotation.catch_up()
    assert marks(ledger_url) == before
    assert reopen(new, fernet).rotation.catch_up() == 0


def test_a_lost_key_holds_up_nobody_once_its_links_are_dead(
    ledger: Ledger, ledger_url: str, reopen: Open, new: str
) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        create(ledger, 1, ttl=1000)
        save_token(ledger, Token("lost", time.time() + 1000, frozenset(), 1))
        clock.shift(1001)
        later = reopen(new)
        known = later.entries([spec(1).key])[spec(1).key]
        assert decide(known, spec(1), RunAttempt("create/run-2", 3), reissue=False, now=time.time()) is Action.CREATE
        assert_can_be_renewed(later)
        assert later.rotation.catch_up() == 0
        assert marks(ledger_url) == set()
        assert_can_be_renewed(later)


def assert_can_be_renewed(ledger: Ledger) -> None:
    expired = ledger.token_store.read_token("key")
    assert expired is not None
    assert not expired.serves(time.time())
    assert ledger.token_store.acquire_lease("key", expired.version, "me", 30)
    ledger.token_store.release_lease("key", "me")


def test_what_was_kept_readable_is_encrypted_when_a_key_comes(
    ledger_url: str, reopen: Open, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAINTEXT_VARIABLE, "true")
    without = reopen("")
    create(without, 1)
    save_token(without)
    assert url(1).encode() in databases.dump(ledger_url)
    monkeypatch.delenv(PLAINTEXT_VARIABLE)
    keyed = reopen(new)
    assert urls(keyed) == {"p1": url(1)}
    create(keyed, 2)
    assert url(2).encode() not in databases.dump(ledger_url)
    assert keyed.rotation.catch_up() == 0
    assert urls(keyed) == {"p1": url(1), "p2": url(2)}
    assert keyed.token_store.read_token("key") == TOKEN
    assert len(marks(ledger_url)) == 1


def test_a_ledger_without_secrets_is_left_alone(ledger: Ledger, reopen: Open, new: str) -> None:
    ledger.begin(spec(1), None, ME, answer_within=35)
    assert reopen(new).rotation.catch_up() == 0


@dataclass(frozen=True)
class RotatedAirflow:
    """A metadata database with a connection, after ``airflow rotate-fernet-key``."""

    old: str
    new: str
    password: str


@pytest.fixture(scope="module")
def rotated_airflow(tmp_path_factory: pytest.TempPathFactory) -> RotatedAirflow:
    home = tmp_path_factory.mktemp("airflow")
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    database = create_engine(f"sqlite:///{home / 'airflow.db'}")
    import_all_models()
    connections = Connection.__table__
    secret = {"password": Fernet(old).encrypt(b"client-secret").decode(), "is_encrypted": True}
    with database.begin() as connection:
        Base.metadata.create_all(connection)
        MigrationContext.configure(connection).stamp(migrations(), "head")
        connection.execute(insert(connections).values(conn_id="auth0_default", conn_type="auth0", **secret))
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": str(database.url),
        databases.FERNET_VARIABLE: f"{new},{old}",
    }
    command = [str(Path(sys.executable).with_name("airflow")), "rotate-fernet-key"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    with database.connect() as connection:
        password = connection.scalar(select(connections.c.password))
    database.dispose()
    return RotatedAirflow(old, new, password)


def migrations() -> ScriptDirectory:
    return ScriptDirectory(str(Path(airflow.__file__).parent / "migrations"))


def test_airflows_own_command_and_a_run_together_make_the_old_key_superfluous(
    rotated_airflow: RotatedAirflow, ledger_url: str, reopen: Open
) -> None:
    old, new = rotated_airflow.old, rotated_airflow.new
    create(reopen(old), 1)
    assert Fernet(new).decrypt(rotated_airflow.password.encode()) == b"client-secret"
    with pytest.raises(LedgerError, match="another Fernet key"):
        reopen(new).live_entries()  # the command alone is not enough
    assert reopen(new, old).rotation.catch_up() == 0
    assert urls(reopen(new)) == {"p1": url(1)}
