"""Forms of what becomes part of a URL or a header, where anything else could make it another request."""

from __future__ import annotations

import re

import idna

from auth0_sso.exceptions import SET_PROFILE, Auth0ProfileError, Auth0RowError

CAN_BE_SENT = re.compile(r"[\x21-\x7e]+")
"""A token that fits into a header."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_HOST = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_LONGEST_HOST = 253


def is_id(text: str) -> bool:
    """Whether it can be an identifier of Auth0, such as ``ssp_a1B2c3``."""
    return _ID.fullmatch(text) is not None


def require_profile_id(text: str) -> str:
    """
    Return the id of a profile, fit for a path.

    :raises Auth0ProfileError: if no profile can have it.
    """
    if not is_id(text):
        raise Auth0ProfileError(f"{text[:80]!r} can be no self-service profile.", advice=SET_PROFILE)
    return text


def ascii_host(text: str) -> str:
    """Return a host of at least two labels as DNS knows it (IDNA), or an empty text if it is none."""
    if len(text) > _LONGEST_HOST:
        return ""
    try:
        host = text if text.isascii() else idna.encode(text, uts46=True).decode()
    except idna.IDNAError:
        return ""
    return host if len(host) <= _LONGEST_HOST and _HOST.fullmatch(host) else ""


def require_host(text: str) -> str:
    """
    Return a custom domain, fit for a header.

    :raises Auth0RowError: if it is no host.
    """
    host = ascii_host(text)
    if not host:
        raise Auth0RowError(
            f"The custom_domain {text[:80]!r} must be a host.",
            advice="Give it like login.example.com, without scheme, port and path.",
        )
    return host
