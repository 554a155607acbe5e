"""The ledger's tables: created by the task that comes first, and refused if another version has created them."""

from __future__ import annotations

import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger import schema
from auth0_sso.ledger.database import connect
from sqlalchemy import create_engine, text


def identity(url: str) -> str:
    with closing(connect(url)) as database:
        return database.identity


def test_the_identity_is_given_once_and_names_the_machine_of_a_sqlite_file(ledger_url: str) -> None:
    first = identity(ledger_url)
    assert identity(ledger_url) == first
    host = f"@{socket.gethostname()}" if ledger_url.startswith("sqlite") else ""
    assert re.fullmatch(rf"[0-9a-f]{{32}}{re.escape(host)}", first)


def test_two_databases_have_two_identities(tmp_path: object) -> None:
    assert identity(f"sqlite:///{tmp_path}/one.db") != identity(f"sqlite:///{tmp_path}/two.db")


def test_tables_of_another_version_are_refused(ledger_url: str) -> None:
    with closing(connect(ledger_url)) as database, database.engine.begin() as connection:
        connection.execute(text("UPDATE sso_ledger_about SET value = '99' WHERE name = 'schema_version'"))
    with pytest.raises(LedgerError, match=r"version 99, this software knows \d.*Install the version that created them"):
        connect(ledger_url)


def test_tables_that_another_task_has_only_partly_created_are_completed(ledger_url: str) -> None:
    engine = create_engine(ledger_url)
    schema.about.create(engine)  # its rows are not there yet
    engine.dispose()
    with closing(connect(ledger_url)) as database, database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM sso_tickets")).scalar_one() == 0


@pytest.mark.parametrize("_time", range(3))
def test_tasks_that_start_together_create_one_ledger(ledger_url: str, _time: int) -> None:
    together = threading.Barrier(8)

    def open_it(_number: int) -> str:
        together.wait(10)
        return identity(ledger_url)

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(open_it, range(8)))) == 1
