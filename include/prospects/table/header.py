"""From a header line to columns, with every problem of it at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from auth0_sso.models import HIDDEN_CHARACTERS, nearest, shown

from include.prospects.records import ProspectsError
from include.prospects.schema.columns import COLUMNS, FREE_KEY_COLUMNS, Column

EXAMPLE = "organization_id,organization_name,prospect_name,prospect_email,domains"
"""A first line that serves most inputs."""

MAX_COLUMNS = 500
"""Several times what the API has fields: each row is checked against every column."""

_MAX_NAMED = 10
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def resolve_header(names: Sequence[str], source: str) -> list[Column | None]:
    """
    Return the column of each cell of the header; None for one without a name.

    :param source: the file's name, for messages.
    :raises ProspectsError: unknown or repeated names, names with invisible characters, no ``organization_id``,
        or more than :data:`MAX_COLUMNS`.
    """
    if len(names) > MAX_COLUMNS:
        raise ProspectsError([f"{source}: the first line has {len(names)} columns: is this a CSV of prospects?"])
    stripped = [name.strip() for name in names]
    columns = [find_column(name) for name in stripped]
    counts = Counter(column.name for column in columns if column)
    is_header = "organization_id" in counts
    unknown = [
        (place, name)
        for place, (name, column) in enumerate(zip(stripped, columns, strict=True), 1)
        if name and (column is None or HIDDEN_CHARACTERS.search(name))
    ]
    problems = [_unknown_name(name, place, is_header) for place, name in unknown[:_MAX_NAMED]]
    if len(unknown) > _MAX_NAMED:
        problems.append(f"{len(unknown) - _MAX_NAMED} more columns are unknown")
    problems += [
        f"column '{shown(name)}' is given {count} times: keep one of them"
        for name, count in counts.items()
        if count > 1
    ]
    if not is_header:
        problems.append(
            f"the column 'organization_id' is missing: the first line must name the columns, such as {EXAMPLE}"
        )
    if problems:
        raise ProspectsError([f"{source}: {problem}" for problem in problems])
    return columns


def find_column(name: str) -> Column | None:
    """Return the column of this name, or None; the keys of free-form objects keep their case."""
    known = COLUMNS.get(name.lower())
    if known:
        return known
    for column in FREE_KEY_COLUMNS:
        prefix = column.name + "."
        if name.lower().startswith(prefix) and len(name) > len(prefix):
            return column.below(name[len(prefix) :])
    return None


def _unknown_name(name: str, place: int, is_header: bool) -> str:
    """
    Return what is wrong with a column's name.

    The first line of another kind of file may hold a secret. So a name is shown only beside ``organization_id``,
    or when it is nearly that of a known column.
    """
    is_safe = is_header or (_NAME.fullmatch(name) and _nearest(name))
    column = f"column '{shown(name)}'" if is_safe else f"column {place}"
    hidden = HIDDEN_CHARACTERS.search(name)
    if hidden:
        code, position = ord(hidden.group()), hidden.start() + 1
        return f"{column} has the invisible character U+{code:04X} in its name, at character {position}: remove it"
    known = _nearest(name)
    advice = f"did you mean '{known}'?" if known else "remove the column, or give it the name of a known one"
    return f"unknown {column}: {advice}"


@lru_cache(maxsize=1024)
def _nearest(name: str) -> str:
    return nearest(name, COLUMNS)
