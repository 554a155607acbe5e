"""All columns, derived from the models."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args, get_origin
from unicodedata import normalize

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from include.prospects.schema.cells import CellParser, nullable, parser_for, plain_type
from include.prospects.schema.models import ProspectRow
from include.prospects.schema.values import NotNull

SHORT_NAMES = {
    "connection_name": "connection_config.name",
    "display_name": "connection_config.display_name",
    "domains": "domain_aliases_config.pending_domains",
}
"""Short columns and the paths that they stand for."""

USUAL = (
    "organization_id",
    "organization_name",
    "prospect_name",
    "prospect_email",
    "language",
    "connection_name",
    "display_name",
    "domains",
    "enabled_clients",
    "assign_membership_on_login",
    "organization_show_as_button",
    "profile_id",
    "custom_domain",
    "ttl_sec",
)
"""The columns that most inputs need, in the order of a template."""

_NOT_COMPARED = re.compile(r"[\s_-]+")


@dataclass(frozen=True, slots=True)
class Column:
    """
    Where the cells of a column go, and how they are read.

    :param path: keys from the row's outermost object to the value.
    :param dotted: the path as a header writes it.
    :param free_keys: parser of the columns below this one whose keys the user chooses; None for none.
    """

    name: str
    path: tuple[str, ...]
    parse: CellParser
    free_keys: CellParser | None = None
    dotted: str = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dotted", ".".join(self.path))

    def below(self, key: str) -> Column:
        """Return the column of one key that the user chose, such as ``connection_config.metadata.plan``."""
        return Column(f"{self.name}.{key}", (*self.path, key), self.free_keys or self.parse)


def fields(model: type[BaseModel] = ProspectRow, above: tuple[str, ...] = ()) -> Iterator[tuple[str, FieldInfo]]:
    """Yield dotted path and field of each column of the models, an object before its own fields."""
    for name, field in model.model_fields.items():
        path = (*above, name)
        yield ".".join(path), field
        inner = plain_type(field.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from fields(inner, path)


def may_be_null(field: FieldInfo) -> bool:
    """Whether JSON's null is a value of a field; None alone means that it may be absent."""
    return type(None) in get_args(field.annotation) and not any(isinstance(mark, NotNull) for mark in field.metadata)


def _column(dotted: str, field: FieldInfo) -> Column:
    parse, inner = parser_for(field.annotation), plain_type(field.annotation)
    free_keys = nullable(parser_for(get_args(inner)[1])) if get_origin(inner) is dict else None
    return Column(dotted, tuple(dotted.split(".")), nullable(parse) if may_be_null(field) else parse, free_keys)


def _known_columns() -> dict[str, Column]:
    columns = {dotted: _column(dotted, field) for dotted, field in fields()}
    for short, dotted in SHORT_NAMES.items():
        columns[short] = Column(short, columns[dotted].path, columns[dotted].parse)
    return columns


COLUMNS = _known_columns()
"""All columns by name: those of the models, objects and their fields alike, and the short names."""

FREE_KEY_COLUMNS = tuple(column for column in COLUMNS.values() if column.free_keys)
"""Columns below which the user chooses the keys."""


def compared(name: str) -> str:
    """Return what counts of a column's name: neither case, white space, ``_`` nor ``-`` do; dots do."""
    return _NOT_COMPARED.sub("", normalize("NFC", name)).casefold()


_BY_COMPARED = {compared(name): column for name, column in COLUMNS.items()}


@lru_cache(maxsize=4096)
def find_column(name: str) -> Column | None:
    """Return the column of this name, or None; the keys of free-form objects keep their case."""
    known = _BY_COMPARED.get(compared(name))
    if known:
        return known
    parts = name.split(".")
    for column in FREE_KEY_COLUMNS:
        depth = column.name.count(".") + 1
        key = ".".join(parts[depth:]).strip()
        if key and compared(".".join(parts[:depth])) == compared(column.name):
            return column.below(key)
    return None
