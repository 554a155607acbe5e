"""A PostgreSQL that hangs while its machine still answers is waited for no longer than one that is away."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import pytest
from auth0_sso.ledger.records import Entry
from auth0_sso.ledger.store import Ledger, open_ledger
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import OperationalError

from dev.sandbox.server import Sandbox
from tests.support import factories
from tests.support.factories import issue, organizations
from tests.support.services import postgres

pytestmark = pytest.mark.usefixtures("auth0_connection")

APPLICATION = f"ledger-{uuid.uuid4().hex}"
SHORT = replace(factories.SHORT, ledger=2.0, ledger_answer=0.8)


@pytest.fixture
def ledger(postgres_url: str, fernet: str) -> Iterator[Ledger]:
    url = make_url(postgres_url).update_query_dict({"application_name": APPLICATION})
    with closing(open_ledger(url, SHORT)) as opened:
        yield opened


class Hang:
    """Stops the processes that serve the ledger, for half a minute at the most, while their machine still responds."""

    def __init__(self) -> None:
        self._stopped: list[int] = []
        self._end = threading.Timer(30, self.end)

    @property
    def lasts(self) -> bool:
        return bool(self._stopped) and self._end.is_alive()

    def begin(self) -> None:
        query = text("SELECT pid FROM pg_stat_activity WHERE application_name = :name")
        with create_engine(postgres.postgres_server(), poolclass=NullPool).connect() as connection:
            self._stopped = list(connection.scalars(query, {"name": APPLICATION}))
        for process in self._stopped:
            os.kill(process, signal.SIGSTOP)
        self._end.start()

    def end(self) -> None:
        self._end.cancel()
        for process in self._stopped:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


@pytest.fixture
def hang(ledger: Ledger) -> Iterator[Hang]:
    if postgres.SERVER_VARIABLE in os.environ:
        pytest.skip("the processes of another server can't be stopped")
    hang = Hang()
    yield hang
    hang.end()


def test_the_ledger_is_read_over_another_connection(ledger: Ledger, hang: Hang) -> None:
    hang.begin()
    assert ledger.entries(["nobody"]) == {}
    assert hang.lasts, "the ledger was waited for until it went on by itself"


def test_a_ticket_that_comes_meanwhile_is_recorded_over_another_connection(
    ledger: Ledger, tenant: Sandbox, hang: Hang, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = ledger.begin

    def begin_and_hang(*args: Any, **kwargs: Any) -> Entry:
        entry = begin(*args, **kwargs)
        hang.begin()
        return entry

    monkeypatch.setattr(ledger, "begin", begin_and_hang)
    outcome = issue(organizations(1), ledger, hook=factories.open_hook(ledger, timeouts=SHORT))[1]
    assert hang.lasts, "the ledger was waited for until it went on by itself"
    assert (outcome["status"], outcome["duplicate_possible"]) == ("created", False)
    assert factories.recorded(ledger) == factories.living(tenant)
    assert (factories.posts(tenant), factories.revocations(tenant)) == (1, 0)


def test_a_ticket_whose_commit_hangs_is_in_its_rows_outcome_and_counts_if_it_is_committed_later(
    ledger: Ledger, tenant: Sandbox, hang: Hang, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = DefaultDialect.do_commit

    def hang_and_commit(dialect: DefaultDialect, connection: Any) -> None:
        if factories.living(tenant) and not hang.lasts:  # the answer's, not the intent's
            hang.begin()
        commit(dialect, connection)

    hook = factories.open_hook(ledger, timeouts=SHORT)
    issuer = factories.issuer(organizations(1), ledger, hook=hook)
    with monkeypatch.context() as hanging:
        hanging.setattr(DefaultDialect, "do_commit", hang_and_commit)
        with pytest.raises(OperationalError, match="PostgreSQL has not answered"):
            asyncio.run(issuer.run())
    assert hang.lasts, "the ledger was waited for until it went on by itself"
    failed = factories.by_row(issuer.results())[1]
    assert (failed["status"], failed["ticket_id"]) == ("failed", *factories.living(tenant))
    hang.end()
    outcome = issue(organizations(1), ledger)[1]
    assert (outcome["status"], outcome["ticket_id"]) == ("created", failed["ticket_id"])
    assert factories.posts(tenant) == 1
