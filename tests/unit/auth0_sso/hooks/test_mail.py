"""What a mail session says to a mail server that works, and how long it uses a connection."""

from __future__ import annotations

import asyncio
import email.policy
import re
import socket
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path

import pytest
from auth0_sso.exceptions import MailRefusedError, MailSettingsError, MailTransientError
from auth0_sso.hooks import mail as module
from auth0_sso.hooks.mail import EHLO_NAME, MailSession, mail_rate_limiter
from auth0_sso.hooks.mail_errors import redacted

from tests.support.mail_server import LOGIN, PASSWORD, MailServer, Place
from tests.unit.auth0_sso.conftest import FakeClock
from tests.unit.auth0_sso.hooks.mailing import LINK, SENDER, TICKET_ID, TO, connect_to, mail

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

ONE_MAIL = [f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{TO}>", "DATA"]


def send(*messages: EmailMessage, to: str = TO, sender: str = SENDER) -> None:
    with MailSession() as session:
        for message in messages:
            session.send(message, to, sender)


def test_several_mails_share_a_connection_which_ends_politely(mail_server: MailServer) -> None:
    send(mail(), mail(), mail())
    assert mail_server.commands == [
        f"EHLO {EHLO_NAME}",
        "AUTH",
        *ONE_MAIL,
        "RSET",
        *ONE_MAIL,
        "RSET",
        *ONE_MAIL,
        "QUIT",
    ]
    assert len(mail_server.mails) == 3


def test_a_session_that_sends_nothing_does_not_connect(mail_server: MailServer) -> None:
    send()
    assert mail_server.connections == 0


def test_a_connection_serves_a_bounded_number_of_mails(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_MAILS_PER_CONNECTION", 2)
    send(*[mail()] * 5)
    assert (len(mail_server.mails), mail_server.connections) == (5, 3)
    assert mail_server.commands.count("QUIT") == 3


@pytest.mark.parametrize(
    "fault", [{"drops": True}, {"reply": "421 4.4.2 idle for too long", "drops": True}, {"reply": "500 what?"}]
)
def test_a_connection_that_was_closed_in_between_is_replaced_at_once(
    mail_server: MailServer, fault: dict[str, object]
) -> None:
    mail_server.fault(Place.RSET, **fault)
    send(mail(), mail())
    assert (len(mail_server.mails), mail_server.connections) == (2, 2)


def test_a_mail_that_is_refused_leaves_the_connection_for_the_next(mail_server: MailServer) -> None:
    mail_server.fault(Place.RCPT, reply="550 5.1.1 no such user", times=1)
    with MailSession() as session:
        with pytest.raises(MailRefusedError, match=r"550 5\.1\.1 no such user to RCPT"):
            session.send(mail(), TO, SENDER)
        session.send(mail(), TO, SENDER)
    assert (len(mail_server.mails), mail_server.connections) == (1, 1)


def test_after_a_passing_refusal_the_next_attempt_has_another_connection(mail_server: MailServer) -> None:
    mail_server.fault(Place.RCPT, reply="450 4.2.1 busy", times=1)
    with MailSession() as session:
        with pytest.raises(MailTransientError):
            session.send(mail(), TO, SENDER)
        session.send(mail(), TO, SENDER)
    assert mail_server.connections == mail_server.commands.count("QUIT") == 2


def test_a_block_that_fails_ends_the_connection_at_once(mail_server: MailServer) -> None:
    def ended(session: MailSession) -> None:
        with session:
            session.send(mail(), TO, SENDER)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ended(MailSession())
    assert "QUIT" not in mail_server.commands


def test_the_client_does_not_tell_the_workers_name_unless_it_is_given_one(mail_server: MailServer) -> None:
    with MailSession(ehlo_name="airflow.vendor.example") as session:
        session.send(mail(), TO, SENDER)
    send(mail())
    greetings = [command for command in mail_server.commands if command.startswith("EHLO")]
    assert greetings == ["EHLO airflow.vendor.example", "EHLO [127.0.0.1]"]
    assert socket.gethostname() not in " ".join(mail_server.commands)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_tls_and_login_come_before_the_mail(mail_certificate: Path, monkeypatch: pytest.MonkeyPatch, tls: str) -> None:
    with MailServer(mail_certificate, implicit_tls=tls == "implicit", requires_login=True) as server:
        connect_to(monkeypatch, server, tls=tls)
        send(mail(), mail())
        assert server.logins == [(LOGIN, PASSWORD)]
        assert len(server.mails) == 2
        verbs = [command.split()[0] for command in server.commands]
    start = ["EHLO", "STARTTLS", "EHLO", "AUTH"] if tls == "starttls" else ["EHLO", "AUTH"]
    assert verbs == [*start, "MAIL", "RCPT", "DATA", "RSET", "MAIL", "RCPT", "DATA", "QUIT"]


def test_oauth_2_logs_in_with_the_connections_token(mail_certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with MailServer(mail_certificate, implicit_tls=True, requires_login=True) as server:
        token = {"auth_type": "oauth2", "access_token": PASSWORD}
        connect_to(monkeypatch, server, tls="implicit", password=None, extra=token)
        send(mail())
        assert server.logins == [(LOGIN, PASSWORD)]
        assert len(server.mails) == 1


def test_nothing_of_the_dialogue_is_printed(mail_server: MailServer, capfd: pytest.CaptureFixture[str]) -> None:
    """As smtplib would do with a debug level."""
    send(mail())
    printed = capfd.readouterr()
    assert not re.search("AUTH|MAIL FROM|250|ticket=", printed.out + printed.err)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Grüße, Zoë — 你好\n", id="other letters"),
        pytest.param(".\n..\n.hidden\n\n.\nQUIT\n", id="lines that begin with a dot"),
        pytest.param(f"{LINK}&{'x' * 2000}\n", id="a long line"),
        pytest.param("no line end", id="no line end"),
        pytest.param("a\r.\rb\n.\r\nMAIL FROM:<evil@example.com>\n", id="half line ends"),
    ],
)
def test_a_text_arrives_as_it_was_written_in_lines_of_seven_bits(mail_server: MailServer, text: str) -> None:
    send(mail(text))
    (arrived,) = mail_server.mails
    body = arrived.message.get_body()
    assert body is not None
    assert body.get_content().splitlines() == text.splitlines()
    assert arrived.text.isascii()
    assert max(map(len, arrived.text.split(b"\r\n"))) <= 998
    assert arrived.text.replace(b"\r\n", b"").count(b"\n") == arrived.text.replace(b"\r\n", b"").count(b"\r") == 0
    assert mail_server.commands[2:] == [*ONE_MAIL, "QUIT"]


@pytest.mark.parametrize("kind", ["8bit", "quoted-printable", "base64"])
def test_dots_survive_each_encoding(mail_server: MailServer, kind: str) -> None:
    message = mail()
    lines = [".ü", "..", "." * 300]
    message.set_content("\n".join(lines), cte=kind)
    send(message)
    body = mail_server.messages[0].get_body()
    assert body is not None
    assert body.get_content().splitlines() == lines


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"Subject: x\n\n" + b"x" * 999, "A line of the mail has 999 bytes."),
        ("Subject: x\n\nwithout a charset: ü".encode(), "no charset"),
        (b"Content-Type: multipart/mixed; boundary=b\n\n\xfc\n--b\n\nx\n--b--\n", "no charset"),
    ],
    ids=["a line that is too long", "no charset", "a preamble without a charset"],
)
def test_a_text_that_no_server_has_to_take_is_refused_before_it_is_sent(
    mail_server: MailServer, raw: bytes, said: str
) -> None:
    message = message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    with pytest.raises(MailRefusedError, match=said):
        send(message)
    assert mail_server.connections == 0


def test_a_line_of_998_bytes_is_sent(mail_server: MailServer) -> None:
    message = message_from_bytes(b"Subject: x\n\n" + b"." * 998, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    send(message)
    assert mail_server.mails[0].text.endswith(b"\r\n\r\n" + b"." * 998 + b"\r\n")


def test_a_domain_with_other_letters_is_sent_in_its_dns_form(mail_server: MailServer) -> None:
    send(mail(), to="ada@bücher.example")
    assert mail_server.mails[0].recipients == ["ada@xn--bcher-kva.example"]


@pytest.mark.parametrize(
    "address",
    [
        "zoë@customer.example",
        "ada",
        "",
        "@customer.example",
        "ada@",
        "ada@ö..example",
        "a b@customer.example",
        "ada@eve@customer.example",
        "ada>@customer.example",
        "ada@customer.example\r\nRCPT TO:<eve@customer.example>",
        "Ada <ada@customer.example>",
        "a" * 65 + "@customer.example",
    ],
)
@pytest.mark.parametrize(("whose", "error"), [("recipient", MailRefusedError), ("sender", MailSettingsError)])
def test_a_malformed_address_is_refused_before_anything_is_sent_and_not_shown(
    mail_server: MailServer, address: str, whose: str, error: type[Exception]
) -> None:
    addresses = {"to": TO, "sender": SENDER} | ({"to": address} if whose == "recipient" else {"sender": address})
    with pytest.raises(error, match=f"The {whose}'s address is malformed") as raised:
        send(mail(), **addresses)
    assert mail_server.connections == 0
    assert "customer" not in str(raised.value)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("5.1.1 User unknown", "5.1.1 User unknown"),
        (f"5.1.1 <{TO}>: Recipient address rejected", "5.1.1 … Recipient address rejected"),
        ("no mailbox 'Ada.Lovelace' here", "no mailbox … here"),
        ("ada.lovelace=40customer.example ada%40x", "…"),
        ("No user ada:customer.example, lovelace's mailbox", "No user … mailbox"),
        ("user ada(at)customer.example has left Customer", "user … has left …"),
        (f"blocked: {LINK}", "blocked: …"),
        (f"blocked: ticket {TICKET_ID}", "blocked: ticket …"),
        ("5.7.1 blocked by zen.spamhaus.org [192.0.2.1]", "5.7.1 blocked by zen.spamhaus.org [192.0.2.1]"),
        ("4.7.0 line one\n4.7.0 line two", "4.7.0 line one 4.7.0 line two"),
        ("\x1b[31mred\x07 \ufffd", "…"),
        ("word " * 100, "word " * 39 + "word…"),
        ("", ""),
    ],
)
def test_of_a_servers_words_only_plain_ones_are_shown(said: str, shown: str) -> None:
    assert redacted(said, TO) == shown


def test_mails_leave_at_the_pace_that_is_asked_for(clock: FakeClock) -> None:
    rate_limiter = mail_rate_limiter(30)
    assert (rate_limiter.rate, rate_limiter.burst) == (0.5, 1.0)
    with pytest.raises(ValueError, match="rate must be above 0"):
        mail_rate_limiter(0)
    assert asyncio.run(_first_delays(mail_rate_limiter(6000))) == 3


async def _first_delays(rate_limiter: module.RateLimiter) -> int:
    for _ in range(3):
        await rate_limiter.acquire()
    return rate_limiter.requests
