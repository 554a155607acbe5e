"""How values become text, and text becomes values, in messages, reports and settings."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from difflib import SequenceMatcher

_UNSAFE = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
_UNSEEN = "\xad\u061c\u180e\u200b-\u200f\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0001-\U000e007f"

UNSAFE_CHARACTERS = re.compile(f"[{_UNSAFE}]")
"""
Control characters, line separators, marks that turn the writing direction, lone surrogates and non-characters.

No name needs them, and each can break a line of a report or a log, or change how it reads.
"""

HIDDEN_CHARACTERS = re.compile(f"[{_UNSAFE}{_UNSEEN}]")
"""
The unsafe ones, and those without a width, such as joiners and byte order marks.

Some languages and emoji need joiners in names; in an address or a column's name they only hide a difference.
"""

_MAX_NAMED = 20
_MAX_ERRORS = 5
_MAX_ERROR_CHARACTERS = 300
_NEAR = 0.7


def is_true(value: object) -> bool:
    """Whether a setting, or a rendered template, is true: ``true``, ``1`` or ``yes``."""
    return str(value).strip().lower() in ("true", "1", "yes")


def iso(seconds: float | None) -> str:
    """Return UNIX seconds as ISO 8601 in UTC, to the second; empty for None."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def shown(text: str, limit: int = 80) -> str:
    """Return ``text`` for a message or a report: hidden characters escaped, at most ``limit`` characters."""
    escaped = HIDDEN_CHARACTERS.sub(lambda found: ascii(found.group())[1:-1], text[: limit + 1])
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


def nearest(name: str, known: Iterable[str]) -> str:
    """
    Return the known name that a mistyped one is near to; empty if there is none.

    Of a known path with dots, its last part may be near too. Case doesn't count.
    """
    wanted = name.lower()[:100]
    likeness, found = max(((_likeness(wanted, one), one) for one in known), default=(0.0, ""))
    return found if likeness >= _NEAR else ""


def _likeness(wanted: str, known: str) -> float:
    last = known.rpartition(".")[2]
    return max(SequenceMatcher(None, wanted, known).ratio(), 0.99 * SequenceMatcher(None, wanted, last).ratio())


def name_some(names: Sequence[object], noun: str) -> str:
    """Return the first of what is counted, such as `` (rows 2, 5)``; nothing for none of them."""
    if not names:
        return ""
    return f" ({noun}{'s' if len(names) > 1 else ''} {listed(names, _MAX_NAMED)})"


def listed(names: Sequence[object], limit: int) -> str:
    """Return the first of some names, and how many others there are: ``a, b and 3 more``."""
    more = len(names) - limit
    return ", ".join(map(str, names[:limit])) + (f" and {more:,} more" if more > 0 else "")


def first_lines(lines: Sequence[str], limit: int, others: str = "… and {:,} more") -> list[str]:
    """Return the first of some lines and, if there are others, a line with their number: ``others``."""
    more = len(lines) - limit
    return [*lines[:limit], *([others.format(more)] if more > 0 else [])]


def first_errors(failed: Iterable[tuple[str, str]]) -> list[str]:
    """Return the errors of the first rows that failed, each after the row's name; ``failed`` has both."""
    first = itertools.islice(failed, _MAX_ERRORS)
    return [f"{name}: {shown(error, _MAX_ERROR_CHARACTERS)}" for name, error in first]
