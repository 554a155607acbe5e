"""Pydantic's errors as rules for a person to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from auth0_sso.models import shown
from pydantic import ValidationError

from include.prospects.schema.models import ProspectRow

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from include.prospects.rows.draft import Draft

_RULES: dict[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _: "is required",
    "extra_forbidden": lambda _: "is not a field that the API knows: remove it",
    "string_too_long": lambda context: f"must be at most {context['max_length']} characters long",
    "string_too_short": lambda context: f"must be at least {context['min_length']} characters long",
    "string_type": lambda _: "must be a text",
    "string_unicode": lambda _: "must not contain half of a surrogate pair: remove it",
    "bool_type": lambda _: "must be true or false",
    "int_type": lambda _: "must be a whole number",
    "list_type": lambda _: "must be a list",
    "dict_type": lambda _: "must be an object",
    "model_type": lambda _: "must be an object",
    "literal_error": lambda context: f"must be {context['expected']}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "too_short": lambda context: f"must have at least {context['min_length']} of them",
    "too_long": lambda context: f"must have at most {context['max_length']} of them",
    "value_error": lambda context: str(context["error"]),
}


def check_schema(draft: Draft) -> ProspectRow | None:
    """Return the row as a model, or None after adding each value that breaks the schema to the draft's problems."""
    try:
        return ProspectRow.model_validate(draft.values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    for detail in details:
        _add_problem(draft, detail)
    return None


def _add_problem(draft: Draft, detail: ErrorDetails) -> None:
    keys = _object_keys(detail["loc"])
    if detail["type"] == "missing" and draft.is_bad(".".join(keys)):
        return  # the cell is there but can't be read, which is a problem already
    explain = _RULES.get(detail["type"])
    rule = explain(detail.get("ctx", {})) if explain else detail["msg"]
    dotted = ".".join(keys)
    column = draft.column_of(dotted)
    inside = _place_inside(detail["loc"], draft, column)
    draft.problems.append((column, draft.cells.get(column, ""), f"{inside}{rule}"))
    if len(keys) == len(detail["loc"]):
        draft.discard(keys)


def _object_keys(loc: tuple[int | str, ...]) -> list[str]:
    """Return the location up to the first list."""
    keys: list[str] = []
    for part in loc:
        if isinstance(part, int):
            break
        keys.append(part)
    return keys


def _place_inside(loc: Sequence[int | str], draft: Draft, column: str) -> str:
    """Return where in the column's value the location is; empty when it is the whole value."""
    depth = draft.depths.get(column, len(loc))
    parts = [f"item {part + 1}" if isinstance(part, int) else shown(part) for part in loc[depth:]]
    return f"{', '.join(parts)}: " if parts else ""
