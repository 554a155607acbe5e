"""The Message-ID of a mail with a link: the same for the same mail, and no secret."""

from __future__ import annotations

from auth0_sso.ledger.encryption import Cipher
from auth0_sso.models import MailKind

# 128 bits of the hash: no two mails share them, and the header stays short.
_DIGITS = 32


def message_id(cipher: Cipher, ticket_id: str, kind: MailKind, domain: str, *, reminder: int = 1) -> str:
    """
    Return ``<{hash}@{domain}>``, by which a second copy of a mail can be recognized.

    It is the same for the same ticket and kind, and different for any other and for each further reminder. It is a
    keyed hash, since every mail server on the way logs it: nobody can find or check a ticket by it. The key is made of
    the first of Airflow's Fernet keys, so after a change of the key the same mail has another Message-ID.

    :param ticket_id: Auth0's.
    :param domain: of the sender's address, in its DNS form.
    :param reminder: which reminder of the ticket it is, from 1; a mailbox may hide a mail whose Message-ID it has seen.
    """
    signature = cipher.sign(f"Message-ID\n{kind}\n{reminder}\n{ticket_id}")
    return f"<{signature[:_DIGITS]}@{domain}>"
