"""The charts are well-formed SVG and show the numbers."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from include.reports import STATUSES, RateSample, ReportRow
from include.reports.charts.organizations import MAX_BARS, organization_chart
from include.reports.charts.request_rate import rate_chart


def rows_of(organization: str, *statuses: str, name: str = "") -> list[ReportRow]:
    return [ReportRow(n, organization, name or organization, status=status) for n, status in enumerate(statuses, 1)]


def test_a_bar_has_one_segment_a_status_as_wide_as_its_count() -> None:
    rows = rows_of("a", "created", "failed", "created") + rows_of("b", *["created"] * 5)
    bars = {bar.name: bar for bar in organization_chart(rows, STATUSES).bars}
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
    names = [bar.name for bar in organization_chart(rows, STATUSES).bars]
    assert names == ["two failed", "one failed", "large", "small"]


@pytest.mark.parametrize(("organizations", "hidden"), [(1, 0), (MAX_BARS, 0), (MAX_BARS + 1, 1), (700, 660)])
def test_more_organizations_than_fit_are_counted(organizations: int, hidden: int) -> None:
    rows = [row for number in range(organizations) for row in rows_of(f"org_{number}", "created")]
    chart = organization_chart(rows, STATUSES)
    assert (len(chart.bars), chart.hidden) == (organizations - hidden, hidden)


def test_rows_without_an_organizations_id_are_not_called_by_the_first_ones_name() -> None:
    rows = rows_of("", "invalid", name="Acme") + rows_of("", "invalid", name="Globex")
    (bar,) = organization_chart(rows, STATUSES).bars
    assert (bar.name, bar.text) == ("(no organization_id)", "2 invalid")


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'a & b "c" ]]>', "nul \x00 esc \x1b", "\ud800", ""])
def test_any_name_gives_well_formed_svg(name: str) -> None:
    (bar,) = organization_chart(rows_of("org_1", "created", name=name), STATUSES).bars
    assert ET.fromstring(bar.svg).tag == "svg"
    assert bar.name


def test_requests_are_bars_and_the_limit_is_a_step_line() -> None:
    chart = rate_chart([RateSample(0, 3, 4.0), RateSample(1, 0, 4.0), RateSample(2, 2, 2.5)])
    assert chart is not None
    svg = ET.fromstring(chart.svg)
    bars = [(rect.get("y"), rect.get("height")) for rect in svg.iter("rect")]
    assert bars == [("1", "3"), ("4", "0"), ("2", "2")]
    (line,) = svg.iter("path")
    assert line.get("d") == "M0,0V0H1V0H2V1.5H3"
    assert chart.levels[0] == ("0", 0.0)
    assert chart.levels[-1] == ("4", 100.0)


def test_each_bar_tells_its_time_and_numbers() -> None:
    chart = rate_chart([RateSample(1_767_225_600, 3, 4.0)])
    assert chart is not None
    assert "00:00:00 UTC: 3 sent, 4 allowed" in chart.svg
    assert "saw 3 requests, at 00:00:00 UTC" in chart.caption


def test_bars_of_several_seconds_say_so() -> None:
    chart = rate_chart([RateSample(second, 1, 1.0) for second in range(0, 300, 10)])
    assert chart is not None
    assert "Each bar is the busiest second of 10." in chart.caption
    assert chart.moments == ["00:00:00", "00:02:30", "00:05:00"]


@pytest.mark.parametrize("highest", [0, 0.4, 1, 2, 7, 16, 50, 333, 99_999])
def test_the_axis_reaches_the_highest_value_with_few_labels(highest: float) -> None:
    chart = rate_chart([RateSample(0, int(highest), float(highest))])
    assert chart is not None
    assert 2 <= len(chart.levels) <= 6
    assert float(chart.levels[-1][0]) >= highest
    assert float(chart.levels[-1][0]) <= max(2 * highest, 1)


def test_without_samples_there_is_no_chart() -> None:
    assert rate_chart([]) is None
