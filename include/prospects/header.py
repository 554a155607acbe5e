"""From a header line to columns, with every problem of it at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

from include.prospects.columns import COLUMNS, FREE_KEY_COLUMNS, Column
from include.prospects.records import HIDDEN_CHARACTERS, ProspectsError, shown

EXAMPLE = "organization_id,organization_name,prospect_name,prospect_email,domains"
"""A first line that serves most inputs."""

MOST_COLUMNS = 500
"""More than the API has fields several times over: such a file is no CSV of prospects."""

_MOST_NAME_CHARACTERS = 255
_MOST_NAMED = 10


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
    problems = [f"{source}: {problem}" for problem in map(_malformed, stripped) if problem]
    if problems:
        raise ProspectsError(problems[:_MOST_NAMED])
    unknown = [name for name, column in zip(stripped, columns, strict=True) if name and column is None]
    problems = [f"{source}: unknown column '{shown(name)}': {nearest_hint(name)}" for name in unknown[:_MOST_NAMED]]
    if len(unknown) > _MOST_NAMED:
        problems.append(f"{source}: {len(unknown) - _MOST_NAMED} more columns are unknown")
    counts = Counter(column.name for column in columns if column)
    problems += [
        f"{source}: column '{shown(name)}' is given {count} times: keep one of them"
        for name, count in counts.items()
        if count > 1
    ]
    if "organization_id" not in counts:
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


def _malformed(name: str) -> str | None:
    if len(name) > _MOST_NAME_CHARACTERS:
        return f"the column '{shown(name)}' has a name of over {_MOST_NAME_CHARACTERS} characters: shorten it"
    found = HIDDEN_CHARACTERS.search(name)
    if found:
        return (
            f"the column '{shown(name)}' has the invisible character U+{ord(found.group()):04X} in its name,"
            f" at character {found.start() + 1}: remove it"
        )
    return None


@lru_cache(maxsize=1024)
def nearest_hint(name: str) -> str:
    """Return a question or a remark that names the known column nearest to ``name``."""
    wanted = name.lower()[:100]
    likeness, nearest = max((_likeness(wanted, known), known) for known in COLUMNS)
    if likeness >= 0.7:
        return f"did you mean '{nearest}'?"
    return f"the nearest that is known is '{nearest}'; remove the column or give it a known name"


def _likeness(wanted: str, known: str) -> float:
    last = known.rpartition(".")[2]
    return max(SequenceMatcher(None, wanted, known).ratio(), 0.99 * SequenceMatcher(None, wanted, last).ratio())
