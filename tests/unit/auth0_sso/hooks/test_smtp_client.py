"""The connection to a mail server: how long it waits, and for what."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Iterator

import pytest
from auth0_sso.hooks.smtp_client import SmtpClient

from tests.support.mail_server import MailServer, Place


def connected(server: MailServer, timeout: float = 2.0) -> SmtpClient:
    return SmtpClient("127.0.0.1", server.port, timeout=timeout, connect=1.0, ehlo_name="[127.0.0.1]")


@pytest.fixture
def client(mail_server: MailServer) -> Iterator[SmtpClient]:
    client = connected(mail_server)
    yield client
    client.close()


def timeout_of(client: SmtpClient) -> float | None:
    assert client.sock is not None
    return client.sock.gettimeout()


def test_what_is_sent_next_has_the_whole_timeout_again(client: SmtpClient) -> None:
    assert timeout_of(client) == 2.0
    assert client.noop()[0] == 250
    assert timeout_of(client) == 2.0


def test_a_reply_in_parts_is_read_to_its_end(mail_server: MailServer, client: SmtpClient) -> None:
    mail_server.fault(Place.RSET, reply="250-one\r\n250-two\r\n250 three")
    assert client.rset() == (250, b"one\ntwo\nthree")


def test_a_reply_that_does_not_end_is_not_read_for_ever(mail_server: MailServer, client: SmtpClient) -> None:
    mail_server.fault(Place.RSET, reply="250-x\r\n" * 20_000 + "250 the end")
    with pytest.raises(smtplib.SMTPServerDisconnected, match="does not end"):
        client.rset()


def test_each_reply_has_its_own_deadline(mail_server: MailServer) -> None:
    client = connected(mail_server, timeout=1.0)
    mail_server.fault(Place.RSET, reply="250 " + "x" * 20, drips=True)
    began = time.monotonic()
    while time.monotonic() - began < 1.5:
        assert client.rset()[0] == 250
    client.close()


def test_a_reply_that_comes_too_late_ends_the_connection(mail_server: MailServer, client: SmtpClient) -> None:
    mail_server.fault(Place.RSET, reply="250 " + "x" * 200, drips=True)
    client.putcmd("RSET")
    began = time.monotonic()
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        client.reply_within(0.3)
    assert time.monotonic() - began < 2
    with pytest.raises(smtplib.SMTPServerDisconnected, match="There is no connection"):
        client.getreply()
