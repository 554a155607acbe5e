"""Parsing a request's body."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import parse_qsl

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


def parse_ticket_body(raw: bytes) -> Any:
    """Return a create-ticket body, JSON; an empty one means an empty object. ValueError if it can't be parsed."""
    return _parse_json(raw) if raw else {}


def _parse_json(raw: bytes) -> Any:
    value = json.loads(raw, parse_constant=_refuse_constant)
    json.dumps(value, ensure_ascii=False).encode()  # fails on half of a surrogate pair, which no response could hold
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
