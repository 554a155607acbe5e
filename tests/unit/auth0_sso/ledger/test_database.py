"""Which database the ledger is in, how it is connected to, and whose clock it uses."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import time_machine
from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.database import connect, ledger_url
from auth0_sso.ledger.store import Ledger, open_ledger
from sqlalchemy import Engine, NullPool, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from dev.sandbox.server import Sandbox
from tests.support import databases, factories
from tests.support.factories import SECOND_RUN, SPEC, issue, organization, organizations, request

CONNECTION = {"conn_type": "postgres", "host": "db.example", "login": "sso", "password": "p@ss", "schema": "ledger"}
FIVE_HOURS = 5 * 3600.0


def use_connection(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SSO_TICKETS_DB", json.dumps({**CONNECTION, **fields}))


def use_server(monkeypatch: pytest.MonkeyPatch, server: str, **extra: Any) -> None:
    """Let the connection lead to a real server."""
    url = make_url(server)
    login = {"login": url.username, "password": url.password}
    use_connection(monkeypatch, host=url.host, port=url.port, schema=url.database, extra=extra, **login)


class TestUrl:
    def test_it_is_that_of_the_connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        use_connection(monkeypatch)
        url = ledger_url().render_as_string(hide_password=False)
        assert url == "postgresql+psycopg2://sso:p%40ss@db.example/ledger"

    def test_libpqs_options_are_in_it_and_those_of_airflows_hook_are_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        options = {"sslmode": "verify-full", "sslrootcert": "/certs/ca.pem", "sslcompression": 0}
        use_connection(monkeypatch, extra={**options, "cursor": "dictcursor", "iam": False})
        assert ledger_url().query == {**options, "sslcompression": "0"}

    def test_a_connection_of_another_type_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        use_connection(monkeypatch, conn_type="mysql")
        with pytest.raises(LedgerError, match=r"of type 'mysql'.*Make it one of type postgres"):
            ledger_url()

    def test_without_a_connection_it_is_a_file_in_airflows_home(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
        assert ledger_url().database == str(tmp_path / "sso_tickets.db")

    def test_a_variable_names_another_file_whose_folder_is_made(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("SSO_TICKETS_LEDGER", "~/some/where/sso.db")
        assert ledger_url().database == str(tmp_path / "some" / "where" / "sso.db")
        assert stat.S_IMODE((tmp_path / "some" / "where").stat().st_mode) == 0o700


class TestConnect:
    def test_a_connection_leads_to_a_postgresql_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with databases.postgres_database() as server:
            use_server(monkeypatch, server, application_name="tickets", cursor="dictcursor")
            with closing(open_ledger()) as by_connection, closing(open_ledger(server)) as by_url:
                assert by_connection.database.identity == by_url.database.identity
                with create_engine(server, poolclass=NullPool).connect() as connection:
                    names = connection.exec_driver_sql("SELECT application_name FROM pg_stat_activity").scalars().all()
                assert "tickets" in names

    def test_a_connection_that_requires_tls_gets_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with databases.postgres_database() as server:
            use_server(monkeypatch, server, sslmode="verify-full", sslrootcert="/nowhere", sslpassword="s3cret")
            with pytest.raises(LedgerError, match=r"SSL|certificate") as raised:
                open_ledger()
        assert "s3cret" not in str(raised.value)

    @pytest.mark.parametrize(
        "url",
        ["sqlite:////nowhere/at/all/ledger.db", "postgresql+psycopg2://ledger:s3cret-word@127.0.0.1:1/ledger"],
        ids=["no such folder", "no such server"],
    )
    def test_a_database_that_can_not_be_opened_is_an_error_without_its_password(self, url: str) -> None:
        with pytest.raises(LedgerError, match=r"can't be opened.*Check the connection 'sso_tickets_db'") as raised:
            connect(url)
        assert "s3cret-word" not in str(raised.value)
        assert raised.value.__cause__ is None

    @pytest.mark.parametrize("before", [None, 0o666], ids=["new", "there already"])
    @pytest.mark.parametrize("umask", [0o000, 0o022], ids="umask {:03o}".format)
    def test_a_sqlite_ledger_and_the_files_beside_it_are_their_owners_alone(
        self, sqlite_url: str, tmp_path: Path, umask: int, before: int | None
    ) -> None:
        file = tmp_path / "ledger.db"
        earlier = os.umask(umask)
        try:
            if before is not None:
                connect(sqlite_url).close()
                file.chmod(before)
            with closing(open_ledger(sqlite_url)) as ledger:
                ledger.begin(SPEC, None, SECOND_RUN, answer_within=35)
                modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        finally:
            os.umask(earlier)
        assert modes == dict.fromkeys(["ledger.db", "ledger.db-wal", "ledger.db-shm"], 0o600)

    def test_a_sqlite_ledger_is_opened_while_another_process_writes_its_first_page(
        self, sqlite_url: str, tmp_path: Path
    ) -> None:
        writer = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, check_same_thread=False)
        writer.execute("BEGIN IMMEDIATE")
        end = threading.Timer(0.3, writer.execute, ("COMMIT",))
        end.start()
        connect(sqlite_url).close()
        end.join()
        writer.close()

    def test_a_sqlite_ledger_can_be_read_during_a_write_and_survives_a_power_cut(self, sqlite_url: str) -> None:
        with closing(connect(sqlite_url)) as database, database.engine.connect() as connection:
            names = ("journal_mode", "synchronous", "busy_timeout")
            pragmas = [connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in names]
        assert pragmas == ["wal", 2, 60_000]

    def test_an_error_of_the_database_shows_no_row(self, sqlite_ledger: Ledger, sqlite_url: str) -> None:
        with create_engine(sqlite_url).begin() as connection:
            connection.exec_driver_sql("DROP TABLE sso_tickets")
        with pytest.raises(SQLAlchemyError) as raised:
            sqlite_ledger.begin(SPEC, None, SECOND_RUN, answer_within=35)
        assert SPEC.request.prospect not in str(raised.value)

    def test_an_error_of_the_database_is_one_line_without_sql_and_values(self, ledger: Ledger) -> None:
        query = text("SELECT key FROM sso_tickets WHERE no_such_column = :name")
        with pytest.raises(SQLAlchemyError) as raised, ledger.database.engine.connect() as connection:
            connection.execute(query, {"name": "acme"})
        shown = [str(one) for one in (raised.value, raised.value.__cause__)]
        assert all("no_such_column" in one and "\n" not in one for one in shown)
        assert not [one for one in shown if re.search("SELECT|SQL:|acme|LINE 1|Background", one)]

    @pytest.mark.parametrize("error", [LedgerError("no"), SQLAlchemyError("no"), KeyboardInterrupt()])
    def test_a_database_that_can_not_be_used_keeps_no_connection(
        self, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, error: BaseException
    ) -> None:
        engines: list[Engine] = []

        def fail(engine: Engine) -> str:
            engines.append(engine)
            engine.connect().close()
            raise error

        monkeypatch.setattr("auth0_sso.ledger.schema.prepare", fail)
        with pytest.raises((LedgerError, KeyboardInterrupt)):
            connect(sqlite_url)
        assert [engine.pool.checkedin() for engine in engines] == [0]

    def test_a_task_that_uses_another_ledger_than_the_plan_is_refused(self, sqlite_url: str) -> None:
        with closing(connect(sqlite_url)) as database:
            database.require_identity("")
            database.require_identity(database.identity)
            with pytest.raises(LedgerError, match=r"serves one machine only.*make the connection 'sso_tickets_db'"):
                database.require_identity("0123@elsewhere")


@pytest.mark.usefixtures("auth0_connection")
class TestClock:
    """On PostgreSQL the workers' clocks don't matter."""

    def test_a_request_of_a_worker_whose_clock_is_behind_is_waited_for(
        self, postgres_ledger: Ledger, tenant: Sandbox
    ) -> None:
        with time_machine.travel(time.time() - FIVE_HOURS):
            postgres_ledger.begin(factories.spec(request(1, "org_1")), None, SECOND_RUN, answer_within=35)
        outcome = issue(organizations(1), postgres_ledger, retry_budget=0.05)[1]
        assert "Another task's request for this prospect does not end" in outcome["error"]
        assert factories.posts(tenant) == 0

    def test_a_lost_request_of_a_worker_whose_clock_is_ahead_is_sent_again(
        self, postgres_ledger: Ledger, tenant: Sandbox
    ) -> None:
        with time_machine.travel(time.time() + FIVE_HOURS):
            postgres_ledger.begin(factories.spec(request(1, "org_1")), None, SECOND_RUN, answer_within=-1)
        outcome = issue(organizations(1), postgres_ledger, retry_budget=0.05)[1]
        assert (outcome["status"], outcome["duplicate_possible"]) == ("created", True)

    def test_a_valid_ticket_is_reused_and_listed_by_a_worker_whose_clock_is_ahead(
        self, postgres_ledger: Ledger, tenant: Sandbox
    ) -> None:
        wanted = [organization(request(1, body={**request(1).body, "ttl_sec": 3600}))]
        first = issue(wanted, postgres_ledger)[1]
        with time_machine.travel(time.time() + 2 * FIVE_HOURS):
            again = issue(wanted, postgres_ledger, SECOND_RUN)[1]
            assert len(postgres_ledger.live_entries()) == 1
        assert (again["status"], again["ticket_id"]) == ("reused", first["ticket_id"])
        assert factories.posts(tenant) == 1
