"""Which database the ledger is in, as the connection says it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from auth0_sso.ledger.database import ledger_url
from auth0_sso.ledger.records import TicketSpec
from auth0_sso.ledger.store import Ledger
from sqlalchemy import make_url

from dev.sandbox.server import Sandbox
from tests.support import databases, factories
from tests.support.factories import SECOND_RUN, issue, organization, organizations, request

_CONNECTION = {"conn_type": "postgres", "host": "db.example", "login": "sso", "password": "p@ss", "schema": "ledger"}


def url_of(monkeypatch: pytest.MonkeyPatch, **extra: Any) -> str:
    monkeypatch.setenv("AIRFLOW_CONN_SSO_TICKETS_DB", json.dumps({**_CONNECTION, "extra": extra}))
    return ledger_url().render_as_string(hide_password=False)


def test_it_is_that_of_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    assert url_of(monkeypatch) == "postgresql+psycopg2://sso:p%40ss@db.example/ledger"


def test_a_file_in_the_users_home_is_in_no_folder_of_that_name_where_a_process_was_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSO_TICKETS_LEDGER", "~/ledgers/sso.db")
    assert ledger_url().database == str(tmp_path / "ledgers" / "sso.db")


def test_the_server_must_prove_itself_as_the_connection_says(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"sslmode": "verify-full", "sslrootcert": "/certs/ca.pem", "keepalives_idle": 30}
    query = make_url(url_of(monkeypatch, **extra)).query
    assert query == {"sslmode": "verify-full", "sslrootcert": "/certs/ca.pem", "keepalives_idle": "30"}


def test_what_is_airflows_own_does_not_enter_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "?" not in url_of(monkeypatch, cursor="dictcursor", iam=False)


pytestmark = pytest.mark.usefixtures("auth0_connection")

FIVE_HOURS = 5 * 3600.0


@pytest.fixture
def ledger(fernet: str) -> Iterator[Ledger]:
    with databases.postgres_schema() as url:
        opened = Ledger(url)
        yield opened
        opened.close()


def worker_with_a_clock_off_by(seconds: float) -> time_machine.travel:
    return time_machine.travel(time.time() + seconds)


def ask_of_the_first_row() -> TicketSpec:
    return factories.spec(organizations(1)[0].requests[0])


def test_a_request_under_way_is_waited_for_although_the_clock_of_the_worker_that_sends_it_is_behind(
    ledger: Ledger, tenant: Sandbox
) -> None:
    with worker_with_a_clock_off_by(-FIVE_HOURS):
        ledger.begin(ask_of_the_first_row(), None, SECOND_RUN, answer_within=35)
    outcome = issue(organizations(1), ledger, retry_budget=0.05)[1]
    assert "Another task's request for this prospect does not end" in outcome["error"]
    assert factories.posts(tenant) == 0


def test_a_request_that_died_is_sent_again_although_the_clock_of_the_worker_that_sent_it_was_ahead(
    ledger: Ledger, tenant: Sandbox
) -> None:
    with worker_with_a_clock_off_by(FIVE_HOURS):
        ledger.begin(ask_of_the_first_row(), None, SECOND_RUN, answer_within=-1)
    outcome = issue(organizations(1), ledger, retry_budget=0.05)[1]
    assert (outcome["status"], outcome["duplicate_possible"]) == ("created", True)


def test_a_ticket_that_lives_is_reused_by_a_worker_whose_clock_is_ahead(ledger: Ledger, tenant: Sandbox) -> None:
    wanted = [organization(request(1, body={**request(1).body, "ttl_sec": 3600}))]
    first = issue(wanted, ledger)[1]
    with worker_with_a_clock_off_by(FIVE_HOURS):
        again = issue(wanted, ledger, SECOND_RUN)[1]
    assert (again["status"], again["ticket_id"]) == ("reused", first["ticket_id"])
    assert factories.posts(tenant) == 1


def test_a_link_is_listed_as_long_as_it_may_work_although_the_clock_of_the_worker_that_looks_is_ahead(
    ledger: Ledger,
) -> None:
    issue(organizations(2), ledger)
    with worker_with_a_clock_off_by(30 * 24 * 3600):
        assert len(ledger.live_entries()) == 2
