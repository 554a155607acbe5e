"""All columns for a person to read; types and bounds come from the models' annotations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from include.prospects.schema import formats
from include.prospects.schema.cells import is_object, plain_type
from include.prospects.schema.columns import COLUMNS, SHORT_NAMES, USUAL, fields, may_be_null

_FORMATS: dict[Callable[..., str], tuple[str, str]] = {
    formats.plain_text: ("text", ""),
    formats.identifier: ("id", ""),
    formats.client_id: ("id", ""),
    formats.organization_id: ("id", "begins with org_"),
    formats.connection_name: ("name", "letters, digits and single hyphens"),
    formats.email_address: ("e-mail address", ""),
    formats.language_tag: ("language tag", ""),
    formats.domain_name: ("domain", ""),
    formats.listed_domain: ("domain", ""),
    formats.https_url: ("URL", "begins with https://"),
}
"""Word and rule of the texts that a format's function takes."""


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """
    A column, described.

    :param type: such as ``list of domains``.
    :param bounds: such as ``up to 1,000 items``; empty for none.
    :param example: a cell that is valid.
    :param required: whether every row needs a cell.
    :param short_for: the column that this one is a short name of; empty for none.
    :param usual: whether it is in the template.
    """

    name: str
    type: str
    bounds: str
    meaning: str
    example: str
    required: bool
    short_for: str
    usual: bool

    @property
    def values(self) -> str:
        """Type and bounds in one text."""
        return f"{self.type}: {self.bounds}" if self.bounds else self.type

    @property
    def explanation(self) -> str:
        """The meaning, whether it is required, and what it is short for."""
        required = "Required." if self.required else ""
        short_for = f"Short for {self.short_for}." if self.short_for else ""
        return " ".join(filter(None, (self.meaning, required, short_for)))


def describe_columns() -> list[ColumnInfo]:
    """Return all columns, the usual ones first; of the keys that a user chooses, one as an example."""
    known = dict(fields())
    found = []
    for name in [*USUAL, *(name for name in known if name not in USUAL)]:
        field = known[SHORT_NAMES.get(name, name)]
        column = _column(name, field)
        found.append(column)
        if COLUMNS[name].free_keys:
            found.append(_free_key(column, field))
    return found


def _column(name: str, field: FieldInfo) -> ColumnInfo:
    kind, bounds = _type_and_bounds(field.annotation, field.metadata)
    return ColumnInfo(
        name=name,
        type=f"{kind} or null" if may_be_null(field) else kind,
        bounds=bounds,
        meaning=field.description or "",
        example=(field.examples or [""])[0],
        required=field.is_required() and len(COLUMNS[name].path) == 1,
        short_for=SHORT_NAMES.get(name, ""),
        usual=name in USUAL,
    )


def _free_key(above: ColumnInfo, field: FieldInfo) -> ColumnInfo:
    key, example = next(iter(json.loads(above.example).items()))
    annotation = get_args(plain_type(field.annotation))[1]
    kind, bounds = _type_and_bounds(annotation, ())
    return ColumnInfo(
        name=f"{above.name}.{key}",
        type=f"{kind} or null" if NoneType in get_args(annotation) else kind,
        bounds=bounds,
        meaning=f"The key {key} of {above.name}. Any other key works, too.",
        example=example,
        required=False,
        short_for="",
        usual=False,
    )


def _type_and_bounds(annotation: Any, outer_marks: Sequence[Any]) -> tuple[str, str]:
    inner, marks = plain_type(annotation), [*outer_marks, *_marks(annotation)]
    if is_object(inner):
        return "JSON object", _length(marks, "keys")
    if get_origin(inner) is list:
        item = get_args(inner)[0]
        kind, bounds = _type_and_bounds(item, ())
        each = f"each {bounds}" if bounds else _keys(plain_type(item))
        return f"list of {kind}s", _joined(_length(marks, "items"), each)
    if get_origin(inner) is Literal:
        *first, last = get_args(inner)
        return "choice", f"{', '.join(first)} or {last}"
    if inner is bool:
        return "true or false", ""
    if inner is int:
        return "whole number", _between(_bound(marks, "ge"), _bound(marks, "le"))
    functions = [mark.func for mark in marks if isinstance(mark, AfterValidator)]
    kind, rule = _FORMATS[functions[0]]
    return kind, _joined(rule, _length(marks, "characters"))


def _keys(item: Any) -> str:
    """Return the keys of a list's objects, which have no columns of their own."""
    return f"each with {', '.join(item.model_fields)}" if is_object(item) else ""


def _marks(annotation: Any) -> Iterator[Any]:
    """Yield the bounds and validators around a type, but not those of a list's items."""
    if get_origin(annotation) is Annotated:
        for mark in annotation.__metadata__:
            yield from mark.metadata if isinstance(mark, FieldInfo) else [mark]
        yield from _marks(get_args(annotation)[0])
    elif NoneType in get_args(annotation):
        yield from _marks(next(part for part in get_args(annotation) if part is not NoneType))


def _bound(marks: Sequence[Any], name: str) -> int | None:
    return next((getattr(mark, name) for mark in marks if hasattr(mark, name)), None)


def _length(marks: Sequence[Any], unit: str) -> str:
    least, most = _bound(marks, "min_length") or 0, _bound(marks, "max_length")
    # An empty cell is an absent field, so a least length of 1 says nothing.
    found = _between(least if least > 1 else None, None if most is None else f"{most:,}")
    return f"{found} {unit}" if found else ""


def _between(least: object, most: object) -> str:
    if least is not None and most is not None:
        return f"{least} to {most}"
    if most is not None:
        return f"up to {most}"
    return "" if least is None else f"from {least}"


def _joined(*parts: str) -> str:
    return ", ".join(filter(None, parts))
