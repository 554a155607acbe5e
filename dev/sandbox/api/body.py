"""Parsing a request's body, JSON or form-encoded."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import parse_qsl

from dev.sandbox.api.schema import SCHEMA

_FORM: Final = "application/x-www-form-urlencoded"


def parse_fields(raw: bytes, content_type: str) -> dict[str, Any]:
    """
    Return a flat body, as the token endpoint takes it.

    :raises ValueError: when it is neither a JSON object nor a form
    """
    if _FORM in content_type:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True))
    body = _parse_json(raw)
    if not isinstance(body, dict):
        raise ValueError("the body must be an object")
    return body


def parse_ticket_body(raw: bytes, content_type: str) -> Any:
    """
    Return a create-ticket body; a form's ``a[b][0]=c`` becomes objects and lists, typed by the schema.

    :param raw: the body; an empty one means an empty object
    :raises ValueError: when it can't be parsed
    """
    if not raw:
        return {}
    if _FORM in content_type:
        return _typed(_nested(parse_qsl(raw.decode(), keep_blank_values=True)), SCHEMA)
    return _parse_json(raw)


def _parse_json(raw: bytes) -> Any:
    value = json.loads(raw, parse_constant=_refuse_constant)
    json.dumps(value, ensure_ascii=False).encode()  # fails on half of a surrogate pair, which no response could hold
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in pairs:
        first = key.partition("[")[0]
        *parents, last = [first, *re.findall(r"\[([^\[\]]*)\]", key[len(first) :])]
        branch = tree
        for name in parents:
            branch = branch.setdefault(name or str(len(branch)), {})
            if not isinstance(branch, dict):
                raise ValueError(f"{key} conflicts with another field")
        branch[last or str(len(branch))] = value
    return tree


def _typed(value: Any, schema: dict[str, Any]) -> Any:
    types = schema.get("type", "string")
    if isinstance(value, str):
        try:
            return value if "string" in types else _parse_json(value.encode())
        except ValueError:
            return value
    if "array" in types:
        return [_typed(item, schema["items"]) for item in value.values()]
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    return {name: _typed(item, properties.get(name) or others or {}) for name, item in value.items()}
