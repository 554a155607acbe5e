"""What becomes of a mail if the mail server fails: at each place, in each way, on a real server."""

from __future__ import annotations

import logging
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from auth0_sso.exceptions import MailSettingsError, MailTransientError
from auth0_sso.hooks.mail import Delivery, MailSession, send_with_budget
from auth0_sso.models import DeliveryStatus
from auth0_sso.runtime.timeouts import Timeouts

from tests.support.certificates import Authority
from tests.support.mail_server import MailServer, Place
from tests.support.waiting import wait_until
from tests.unit.auth0_sso.hooks.mailing import (
    CONNECTION_VARIABLE,
    KNOWING,
    SECRETS,
    SENDER,
    SHORT,
    TELLTALE,
    TO,
    FakeTime,
    connect_to,
    mail,
)

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

SENT, POSSIBLY_SENT = DeliveryStatus.SENT, DeliveryStatus.POSSIBLY_SENT
REFUSED, FAILED = DeliveryStatus.REFUSED, DeliveryStatus.FAILED
SETTINGS = "settings"
# Of one attempt, with a timeout of one second for each of the two waits that a fault can have, and the end.
MAX_SECONDS = 4.0
DRIPPED = "250-" + "x" * 500

DROPS: dict[str, Any] = {"drops": True}
STALLS: dict[str, Any] = {"stalls": True}
DRIPS: dict[str, Any] = {"reply": DRIPPED, "drips": True}


@pytest.fixture
def check_log(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Check that nothing is logged or printed of the address, the link and the password."""
    caplog.set_level(logging.DEBUG)
    yield
    printed = capfd.readouterr()
    assert [secret for secret in SECRETS if secret in (caplog.text + printed.out + printed.err).lower()] == []


def attempt(timeouts: Timeouts = SHORT) -> tuple[str, str]:
    """Try once to hand over a mail; return the status, or that the settings are wrong, and the error."""
    try:
        with MailSession(timeouts=timeouts) as session:
            delivery = send_with_budget(session, mail(), TO, SENDER, timeouts=timeouts)
    except MailSettingsError as error:
        return SETTINGS, str(error)
    return delivery.status, delivery.error


def rows(place: Place, refused: str, lost: str, copies: int) -> Iterator[Any]:
    """Yield the faults that each place can have: what is refused for good there, what is lost, and who has it then."""
    said = TELLTALE if place in (Place.GREETING, Place.EHLO, Place.MAIL) else KNOWING
    for name, fault, status, accepted in (
        ("4xx", {"reply": f"451 4.7.1 {said}"}, FAILED, 0),
        ("421 and the end", {"reply": f"421 4.3.2 {said}", "drops": True}, FAILED, 0),
        ("5xx", {"reply": f"554 5.7.1 {said}"}, refused, 0),
        ("dropped", DROPS, lost, copies),
        ("stalls", STALLS, lost, copies),
        ("a byte at a time", DRIPS, lost, copies),
        ("no code", {"reply": f"hello {said}"}, lost, copies),
        ("an endless line", {"reply": "250 " + "x" * 9000}, lost, copies),
        ("an endless reply", {"reply": "250-x\r\n" * 20_000}, lost, copies),
        ("another code", {"reply": f"399 {said}"}, lost, copies),
    ):
        yield pytest.param(place, fault, status, accepted, id=f"{place}: {name}")


TABLE = [
    *rows(Place.GREETING, SETTINGS, FAILED, 0),
    *rows(Place.EHLO, SETTINGS, FAILED, 0),
    *rows(Place.MAIL, SETTINGS, FAILED, 0),
    *rows(Place.RCPT, REFUSED, FAILED, 0),
    *rows(Place.DATA, REFUSED, FAILED, 0),
    *rows(Place.AFTER_TEXT, REFUSED, POSSIBLY_SENT, 1),
    pytest.param(Place.DATA, {"reply": "250 ok"}, FAILED, 0, id="DATA: done already"),
    pytest.param(Place.DATA, {"reply": "354 go", "drops": True}, POSSIBLY_SENT, 0, id="DATA: dropped after 354"),
    pytest.param(Place.DATA, {"reply": "354 go", "stalls": True}, POSSIBLY_SENT, 0, id="DATA: stalls after 354"),
    pytest.param(Place.IN_TEXT, DROPS, POSSIBLY_SENT, 0, id="in the text: dropped"),
    pytest.param(Place.IN_TEXT, STALLS, POSSIBLY_SENT, 0, id="in the text: stalls"),
    pytest.param(Place.MAIL, {"reply": f"552 5.2.2 {TELLTALE}"}, SETTINGS, 0, id="MAIL: sender over quota"),
    pytest.param(Place.RCPT, {"reply": f"530 5.7.0 {KNOWING}"}, SETTINGS, 0, id="RCPT: login required"),
    pytest.param(Place.RCPT, {"reply": f"503 {KNOWING}"}, SETTINGS, 0, id="RCPT: login required, by 503"),
    pytest.param(Place.RCPT, {"reply": f"550 5.7.54 {KNOWING}"}, SETTINGS, 0, id="RCPT: may not relay, by Exchange"),
    pytest.param(Place.AFTER_TEXT, {"reply": f"550 5.4.5 {KNOWING}"}, SETTINGS, 0, id="text: the sender's quota"),
    pytest.param(Place.AFTER_TEXT, {"reply": f"550 5.7.60 {KNOWING}"}, SETTINGS, 0, id="text: not from this sender"),
    pytest.param(Place.QUIT, DROPS, SENT, 1, id="QUIT: dropped"),
    pytest.param(Place.QUIT, STALLS, SENT, 1, id="QUIT: stalls"),
    pytest.param(Place.QUIT, {"reply": f"554 {TELLTALE}"}, SENT, 1, id="QUIT: 5xx"),
]


@pytest.mark.parametrize(("place", "fault", "status", "copies"), TABLE)
def test_a_fault_gives_this_status_and_as_many_copies_and_no_secret(
    mail_server: MailServer, check_log: None, place: Place, fault: dict[str, Any], status: str, copies: int
) -> None:
    mail_server.fault(place, **fault)
    began = time.monotonic()
    found, error = attempt()
    assert time.monotonic() - began < MAX_SECONDS
    assert found == status
    assert len(mail_server.mails) == copies
    assert (error == "") == (status == SENT)
    assert [secret for secret in SECRETS if secret in error.lower()] == []


@pytest.mark.parametrize(("place", "fault", "status", "copies"), TABLE)
def test_a_mail_is_tried_again_after_a_fault_only_if_the_server_can_not_have_it(
    mail_server: MailServer, check_log: None, place: Place, fault: dict[str, Any], status: str, copies: int
) -> None:
    mail_server.fault(place, **fault, times=1)
    began = time.monotonic()
    found, _ = attempt(Timeouts(connect=1.0, mail_acceptance=1.0, mail_quit=0.2, longest_backoff=0.01))
    assert time.monotonic() - began < MAX_SECONDS
    assert found == (SENT if status == FAILED else status)
    assert len(mail_server.mails) == (1 if found == SENT else copies)
    if found != SENT:
        assert mail_server.connections == 1


TLS_TABLE = [
    pytest.param(Place.STARTTLS, {"reply": f"454 4.7.0 {TELLTALE}"}, FAILED, id="STARTTLS: 4xx"),
    pytest.param(Place.STARTTLS, {"reply": f"501 5.5.4 {TELLTALE}"}, SETTINGS, id="STARTTLS: 5xx"),
    pytest.param(Place.STARTTLS, DROPS, FAILED, id="STARTTLS: dropped"),
    pytest.param(Place.STARTTLS, STALLS, FAILED, id="STARTTLS: stalls"),
    pytest.param(Place.STARTTLS, DRIPS, FAILED, id="STARTTLS: a byte at a time"),
    pytest.param(Place.STARTTLS, {"reply": "220 go", "drops": True}, FAILED, id="handshake: dropped"),
    pytest.param(Place.STARTTLS, {"reply": "220 go", "stalls": True}, FAILED, id="handshake: stalls"),
    pytest.param(Place.EHLO, {"reply": f"451 4.7.0 {TELLTALE}", "skips": 1}, FAILED, id="EHLO in TLS: 4xx"),
    pytest.param(Place.EHLO, {"reply": f"550 5.7.1 {TELLTALE}", "skips": 1}, SETTINGS, id="EHLO in TLS: 5xx"),
    pytest.param(Place.EHLO, {"drops": True, "skips": 1}, FAILED, id="EHLO in TLS: dropped"),
    pytest.param(Place.AUTH, {"reply": f"454 4.7.0 {TELLTALE}"}, FAILED, id="AUTH: 4xx"),
    pytest.param(Place.AUTH, {"reply": f"535 5.7.8 {TELLTALE}"}, SETTINGS, id="AUTH: 5xx"),
    pytest.param(Place.AUTH, DROPS, FAILED, id="AUTH: dropped"),
    pytest.param(Place.AUTH, STALLS, FAILED, id="AUTH: stalls"),
    pytest.param(Place.AUTH, DRIPS, FAILED, id="AUTH: a byte at a time"),
    pytest.param(Place.AFTER_TEXT, DROPS, POSSIBLY_SENT, id="after the text: dropped"),
    pytest.param(Place.AFTER_TEXT, STALLS, POSSIBLY_SENT, id="after the text: stalls"),
    pytest.param(Place.AFTER_TEXT, DRIPS, POSSIBLY_SENT, id="after the text: a byte at a time"),
    pytest.param(Place.RCPT, DRIPS, FAILED, id="RCPT: a byte at a time"),
    pytest.param(Place.IN_TEXT, DROPS, POSSIBLY_SENT, id="in the text: dropped"),
]


@pytest.mark.parametrize(("place", "fault", "status"), TLS_TABLE)
def test_so_does_one_of_tls_and_of_the_login(
    mail_certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    check_log: None,
    place: Place,
    fault: dict[str, Any],
    status: str,
) -> None:
    with MailServer(mail_certificate, requires_login=True) as server:
        connect_to(monkeypatch, server, tls="starttls")
        server.fault(place, **fault)
        began = time.monotonic()
        found, error = attempt()
        assert time.monotonic() - began < MAX_SECONDS
        assert found == status
        assert len(server.mails) == (place is Place.AFTER_TEXT)
        assert [secret for secret in SECRETS if secret in error.lower()] == []


@pytest.mark.parametrize("place", [Place.GREETING, Place.EHLO, Place.AUTH, Place.RCPT, Place.AFTER_TEXT])
def test_a_traceback_has_no_secret_and_a_failure_leaves_no_connection_open(
    mail_server: MailServer, place: Place
) -> None:
    mail_server.fault(place, reply=f"451 4.7.1 {TELLTALE}")
    session = MailSession(timeouts=SHORT)
    with pytest.raises(MailTransientError) as raised:
        session.send(mail(), TO, SENDER)
    wait_until(lambda: mail_server.open_connections == 0)
    trace = "".join(traceback.format_exception(raised.value)).lower()
    assert [secret for secret in SECRETS if secret in trace] == []


@pytest.mark.parametrize("fault", [DROPS, STALLS], ids=["dropped", "stalls"])
def test_a_text_that_can_not_leave_in_time_is_possibly_sent(
    mail_server: MailServer, check_log: None, fault: dict[str, Any]
) -> None:
    """It is larger than what the system keeps of it, so that already the sending fails."""
    mail_server.fault(Place.IN_TEXT, **fault)
    message = mail("a line of the text\n" * 600_000)
    began = time.monotonic()
    with MailSession(timeouts=SHORT) as session:
        delivery = send_with_budget(session, message, TO, SENDER, timeouts=SHORT)
    assert time.monotonic() - began < 3 * MAX_SECONDS
    assert (delivery.status, mail_server.mails) == (POSSIBLY_SENT, [])
    assert "Server not connected" in delivery.error


def test_an_answer_to_the_text_is_waited_for_longer_than_others(mail_server: MailServer) -> None:
    slow = {"reply": "250 " + "x" * 70, "drips": True}
    mail_server.fault(Place.AFTER_TEXT, **slow)
    assert attempt(SHORT)[0] == POSSIBLY_SENT
    assert attempt(replace(SHORT, mail_acceptance=10.0))[0] == SENT


def test_the_handshake_of_tls_is_waited_for_as_long_as_for_a_connection(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail_server.fault(Place.GREETING, stalls=True)
    connect_to(monkeypatch, mail_server, tls="implicit", extra={"timeout": 30})
    began = time.monotonic()
    assert attempt()[0] == FAILED
    assert time.monotonic() - began < MAX_SECONDS


def closed_port(server: MailServer) -> dict[str, Any]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return {"port": taken.getsockname()[1]}


def always(**fields: Any) -> Callable[[MailServer], dict[str, Any]]:
    return lambda server: fields


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        pytest.param(closed_port, FAILED, "Connection refused", id="nobody listens"),
        pytest.param(always(host=""), SETTINGS, "has no host", id="no host"),
        pytest.param(always(host="a..b"), SETTINGS, "character that can't be sent", id="malformed host"),
        pytest.param(always(password="wröng"), SETTINGS, "character that can't be sent", id="password not ASCII"),
        pytest.param(always(password="wrong"), SETTINGS, "535", id="wrong password"),
        pytest.param(always(extra={"timeout": "soon"}), SETTINGS, "'soon'", id="timeout that is no number"),
        pytest.param(always(extra={"timeout": 0}), SETTINGS, "timeout=0", id="no timeout"),
        pytest.param(always(extra={"disable_tls": False}), SETTINGS, "offers no STARTTLS", id="no STARTTLS"),
        pytest.param(always(extra={"disable_ssl": False}), SETTINGS, "No TLS", id="TLS where there is none"),
        pytest.param(always(extra={"disable_tls": "false"}), SETTINGS, "offers no STARTTLS", id="STARTTLS by a text"),
        pytest.param(always(extra={"disable_ssl": "no"}), SETTINGS, "No TLS", id="TLS by a text"),
        pytest.param(always(extra={"disable_tls": "maybe"}), SETTINGS, "disable_tls", id="neither true nor false"),
        pytest.param(
            always(extra={"ssl_context": "mine", "disable_tls": False, "disable_ssl": False}),
            SETTINGS,
            "ssl_context",
            id="unknown ssl_context",
        ),
        pytest.param(always(extra={"auth_type": "oauth2"}), SETTINGS, "oauth2", id="OAuth 2 without a token"),
        pytest.param(
            always(extra={"auth_type": "oauth2", "access_token": "wrong"}), SETTINGS, "535", id="OAuth 2, wrong token"
        ),
        pytest.param(always(extra={"retry_limit": -1}), SENT, "", id="no attempt by the hook itself"),
    ],
)
def test_settings_that_can_not_work_say_which(
    monkeypatch: pytest.MonkeyPatch,
    check_log: None,
    fields: Callable[[MailServer], dict[str, Any]],
    status: str,
    said: str,
) -> None:
    with MailServer(requires_login=True) as server:
        connect_to(monkeypatch, server, **fields(server))
        found, error = attempt()
    assert found == status
    assert said in error
    assert "ö" not in error


def test_without_the_airflow_connection_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CONNECTION_VARIABLE, raising=False)
    assert attempt() == (
        SETTINGS,
        "The Airflow connection to the mail server can't be used: SMTP connection is not found.. "
        "Fix it under Admin > Connections.",
    )


@pytest.mark.parametrize(
    ("reason", "status"), [(socket.EAI_NONAME, SETTINGS), (socket.EAI_AGAIN, FAILED)], ids=["unknown", "no DNS"]
)
def test_an_unknown_host_is_a_wrong_setting_and_a_dns_that_is_away_may_be_back(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch, reason: int, status: str
) -> None:
    def fails(*_arguments: object, **_options: object) -> None:
        raise socket.gaierror(reason, "no")

    monkeypatch.setattr("socket.getaddrinfo", fails)
    assert attempt()[0] == status


@pytest.mark.parametrize(("host", "warns"), [("mail.example", True), ("localhost", False)])
def test_a_connection_without_tls_to_another_machine_is_warned_about(
    mail_server: MailServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    host: str,
    warns: bool,
) -> None:
    connect_to(monkeypatch, mail_server, host=host)
    look_up = socket.getaddrinfo
    monkeypatch.setattr("socket.getaddrinfo", lambda _host, *more, **named: look_up("127.0.0.1", *more, **named))
    assert attempt()[0] == SENT
    assert ("cross the network readable: 'smtp_default' has no TLS" in caplog.text) == warns


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_that_is_not_trusted_gets_neither_the_login_nor_the_mail(
    mail_certificate: Path, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with MailServer(mail_certificate, implicit_tls=tls == "implicit") as server:
        connect_to(monkeypatch, server, tls=tls)
        status, error = attempt()
        assert (status, server.logins, server.mails) == (SETTINGS, [], [])
    assert "certificate is not trusted: " in error


def test_a_certificate_of_another_host_is_not_trusted(
    mail_certificate: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MailServer(authority.certificate_of("other.example")) as server:
        connect_to(monkeypatch, server, tls="starttls")
        status, error = attempt()
        assert (status, server.logins, server.mails) == (SETTINGS, [], [])
    assert "Hostname mismatch" in error


def test_a_connection_whose_tls_has_failed_is_not_used_without_it(
    mail_certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hook keeps such a connection, and hands it out at the next call."""
    with MailServer(mail_certificate) as server:
        connect_to(monkeypatch, server, tls="starttls")
        server.fault(Place.STARTTLS, reply="454 4.7.0 later", times=2)
        status, _ = attempt(Timeouts(longest_backoff=0.01))
        assert status == SENT
        assert server.connections == 3
        assert [command for command in server.commands if command == "STARTTLS"] == ["STARTTLS"] * 3


def test_a_server_that_begins_with_tls_says_nothing_to_a_client_that_does_not(
    mail_certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MailServer(mail_certificate, implicit_tls=True) as server:
        connect_to(monkeypatch, server)
        assert attempt()[0] == FAILED


@pytest.mark.answers("the mail server is busy, or away")
@pytest.mark.parametrize(
    ("seconds", "slept"),
    [(0.0, []), (10.0, [4, 6]), (300.0, [4, 8, 16, *[30] * 9, 2])],
    ids=["no budget", "ten seconds", "five minutes"],
)
def test_the_pauses_between_attempts_grow_and_use_the_whole_budget(
    mail_server: MailServer, seconds: float, slept: list[float]
) -> None:
    mail_server.fault(Place.RCPT, reply="450 4.2.0 greylisted")
    times = FakeTime()
    timeouts = Timeouts(mail_budget=seconds)
    with MailSession(timeouts=timeouts) as session:
        delivery = send_with_budget(
            session, mail(), TO, SENDER, timeouts=timeouts, clock=times.clock, sleep=times.sleep
        )
    assert times.slept == slept
    assert delivery == Delivery(
        FAILED, f"Attempts to send it: {len(slept) + 1}. The mail server answered 450 4.2.0 greylisted to RCPT."
    )
    assert [command.split()[0] for command in mail_server.commands].count("RCPT") == len(slept) + 1


def test_the_default_budget_is_five_minutes() -> None:
    assert Timeouts().mail_budget == 300


def test_each_attempt_says_when_the_text_begins_to_leave_and_when_it_has_certainly_not_left(
    mail_server: MailServer,
) -> None:
    mail_server.fault(Place.RCPT, reply="450 4.2.0 later", times=1)
    mail_server.fault(Place.AFTER_TEXT, reply="451 4.3.0 later", times=1)
    seen: list[tuple[bool, int, int]] = []

    def note(has_left: bool) -> None:
        seen.append((has_left, mail_server.commands.count("DATA"), len(mail_server.mails)))

    times = FakeTime()
    with MailSession() as session:
        delivery = send_with_budget(session, mail(), TO, SENDER, set_left=note, clock=times.clock, sleep=times.sleep)
    assert delivery == Delivery(SENT)
    assert seen == [(False, 0, 0), (True, 1, 0), (False, 1, 0), (True, 2, 0)]
    assert len(mail_server.mails) == 1


@pytest.mark.parametrize("failure", [RuntimeError, OSError, KeyboardInterrupt])
def test_nothing_leaves_if_it_can_not_be_noted_that_the_text_begins_to(
    mail_server: MailServer, failure: type[BaseException]
) -> None:
    def fails(has_left: bool) -> None:
        raise failure("the ledger is away")

    with MailSession() as session:
        with pytest.raises(failure, match="the ledger is away"):
            send_with_budget(session, mail(), TO, SENDER, set_left=fails)
        wait_until(lambda: mail_server.open_connections == 0)
        assert mail_server.mails == []
        session.send(mail(), TO, SENDER)
    assert (len(mail_server.mails), mail_server.connections) == (1, 2)
