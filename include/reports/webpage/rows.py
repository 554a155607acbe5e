"""The rows of the page's table, as compact data for its script."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from include.reports.cells import printable
from include.reports.wording import LABELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MAX_ERROR_CHARACTERS = 600
_PART_VALUES = 1_000
# Without these characters, JSON ends neither its element nor a line of JavaScript.
_ESCAPES = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


class PageRow(NamedTuple):
    """
    One line of the page's table.

    :param time: ISO 8601 in UTC.
    """

    number: int
    organization_id: str
    organization_name: str
    prospect_name: str
    prospect_email: str
    connection_name: str
    status: str
    ticket_url: str
    time: str
    duplicate_possible: bool
    error: str


def rows_json(rows: Sequence[PageRow], statuses: Sequence[str], links_url: str, error_title: str) -> Iterator[str]:
    """
    Return JSON that may stand in a ``script`` element, in parts.

    Organizations (id and name), statuses and errors are lists; a row has its index in them.

    :param links_url: if it isn't empty, the data has a 1 in place of each ticket URL.
    :param error_title: the header of the errors where rows are copied.
    """
    organizations: dict[tuple[str, str], int] = {}
    errors: dict[str, int] = {}
    indexes = {status: index for index, status in enumerate(statuses)}
    lines = (
        [
            number,
            organizations.setdefault((organization_id, organization), len(organizations)),
            printable(name),
            printable(email),
            printable(connection),
            indexes[status],
            (1 if links_url else printable(url)) if url else 0,
            printable(time),
            int(is_twice),
            errors.setdefault(error, len(errors)),
        ]
        for number, organization_id, organization, name, email, connection, status, url, time, is_twice, error in rows
    )
    labels = [LABELS[status] for status in statuses]
    yield f'{{"links_url":{_json(links_url)},"error_title":{_json(error_title)},'
    yield f'"statuses":{_json(statuses)},"labels":{_json(labels)},"rows":'
    yield from _array(lines)
    yield ',"organizations":'
    yield from _array([printable(identifier), printable(name)] for identifier, name in organizations)
    yield ',"errors":'
    yield from _array(printable(error, _MAX_ERROR_CHARACTERS) for error in errors)
    yield "}"


def _array(values: Iterable[Any]) -> Iterator[str]:
    before = "["
    rest = iter(values)
    while some := list(itertools.islice(rest, _PART_VALUES)):
        yield before + _json(some)[1:-1]
        before = ","
    yield "]" if before == "," else "[]"


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text
