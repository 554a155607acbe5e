"""The Message-ID of a mail tells one mail from another, and nothing of the ticket."""

from __future__ import annotations

import re
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from auth0_sso.ledger.encryption import Cipher
from auth0_sso.ledger.message_id import message_id
from auth0_sso.models import MailKind
from cryptography.fernet import Fernet

from tests.support import databases

TICKET, OTHER = "abcDEF0123456789abcDEF0123456789", "abcDEF0123456789abcDEF0123456780"
DOMAIN = "vendor.example"


def test_it_is_the_same_for_the_same_mail_and_different_for_others() -> None:
    mails = [(ticket, kind) for ticket in (TICKET, OTHER) for kind in MailKind]
    ids = [message_id(Cipher(), ticket, kind, DOMAIN) for ticket, kind in mails]
    second_reminder = message_id(Cipher(), TICKET, MailKind.REMINDER, DOMAIN, reminder=2)
    assert len({*ids, second_reminder}) == len(mails) + 1
    assert ids == [message_id(Cipher(), ticket, kind, DOMAIN) for ticket, kind in mails]


def test_it_has_the_senders_domain_and_nothing_of_the_ticket() -> None:
    found = message_id(Cipher(), TICKET, MailKind.INVITATION, DOMAIN)
    assert re.fullmatch(r"<[0-9a-f]{32}@vendor\.example>", found)
    assert TICKET[:8].lower() not in found


def test_it_can_not_be_found_without_the_key(fernet: str) -> None:
    found = message_id(Cipher(), TICKET, MailKind.INVITATION, DOMAIN)
    databases.use_fernet_key(Fernet.generate_key().decode())
    assert message_id(Cipher(), TICKET, MailKind.INVITATION, DOMAIN) != found
    databases.use_fernet_key(fernet)
    assert message_id(Cipher(), TICKET, MailKind.INVITATION, DOMAIN) == found


def test_it_is_no_signature_of_anything_else() -> None:
    digits = message_id(Cipher(), TICKET, MailKind.INVITATION, DOMAIN)[1:33]
    assert not Cipher().sign(TICKET).startswith(digits)
    assert not Cipher().sign(f"{MailKind.INVITATION}\n{TICKET}").startswith(digits)


@pytest.mark.parametrize("domain", [DOMAIN, "a-long-name-of-a-department.a-long-name-of-a-company.example"])
def test_it_gets_into_the_header_as_it_is(domain: str) -> None:
    message = EmailMessage()
    message["Message-ID"] = found = message_id(Cipher(), TICKET, MailKind.REMINDER, domain)
    assert message.as_bytes(policy=SMTP).startswith(f"Message-ID: {found}\r\n".encode())
