"""What an answer's headers ask for; whatever they hold, reading them raises nothing."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that ``Retry-After`` asks to wait, from 0 to what is absurd; 0 if it doesn't say."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value[:9])
    until = _date(value)
    return 0.0 if until is None else max(0.0, until - _now(headers))


def seconds_requested(headers: Mapping[str, str]) -> float:
    """Return the seconds that a refusal asks to wait, by ``Retry-After`` or ``X-RateLimit-Reset``; 0 if by neither."""
    reset = headers.get("X-RateLimit-Reset", "").strip()
    left = float(reset[:18]) - _now(headers) if reset.isdecimal() else 0.0
    return max(retry_after(headers), left)


def bucket_is_empty(headers: Mapping[str, str]) -> bool:
    """Return whether the answer says that the rate limit has no request left."""
    return re.fullmatch(r"0+|-\d+", headers.get("X-RateLimit-Remaining", "").strip()) is not None


def _now(headers: Mapping[str, str]) -> float:
    """Return the UNIX time on the server's clock, whose times are read against it; without a ``Date``, on ours."""
    return _date(headers.get("Date", "")) or time.time()


def _date(value: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
