"""From a header to columns, with every problem of it at once."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from auth0_sso.models import HIDDEN_CHARACTERS, nearest, shown

from include.prospects.records import ProspectsError
from include.prospects.schema.columns import COLUMNS, SHORT_NAMES, Column, compared, find_column
from include.prospects.table.options import ReadOptions
from include.prospects.table.rows import HEADER_LINES, Score

EXAMPLE = "organization_id,organization_name,prospect_name,prospect_email,domains"
"""A header that serves most inputs."""

MAX_COLUMNS = 500
"""Several times what the API has fields: each row is checked against every column."""

_ID = "organization_id"
_MAX_NAMED = 10
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
# A hint that a person follows must not change where a link leads, or whose setup it opens.
_NEVER_HINTED = {"custom_domain", "profile_id", "connection_id", "enabled_organizations"}
_HINTED = {name for name in COLUMNS if name.partition(".")[0] not in _NEVER_HINTED} - {*SHORT_NAMES.values()}


@dataclass(frozen=True, slots=True)
class Header:
    """
    What the columns of a file are.

    :param columns: the column of each cell; None for one without a name, and for one that is left out.
    :param left_out: the positions of the cells that are left out, from 0.
    :param ignored: names of the columns that are left out because they are unknown.
    :param ignores_rest: whether cells beyond the header are left out, too.
    :param names: what the file calls the columns that its mapping names, by our name.
    """

    columns: Sequence[Column | None]
    left_out: frozenset[int] = frozenset()
    ignored: Sequence[str] = ()
    ignores_rest: bool = False
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def needed_width(self) -> int:
        """How many cells a row has, up to the last column that is not left out."""
        return max((place for place, column in enumerate(self.columns, 1) if column), default=0)


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
    width = named_width(names)
    if width > MAX_COLUMNS:
        raise ProspectsError([f"{source}: the header has {width} columns: is this a table of prospects?"])
    mapping = Mapped(options.columns)
    found = [mapping.named(name) for name in names]
    counts = Counter(one.column.name for one in found if one.column)
    unknown = [place for place, one in enumerate(found) if one.is_unknown]
    is_ignored = options.on_unknown_columns == "ignore"
    named = [place for place in unknown if not is_ignored or HIDDEN_CHARACTERS.search(found[place].name)]
    problems = mapping.missing([one.name for one in found])
    problems += [_unknown_name(found[place].name, place + 1, counts) for place in named[:_MAX_NAMED]]
    if len(named) > _MAX_NAMED:
        problems.append(f"{len(named) - _MAX_NAMED} more columns are unknown")
    problems += [
        f"column '{shown(name)}' is given {count} times: keep one of them"
        for name, count in counts.items()
        if count > 1
    ]
    if _ID not in counts:
        problems.append(
            f"the column '{_ID}' is missing: the header, one of the first {HEADER_LINES} lines, must name the columns,"
            f" such as {EXAMPLE}"
        )
    if problems:
        raise HeaderError([f"{source}: {problem}" for problem in problems])
    left_out = {place for place, one in enumerate(found) if one.target == "" or (is_ignored and one.column is None)}
    return Header(
        columns=[one.column for one in found],
        left_out=frozenset(left_out),
        ignored=[found[place].name for place in unknown],
        ignores_rest=is_ignored,
        names={one.column.name: one.name for one in found if one.column and one.target},
    )


def named_width(names: Sequence[str]) -> int:
    """Return how many columns a header has, up to the last one with a name."""
    return max((place for place, name in enumerate(names, 1) if name.strip()), default=0)


def known_names(names: Sequence[str], options: ReadOptions) -> Score:
    """Return how much a row of a file looks like its header, to be compared with that of other rows."""
    mapping = Mapped(options.columns)
    found = [mapping.named(name) for name in names[:MAX_COLUMNS]]
    return Score(
        has_organization=any(one.column and one.column.name == _ID for one in found),
        known=sum(bool(one.name) and not one.is_unknown for one in found),
        names=sum(bool(one.name) for one in found),
    )


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


@dataclass(frozen=True, slots=True)
class Named:
    """A cell of a header: its name, what the mapping says of it, and which column of ours it is."""

    name: str
    target: str | None
    column: Column | None

    @property
    def is_unknown(self) -> bool:
        """Whether it has a name of which nothing is known."""
        return bool(self.name) and self.column is None and self.target is None


class Mapped:
    """
    A mapping of columns, asked by the names of a header.

    A column's very name comes first, then the only entry that differs from it in what doesn't count.
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._columns = columns
        self._by_compared: dict[str, set[str]] = defaultdict(set)
        for name, target in columns.items():
            self._by_compared[compared(name)].add(target)

    def named(self, cell: str) -> Named:
        """Return what a cell of a header is."""
        name = " ".join(cell.split())
        target = self._target(name)
        if target is None:
            return Named(name, None, None if HIDDEN_CHARACTERS.search(name) else find_column(name))
        return Named(name, target, find_column(target) if target else None)

    def missing(self, names: Sequence[str]) -> list[str]:
        """Return a problem for each column in the mapping that a file does not have."""
        there = {*names, *map(compared, names)}
        return [
            f"the column '{shown(name)}', which columns names, is missing in the header"
            for name in self._columns
            if not {name, compared(name)} & there
        ]

    def _target(self, name: str) -> str | None:
        if name in self._columns:
            return self._columns[name]
        found = self._by_compared.get(compared(name), ()) if compared(name) else ()
        return next(iter(found)) if len(found) == 1 else None


def _unknown_name(name: str, place: int, given: Collection[str]) -> str:
    """
    Return what is wrong with a column's name.

    The first line of another kind of file may hold a secret. So a name is shown only beside ``organization_id``,
    or when it is nearly that of a known column.
    """
    is_safe = _ID in given or (_NAME.fullmatch(name) and _nearest(name))
    column = f"column '{shown(name)}'" if is_safe else f"column {place}"
    hidden = HIDDEN_CHARACTERS.search(name)
    if hidden:
        code, position = ord(hidden.group()), hidden.start() + 1
        return f"{column} has the invisible character U+{code:04X} in its name, at character {position}: remove it"
    known = _nearest(name)
    advice = (
        f"did you mean '{known}'?"
        if known and known not in given
        else "remove it, rename it, or say what it is in columns"
    )
    return f"unknown {column}: {advice}"


@lru_cache(maxsize=1024)
def _nearest(name: str) -> str:
    found = nearest(name, COLUMNS)
    return found if found in _HINTED else ""
