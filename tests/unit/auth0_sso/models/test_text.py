"""How values become text in messages and reports."""

from __future__ import annotations

import pytest
from auth0_sso.models import first_errors, iso, nearest

from tests.support.factories import NOW


def test_the_first_five_errors_are_kept_short_and_on_one_line_each() -> None:
    errors = first_errors((f"row {number}", f"{number}\n" + "x" * 1000) for number in range(1, 10_000))
    assert [error[:11] for error in errors] == [f"row {number}: {number}\\nx" for number in range(1, 6)]
    assert max(map(len, errors)) < 320


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (0.0, "1970-01-01T00:00:00Z"), (NOW + 0.9, "2027-01-15T08:00:00Z")]
)
def test_times_are_iso_8601_in_utc_to_the_second(seconds: float | None, text: str) -> None:
    assert iso(seconds) == text


@pytest.mark.parametrize(
    ("name", "known"),
    [("Domian", "domains"), ("scopes", "provisioning_config.scopes"), ("color", ""), ("", ""), ("x" * 500, "")],
)
def test_a_hint_is_given_only_for_a_name_that_is_near(name: str, known: str) -> None:
    assert nearest(name, ["domains", "ttl_sec", "provisioning_config.scopes"]) == known
