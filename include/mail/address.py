"""
The addresses of a mail.

Only addresses in ASCII are used, since mail servers need the extension SMTPUTF8 (RFC 6531) for others. A domain of any
alphabet has a form in ASCII; what stands before the ``@`` has none.
"""

from __future__ import annotations

import re
from email.errors import InvalidHeaderDefect, MessageError
from email.headerregistry import Address
from email.policy import SMTP

from auth0_sso.models import HIDDEN_CHARACTERS, RecipientError, shown

from include.mail.errors import MailSettingError
from include.prospects.schema.formats import domain_name, email_address

_MAX_LOCAL_CHARACTERS = 64
# RFC 5322's dot-atom without "?": with it, an address could have an encoded word of RFC 2047, which Python decodes.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+"
_LOCAL_PART = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")


def recipient(text: str) -> Address:
    """
    Return the address of a prospect, its domain in DNS form.

    :raises RecipientError: if it is not exactly one address, or not one that every mail server takes.
    """
    try:
        return _address(text)
    except ValueError as error:
        raise RecipientError(f"No mail can be sent to '{shown(text)}': it {error}.") from None


def mailbox(text: str, setting: str) -> Address:
    """
    Return the name and the address of ``Name <name@domain>``, or of an address alone.

    :param setting: where the text comes from, for the error.
    :raises MailSettingError: if it is neither.
    """
    rule = f"{setting} must be one address, such as Example <sso@example.com>, but is '{shown(text)}'"
    found = _only_mailbox(text)
    if found is None:
        raise MailSettingError(f"{rule}. Put quotes around a name with a comma.")
    try:
        address = _address(found.addr_spec)
    except ValueError as error:
        raise MailSettingError(f"{rule}. The address {error}.") from None
    return Address(found.display_name, address.username, address.domain)


def _only_mailbox(text: str) -> Address | None:
    """Return what a header with one name and one address has; None if it has more, less or something else."""
    if HIDDEN_CHARACTERS.search(text):
        return None
    try:
        header = SMTP.header_factory("From", text)
    except (ValueError, LookupError, MessageError):
        return None
    # Python takes what it understands of a malformed text. A dot in a name without quotes is obsolete, not malformed.
    if any(isinstance(defect, InvalidHeaderDefect) for defect in header.defects):
        return None
    groups = header.groups
    if len(groups) != 1 or groups[0].display_name is not None or len(groups[0].addresses) != 1:
        return None
    found: Address = groups[0].addresses[0]
    return None if HIDDEN_CHARACTERS.search(found.display_name) else found


def _address(text: str) -> Address:
    """Return one address; ValueError has the rule that it breaks."""
    local, _, domain = email_address(text).rpartition("@")
    if not local.isascii():
        raise ValueError("must have only ASCII letters before the @, since SMTPUTF8 is not used: give another address")
    if len(local) > _MAX_LOCAL_CHARACTERS or not _LOCAL_PART.fullmatch(local):
        raise ValueError("must have at most 64 letters, digits, single dots and hyphens before the @")
    return Address(username=local, domain=domain_name(domain))
