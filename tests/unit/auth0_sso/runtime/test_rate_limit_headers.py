"""What an answer's headers request."""

from __future__ import annotations

import email.utils
import time

import pytest
from auth0_sso.runtime.rate_limit_headers import bucket_is_empty, bucket_level, retry_after, seconds_requested


def http_date(seconds: float) -> str:
    return email.utils.formatdate(seconds, usegmt=True)


@pytest.mark.parametrize(("value", "seconds"), [(" 7 ", 7), ("9" * 20, 999_999_999)])
def test_retry_after_is_read_in_seconds(value: str, seconds: float) -> None:
    assert retry_after({"Retry-After": value}) == seconds


@pytest.mark.parametrize("header", ["Retry-After", "X-RateLimit-Reset"])
@pytest.mark.parametrize("value", ["", "-30", "soon", "1e3", "NaN", "3, 86400", "Thu, 99 Foo 2026 25:61:61 GMT"])
def test_a_malformed_header_requests_nothing(header: str, value: str) -> None:
    assert seconds_requested({header: value, "Date": value}) == 0


@pytest.mark.parametrize("offset", [0, 5 * 3600, -5 * 3600], ids=["right", "ahead", "behind"])
@pytest.mark.parametrize("header", ["Retry-After", "X-RateLimit-Reset"])
def test_a_time_is_relative_to_the_servers_date(header: str, offset: int) -> None:
    now = int(time.time()) + offset
    value = http_date(now + 8) if header == "Retry-After" else str(now + 8)
    assert seconds_requested({"Date": http_date(now), header: value}) == 8


@pytest.mark.parametrize("date", [{}, {"Date": "yesterday"}])
@pytest.mark.parametrize("header", ["Retry-After", "X-RateLimit-Reset"])
def test_without_a_date_a_time_is_relative_to_this_machines_clock(header: str, date: dict[str, str]) -> None:
    until = time.time() + 8
    value = http_date(until) if header == "Retry-After" else str(int(until))
    assert 6 <= seconds_requested({header: value, **date}) <= 8


def test_a_time_in_the_past_requests_nothing() -> None:
    past = time.time() - 3600
    assert seconds_requested({"Retry-After": http_date(past), "X-RateLimit-Reset": str(int(past))}) == 0


@pytest.mark.parametrize("value", ["9" * 400, "1795562531127"], ids=["400 digits", "milliseconds"])
def test_an_absurd_reset_is_a_number(value: str) -> None:
    assert seconds_requested({"X-RateLimit-Reset": value}) > 10**6


@pytest.mark.parametrize(("remaining", "empty"), [("0", True), ("-1", True), ("1", False), ("x", False)])
def test_the_bucket_is_empty_when_nothing_remains(remaining: str, empty: bool) -> None:
    assert bucket_is_empty({"X-RateLimit-Remaining": remaining}) is empty
    assert not bucket_is_empty({})


@pytest.mark.parametrize(
    ("remaining", "limit", "expected"),
    [
        (" 12 ", "50", (12, 50)),
        ("0", "2", (0, 2)),
        ("1", "0", None),
        ("-1", "50", None),
        ("1.5", "50", None),
        ("1", "fifty", None),
        ("", "50", None),
        ("1", "9" * 400, (1, 1e18)),
    ],
)
def test_the_level_of_the_bucket_is_two_numbers_or_unknown(
    remaining: str, limit: str, expected: tuple[float, float] | None
) -> None:
    assert bucket_level({"X-RateLimit-Remaining": remaining, "X-RateLimit-Limit": limit}) == expected
