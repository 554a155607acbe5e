"""From a header line to columns, with every problem of it at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

from include.prospects.records import HIDDEN_CHARACTERS, ProspectsError, shown
from include.prospects.schema.columns import COLUMNS, FREE_KEY_COLUMNS, Column

EXAMPLE = "organization_id,organization_name,prospect_name,prospect_email,domains"
"""A first line that serves most inputs."""

MOST_COLUMNS = 500
"""More than the API has fields several times over: such a file is no CSV of prospects."""

_MOST_NAME_CHARACTERS = 255
_MOST_NAMED = 10
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_NEAR = 0.7


def resolve_header(names: Sequence[str], source: str) -> list[Column | None]:
    """Return the column of each cell of the header; None for one without a name.

    :param names: the header's cells; spaces around a name and its case don't count.
    :param source: name of the file, for messages.
    :raises ProspectsError: unknown names, names given twice, no ``organization_id``, names that are too long or
        only look like a name, or far too many.
    """
    if len(names) > MOST_COLUMNS:
        raise ProspectsError([f"{source}: the first line has {len(names)} columns: is this a CSV of prospects?"])
    stripped = [name.strip() for name in names]
    columns = [find_column(name) for name in stripped]
    counts = Counter(column.name for column in columns if column)
    is_header = "organization_id" in counts

    def label(place: int) -> str:
        return _label(stripped[place - 1], place, is_header)

    named = list(enumerate(stripped, 1))
    malformed = [(place, problem) for place, name in named if (problem := _malformed(name))]
    if malformed:
        raise ProspectsError([f"{source}: {label(place)} {problem}" for place, problem in malformed[:_MOST_NAMED]])
    unknown = [(place, name) for (place, name), column in zip(named, columns, strict=True) if name and column is None]
    problems = [f"{source}: unknown {label(place)}: {nearest_hint(name)}" for place, name in unknown[:_MOST_NAMED]]
    if len(unknown) > _MOST_NAMED:
        problems.append(f"{source}: {len(unknown) - _MOST_NAMED} more columns are unknown")
    problems += [
        f"{source}: column '{shown(name)}' is given {count} times: keep one of them"
        for name, count in counts.items()
        if count > 1
    ]
    if not is_header:
        problems.append(
            f"{source}: the column 'organization_id' is missing: the first line must name the columns,"
            f" such as {EXAMPLE}"
        )
    if problems:
        raise ProspectsError(problems)
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


def _label(name: str, place: int, is_header: bool) -> str:
    """Return what a message calls a column.

    The first line of another kind of file may hold a secret. So a name is shown only beside ``organization_id``,
    or when it is nearly that of a known column.
    """
    if is_header or (_NAME.fullmatch(name) and _nearest(name)[0] >= _NEAR):
        return f"column '{shown(name)}'"
    return f"column {place}"


def _malformed(name: str) -> str | None:
    if len(name) > _MOST_NAME_CHARACTERS:
        return f"has a name of over {_MOST_NAME_CHARACTERS} characters: shorten it"
    found = HIDDEN_CHARACTERS.search(name)
    if found:
        return (
            f"has the invisible character U+{ord(found.group()):04X} in its name,"
            f" at character {found.start() + 1}: remove it"
        )
    return None


def nearest_hint(name: str) -> str:
    """Return a question or a remark that names the known column nearest to ``name``."""
    likeness, nearest = _nearest(name)
    if likeness >= _NEAR:
        return f"did you mean '{nearest}'?"
    return f"the nearest that is known is '{nearest}'; remove the column or give it a known name"


@lru_cache(maxsize=1024)
def _nearest(name: str) -> tuple[float, str]:
    wanted = name.lower()[:100]
    return max((_likeness(wanted, known), known) for known in COLUMNS)


def _likeness(wanted: str, known: str) -> float:
    last = known.rpartition(".")[2]
    return max(SequenceMatcher(None, wanted, known).ratio(), 0.99 * SequenceMatcher(None, wanted, last).ratio())
