"""The ledger knows, whatever dies, what was asked for whom and what came back."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.exceptions import LedgerError
from auth0_sso.ledger.records import DEFAULT_TTL, OPEN_LIFETIME, Entry, RunAttempt, TicketSpec
from auth0_sso.ledger.store import Ledger, StaleEntryError, open_ledger
from auth0_sso.models import SsoTicket
from cryptography.fernet import Fernet
from sqlalchemy import NullPool, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from tests.support import databases

ledger_url = databases.ledger_url
ledger = databases.ledger
sqlite_url = databases.sqlite_url

ASK = TicketSpec("acme.example.com", "ssp_1", "org_1", "ada@example.com", {"connection_config": {"name": "acme"}})
TICKET = SsoTicket("https://acme.example.com/self-service/connections-flow?ticket=readableTicketId1")
SECOND_TICKET = SsoTicket("https://acme.example.com/self-service/connections-flow?ticket=second")
ME = RunAttempt("create/run-1", 3, 1_800_000_000.0)
LATER_RUN = RunAttempt("create/run-2", 3, 1_800_086_400.0)


def kept(ledger: Ledger, spec: TicketSpec = ASK) -> Entry:
    return ledger.entries([spec.key])[spec.key]


def begin(
    ledger: Ledger, seen: Entry | None = None, spec: TicketSpec = ASK, attempt: RunAttempt = ME, within: float = 35.0
) -> Entry:
    return ledger.begin(spec, seen, attempt, answer_within=within)


def created(
    ledger: Ledger, spec: TicketSpec = ASK, attempt: RunAttempt = ME, ticket: SsoTicket = TICKET, ttl: float = 1000
) -> Entry:
    return ledger.record_created(begin(ledger, spec=spec, attempt=attempt), ticket, sent_at=time.time(), ttl=ttl)


def other(number: int, organization: str = "org_2") -> TicketSpec:
    return replace(ASK, organization_id=organization, prospect=f"p{number}")


def test_an_intent_is_there_for_others_as_soon_as_begin_returns(ledger: Ledger, ledger_url: str) -> None:
    intent = begin(ledger)
    another = Ledger(ledger_url)
    assert kept(another) == intent
    assert intent.status == "in_flight"
    another.close()


@pytest.mark.parametrize("body", [{}, {"ttl_sec": 60}])
def test_an_intent_says_until_when_an_answer_may_come_and_a_ticket_may_live(
    ledger: Ledger, body: dict[str, int]
) -> None:
    before = ledger.now()
    intent = begin(ledger, spec=replace(ASK, body=body))
    assert before <= intent.requested_at <= ledger.now()
    assert intent.answer_by == pytest.approx(intent.requested_at + 35)
    assert intent.lives_until == pytest.approx(intent.answer_by + (60 if body else DEFAULT_TTL))


def test_a_ticket_comes_back_as_it_was_written(ledger: Ledger) -> None:
    written = created(ledger)
    assert kept(ledger) == written
    assert written.ticket == TICKET
    assert (written.status, written.attempts, written.version) == ("created", 1, 2)


@pytest.mark.parametrize("status", ["conflict", "failed", "deferred"])
def test_a_refusal_is_kept_with_its_words_and_leaves_no_doubt(ledger: Ledger, status: str) -> None:
    ledger.record_refused(begin(ledger), status, "Auth0 answered 409: it exists.")
    entry = kept(ledger)
    assert (entry.status, entry.error, entry.ticket) == (status, "Auth0 answered 409: it exists.", None)
    assert not entry.may_be_duplicate(time.time())


def test_a_lost_answer_is_a_doubt_until_the_unseen_ticket_would_be_dead(ledger: Ledger) -> None:
    intent = begin(ledger)
    ledger.record_unknown(intent, "No answer")
    entry = kept(ledger)
    assert (entry.status, entry.duplicate_until) == ("unknown", intent.lives_until)


def test_an_error_is_forgotten_when_a_ticket_comes(ledger: Ledger) -> None:
    refused = ledger.record_refused(begin(ledger), "deferred", "Too many requests")
    ledger.record_created(begin(ledger, refused), TICKET, sent_at=time.time(), ttl=60)
    assert kept(ledger).error == ""


def test_an_intent_that_died_is_asked_again_and_flagged_as_long_as_the_unseen_ticket_could_live(
    ledger: Ledger,
) -> None:
    dead = begin(ledger)
    again = begin(ledger, kept(ledger), attempt=LATER_RUN)
    entry = ledger.record_created(again, TICKET, sent_at=time.time(), ttl=60)
    assert entry.duplicate_until == dead.lives_until
    assert kept(ledger).may_be_duplicate(time.time())


def test_several_lost_answers_are_a_doubt_until_the_last_could_be_dead(ledger: Ledger) -> None:
    first = ledger.record_unknown(begin(ledger), "No answer")
    second = ledger.record_unknown(begin(ledger, first), "No answer")
    entry = ledger.record_created(begin(ledger, second), TICKET, sent_at=time.time(), ttl=60)
    assert entry.duplicate_until == second.lives_until > first.lives_until


@pytest.mark.parametrize("status", ["deferred", "failed", "conflict"])
def test_what_was_refused_is_asked_again_without_a_flag(ledger: Ledger, status: str) -> None:
    refused = ledger.record_refused(begin(ledger), status, "no")
    entry = ledger.record_created(begin(ledger, refused, attempt=LATER_RUN), TICKET, sent_at=time.time(), ttl=60)
    assert entry.duplicate_until == 0
    assert not entry.may_be_duplicate(time.time())


def test_a_flag_outlives_a_refusal_a_reissue_and_a_revocation_and_ends_with_time(ledger: Ledger) -> None:
    lost = ledger.record_unknown(begin(ledger), "No answer")
    refused = ledger.record_refused(begin(ledger, lost), "deferred", "Too many requests")
    first = ledger.record_created(begin(ledger, refused), TICKET, sent_at=time.time(), ttl=60)
    gone = ledger.record_revoked(ledger.record_revoking(first, "revoke/run-1"))
    ledger.record_created(begin(ledger, gone, attempt=LATER_RUN), TICKET, sent_at=time.time(), ttl=60)
    assert kept(ledger).may_be_duplicate(ledger.now())
    assert not kept(ledger).may_be_duplicate(lost.lives_until)


def test_attempts_count_the_asks_of_one_run_for_one_request(ledger: Ledger) -> None:
    first = ledger.record_refused(begin(ledger), "deferred", "Too many requests")
    second = ledger.record_refused(begin(ledger, first), "deferred", "Too many requests")
    assert (first.attempts, second.attempts) == (1, 2)
    later = ledger.record_refused(begin(ledger, second, attempt=LATER_RUN), "deferred", "Too many requests")
    changed = begin(ledger, later, spec=replace(ASK, body={"ttl_sec": 60}), attempt=LATER_RUN)
    assert (later.attempts, changed.attempts) == (1, 1)


def test_a_ticket_about_to_be_revoked_is_not_live_any_more_but_still_known(ledger: Ledger) -> None:
    leaving = ledger.record_revoking(created(ledger), "revoke/run-1")
    assert not leaving.is_live(time.time())
    assert kept(ledger).ticket == TICKET


def test_a_revoked_ticket_is_forgotten_and_who_revoked_it_is_not(ledger: Ledger, ledger_url: str) -> None:
    ledger.record_revoked(ledger.record_revoking(created(ledger), "revoke/run-1"))
    entry = kept(ledger)
    assert (entry.status, entry.ticket, entry.revoked_by) == ("revoked", None, "revoke/run-1")
    assert entry.revoked_at == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize("seen", ["nothing", "an entry"])
def test_of_those_that_begin_together_one_wins_and_the_others_are_told(ledger: Ledger, seen: str) -> None:
    known = None if seen == "nothing" else ledger.record_refused(begin(ledger), "deferred", "no")
    together = threading.Barrier(8)

    def ask_at_once(number: int) -> Entry | None:
        together.wait(10)
        try:
            return begin(ledger, known, attempt=RunAttempt(f"create/run-{number}"))
        except StaleEntryError:
            return None

    with ThreadPoolExecutor(8) as threads:
        won = [entry for entry in threads.map(ask_at_once, range(8)) if entry is not None]
    assert len(won) == 1
    assert kept(ledger) == won[0]


@pytest.mark.parametrize("result", ["created", "refused", "unknown", "revoking", "revoked"])
def test_a_result_that_comes_after_somebody_else_has_asked_is_refused_and_changes_nothing(
    ledger: Ledger, result: str
) -> None:
    late = begin(ledger)
    theirs = begin(ledger, late, attempt=LATER_RUN)
    write = {
        "created": lambda: ledger.record_created(late, TICKET, sent_at=time.time(), ttl=60),
        "refused": lambda: ledger.record_refused(late, "failed", "no"),
        "unknown": lambda: ledger.record_unknown(late, "No answer"),
        "revoking": lambda: ledger.record_revoking(late, "revoke/run-1"),
        "revoked": lambda: ledger.record_revoked(late),
    }
    with pytest.raises(StaleEntryError):
        write[result]()
    assert kept(ledger) == theirs


def test_many_prospects_are_looked_up_at_once_and_strangers_are_left_out(ledger: Ledger) -> None:
    known = [begin(ledger, spec=other(number)) for number in range(3)]
    strangers = [f"stranger-{number}" for number in range(1200)]
    found = ledger.entries([*strangers, *(entry.key for entry in known), known[0].key])
    assert found == {entry.key: entry for entry in known}
    assert ledger.entries([]) == {}


def test_a_runs_entries_are_those_it_was_the_last_to_ask_for(ledger: Ledger) -> None:
    taken_over = ledger.record_refused(begin(ledger, spec=other(1)), "deferred", "no")
    mine = begin(ledger, spec=other(2))
    theirs = begin(ledger, taken_over, spec=other(1), attempt=LATER_RUN)
    assert ledger.entries_of_run(ME.run) == [mine]
    assert ledger.entries_of_run(LATER_RUN.run) == [theirs]


def test_live_entries_are_tickets_that_may_work_and_revocations_in_doubt(ledger: Ledger) -> None:
    live = created(ledger, spec=other(1))
    opened_late = created(ledger, spec=other(2), ttl=-OPEN_LIFETIME + 60)
    created(ledger, spec=other(7), ttl=-OPEN_LIFETIME)
    in_doubt = ledger.record_revoking(created(ledger, spec=other(3)), "revoke/run-1")
    ledger.record_revoked(ledger.record_revoking(created(ledger, spec=other(4)), "revoke/run-1"))
    begin(ledger, spec=other(5))
    ledger.record_refused(begin(ledger, spec=other(6)), "conflict", "it exists")
    assert ledger.live_entries() == [live, opened_late, in_doubt]


def test_each_revocation_stays_in_the_book_when_its_prospect_is_asked_for_again(ledger: Ledger) -> None:
    first = created(ledger)
    gone = ledger.record_revoked(ledger.record_revoking(first, "revoke/run-1"))
    second = ledger.record_created(begin(ledger, gone, attempt=LATER_RUN), SECOND_TICKET, sent_at=time.time(), ttl=1000)
    ledger.record_revoked(ledger.record_revoking(second, LATER_RUN.run))
    book = ledger.revocations.by_prospect([ASK.key])
    assert [(one.ticket_id, one.revoked_by) for one in book.values()] == [
        (TICKET.ticket_id, "revoke/run-1"),
        (SECOND_TICKET.ticket_id, LATER_RUN.run),
    ]
    assert list(book) == [(ASK.key, first.created_at), (ASK.key, second.created_at)]
    assert ledger.revocations.by_ticket([TICKET.ticket_id, "unknown"]) == {
        TICKET.ticket_id: book[ASK.key, first.created_at or 0]
    }


def test_a_revocation_in_doubt_is_the_runs_that_meant_it_first(ledger: Ledger) -> None:
    leaving = ledger.record_revoking(created(ledger), "revoke/run-1")
    assert ledger.record_revoked(ledger.record_revoking(leaving, LATER_RUN.run)).revoked_by == "revoke/run-1"


def test_who_asks_right_after_a_ticket_has_expired_says_that_two_may_work(ledger: Ledger) -> None:
    expired = created(ledger, ttl=-60)
    again = begin(ledger, expired, attempt=LATER_RUN)
    assert expired.expires_at is not None
    assert again.duplicate_until == expired.expires_at + OPEN_LIFETIME


def test_that_two_may_work_is_said_also_if_the_key_to_the_first_is_lost(ledger: Ledger, ledger_url: str) -> None:
    expired = created(ledger, ttl=-60)
    databases.use_fernet_key(Fernet.generate_key().decode())
    stranger = Ledger(ledger_url)
    stranger.rotation.catch_up()
    again = begin(stranger, kept(stranger), attempt=LATER_RUN)
    assert expired.expires_at is not None
    assert again.duplicate_until == expired.expires_at + OPEN_LIFETIME
    stranger.close()


def test_names_in_any_script_and_long_errors_are_kept(ledger: Ledger) -> None:
    spec = replace(ASK, organization_name="Ünïcøde 株式会社", prospect="ada🔑")
    entry = ledger.record_refused(begin(ledger, spec=spec), "failed", "ß" * 5000)
    assert kept(ledger, spec) == entry


def test_neither_a_ticket_nor_its_id_is_readable_in_the_database(ledger: Ledger, ledger_url: str) -> None:
    created(ledger)
    held = databases.dump(ledger_url)
    assert b"ada@example.com" in held
    assert b"readableTicketId1" not in held
    assert b"connections-flow" not in held


def test_an_entrys_repr_does_not_show_its_ticket(ledger: Ledger) -> None:
    assert "readableTicketId1" not in repr(created(ledger))


def test_a_ledger_of_another_fernet_key_says_how_to_mend_it(ledger: Ledger, ledger_url: str) -> None:
    created(ledger)
    databases.use_fernet_key(Fernet.generate_key().decode())
    stranger = Ledger(ledger_url)
    with pytest.raises(LedgerError, match="Keep the old key after the new one"):
        stranger.live_entries()
    stranger.close()


def test_after_a_rotation_old_tickets_are_still_reused(ledger: Ledger, ledger_url: str, fernet: str) -> None:
    created(ledger)
    databases.use_fernet_key(f"{Fernet.generate_key().decode()},{fernet}")
    rotated = Ledger(ledger_url)
    assert kept(rotated).ticket == TICKET
    rotated.close()


def test_without_a_fernet_key_the_ledger_is_not_even_opened(sqlite_url: str) -> None:
    databases.use_fernet_key("")
    with pytest.raises(LedgerError, match="no Fernet key"):
        Ledger(sqlite_url)


@pytest.mark.parametrize("before", [None, 0o666], ids=["new", "there already"])
@pytest.mark.parametrize("umask", [0o000, 0o022], ids="umask {:03o}".format)
def test_a_sqlite_ledger_and_the_files_beside_it_are_their_owners_alone(
    sqlite_url: str, tmp_path: Path, umask: int, before: int | None
) -> None:
    file = tmp_path / "ledger.db"
    earlier = os.umask(umask)
    try:
        if before is not None:
            Ledger(sqlite_url).close()
            file.chmod(before)
        ledger = Ledger(sqlite_url)
        begin(ledger)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        ledger.close()
    finally:
        os.umask(earlier)
    assert modes == dict.fromkeys(["ledger.db", "ledger.db-wal", "ledger.db-shm"], 0o600)


def test_what_a_broken_database_says_shows_no_row(sqlite_url: str) -> None:
    ledger = Ledger(sqlite_url)
    with create_engine(sqlite_url).begin() as connection:
        connection.exec_driver_sql("DROP TABLE sso_tickets")
    with pytest.raises(SQLAlchemyError) as raised:
        begin(ledger)
    assert "ada@example.com" not in str(raised.value)
    ledger.close()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    return tmp_path


def test_by_default_the_ledger_is_a_file_in_airflows_home(home: Path) -> None:
    open_ledger().close()
    assert (home / "sso_tickets.db").exists()


def test_a_variable_names_another_file_whose_folder_is_made(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSO_TICKETS_LEDGER", str(home / "some" / "where" / "tickets.db"))
    open_ledger().close()
    assert (home / "some" / "where" / "tickets.db").exists()
    assert stat.S_IMODE((home / "some" / "where").stat().st_mode) == 0o700
    assert not (home / "sso_tickets.db").exists()


def _use_database(monkeypatch: pytest.MonkeyPatch, text: str, **extra: Any) -> None:
    url = make_url(text)
    connection = {
        "conn_type": "postgres",
        "login": url.username,
        "password": url.password,
        "host": url.host,
        "port": url.port,
        "schema": url.database,
        "extra": extra,
    }
    monkeypatch.setenv("AIRFLOW_CONN_SSO_TICKETS_DB", json.dumps(connection))


def test_a_connection_names_a_postgresql_database(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with databases.postgres_database() as text:
        _use_database(monkeypatch, text, application_name="tickets", keepalives=1, cursor="dictcursor")
        by_connection, by_url = open_ledger(), Ledger(text)
        assert by_connection.identity == by_url.identity
        with create_engine(text, poolclass=NullPool).connect() as connection:
            names = connection.exec_driver_sql("SELECT application_name FROM pg_stat_activity").scalars().all()
        assert "tickets" in names
        by_connection.close()
        by_url.close()
    assert not (home / "sso_tickets.db").exists()


def test_a_connection_that_requires_tls_gets_no_other(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with databases.postgres_database() as text:
        _use_database(monkeypatch, text, sslmode="verify-full", sslrootcert="/nowhere", sslpassword="s3cret")
        with pytest.raises(LedgerError, match=r"SSL|certificate") as raised:
            open_ledger()
    assert "s3cret" not in str(raised.value)


def test_a_connection_of_another_type_is_refused_with_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SSO_TICKETS_DB", json.dumps({"conn_type": "mysql", "host": "db.example.com"}))
    with pytest.raises(LedgerError, match=r"of type 'mysql'.*Make it one of type postgres"):
        open_ledger()
