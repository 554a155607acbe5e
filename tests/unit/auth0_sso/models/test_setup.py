"""When an opening is a mail scanner's."""

from __future__ import annotations

from itertools import pairwise

from auth0_sso.models import SCANNER_SECONDS, is_scanner, scanner_spans
from hypothesis import given
from hypothesis import strategies as st

TIMES = st.integers(0, 600).map(float)


@given(st.lists(st.tuples(TIMES, TIMES).map(sorted).map(tuple), max_size=8), TIMES)
def test_it_is_from_the_begin_of_a_moment_to_a_minute_after_its_end(
    moments: list[tuple[float, float]], at: float
) -> None:
    spans = scanner_spans(moments)
    assert is_scanner(at, spans) == any(begin <= at <= end + SCANNER_SECONDS for begin, end in moments)
    assert all(end < begin for (_, end), (begin, _) in pairwise(spans))
