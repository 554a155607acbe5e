"""
The query ``q`` of a search in the tenant's log: the part of Lucene's syntax that the project needs.

Source: Auth0's page "Log Search Query Syntax"::

    query  = clauses, joined by AND or by OR
    clause = (query), field:value or field:(values, joined by AND or by OR)
    value  = a word, in which * stands for any characters; "a text"; for the field date only, a range
    range  = [from TO to], with { or } where the time itself is left out; * is no bound

Fields are not tokenized, and case counts. Everything else is refused.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from dev.sandbox.tenant.logs import Event, Matches, iso_time

_FIELDS: Final = frozenset(
    {
        "client_id",
        "client_name",
        "connection",
        "connection_id",
        "date",
        "description",
        "hostname",
        "ip",
        "log_id",
        "organization_id",
        "strategy",
        "strategy_type",
        "type",
        "user_agent",
        "user_id",
        "user_name",
    }
)
_DETAILS: Final = "details."
_TOKEN: Final = re.compile(
    r"""\s*(?:
    (?P<range>(?P<first>[\[{])\s*(?P<low>\S+)\s+TO\s+(?P<high>[^\s\]}]+)\s*(?P<last>[\]}]))
    | "(?P<text>[^"]*)"
    | (?P<mark>[():])
    | (?P<word>[\w.*@/+-]+)
    )\s*""",
    re.VERBOSE,
)


def parse_log_query(query: str) -> Matches:
    """
    Return the search that a query describes; an empty one finds all events.

    :raises ValueError: says what in it can't be understood
    """
    if not query.strip():
        return lambda _event: True
    return _Parser(query).read()


class _Parser:
    """Reads a query, one token after another."""

    def __init__(self, query: str) -> None:
        self._tokens = _tokens(query)
        self._next = 0

    def read(self) -> Matches:
        """Read the whole query."""
        matches = self._query()
        if self._next < len(self._tokens):
            raise ValueError(f"AND or OR must stand before '{self._peek()}'")
        return matches

    def _query(self) -> Matches:
        return self._joined(self._clause)

    def _joined(self, part: Callable[[], Matches]) -> Matches:
        parts = [part()]
        operators = set()
        while self._peek() in ("AND", "OR"):
            operators.add(self._take().group("word"))
            parts.append(part())
        if len(operators) > 1:
            raise ValueError("AND and OR must be kept apart by parentheses")
        combine = any if "OR" in operators else all
        return lambda event: combine(matches(event) for matches in parts)

    def _clause(self) -> Matches:
        if self._peek() == "(":
            return self._in_parentheses(self._query)
        field = self._take().group("word") or ""
        if field not in _FIELDS and not field.startswith(_DETAILS):
            raise ValueError(f"'{field}' is not a field that can be searched")
        self._expect(":")
        if self._peek() == "(":
            return self._in_parentheses(lambda: self._joined(lambda: self._value(field)))
        return self._value(field)

    def _in_parentheses(self, inner: Callable[[], Matches]) -> Matches:
        self._expect("(")
        matches = inner()
        self._expect(")")
        return matches

    def _value(self, field: str) -> Matches:
        token = self._take()
        if token.lastgroup == "range" and field == "date":
            return _in_range(token)
        if token.lastgroup == "text":
            return _is_like(field, re.escape(token["text"]))
        if token.lastgroup == "word":
            return _is_like(field, ".*".join(map(re.escape, token["word"].split("*"))))
        raise ValueError(f"'{token.group().strip()}' can't be a value of '{field}'")

    def _peek(self) -> str | None:
        return self._tokens[self._next].group().strip() if self._next < len(self._tokens) else None

    def _take(self) -> re.Match[str]:
        if self._next == len(self._tokens):
            raise ValueError("the query ends too early")
        self._next += 1
        return self._tokens[self._next - 1]

    def _expect(self, mark: str) -> None:
        if self._take().group("mark") != mark:
            raise ValueError(f"'{mark}' is missing")


def _tokens(query: str) -> list[re.Match[str]]:
    tokens: list[re.Match[str]] = []
    at = 0
    while at < len(query):
        token = _TOKEN.match(query, at)
        if token is None:
            raise ValueError(f"'{query[at:]}' is not understood")
        tokens.append(token)
        at = token.end()
    return tokens


def _is_like(field: str, pattern: str) -> Matches:
    regex = re.compile(pattern, re.DOTALL)
    return lambda event: regex.fullmatch(_value_of(event, field)) is not None


def _value_of(event: Event, field: str) -> str:
    values = event.get("details", {}) if field.startswith(_DETAILS) else event
    return str(values.get(field.removeprefix(_DETAILS), ""))


def _in_range(token: re.Match[str]) -> Matches:
    low, high = _bound(token["low"], ""), _bound(token["high"], "9999")
    after = operator.ge if token["first"] == "[" else operator.gt
    before = operator.le if token["last"] == "]" else operator.lt
    return lambda event: after(event["date"], low) and before(event["date"], high)


def _bound(text: str, unbounded: str) -> str:
    """Return a bound in the form of an event's ``date``; a time without a zone is in UTC."""
    if text == "*":
        return unbounded
    if "T" not in text:
        raise ValueError(f"'{text}' must be a time, as 2026-11-01T00:00:00Z")
    time = datetime.fromisoformat(text)
    return iso_time((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
