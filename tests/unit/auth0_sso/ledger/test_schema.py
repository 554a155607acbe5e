"""The ledger's tables: made when missing, by whoever comes first, and refused when another software made them."""

from __future__ import annotations

import re
import socket
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.database import connect
from auth0_sso.ledger.store import Ledger, schema
from sqlalchemy import create_engine, inspect, text

from tests.support import databases

ledger_url = databases.ledger_url
sqlite_url = databases.sqlite_url


def test_the_tables_are_made_in_an_empty_database(ledger_url: str) -> None:
    Ledger(ledger_url).close()
    engine = create_engine(ledger_url)
    assert set(inspect(engine).get_table_names()) == {
        "sso_ledger_about",
        "sso_tickets",
        "sso_revocations",
        "sso_tokens",
    }
    engine.dispose()


def test_the_identity_is_given_once_and_stays(ledger_url: str) -> None:
    first, second = Ledger(ledger_url), Ledger(ledger_url)
    assert first.identity == second.identity
    assert re.match(r"[0-9a-f]{32}", first.identity)
    first.close()
    second.close()


def test_two_databases_have_two_identities(tmp_path: object) -> None:
    ledgers = [Ledger(f"sqlite:///{tmp_path}/{name}.db") for name in ("one", "two")]
    assert ledgers[0].identity != ledgers[1].identity
    for ledger in ledgers:
        ledger.close()


def test_a_sqlite_ledgers_identity_names_the_machine_and_a_servers_does_not(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    assert ledger.identity.endswith(f"@{socket.gethostname()}") is ledger_url.startswith("sqlite")
    ledger.close()


def test_a_task_that_sees_another_ledger_than_the_plan_is_refused(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    ledger.require_identity("")
    ledger.require_identity(ledger.identity)
    with pytest.raises(LedgerError, match=r"serves one machine only.*make the connection 'sso_tickets_db'"):
        ledger.require_identity("0123@elsewhere")
    ledger.close()


def test_tables_of_another_version_are_refused_with_what_to_do(ledger_url: str) -> None:
    Ledger(ledger_url).close()
    engine = create_engine(ledger_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE sso_ledger_about SET value = '99' WHERE name = 'schema_version'"))
    engine.dispose()
    with pytest.raises(LedgerError, match=r"version 99, this software knows 3.*Install the version that made them"):
        Ledger(ledger_url)


def test_tables_that_another_task_has_only_half_made_are_completed(ledger_url: str) -> None:
    engine = create_engine(ledger_url)
    schema.about.create(engine)  # its rows are not there yet
    engine.dispose()
    ledger = Ledger(ledger_url)
    assert ledger.entries(["none"]) == {}
    ledger.close()


@pytest.mark.parametrize("_time", range(3))
def test_tasks_that_start_together_make_the_tables_together(ledger_url: str, _time: int) -> None:
    together = threading.Barrier(8)

    def open_it(_number: int) -> str:
        together.wait(10)
        ledger = Ledger(ledger_url)
        ledger.entries(["none"])
        ledger.close()
        return ledger.identity

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(open_it, range(8)))) == 1


def test_a_sqlite_ledger_is_opened_although_another_process_is_writing_its_first_page(
    sqlite_url: str, tmp_path: Path
) -> None:
    writer = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")
    end = threading.Timer(0.3, writer.execute, ("COMMIT",))
    end.start()
    Ledger(sqlite_url).close()
    end.join()
    writer.close()


def test_a_sqlite_ledger_lets_readers_in_while_one_writes_and_survives_a_power_cut(sqlite_url: str) -> None:
    engine, *_ = connect(sqlite_url)
    with engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 60_000}
    engine.dispose()


@pytest.mark.parametrize(
    "url",
    ["sqlite:////nowhere/at/all/ledger.db", "postgresql+psycopg2://ledger:s3cret-word@127.0.0.1:1/ledger"],
    ids=["no such folder", "no such server"],
)
def test_a_database_that_can_not_be_opened_says_what_to_check_and_hides_its_password(url: str) -> None:
    with pytest.raises(LedgerError, match=r"can't be opened.*Check the connection 'sso_tickets_db'") as raised:
        Ledger(url)
    assert "s3cret-word" not in str(raised.value)
    assert raised.value.__cause__ is None
