"""Names that the input doesn't give: of connections, and of a prospect within its organization."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from unicodedata import normalize

from slugify import slugify

from include.prospects.records import HIDDEN_CHARACTERS

MOST_CHARACTERS = 128
"""Longest name of a connection (Auth0 Management API, POST /self-service-profiles/{id}/sso-ticket)."""

_MOST_READ = 512


def default_connection_name(organization_name: str, organization_id: str) -> str:
    """Return a valid connection name made from an organization's name, or else from its id.

    :return: small letters, digits and single hyphens, 1..128 characters; other alphabets are transliterated.
    """
    return _slug(organization_name[:_MOST_READ]) or _slug(organization_id[:_MOST_READ]) or "organization"


@lru_cache(maxsize=4096)
def _slug(text: str) -> str:
    return slugify(text, max_length=MOST_CHARACTERS).strip("-")


def prospect_key(prospect_email: str, prospect_name: str, explicit_connection: str) -> str:
    """Return a row's identity within its organization, part of the key under which tickets are remembered.

    It is the address in small letters, or else the name; then, after a bar, the connection if the row names
    one itself, because one person may be asked for two connections on purpose: ``ada@example.com|acme-saml``.
    A name counts as it is read: in small letters, without hidden characters, a single space for any white space.
    Accents written as letters of their own count as part of the letter before them: systems differ in that, and
    none shows it. So the order of rows, the organization's name, domains, life span and all other fields can change
    without the prospect becoming a new one.

    :param prospect_email: empty for none.
    :param prospect_name: empty for none.
    :param explicit_connection: ``connection_id``, or the connection's name where the row gives it; empty for
        a default name.
    """
    # A bar within a name is doubled, so that different prospects never share a key.
    person = normalize("NFC", prospect_email.casefold() or _as_read(prospect_name)).replace("|", "||")
    return f"{person}|{explicit_connection}" if explicit_connection else person


def _as_read(name: str) -> str:
    # Not folded, since Weiß and Weiss are two people.
    return " ".join(HIDDEN_CHARACTERS.sub("", name).split()).lower()


@dataclass(slots=True)
class ConnectionNames:
    """Which organization uses a connection name; a tenant has each name once.

    Of several it is the one with the smallest id, so that rows in another order don't take it away.
    """

    owners: dict[str, tuple[str, int]] = field(default_factory=dict)
    claims: list[tuple[int, str, str, str]] = field(default_factory=list)

    def claim(self, name: str, organization_id: str, row: int, column: str) -> None:
        """Note that a row uses a name for its organization.

        A row that is invalid for another reason uses its name too: mending it later must not take the name
        away from a row that is live by then.
        """
        claim = (organization_id, row)
        self.owners[name] = min(self.owners.get(name, claim), claim)
        self.claims.append((row, name, organization_id, column))

    def refused(self) -> dict[int, tuple[str, str, str]]:
        """Return column, value and rule of each row that uses another organization's name."""
        return {
            row: (column, name, _taken(name, *self.owners[name]))
            for row, name, organization_id, column in self.claims
            if self.owners[name][0] != organization_id
        }


def _taken(name: str, owner: str, row: int) -> str:
    return (
        f"connection name '{name}' is used by organization {owner} in row {row} already:"
        " set connection_name to another one"
    )
