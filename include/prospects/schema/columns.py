"""All columns, derived from the models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from include.prospects.schema.cells import CellParser, nullable, parser_for, plain_type
from include.prospects.schema.models import NotNull, ProspectRow

SHORT_NAMES = {
    "connection_name": "connection_config.name",
    "display_name": "connection_config.display_name",
    "domains": "domain_aliases_config.pending_domains",
}
"""Short columns and the paths that they stand for."""


@dataclass(frozen=True, slots=True)
class Column:
    """Where the cells of a column go, and how they are read.

    :param path: keys from the row's outermost object to the value.
    :param free_keys: parser of the columns below this one whose keys the user chooses; None for none.
    """

    name: str
    path: tuple[str, ...]
    parse: CellParser
    free_keys: CellParser | None = None

    @property
    def dotted(self) -> str:
        """The path as a header writes it."""
        return ".".join(self.path)

    def below(self, key: str) -> Column:
        """Return the column of one key that the user chose, such as ``connection_config.metadata.plan``."""
        return Column(f"{self.name}.{key}", (*self.path, key), self.free_keys or self.parse)


def _derive(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[Column]:
    for name, field in model.model_fields.items():
        path = (*above, name)
        may_be_null = not any(isinstance(mark, NotNull) for mark in field.metadata)
        inner = plain_type(field.annotation)
        yield Column(".".join(path), path, _parser(field.annotation, may_be_null), _free_keys(inner))
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _derive(inner, path)


def _parser(annotation: Any, may_be_null: bool) -> CellParser:
    parse = parser_for(annotation)
    return nullable(parse) if may_be_null and type(None) in get_args(annotation) else parse


def _free_keys(inner: Any) -> CellParser | None:
    return _parser(get_args(inner)[1], may_be_null=True) if get_origin(inner) is dict else None


def _known_columns() -> dict[str, Column]:
    columns = {column.name: column for column in _derive(ProspectRow)}
    for short, dotted in SHORT_NAMES.items():
        columns[short] = Column(short, columns[dotted].path, columns[dotted].parse)
    return columns


COLUMNS = _known_columns()
"""All columns by name: those of the models, objects and their fields alike, and the short names."""

FREE_KEY_COLUMNS = tuple(column for column in COLUMNS.values() if column.free_keys)
"""Columns below which the user chooses the keys."""
