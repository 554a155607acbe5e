"""Text that was broken before it came here: letters that were lost, and UTF-8 that was read as another encoding."""

from __future__ import annotations

import re

from include.prospects.records import shown

_RULE = "must be text as it was typed, but was broken before it came here"
_REPAIR = "export the file again, as UTF-8"
_LOST = "\ufffd"


def _bytes_of_windows_1252() -> dict[int, int]:
    """Return the byte that stands for each character of Windows-1252 which Latin-1 has at another place."""
    bytes_of = {}
    for byte in range(0x80, 0xA0):
        character = bytes([byte]).decode("cp1252", "ignore")
        if character:
            bytes_of[ord(character)] = byte
    return bytes_of


_BYTES = _bytes_of_windows_1252()

_SIGNS = "".join(map(chr, [*range(0x80, 0xC0), *_BYTES]))  # what UTF-8's bytes after a letter's first one turn into
_MARKS = "".join(sign for sign in _SIGNS if not sign.isalpha())
_MARK_WITHIN_A_WORD = re.compile(
    rf"[a-z][ÃÄÅ][{_MARKS}]|[ÃÄÅ][\xa1-\xa9\xac\xae-\xb4\xb6-\xb9\xbc-\xbf][a-z]|[√├][^\x00-\x7f]"
)
"""What no language has: a capital and a mark beside a small letter, or UTF-8 as a Macintosh or DOS reads it."""

_SIGN_AFTER_CAPITALS = re.compile(rf"(?<=[A-ZÀ-ÖØ-Þ]{{2}})[Â-Þ][{_SIGNS}]")
_CONTROL = re.compile(r"[\x80-\x9f]")
_END_OF_WORD = re.compile(r"[sS]?(?!\w)")  # also a genitive's, as in NGÔ's
_AFTER_A_WORD = "®™©…\u2019”»"
_TWO_CAPITALS = re.compile(r"(?<=[A-Z])[Æ-Þ][ŠŽŒŸ]")  # KNÍŽKA, RÚŽA
_IN_NO_NAME = re.compile(r"[\x80-\x9f\u0240-\u0258\u025a-\u02ff\u0340-\u036f\u0700-\u07ff]")
"""Control characters, and what capitals with a sign turn into, such as those of Groß® and CITÉ…"""


def rule_against(cell: str) -> str:
    """Return the rule that a broken text breaks; empty for all others."""
    if cell.isascii():
        return ""
    if _LOST in cell:
        return f"{_RULE}: character {cell.index(_LOST) + 1} was lost; {_REPAIR}"
    original = _read_again(cell)
    if original:
        was = f", it may have been '{shown(original, 40)}'"
    elif _MARK_WITHIN_A_WORD.search(cell):
        was = ""
    else:
        return ""
    return f"{_RULE}: UTF-8 was read as another encoding{was}; {_REPAIR}"


def _read_again(text: str) -> str:
    """Return the text as UTF-8 if its characters are the bytes of that; empty if they are not, or if it looks right."""
    try:
        original = _as_utf8(text)
    except UnicodeError:
        return ""
    if _IN_NO_NAME.search(original) or _TWO_CAPITALS.search(text):
        return ""
    return "" if any(_looks_right(found, text) for found in _SIGN_AFTER_CAPITALS.finditer(text)) else original


def _as_utf8(text: str) -> str:
    return text.translate(_BYTES).encode("latin-1").decode()


def _looks_right(found: re.Match[str], text: str) -> bool:
    """Whether a capital and the sign behind it are meant, as in CAFÉ™: no capital of a word is broken into them."""
    sign, original = found.group()[1], _as_utf8(found.group())
    if sign.isalpha() or _CONTROL.match(sign):
        return False
    if not original.isupper():
        return True
    return sign in _AFTER_A_WORD and bool(_END_OF_WORD.match(text, found.end()))
