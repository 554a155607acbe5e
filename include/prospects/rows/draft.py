"""A row before it becomes a request: values placed by their paths, and their problems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from include.prospects.schema.cells import MAX_CELL_CHARACTERS, CellError
from include.prospects.schema.columns import Column

_ABSENT = object()


@dataclass(slots=True)
class Draft:
    """
    Values of one row in the shape of :class:`include.prospects.schema.models.ProspectRow`.

    :param values: nested objects, without those at bad paths.
    :param cells: text of each column that is not empty.
    :param origin: the column that gave the value at a path; paths are written with dots.
    :param depths: how many keys the path of each such column has.
    :param bad: paths whose cell can't be read or whose value breaks the schema.
    :param problems: column, value and rule of each problem found so far.
    """

    values: dict[str, Any] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    problems: list[tuple[str, str, str]] = field(default_factory=list)

    def get(self, dotted: str) -> Any:
        """Return the value at a path; None when there is none, or a bad one."""
        found = self._find(dotted)
        return None if found is _ABSENT else found

    def has(self, dotted: str) -> bool:
        """Whether the row gives a value, good or bad, at a path or below it."""
        if self._find(dotted) is not _ABSENT:
            return True
        return bool(self.bad) and any(_within(path, dotted) for path in self.bad)

    def is_bad(self, dotted: str) -> bool:
        """Whether the value at a path, or an object around it, is bad."""
        return bool(self.bad) and any(path in self.bad for path in _around(dotted))

    def credit(self, column: Column) -> None:
        """Record that a column gave the value at its path, unless another one did."""
        if self.origin.setdefault(column.dotted, column.name) == column.name:
            self.depths[column.name] = len(column.path)

    def blame(self, dotted: str, rule: str) -> None:
        """Record that the value at a path breaks a rule."""
        column = self.column_of(dotted)
        self.problems.append((column, self.cells.get(column, ""), rule))

    def column_of(self, dotted: str) -> str:
        """Return the column that gave the value at a path, around it or below it; else the path itself."""
        for path in _around(dotted):
            if path in self.origin:
                return self.origin[path]
        below = (column for path, column in self.origin.items() if _within(path, dotted))
        return next(below, dotted)

    def discard(self, keys: Sequence[str]) -> None:
        """Remove a value and record its path as bad."""
        self.bad.add(".".join(keys))
        node: Any = self.values
        for key in keys[:-1]:
            node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(keys[-1], None)

    def _find(self, dotted: str) -> Any:
        node: Any = self.values
        for key in _keys(dotted):
            node = node.get(key, _ABSENT) if isinstance(node, dict) else _ABSENT
            if node is _ABSENT:
                break
        return node


@lru_cache(maxsize=1024)
def _keys(dotted: str) -> list[str]:
    return dotted.split(".")


def _around(dotted: str) -> Iterator[str]:
    """Yield a path, then those of the objects around it, the innermost first."""
    while dotted:
        yield dotted
        dotted = dotted.rpartition(".")[0]


def _within(path: str, outer: str) -> bool:
    return path == outer or path.startswith(outer + ".")


def reading_order(columns: Sequence[Column | None]) -> list[tuple[int, Column]]:
    """Return position and column of each named cell: outer objects before their fields, short names last."""
    placed = [(position, column) for position, column in enumerate(columns) if column]
    return sorted(placed, key=lambda pair: (len(pair[1].path), pair[1].name != pair[1].dotted))


def read_cells(cells: Sequence[str], columns: Sequence[tuple[int, Column]]) -> Draft:
    """Return the draft of a row; spaces around a cell don't count. For ``columns`` see :func:`reading_order`."""
    draft = Draft()
    for position, column in columns:
        cell = cells[position].strip() if position < len(cells) else ""
        if cell:
            draft.cells[column.name] = cell
            _read_cell(draft, column, cell)
    return draft


def _read_cell(draft: Draft, column: Column, cell: str) -> None:
    try:
        if len(cell) > MAX_CELL_CHARACTERS:
            raise CellError(f"must be at most {MAX_CELL_CHARACTERS} characters long")
        is_placed = _place(draft.values, column.path, column.parse(cell))
    except (CellError, RecursionError) as error:
        rule = str(error) if isinstance(error, CellError) else "must be JSON, but is nested too deeply"
        draft.bad.add(column.dotted)
        draft.credit(column)
        draft.problems.append((column.name, cell, rule))
        return
    if is_placed:
        draft.credit(column)
    else:
        other = draft.column_of(column.dotted)
        draft.problems.append((column.name, cell, f"differs from what column {other} says: keep one of the two"))


def _place(values: dict[str, Any], path: tuple[str, ...], value: Any) -> bool:
    """Put the value at its path, unless another one is there already."""
    node = values
    for key in path[:-1]:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            return False
    return bool(node.setdefault(path[-1], value) == value)
