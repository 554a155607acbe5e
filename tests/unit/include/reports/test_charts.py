"""The charts are well-formed SVG and show the numbers; the tasks' counts add up to their samples."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from auth0_sso.models import Outcome, TaskStats, TicketStatus
from hypothesis import given
from hypothesis import strategies as st

from include.reports import RateSample, rate_samples
from include.reports.charts.organizations import MAX_BARS, organization_chart
from include.reports.charts.rate_samples import MAX_SAMPLES
from include.reports.charts.request_rate import rate_chart


def rows_of(organization: str, *statuses: str, name: str = "") -> list[Outcome]:
    return [
        Outcome(row=n, organization_id=organization, organization_name=name or organization, status=status)
        for n, status in enumerate(statuses, 1)
    ]


def test_a_bar_has_one_segment_a_status_as_wide_as_its_count() -> None:
    rows = rows_of("a", "created", "failed", "created") + rows_of("b", *["created"] * 5)
    bars = {bar.name: bar for bar in organization_chart(rows, tuple(TicketStatus)).bars}
    svg = ET.fromstring(bars["a"].svg)
    segments = [(rect.get("class"), rect.get("x"), rect.get("width")) for rect in svg]
    assert segments == [("fill-created", "0", "2"), ("fill-failed", "2", "1")]
    assert svg.get("viewBox") == "0 0 5 1"
    assert bars["a"].text == "2 created, 1 failed"


def test_organizations_with_work_to_do_come_first_then_the_largest() -> None:
    rows = [
        *rows_of("small", "created"),
        *rows_of("large", *["created"] * 9),
        *rows_of("one failed", "failed", "created"),
        *rows_of("two failed", "failed", "not_attempted"),
    ]
    names = [bar.name for bar in organization_chart(rows, tuple(TicketStatus)).bars]
    assert names == ["two failed", "one failed", "large", "small"]


@pytest.mark.parametrize(("organizations", "hidden"), [(0, 0), (MAX_BARS, 0), (MAX_BARS + 1, 1)])
def test_more_organizations_than_fit_are_counted(organizations: int, hidden: int) -> None:
    rows = [row for number in range(organizations) for row in rows_of(f"org_{number}", "created")]
    chart = organization_chart(rows, tuple(TicketStatus))
    assert (len(chart.bars), chart.hidden) == (organizations - hidden, hidden)


def test_rows_without_an_organization_id_have_no_organizations_name() -> None:
    rows = rows_of("", "invalid", name="Acme") + rows_of("", "invalid", name="Globex")
    (bar,) = organization_chart(rows, tuple(TicketStatus)).bars
    assert (bar.name, bar.text) == ("(no organization_id)", "2 invalid")


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", 'a & b "c" ]]><!--<iframe>', "nul \x00 esc \x1b \ud800", ""]
)
def test_any_name_gives_well_formed_svg(name: str) -> None:
    (bar,) = organization_chart(rows_of("org_1", "created", name=name), tuple(TicketStatus)).bars
    assert ET.fromstring(bar.svg).tag == "svg"
    assert bar.name


def test_requests_are_bars_with_their_numbers_and_the_limit_is_a_step_line() -> None:
    chart = rate_chart([RateSample(0, 3, 4.0), RateSample(1, 0, 4.0), RateSample(2, 2, 2.5)])
    assert chart is not None
    svg = ET.fromstring(chart.svg)
    bars = [(rect.get("y"), rect.get("height")) for rect in svg.iter("rect")]
    assert bars == [("1", "3"), ("4", "0"), ("2", "2")]
    (line,) = svg.iter("path")
    assert line.get("d") == "M0,0V0H1V0H2V1.5H3"
    assert (chart.levels[0], chart.levels[-1]) == (("0", 0.0), ("4", 100.0))
    assert "00:00:00 UTC: 3 sent, 4 allowed" in chart.svg
    assert "had 3 requests, at 00:00:00 UTC" in chart.caption


def test_the_caption_names_the_seconds_of_a_bar() -> None:
    chart = rate_chart([RateSample(second, 1, 1.0) for second in range(0, 300, 10)])
    assert chart is not None
    assert "Each bar is the busiest second of 10." in chart.caption
    assert chart.moments == ["00:00:00", "00:02:30", "00:05:00"]


@pytest.mark.parametrize("highest", [0, 0.4, 1, 7, 333, 99_999])
def test_the_axis_reaches_the_highest_value_with_few_labels(highest: float) -> None:
    chart = rate_chart([RateSample(0, int(highest), float(highest))])
    assert chart is not None
    assert 2 <= len(chart.levels) <= 6
    assert float(chart.levels[-1][0]) >= highest
    assert float(chart.levels[-1][0]) <= max(2 * highest, 1)


def test_without_tasks_there_is_no_chart() -> None:
    assert rate_chart(rate_samples([])) is None


def stats(started: float, finished: float, rate: float = 1.0, **sent: int) -> TaskStats:
    return TaskStats(started, finished, rate, 1.0, requests=sum(sent.values()), rate_limited=0, sent=sent)


def test_requests_and_rates_of_simultaneous_tasks_are_added() -> None:
    samples = rate_samples([stats(100, 103, **{"100": 1, "102": 2}), stats(101, 103, rate=0.5, **{"102": 1})])
    assert samples == [RateSample(100, 1, 1.0), RateSample(101, 0, 1.5), RateSample(102, 3, 1.5)]


def test_a_slot_that_passes_from_task_to_task_counts_once() -> None:
    samples = rate_samples([stats(100.0, 101.4), stats(101.4, 103.0)])
    assert [sample.allowed for sample in samples] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("span", [599, 600, 601, 2_000_000_000])
def test_a_long_run_is_bounded_and_keeps_its_busiest_second(span: int) -> None:
    busy = {str(span // 2): 9, "0": 1}
    samples = rate_samples([stats(0, span, rate=2.0, **busy)])
    assert len(samples) <= MAX_SAMPLES
    assert max(sample.sent for sample in samples) == 9
    assert {sample.allowed for sample in samples} == {2.0}


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(1, 60), st.dictionaries(st.integers(0, 59), st.integers(1, 9))),
        min_size=1,
        max_size=20,
    )
)
def test_no_request_is_lost_in_a_run_that_fits(tasks: list[tuple[int, int, dict[int, int]]]) -> None:
    samples = rate_samples(
        [
            stats(begin, begin + length, **{str(begin + second): count for second, count in sent.items()})
            for begin, length, sent in tasks
        ]
    )
    assert sum(sample.sent for sample in samples) == sum(sum(sent.values()) for _, _, sent in tasks)
    assert [sample.second for sample in samples] == list(range(samples[0].second, samples[-1].second + 1))
    for sample in samples:
        held = sum(begin <= sample.second < begin + length for begin, length, _ in tasks)
        assert sample.allowed == held
