"""Reading a request's body, JSON or form-encoded, into one shape."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import parse_qsl

from dev.sandbox.api.schema import SCHEMA

_STEP: Final = re.compile(r"\[([^\[\]]*)\]")
_FORM: Final = "application/x-www-form-urlencoded"


def parse_fields(raw: bytes, content_type: str) -> dict[str, Any]:
    """Return a flat body, as the token endpoint takes it.

    :param raw: the body
    :param content_type: the Content-Type header
    :raises ValueError: when it is neither a JSON object nor a form
    """
    if _FORM in content_type:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True))
    body = _parse_json(raw)
    if not isinstance(body, dict):
        raise ValueError("the body must be an object")
    return body


def parse_ticket_body(raw: bytes, content_type: str) -> Any:
    """Return a create-ticket body; a form's ``a[b][0]=c`` becomes objects and lists, typed by the schema.

    :param raw: the body; an empty one stands for an empty object
    :param content_type: the Content-Type header
    :raises ValueError: when it can't be read
    """
    if not raw:
        return {}
    if _FORM in content_type:
        return _typed(_nested(parse_qsl(raw.decode(), keep_blank_values=True)), SCHEMA)
    return _parse_json(raw)


def _parse_json(raw: bytes) -> Any:
    value = json.loads(raw, parse_constant=_no_constant)
    json.dumps(value, ensure_ascii=False).encode()  # fails on half of a surrogate pair, which no answer could hold
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in pairs:
        first = key.partition("[")[0]
        path = [first, *_STEP.findall(key[len(first) :])]
        branch = tree
        for step in path[:-1]:
            branch = branch.setdefault(step or str(len(branch)), {})
            if not isinstance(branch, dict):
                raise ValueError(f"{key} clashes with another field")
        branch[path[-1] or str(len(branch))] = value
    return tree


def _typed(value: Any, schema: dict[str, Any]) -> Any:
    kinds = schema.get("type", "string")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(value, str):
        return _typed_leaf(value, kinds)
    if "array" in kinds:
        return [_typed(item, schema["items"]) for item in value.values()]
    return {name: _typed(item, _property(schema, name)) for name, item in value.items()}


def _property(schema: dict[str, Any], name: str) -> dict[str, Any]:
    more = schema.get("additionalProperties")
    found: dict[str, Any] = schema.get("properties", {}).get(name) or (more if isinstance(more, dict) else {})
    return found


def _typed_leaf(text: str, kinds: list[str]) -> Any:
    if "string" in kinds:
        return text
    try:
        return _parse_json(text.encode())
    except ValueError:
        return text
