"""
Formats of single values: identifiers, addresses, domains.

Most functions return the text, a domain in DNS form, or raise ValueError with the rule for a person to read.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections import Counter

import idna
from auth0_sso.models import HIDDEN_CHARACTERS, UNSAFE_CHARACTERS, shown

from include.prospects.schema import no_values

CONNECTION_NAME = re.compile(r"[a-zA-Z0-9](?:-[a-zA-Z0-9]|[a-zA-Z0-9])*")
_NOT_IN_CONNECTION_NAME = re.compile(r"[^A-Za-z0-9-]")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]+")
_NOT_IDENTIFIER = re.compile(r"[^A-Za-z0-9_-]")
_NOT_CLIENT_ID = re.compile(r"[^!-~]|[,;|]")
_UNSEEN = re.compile(rf"{HIDDEN_CHARACTERS.pattern}|[^\S ]")
_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\\\"]+@[^\s@,;:<>()\[\]\\\"]+\.[^\s@,;:<>()\[\]\\\".]+")
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_NOT_IN_LANGUAGE_TAG = re.compile(r"[^A-Za-z0-9-]")
_MAX_DOMAIN_CHARACTERS = 253
_ASCII_DOMAIN = re.compile(r"(?:(?!-)[a-zA-Z0-9-]{1,63}(?<!-)\.)+(?!-)[a-zA-Z][a-zA-Z0-9-]{0,62}(?<!-)")
_AROUND_A_DOMAIN = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://)?(?:\*?\.|@)?([^/:?#@]+?)[.\u3002\uff0e\uff61]?(?::[0-9]{1,5})?(?:[/?#].*)?",
    re.IGNORECASE,
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_PART_OF_ADDRESS = re.compile(r"[^@]+(?=@)|[^@./\u3002\uff0e\uff61]+")
_ALPHABETS = {"LATIN", "GREEK", "CYRILLIC"}
_HTTPS_URL = re.compile(r"https://[^\s/?#@\\]+(?:[/?#][^\s\\]*)?", re.IGNORECASE)


def plain_text(text: str) -> str:
    """Refuse characters that don't belong in a text, such as NUL, line breaks and direction marks."""
    found = UNSAFE_CHARACTERS.search(text)
    if found:
        code, place = ord(found.group()), found.start() + 1
        it = "this line break" if found.group() in "\r\n" else "it"
        raise ValueError(f"must not contain the unprintable character U+{code:04X}, at character {place}: remove {it}")
    return text


def identifier(text: str) -> str:
    """Take an Auth0 identifier, such as ``org_a1B2c3``; look-alikes of other alphabets are named in the error."""
    if _IDENTIFIER.fullmatch(text):
        return text
    raise ValueError(
        f"must be letters A-Z or a-z, digits, '_' or '-'{_named(_NOT_IDENTIFIER, text) or ', but is empty'}"
    )


def client_id(text: str) -> str:
    """Take an application's client id; not several in one text, and no spreadsheet's error value."""
    rule = no_values.rule_against(text)
    if rule:
        raise ValueError(rule)
    if _NOT_CLIENT_ID.search(text):
        raise ValueError(
            f"must be one client id, without white space, comma, semicolon or bar{_named(_NOT_CLIENT_ID, text)}"
        )
    return text


def organization_id(text: str) -> str:
    """Take an organization's identifier; not its name, and no header between the rows."""
    if not identifier(text).startswith("org_") or text == "org_":
        raise ValueError("must begin with org_ and go on, as the organization's page in Auth0 shows it")
    return text


def connection_name(text: str) -> str:
    """Take a connection's name; look-alikes, such as the dash that Word makes of a hyphen, are named in the error."""
    if not CONNECTION_NAME.fullmatch(text):
        rule = "must be letters A-Z or a-z, digits and single hyphens between them, such as acme-saml"
        raise ValueError(rule + _named(_NOT_IN_CONNECTION_NAME, text))
    return text


def email_address(text: str) -> str:
    """Take what looks like one e-mail address, without a display name."""
    if HIDDEN_CHARACTERS.search(text) or not _EMAIL.fullmatch(text):
        raise ValueError(f"must be one e-mail address, such as ada@example.com{_named(_UNSEEN, text)}")
    _refuse_look_alikes(text)
    return text


def language_tag(text: str) -> str:
    """Take a language tag of the form that BCP 47 gives it; whether there is such a language isn't checked."""
    if not _LANGUAGE_TAG.fullmatch(text):
        raise ValueError(f"must be a language tag, such as de or pt-BR{_named(_NOT_IN_LANGUAGE_TAG, text)}")
    return text


def domain_name(text: str) -> str:
    """
    Take a host name of at least two labels, in any case; no scheme, port, path or wildcard.

    It is returned in small letters, and in IDNA where it has other letters.
    """
    rule = "must be a domain name, such as example.com, without https:// and path"
    if len(text) > _MAX_DOMAIN_CHARACTERS or _UNSEEN.search(text):
        raise ValueError(rule + _named(_UNSEEN, text))
    _refuse_look_alikes(text)
    encoded = text if text.isascii() else _in_idna(text)
    if not _ASCII_DOMAIN.fullmatch(encoded):
        raise ValueError(rule)
    return encoded.lower()


def _in_idna(domain: str) -> str:
    """Return a domain of any alphabet as DNS knows it; empty if it can't be one."""
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return ""


def _refuse_look_alikes(text: str) -> None:
    """
    Refuse a domain's label, or what stands before an address's ``@``, in letters of several alphabets.

    The letter that is named is of the alphabet with the fewest letters.
    """
    if text.isascii():
        return
    for part in _PART_OF_ADDRESS.finditer(text):
        alphabets = [unicodedata.name(letter, "").partition(" ")[0] for letter in part.group()]
        counts = Counter(alphabet for alphabet in alphabets if alphabet in _ALPHABETS)
        if len(counts) > 1:
            rarest = min(counts, key=counts.__getitem__)
            place = alphabets.index(rarest)
            culprit = _letter(part.group()[place], part.start() + place)
            raise ValueError(f"must not mix letters of two alphabets in one word{culprit}")


def listed_domain(text: str) -> str:
    """Take a domain like :func:`domain_name`, also with a scheme, port, path, final dot, ``*.`` or ``@`` around it."""
    if len(text) <= _MAX_DOMAIN_CHARACTERS and _ASCII_DOMAIN.fullmatch(text):
        return text.lower()  # as domain_name does, in half the time: an input may have millions
    try:
        return domain_name(text)
    except ValueError:
        bare = _AROUND_A_DOMAIN.fullmatch(text)
        if bare:
            with contextlib.suppress(ValueError):
                return domain_name(bare[1])
        raise


def is_decorated(domain: str) -> bool:
    """Whether what :func:`listed_domain` takes is more than a domain."""
    try:
        domain_name(domain)
    except ValueError:
        return True
    return False


def https_url(text: str) -> str:
    """Take an absolute https URL in ASCII without user information."""
    if HIDDEN_CHARACTERS.search(text) or not text.isascii() or not _HTTPS_URL.fullmatch(text):
        raise ValueError(f"must be a URL that begins with https://{_named(_NOT_ASCII, text) or _named(_UNSEEN, text)}")
    return text


def _named(culprits: re.Pattern[str], text: str) -> str:
    """Name the first character that doesn't belong in a text, and its place; empty when there is none."""
    found = culprits.search(text)
    if not found:
        return ""
    return _letter(found.group(), found.start())


def _letter(culprit: str, position: int) -> str:
    name = unicodedata.name(culprit, f"U+{ord(culprit):04X}, which has no name")
    return f", but has '{shown(culprit)}' ({name}) at character {position + 1}"
