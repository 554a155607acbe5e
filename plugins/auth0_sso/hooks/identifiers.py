"""Checks of what becomes part of a URL or a header, so that it can't change the request."""

from __future__ import annotations

import re
from collections.abc import Sequence

import idna

HEADER_SAFE = re.compile(r"[\x21-\x7e]+")  # a token that fits into a header
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_HOST = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)+{_LABEL}")


def is_id(text: str) -> bool:
    """Return whether a text can be an Auth0 identifier, such as ``ssp_a1B2c3``."""
    return _ID.fullmatch(text) is not None


def client_ids(given: Sequence[str] | str | None) -> tuple[str, ...]:
    """
    Return the client ids of applications.

    :param given: a list, or text with a semicolon, comma or white space between two ids.
    :raises ValueError: if it is neither, or has an item that can be no id.
    """
    items = re.split(r"[;,\s]+", given) if isinstance(given, str) else given or ()
    ids = [str(item).strip() for item in items]
    if not all(HEADER_SAFE.fullmatch(one) for one in ids if one):
        raise ValueError("must be a list of client ids, such as a1B2c3D4e5F6;g7H8i9J0k1L2")
    return tuple(one for one in ids if one)


def ascii_host(text: str) -> str:
    """Return a host of at least two labels in its DNS form (IDNA), or an empty string if it is none."""
    if len(text) > 253:  # of DNS; IDNA is slow on longer ones
        return ""
    try:
        host = text if text.isascii() else idna.encode(text, uts46=True).decode()
    except idna.IDNAError:
        return ""
    return host if _HOST.fullmatch(host) else ""
