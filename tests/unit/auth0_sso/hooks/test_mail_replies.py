"""Whose fault a mail server's refusal is: the recipient's, the sender's, or nobody knows."""

from __future__ import annotations

import pytest
from auth0_sso.exceptions import MailRefusedError, MailSettingsError, MailUnclearRefusalError
from auth0_sso.hooks.mail_errors import error_of_reply

OF_RECIPIENT, OF_SENDER, UNCLEAR = MailRefusedError, MailSettingsError, MailUnclearRefusalError
TO = "denise@relay-police.example"


@pytest.mark.parametrize(
    ("code", "said", "error"),
    [
        (550, "5.1.1 Relay: no", OF_RECIPIENT),
        (552, "5.2.2 Over quota", OF_RECIPIENT),
        (550, "No such user", OF_RECIPIENT),
        (550, "Requested action not taken: mailbox unavailable", OF_RECIPIENT),
        (550, f"<{TO}>: User unknown", OF_RECIPIENT),
        (553, "denise at relay-police.example does not exist here", OF_RECIPIENT),
        (550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain", OF_SENDER),
        (554, "5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied", OF_SENDER),
        (554, "5.2.252 SendAsDenied", OF_SENDER),
        (554, "5.7.1 Relay access denied", UNCLEAR),
        (550, "5.4.1 Recipient address rejected: Access denied", UNCLEAR),
        (553, "that is not in my list of allowed rcpthosts (#5.7.1)", UNCLEAR),
        (550, "Sender unknown", UNCLEAR),
        (550, "User unknown: relaying denied", UNCLEAR),
        (550, "example.org has exceeded the mails per hour", UNCLEAR),
        (550, "Administrative prohibition", UNCLEAR),
        (554, "No such user", UNCLEAR),
    ],
)
def test_a_refused_recipient(code: int, said: str, error: type[Exception]) -> None:
    assert type(error_of_reply("RCPT", code, said.encode(), TO)) is error


@pytest.mark.parametrize(
    ("said", "error"),
    [("5.1.1 no such user", OF_RECIPIENT), ("no such user", UNCLEAR), ("5.4.5 your quota", OF_SENDER)],
)
def test_a_refused_text(said: str, error: type[Exception]) -> None:
    assert type(error_of_reply("the text", 550, said.encode(), TO)) is error
