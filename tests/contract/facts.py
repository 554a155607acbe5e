"""What an answer is reduced to before it is compared, since a failed assertion shows what it has compared."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tests.contract.client import Answer, JsonObject

_KINDS: Final = {str: "text", bool: "boolean", int: "number", float: "number", list: "list", JsonObject: "object"}


def kind(value: object) -> str:
    """Return the JSON type of a value."""
    return _KINDS.get(type(value), "null")


def kinds(value: object, names: Collection[str] | None = None) -> Mapping[str, str] | str:
    """Return the JSON type of each field of an object, or of those that are named; the type of any other value."""
    if not isinstance(value, dict):
        return kind(value)
    return {name: kind(one) for name, one in value.items() if names is None or name in names}


def link_facts(link: object, base_url: str) -> dict[str, str]:
    """Return what the parts of a link are like: its host, its path, its parameters and the form of its ticket."""
    try:
        parts = urlsplit(str(link))
        parameters = parse_qs(parts.query)
    except ValueError:  # its message would show the link
        return {"link": "not a URL"}
    ticket = parameters.get("ticket", [""])[0]
    is_plain = re.fullmatch("[A-Za-z0-9]+", ticket) is not None
    return {
        "host": "the tenant's" if f"{parts.scheme}://{parts.netloc}" == base_url else "another",
        "path": "/self-service/connections-flow" if parts.path == "/self-service/connections-flow" else "another",
        "parameters": ", ".join(sorted(parameters)),
        "ticket": f"{len(ticket)} {'letters and digits' if is_plain else 'other characters'}",
    }


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list; none if it isn't one."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def details(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the details of an event; none if it has none."""
    found = event.get("details")
    return found if isinstance(found, dict) else {}


def server_time(answer: Answer) -> datetime:
    """Return the tenant's time at an answer: whole seconds, in UTC."""
    return parsedate_to_datetime(answer.headers["Date"])


def time_of(event: Mapping[str, Any]) -> datetime | None:
    """Return an event's time; None if it has none that ISO 8601 knows."""
    try:
        return datetime.fromisoformat(str(event.get("date")))
    except ValueError:
        return None


def is_sorted(values: Sequence[Any], *, downward: bool = False) -> bool:
    """Return whether each value is at or after the one before, or downward at or before it."""
    ordered = sorted(values, reverse=downward)
    return list(values) == ordered
