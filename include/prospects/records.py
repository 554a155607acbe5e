"""What a CSV of prospects becomes: prospects, invalid rows, problems."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_UNSAFE = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
_UNSEEN = "\xad\u061c\u180e\u200b-\u200f\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0001-\U000e007f"

UNSAFE_CHARACTERS = re.compile(f"[{_UNSAFE}]")
"""Control characters, line separators, marks that turn the writing direction, halves of surrogate pairs, and
non-characters.

None of them belongs into a name, and each can break a report's line or make it read as something else.
"""

HIDDEN_CHARACTERS = re.compile(f"[{_UNSAFE}{_UNSEEN}]")
"""The unsafe ones, and those that take no room, such as joiners and byte order marks.

Some languages and emoji need joiners in names; an address or a column's name that has one only looks like another.
"""


def shown(text: str, limit: int = 80) -> str:
    """Return ``text`` fit for a message or a report.

    :param text: any text, of any length.
    :param limit: the most characters to return.
    :return: hidden characters written as escapes, the end cut off with an ellipsis when it is too long.
    """
    escaped = HIDDEN_CHARACTERS.sub(lambda found: ascii(found.group())[1:-1], text[: limit + 1])
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


MOST_PROBLEMS_OF_A_ROW = 10
"""A long list that is wrong from end to end would otherwise fill the report."""


class ProspectsError(ValueError):
    """The input as a whole can't be used.

    :param problems: what is wrong and what to do, one sentence or two each; ``str()`` gives one a line.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(list(problems))
        self.problems = list(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class TooLargeError(ProspectsError):
    """The input is larger than one run takes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One rule that one cell breaks.

    :param row: number of the data row, from 1, over all files.
    :param source: name of the file.
    :param column: the column as the file's header names it; ``#5`` for the fifth cell when it has no name.
    :param value: the cell, at most 80 characters, hidden characters escaped.
    :param rule: what the value must be, and what to do where that isn't plain.
    """

    row: int
    source: str
    column: str
    value: str
    rule: str

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column}, value '{self.value}': {self.rule}"


@dataclass(frozen=True, slots=True)
class Prospect:
    """A row that can be asked for as one ticket.

    :param row: number of the data row, from 1, over all files.
    :param source: name of the file.
    :param organization_id: Auth0 organization.
    :param organization_name: empty when the row has none; so are the two that follow.
    :param prospect_name: the person to be invited.
    :param prospect_email: where the onboarding team sends the link.
    :param connection_name: name of the connection to be made; empty for a ticket that edits one.
    :param profile_id: the row's self-service profile; empty when the row has none.
    :param custom_domain: for the ``auth0-custom-domain`` header; empty for none.
    :param prospect: the row's identity within its organization, see
        :func:`include.prospects.naming.prospect_key`.
    :param body: JSON body of POST /api/v2/self-service-profiles/{id}/sso-ticket.
    """

    row: int
    source: str
    organization_id: str
    organization_name: str
    prospect_name: str
    prospect_email: str
    connection_name: str
    profile_id: str
    custom_domain: str
    prospect: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """A row that must not be sent, with every reason; its texts are escaped and shortened for the report.

    :param row: number of the data row, from 1, over all files.
    :param source: name of the file.
    :param organization_id: as far as the row tells it; so are the four that follow.
    :param organization_name: at most 255 characters; so are the three that follow.
    :param prospect_name: see :class:`Prospect`.
    :param prospect_email: see :class:`Prospect`.
    :param connection_name: see :class:`Prospect`.
    :param problems: at least one, and the first :data:`MOST_PROBLEMS_OF_A_ROW` of very many; the last then says
        how many more there are.
    """

    row: int
    source: str
    organization_id: str
    organization_name: str
    prospect_name: str
    prospect_email: str
    connection_name: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Prospects:
    """All data rows of an input: each is either in ``valid`` or in ``invalid``, both in row order.

    :param warnings: what a person should know though nothing is wrong.
    """

    valid: list[Prospect] = field(default_factory=list)
    invalid: list[InvalidRow] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
