"""From a header to columns, with every problem of it at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from auth0_sso.models import HIDDEN_CHARACTERS, nearest, shown

from include.prospects.records import ProspectsError
from include.prospects.schema.columns import COLUMNS, SHORT_NAMES, Column, compared, find_column
from include.prospects.table.options import ReadOptions

EXAMPLE = "organization_id,organization_name,prospect_name,prospect_email,domains"
"""A header that serves most inputs."""

MAX_COLUMNS = 500
"""Several times what the API has fields: each row is checked against every column."""

_MAX_NAMED = 10
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
# A hint that a person follows must not change where a link leads, or whose setup it opens.
_NEVER_HINTED = {"custom_domain", "profile_id", "connection_id", "enabled_organizations"}
_HINTED = tuple(
    name for name in COLUMNS if name.partition(".")[0] not in _NEVER_HINTED and name not in SHORT_NAMES.values()
)


@dataclass(frozen=True, slots=True)
class Header:
    """
    What the columns of a file are.

    :param columns: the column of each cell; None for one without a name, and for one that is left out.
    :param left_out: the positions of the cells that are left out, from 0.
    """

    columns: Sequence[Column | None]
    left_out: frozenset[int] = frozenset()


class HeaderError(ProspectsError):
    """A header can't be used as it is; a mapping of its columns may help."""


def resolve_header(names: Sequence[str], source: str, options: ReadOptions) -> Header:
    """
    Return what the columns of a file are.

    :param source: the file's name, for messages.
    :raises HeaderError: unknown or repeated names, names with invisible characters, no ``organization_id``, or no
        column of a name in the mapping.
    :raises ProspectsError: more than :data:`MAX_COLUMNS`.
    """
    if len(names) > MAX_COLUMNS:
        raise ProspectsError([f"{source}: the header has {len(names)} columns: is this a table of prospects?"])
    found = [_named(name, options.columns) for name in names]
    counts = Counter(one.column.name for one in found if one.column)
    is_header = "organization_id" in counts
    unknown = [place for place, one in enumerate(found) if one.is_unknown]
    left_out = {place for place, one in enumerate(found) if one.target == ""}
    problems = _missing([one.name for one in found], options.columns)
    if options.on_unknown_columns == "ignore":
        left_out |= {*unknown, *(place for place, one in enumerate(found) if one.column is None)}
    else:
        problems += [_unknown_name(found[place].name, place + 1, is_header) for place in unknown[:_MAX_NAMED]]
        if len(unknown) > _MAX_NAMED:
            problems.append(f"{len(unknown) - _MAX_NAMED} more columns are unknown")
    problems += [
        f"column '{shown(name)}' is given {count} times: keep one of them"
        for name, count in counts.items()
        if count > 1
    ]
    if not is_header:
        problems.append(f"the column 'organization_id' is missing: the header must name the columns, such as {EXAMPLE}")
    if problems:
        raise HeaderError([f"{source}: {problem}" for problem in problems])
    return Header([one.column for one in found], frozenset(left_out))


def known_names(names: Sequence[str], options: ReadOptions) -> tuple[bool, int, int]:
    """
    Return how much a row of a file looks like its header, to be compared with that of other rows.

    It is whether the row names ``organization_id``, how many of its names are known, and how many it has.
    """
    found = [_named(name, options.columns) for name in names[:MAX_COLUMNS]]
    has_organization = any(one.column and one.column.name == "organization_id" for one in found)
    known = sum(bool(one.name) and not one.is_unknown for one in found)
    return has_organization, known, sum(bool(one.name) for one in found)


def require_columns(mapping: Mapping[str, str]) -> None:
    """Check a mapping of columns by itself; ProspectsError if it names a column that there is not."""
    problems = []
    for name, target in mapping.items():
        if not isinstance(target, str):
            problems.append(f"columns: '{shown(name)}' must be given the name of a column, or \"\" to leave it out")
        elif target and find_column(target) is None:
            meant = nearest(target, COLUMNS)
            hint = f": did you mean '{meant}'?" if meant else ""
            problems.append(f"columns: '{shown(name)}' is given '{shown(target)}', which is no column{hint}")
    if problems:
        raise ProspectsError(problems)


def target_of(name: str, mapping: Mapping[str, str]) -> str | None:
    """
    Return what a mapping says of a column of the file; None if it says nothing, or not one thing.

    Its very name comes first, then names in which only differs what doesn't count.
    """
    if name in mapping:
        return mapping[name]
    found = {target for other, target in mapping.items() if compared(other) == compared(name)}
    return found.pop() if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class _Named:
    """A cell of a header: its name, what the mapping says of it, and which column of ours it is."""

    name: str
    target: str | None
    column: Column | None

    @property
    def is_unknown(self) -> bool:
        return bool(self.name) and self.column is None and self.target is None


def _named(cell: str, mapping: Mapping[str, str]) -> _Named:
    name = " ".join(cell.split())
    target = target_of(name, mapping)
    if target is None:
        return _Named(name, None, None if HIDDEN_CHARACTERS.search(name) else find_column(name))
    return _Named(name, target, find_column(target) if target else None)


def _missing(names: Sequence[str], mapping: Mapping[str, str]) -> list[str]:
    """Return a problem for each name in the mapping that the file does not have."""
    there = set(map(compared, names))
    return [
        f"the column '{shown(name)}', which columns names, is missing in the header"
        for name in mapping
        if compared(name) not in there
    ]


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
    advice = f"did you mean '{known}'?" if known else "remove it, rename it, or say what it is in columns"
    return f"unknown {column}: {advice}"


@lru_cache(maxsize=1024)
def _nearest(name: str) -> str:
    return nearest(name, _HINTED)
