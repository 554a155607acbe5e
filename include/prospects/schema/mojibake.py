"""Text that was broken before it came here: letters that were lost, and UTF-8 that was read as another encoding."""

from __future__ import annotations

import re

from auth0_sso.models import shown

_RULE = "must be text as it was typed, but was broken before it came here"
_REPAIR = "export the file again, as UTF-8"
_LOST = re.compile("\ufffd|ï¿½")  # the second is the first, read as Windows-1252


def _bytes_of(encoding: str) -> dict[str, int]:
    """Return the byte that stands for each character; those without one are control characters, as in browsers."""
    return {bytes([byte]).decode(encoding, "ignore") or chr(byte): byte for byte in range(256)}


_WINDOWS_1252 = _bytes_of("cp1252") | {chr(byte): byte for byte in range(0x80, 0xA0)}
_ENCODINGS = tuple(map(_bytes_of, ("cp1252", "latin-1", "cp1250", "cp1251", "cp1253", "cp1257")))
_ENDINGS = ("", "\xa0", "\x85")  # the last two are white space, which is cut off a cell

_SIGNS = "".join(character for character, byte in _WINDOWS_1252.items() if 0x80 <= byte < 0xC0)
"""What UTF-8's bytes after a letter's first one turn into."""

_MARKS = "".join(sign for sign in _SIGNS if not sign.isalpha())
_MARK_WITHIN_A_WORD = re.compile(
    rf"[a-z](?:Ã(?!\w)|[ÃÄÅ][{_MARKS}])|[ÃÄÅ][\xa1-\xa9\xac\xae-\xb4\xb6-\xb9\xbc-\xbf][a-z]|[√├][^\x00-\x7f]"
)
"""What no language has: a capital and a mark beside a small letter, or UTF-8 as a Macintosh or DOS reads it."""

_SIGN_AFTER_CAPITALS = re.compile(rf"(?<=[A-ZÀ-ÖØ-Þ]{{2}})[Â-Þ][{_SIGNS}]")
_CONTROL = re.compile(r"[\x80-\x9f]")
_END_OF_WORD = re.compile(r"[sS]?(?!\w)")  # also a genitive's, as in NGÔ's
_AFTER_A_WORD = "®™©…\u2019”»"
_BETWEEN_WORDS = "\u2013"
_GENUINE = re.compile(r"(?<=[A-Z])(?:[Æ-Þ][ŠŽŒŸ]|[Â-Þ]™(?!\w))")  # KNÍŽKA, RÚŽA, SÉ™
_IN_NO_NAME = re.compile(r"[\x80-\x9f\u0240-\u0258\u025a-\u02ff\u0340-\u036f\u0700-\u07ff]")
"""Control characters, and what capitals with a sign turn into, such as those of Groß® and CITÉ…"""

_EVIDENCE = re.compile(r"[\x80-\u036f\u1e00-\u22ff\U00010000-\U0010ffff]|[\u0370-\u1dff\u2300-\uffff]{2}")
"""NÖ\u2013Wien and Tomáš® have the bytes of one letter of another alphabet, but genuine names not of two."""

_IN_NAMES = re.compile(
    r"[ -~\xa0À-ÖØ-öø-\u017f\u01a0\u01a1\u01af\u01b0\u0218-\u021bẠ-ỹ\u0386-\u03ce\u0400-\u045f\u0490\u0491"
    r"\u2018\u2019\u201c\u201d\u201e\u2013\u2014…•€™©®°«»·]+"
)
_BREAK = re.compile(r"[\s!-@\[-`{-~\u2018\u2019\u201c-\u201e\u2013\u2014«»…•]+|[®™©°](?!\w)")
_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏḀ-\u1eff]+|[\u0370-\u03ff\u1f00-\u1fff]+|[\u0400-\u052f]+")


def rule_against(cell: str) -> str:
    """Return the rule that a broken text breaks; empty for all others."""
    if cell.isascii():
        return ""
    if lost := _LOST.search(cell):
        return f"{_RULE}: character {lost.start() + 1} was lost; {_REPAIR}"
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
    return _read_as_windows_1252(text) or _read_as_any(text)


def _read_as_windows_1252(text: str) -> str:
    try:
        original = _as_utf8(text)
    except (LookupError, UnicodeError):
        return ""
    if original == text or not _EVIDENCE.search(original):
        return ""
    twice = _read_again(original)
    if twice:
        return twice
    if _IN_NO_NAME.search(original) or _GENUINE.search(text):
        return ""
    return "" if any(_looks_right(found, text) for found in _SIGN_AFTER_CAPITALS.finditer(text)) else original


def _read_as_any(text: str) -> str:
    """
    Return the text as UTF-8 if words become regular by it; empty for all others.

    A genuine name hardly ever has the bytes of UTF-8 in one of these encodings. If it has, its words are regular.
    """
    if _is_regular(text):
        return ""
    for encoding in _ENCODINGS:
        for ending in _ENDINGS:
            try:
                original = _as_utf8(text + ending, encoding)
            except (LookupError, UnicodeError):
                continue
            if _IN_NAMES.fullmatch(original) and _is_regular(original):
                return original
            twice = _read_again(original) if len(original) < len(text) else ""
            if twice:
                return twice
    return ""


def _is_regular(text: str) -> bool:
    """Whether each word is in one alphabet, and in small letters, in capitals, or in small ones after a capital."""
    return all(word.isascii() or _is_regular_word(word.removeprefix("Mc")) for word in _BREAK.split(text))


def _is_regular_word(word: str) -> bool:
    return bool(_WORD.fullmatch(word)) and (word.islower() or word.isupper() or word.istitle())


def _as_utf8(text: str, encoding: dict[str, int] = _WINDOWS_1252) -> str:
    return bytes(encoding[character] for character in text).decode()


def _looks_right(found: re.Match[str], text: str) -> bool:
    """Whether a capital and the sign behind it are meant, as in CAFÉ™: no capital of a word is broken into them."""
    sign, original = found.group()[1], _as_utf8(found.group())
    if sign.isalpha() or _CONTROL.match(sign):
        return False
    if not original.isupper() or sign == _BETWEEN_WORDS:
        return True
    return sign in _AFTER_A_WORD and bool(_END_OF_WORD.match(text, found.end()))
