"""Chart: the outcomes of each organization's rows, as stacked bars."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from include.reports.cells import printable
from include.reports.wording import LABELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from include.reports.summary import ReportRow

MAX_BARS = 40


@dataclass(frozen=True)
class OrganizationBar:
    """
    One organization's line of the chart.

    :param text: the counts in words, for readers who don't see the colours.
    :param svg: the bar; one unit of its width is one row, its full width the largest organization.
    """

    name: str
    text: str
    svg: str


@dataclass(frozen=True)
class OrganizationChart:
    """The chart's lines, the number of organizations that have none, and its heading."""

    bars: Sequence[OrganizationBar]
    hidden: int
    title: str


def organization_chart(
    rows: Sequence[ReportRow], statuses: Sequence[str], title: str = "Outcomes by organization"
) -> OrganizationChart:
    """
    Count each organization's rows by status.

    :param statuses: the order of a bar's segments.
    :param title: the chart's heading.
    :return: at most :data:`MAX_BARS` bars: first those with the most rows that need work, then the largest.
    """
    sizes = Counter(row.organization_id for row in rows)
    needs_work = Counter(row.organization_id for row in rows if row.needs_work)
    first = sorted(sizes, key=lambda key: (-needs_work[key], -sizes[key]))[:MAX_BARS]
    counts: dict[str, Counter[str]] = {key: Counter() for key in first}
    names: dict[str, str] = {}
    for row in rows:
        if row.organization_id in counts:
            counts[row.organization_id][row.status] += 1
            if row.organization_name:
                names.setdefault(row.organization_id, row.organization_name)
    longest = max(sizes.values(), default=0)
    # Rows without an id may be of several organizations, so none of their names is right.
    labels = {key: names.get(key, key) if key else "(no organization_id)" for key in first}
    bars = [_bar(printable(labels[key], limit=80), counts[key], statuses, longest) for key in first]
    return OrganizationChart(bars, hidden=len(sizes) - len(bars), title=title)


def _bar(name: str, counts: Mapping[str, int], statuses: Sequence[str], longest: int) -> OrganizationBar:
    words = {status: f"{counts[status]:,} {LABELS[status]}" for status in statuses if counts.get(status)}
    text = ", ".join(words.values())
    size = {"viewBox": f"0 0 {longest} 1", "preserveAspectRatio": "none"}
    svg = ET.Element("svg", {**size, "class": "bar", "role": "img", "aria-label": f"{name}: {text}"})
    start = 0
    for status, count_in_words in words.items():
        box = {"x": str(start), "y": "0", "width": str(counts[status]), "height": "1"}
        segment = ET.SubElement(svg, "rect", {**box, "class": f"fill-{status}"})
        ET.SubElement(segment, "title").text = f"{name}: {count_in_words}"
        start += counts[status]
    return OrganizationBar(name, text, ET.tostring(svg, encoding="unicode"))
