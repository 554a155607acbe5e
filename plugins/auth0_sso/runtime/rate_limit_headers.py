"""What an answer's headers say about the rate limit; malformed headers count as absent."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds of ``Retry-After``, unbounded; 0 if there is none."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value[:9])
    until = _date(value)
    return 0.0 if until is None else max(0.0, until - _now(headers))


def seconds_requested(headers: Mapping[str, str]) -> float:
    """Return the seconds until both ``Retry-After`` and ``X-RateLimit-Reset`` are over; 0 if neither is set."""
    reset = headers.get("X-RateLimit-Reset", "").strip()
    remaining = float(reset[:18]) - _now(headers) if reset.isdecimal() else 0.0
    return max(retry_after(headers), remaining)


def bucket_is_empty(headers: Mapping[str, str]) -> bool:
    """Return whether ``X-RateLimit-Remaining`` is 0 or less."""
    return re.fullmatch(r"0+|-\d+", headers.get("X-RateLimit-Remaining", "").strip()) is not None


def bucket_level(headers: Mapping[str, str]) -> tuple[float, float] | None:
    """Return ``X-RateLimit-Remaining`` and ``X-RateLimit-Limit``; None unless both are numbers, the limit above 0."""
    remaining, limit = (headers.get(f"X-RateLimit-{name}", "").strip()[:18] for name in ("Remaining", "Limit"))
    if not (remaining.isdecimal() and limit.isdecimal() and int(limit)):
        return None
    return float(remaining), float(limit)


def _now(headers: Mapping[str, str]) -> float:
    """Return the server's UNIX time, since its times are relative to it; without a ``Date``, this machine's."""
    return _date(headers.get("Date", "")) or time.time()


def _date(value: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
