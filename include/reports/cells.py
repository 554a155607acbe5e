"""What may stand in a cell: printable text, and no text that a spreadsheet would run as a formula."""

from __future__ import annotations

import re

CELL_LIMIT = 16_000
"""Characters a cell may hold; Excel's own limit is 32,767, in which emoji and their like count twice."""

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_LINE_END = re.compile("\r\n?")
_FORMULA = re.compile("['\"\\s\ufeff]*[=+\\-@\t\r\n＝＋－＠]")
_CELL_BEGIN = "(?:\\A|(?<=;))"  # where lists are separated by semicolons, Excel divides every CSV at them
_UNGUARDED = re.compile(f"{_CELL_BEGIN}(?={_FORMULA.pattern})")
_GUARD = re.compile(f"{_CELL_BEGIN}'(?={_FORMULA.pattern})")


def printable(text: object, limit: int = CELL_LIMIT) -> str:
    """Make text that every format of the report can hold: CSV, XLSX (XML 1.0), HTML and a terminal.

    :param text: anything; ``None`` becomes the empty string.
    :param limit: characters to keep; a longer text ends with an ellipsis.
    :return: the text with line ends as ``\\n`` and other control characters, lone surrogates and
        non-characters as U+FFFD; so are marks that turn the writing direction, and Unicode's line separators.
    """
    if text is None:
        return ""
    clean = _UNPRINTABLE.sub("\ufffd", _LINE_END.sub("\n", str(text)))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def is_formula(text: str) -> bool:
    """Tell whether a spreadsheet might run the text (OWASP, "CSV Injection").

    Quotes in front don't protect: a spreadsheet that takes another separator drops them. Apostrophes count too:
    without that, removing the guard from a text that had one of its own would change it.
    """
    return _FORMULA.match(text) is not None


def guard(text: str) -> str:
    """Put an apostrophe before what a spreadsheet might run, at the text's beginning and after each semicolon."""
    return _UNGUARDED.sub("'", text)


def unguard(text: str) -> str:
    """Undo :func:`guard`: ``unguard(guard(text)) == text`` for every text."""
    return _GUARD.sub("", text)
