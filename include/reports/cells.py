"""The text of a cell: printable, and nothing that a spreadsheet would run as a formula."""

from __future__ import annotations

import re

from auth0_sso.models import UNSAFE_CHARACTERS

MAX_CELL_CHARACTERS = 16_000
"""Most characters of a cell; Excel's own limit is 32,767, and it counts an emoji twice."""

_UNPRINTABLE = re.compile(rf"(?![\t\n]){UNSAFE_CHARACTERS.pattern}")
_LINE_END = re.compile("\r\n?")
_FORMULA = re.compile("['\"\\s\ufeff]*[=+\\-@\t\r\n＝＋－＠]")
_CELL_BEGIN = "(?:\\A|(?<=;))"  # where lists are separated by semicolons, Excel divides every CSV at them
_UNGUARDED = re.compile(f"{_CELL_BEGIN}(?={_FORMULA.pattern})")
_GUARD = re.compile(f"{_CELL_BEGIN}'(?={_FORMULA.pattern})")


def printable(text: object, limit: int = MAX_CELL_CHARACTERS) -> str:
    """
    Return text that every format of the report takes: CSV, XLSX (XML 1.0), HTML and a terminal.

    :param text: any object; ``None`` becomes the empty string.
    :param limit: characters to keep; a longer text ends with an ellipsis.
    :return: the text with line ends as ``\\n``; other control characters, line separators, direction marks, lone
        surrogates and non-characters become U+FFFD.
    """
    if text is None:
        return ""
    clean = str(text)
    if not clean.isprintable():
        clean = _UNPRINTABLE.sub("\ufffd", _LINE_END.sub("\n", clean))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def is_formula(text: str) -> bool:
    """
    Whether a spreadsheet might run the text (OWASP, "CSV Injection").

    Quotes in front don't protect: a spreadsheet that uses another separator drops them. Apostrophes count too:
    otherwise :func:`unguard` would change a text that has one of its own.
    """
    return _FORMULA.match(text) is not None


def guard(text: str) -> str:
    """Put an apostrophe before each formula, at the text's beginning and after each semicolon."""
    return _UNGUARDED.sub("'", text)


def unguard(text: str) -> str:
    """Undo :func:`guard`: ``unguard(guard(text)) == text`` for every text."""
    return _GUARD.sub("", text)
