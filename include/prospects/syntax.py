"""Forms of single values: identifiers, addresses, domains.

Each function returns the text it was given, or raises ValueError with the rule as a person should read it.
"""

from __future__ import annotations

import re
import unicodedata

from include.prospects.records import HIDDEN_CHARACTERS, UNSAFE_CHARACTERS, shown

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]+")
_NOT_IDENTIFIER = re.compile(r"[^A-Za-z0-9_-]")
_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\\\"]+@[^\s@,;:<>()\[\]\\\"]+\.[^\s@,;:<>()\[\]\\\".]+")
_DOMAIN = re.compile(r"(?:(?!-)[\w-]{1,63}(?<!-)\.)+(?!-)[^\W\d_][\w-]{0,62}(?<!-)")
_HTTPS_URL = re.compile(r"https://[^\s/?#@\\]+(?:[/?#][^\s\\]*)?", re.IGNORECASE)


def plain_text(text: str) -> str:
    """Refuse characters that are no part of a text, such as NUL, line breaks and direction marks."""
    found = UNSAFE_CHARACTERS.search(text)
    if found:
        code, place = ord(found.group()), found.start() + 1
        raise ValueError(f"must not contain the unprintable character U+{code:04X}, at character {place}: remove it")
    return text


def identifier(text: str) -> str:
    """Take an Auth0 identifier, such as ``org_a1B2c3``.

    Look-alikes of other alphabets are refused and named, since an eye doesn't find them.
    """
    if _IDENTIFIER.fullmatch(text):
        return text
    found = _NOT_IDENTIFIER.search(text)
    if not found:
        raise ValueError("must be letters A-Z or a-z, digits, '_' or '-', but is empty")
    culprit = found.group()
    name = unicodedata.name(culprit, f"U+{ord(culprit):04X}, which has no name")
    raise ValueError(
        f"must be letters A-Z or a-z, digits, '_' or '-', but has '{shown(culprit)}' ({name})"
        f" at character {found.start() + 1}"
    )


def email_address(text: str) -> str:
    """Take what looks like one e-mail address, without a display name."""
    if HIDDEN_CHARACTERS.search(text) or not _EMAIL.fullmatch(text):
        raise ValueError("must be one e-mail address, such as ada@example.com")
    return text


def domain_name(text: str) -> str:
    """Take a host name of at least two labels; no scheme, port, path or wildcard."""
    if len(text) > 253 or not _DOMAIN.fullmatch(text) or "_" in text:
        raise ValueError("must be a domain name, such as example.com, without https:// and path")
    return text


def https_url(text: str) -> str:
    """Take an absolute https URL without user information."""
    if HIDDEN_CHARACTERS.search(text) or not _HTTPS_URL.fullmatch(text):
        raise ValueError("must be a URL that begins with https://")
    return text
