"""Names that are made from a row: the default connection name, and the prospect's identity."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from unicodedata import normalize

from auth0_sso.models import HIDDEN_CHARACTERS
from slugify import slugify

MAX_NAME_CHARACTERS = 128
"""Longest name of a connection (Auth0 Management API, POST /self-service-profiles/{id}/sso-ticket)."""

_MAX_READ = 512  # characters of a name, which may be a whole cell


def default_connection_name(organization_name: str, organization_id: str) -> str:
    """Return a valid connection name made from an organization's name, transliterated, or else from its id."""
    return _slug(organization_name[:_MAX_READ]) or _slug(organization_id[:_MAX_READ]) or "organization"


@lru_cache(maxsize=4096)
def _slug(text: str) -> str:
    return slugify(text, max_length=MAX_NAME_CHARACTERS).strip("-")


def prospect_key(prospect_email: str, prospect_name: str, explicit_connection: str) -> str:
    """
    Return a row's identity within its organization, part of the prospect's key in the ledger.

    It is the address in small letters, or else the name; then, after a bar, the connection if the row names another
    one than the default, because a person may set up two: ``ada@example.com|acme-saml``. Case, hidden characters,
    the kind of white space and the Unicode form of accents in a name don't count. Nothing else in the input does
    either, so the order of rows and all other fields can change between runs.

    :param explicit_connection: ``connection_id``, or the connection's name; empty for the default name.
    """
    # Not folded, since weiß@ and weiss@ are two addresses. A bar within a name is doubled, so that different prospects
    # never share a key.
    person = normalize("NFC", prospect_email.lower() or _as_read(prospect_name)).replace("|", "||")
    return f"{person}|{explicit_connection}" if explicit_connection else person


def explicit_name(connection_name: str, organization_name: str, organization_id: str) -> str:
    """Return a connection's name, or an empty text if the row would have it by default."""
    default = default_connection_name(organization_name, organization_id)
    return "" if connection_name == default else connection_name


def _as_read(name: str) -> str:
    # Not folded, since Weiß and Weiss are two people.
    return " ".join(HIDDEN_CHARACTERS.sub("", name).split()).lower()


@dataclass(slots=True)
class ConnectionNames:
    """
    Which organization uses a connection name; a tenant has each name once.

    Of several it is the one with the smallest id, so that the order of rows doesn't matter.
    """

    owners: dict[str, tuple[str, int]] = field(default_factory=dict)
    uses: list[tuple[int, str, str, str]] = field(default_factory=list)

    def add(self, name: str, organization_id: str, row: int, column: str) -> None:
        """Record that a row uses a name; an invalid row too, since it is the first to use it once it is fixed."""
        use = (organization_id, row)
        self.owners[name] = min(self.owners.get(name, use), use)
        self.uses.append((row, name, organization_id, column))

    def refused(self) -> dict[int, tuple[str, str, str]]:
        """Return column, value and rule of each row that uses another organization's name."""
        found = {}
        for row, name, organization_id, column in self.uses:
            owner, first_row = self.owners[name]
            if owner != organization_id:
                found[row] = (
                    column,
                    name,
                    f"connection name '{name}' is used by organization {owner} in row {first_row} already:"
                    " set connection_name to another one",
                )
        return found
