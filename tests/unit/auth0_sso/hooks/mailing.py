"""A mail with a link, and how the tests of the mail session hand it over."""

from __future__ import annotations

import json
from email.message import EmailMessage
from typing import Any

import pytest
from auth0_sso.runtime.timeouts import Timeouts

from tests.support.mail_server import LOGIN, PASSWORD, MailServer

CONNECTION_VARIABLE = "AIRFLOW_CONN_SMTP_DEFAULT"
TO, SENDER = "ada.lovelace@customer.example", "sso@vendor.example"
TICKET_ID = "abcDEF0123456789abcDEF0123456789"
LINK = f"https://vendor.eu.auth0.com/self-service/connections-flow?ticket={TICKET_ID}"
# What a mail server may say that knows neither the recipient nor the mail, and what it may say then.
TELLTALE = f"<{TO}> {LINK} {TICKET_ID} ticket={TICKET_ID}"
KNOWING = f"{TELLTALE} ada.lovelace (Ada.Lovelace)"
# In lower case.
SECRETS = ("lovelace", "@", "http", TICKET_ID.lower(), PASSWORD)
# The connection's own timeout is in whole seconds.
SHORT = Timeouts(connect=1.0, mail_acceptance=1.0, mail_quit=0.5, mail_budget=0.0)


def mail(text: str = f"Set up single sign-on:\n{LINK}\n") -> EmailMessage:
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = TO
    message["Subject"] = "Your link"
    message.set_content(text)
    return message


def connect_to(monkeypatch: pytest.MonkeyPatch, server: MailServer, *, tls: str = "", **fields: Any) -> None:
    """
    Point the connection ``smtp_default`` at a server.

    :param tls: ``implicit``, ``starttls``, or none.
    :param fields: replace those of the connection; ``extra`` is merged.
    """
    extra = {"timeout": 1, "disable_ssl": tls != "implicit", "disable_tls": tls != "starttls"}
    connection = {
        "conn_type": "smtp",
        "host": "localhost",
        "port": server.port,
        "login": LOGIN,
        "password": PASSWORD,
        **fields,
        "extra": {**extra, **fields.get("extra", {})},
    }
    monkeypatch.setenv(CONNECTION_VARIABLE, json.dumps(connection))


class FakeTime:
    """A clock that only its own sleeps move."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
