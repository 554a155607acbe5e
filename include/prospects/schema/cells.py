"""The grammar of cells: from a text to the value of a field's type."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NoReturn, Union, get_args, get_origin

from auth0_sso.models import shown
from pydantic import BaseModel

from include.prospects.schema import mojibake, no_values

MAX_CELL_CHARACTERS = 400_000
"""Room for the longest value that the API takes: 1,000 domains of 255 characters each, with some to spare."""

BOOLEANS = {"true": True, "yes": True, "1": True, "1.0": True, "false": False, "no": False, "0": False, "0.0": False}
_INTEGER = re.compile(r"-?[0-9]{1,18}")
# As pandas and spreadsheets write whole numbers: 86400.0, 4.32E+05.
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?(E\+?[0-9]{1,2})?", re.IGNORECASE)
_SEMICOLON = re.compile(";")
_ANY_SEPARATOR = re.compile(r"[;,|\s]")

_MAX_INTEGER = 10**18

CellParser = Callable[[str], Any]


class CellError(ValueError):
    """A cell that can't be read; the message is the rule it breaks."""


class Unbroken:
    """Marks texts that hold no white space, comma or bar: these divide a list of them, too."""


def parse_text(cell: str) -> str:
    """Return the cell as it is."""
    return cell


def parse_boolean(cell: str) -> bool:
    """Return the boolean that one of six words stands for, in any case."""
    try:
        return BOOLEANS[cell.lower()]
    except KeyError:
        raise CellError("must be true or false (yes, no, 1 and 0 do as well)") from None


def parse_integer(cell: str) -> int:
    """Return the whole number that the cell's ASCII digits stand for, also as ``86400.0`` or ``8.64E+04``."""
    if _INTEGER.fullmatch(cell):
        return int(cell)
    if _DECIMAL.fullmatch(cell):
        number = Decimal(cell)
        if number == number.to_integral_value() and abs(number) < _MAX_INTEGER:
            return int(number)
    raise CellError("must be a whole number in plain digits, at most 18 of them")


def parse_json(cell: str) -> Any:
    """Return the cell's JSON value; a key given twice and NaN are errors."""
    try:
        return json.loads(cell, object_pairs_hook=_unique, parse_int=parse_integer, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise CellError(f"must be JSON, but {error.msg.lower()} at character {error.pos + 1}") from None


def list_parser(item: CellParser, separators: re.Pattern[str] = _SEMICOLON) -> CellParser:
    """Return a parser for lists: JSON when the cell begins with a bracket, else items between separators."""

    def parse_list(cell: str) -> Any:
        if cell.startswith("["):
            return parse_json(cell)
        given = [part for part in map(str.strip, separators.split(cell)) if part]
        if any(part == "null" or part.startswith(("[", "{")) for part in given):
            raise CellError(
                "must be values between semicolons or a JSON list, without null, lists or objects among them"
            )
        return given if item is parse_text else [item(part) for part in given]

    return parse_list


def nullable(parse: CellParser) -> CellParser:
    """Return a parser that takes the word ``null`` for JSON's null and leaves all else to ``parse``."""
    return lambda cell: None if cell == "null" else parse(cell)


def parser_for(annotation: Any) -> CellParser:
    """Return the parser for the cells of a model's field; a type without a grammar raises TypeError."""
    inner = plain_type(annotation)
    parse = _parser_of_type(inner)
    words = get_args(inner) if get_origin(inner) is Literal else ()

    def parse_value(cell: str) -> Any:
        if cell not in words:
            _require_value(cell)
        return parse(cell)

    return parse_value


def _parser_of_type(inner: Any) -> CellParser:
    if is_object(inner):
        return parse_json
    if get_origin(inner) is list:
        annotation = get_args(inner)[0]
        item = plain_type(annotation)
        separators = _ANY_SEPARATOR if _is_unbroken(annotation) else _SEMICOLON
        return parse_json if is_object(item) else list_parser(_parser_of_type(item), separators)
    if get_origin(inner) is Literal:
        return parse_text
    parsers: dict[Any, CellParser] = {str: parse_text, bool: parse_boolean, int: parse_integer}
    if inner not in parsers:
        raise TypeError(f"cells have no grammar for values of type {inner}")
    return parsers[inner]


def plain_type(annotation: Any) -> Any:
    """Return a field's type without ``Annotated`` and ``None`` around it."""
    if get_origin(annotation) is Annotated:
        return plain_type(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return plain_type(next(part for part in get_args(annotation) if part is not NoneType))
    return annotation


def _require_value(cell: str) -> None:
    rule = no_values.rule_against(cell) or ("" if cell.isascii() else mojibake.rule_against(cell))
    if rule:
        raise CellError(rule)


def _is_unbroken(annotation: Any) -> bool:
    return any(isinstance(mark, Unbroken) for mark in getattr(annotation, "__metadata__", ()))


def is_object(plain: Any) -> bool:
    """Whether values of this plain type are JSON objects."""
    return get_origin(plain) is dict or (isinstance(plain, type) and issubclass(plain, BaseModel))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise CellError(f"must be JSON, but has the key '{shown(twice)}' twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise CellError(f"must be JSON, which has no {name}")
