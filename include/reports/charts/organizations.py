"""Chart: what became of each organization's rows, as stacked bars."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from include.reports.cells import printable
from include.reports.wording import LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.reports.summary import Outcome

MAX_BARS = 40


@dataclass(frozen=True)
class OrganizationBar:
    """One organization's line of the chart.

    :param text: the counts in words, so that nobody needs the colours.
    :param svg: the bar; one unit of its width is one row, its full width the largest organization.
    """

    name: str
    text: str
    svg: str


@dataclass(frozen=True)
class OrganizationChart:
    """The chart's lines, worst organization first, and how many organizations were left out."""

    bars: Sequence[OrganizationBar]
    hidden: int


def organization_chart(rows: Sequence[Outcome], statuses: Sequence[str]) -> OrganizationChart:
    """Count each organization's rows by status.

    :param statuses: the order of a bar's segments.
    :return: at most :data:`MAX_BARS` bars, those with the most rows that need work first, then the largest.
    """
    counts: dict[str, Counter[str]] = {}
    names: dict[str, str] = {}
    needs_work: Counter[str] = Counter()
    for row in rows:
        counts.setdefault(row.organization_id, Counter())[row.status] += 1
        needs_work[row.organization_id] += row.needs_work
        # Rows without an id are of organizations that nobody knows: none of their names is that of all.
        if row.organization_id and not names.get(row.organization_id):
            names[row.organization_id] = row.organization_name
    order = sorted(counts, key=lambda key: (-needs_work[key], -counts[key].total()))
    longest = max((count.total() for count in counts.values()), default=0)
    shown = [(names.get(key) or key or "(no organization_id)", counts[key]) for key in order[:MAX_BARS]]
    bars = [_bar(printable(name, limit=80), count, statuses, longest) for name, count in shown]
    return OrganizationChart(bars, hidden=len(order) - len(bars))


def _bar(name: str, count: Counter[str], statuses: Sequence[str], longest: int) -> OrganizationBar:
    present = [status for status in statuses if count[status]]
    text = ", ".join(f"{count[status]:,} {LABELS[status]}" for status in present)
    size = {"viewBox": f"0 0 {longest} 1", "preserveAspectRatio": "none"}
    svg = ET.Element("svg", {**size, "class": "bar", "role": "img", "aria-label": f"{name}: {text}"})
    start = 0
    for status in present:
        box = {"x": str(start), "y": "0", "width": str(count[status]), "height": "1"}
        segment = ET.SubElement(svg, "rect", {**box, "class": f"fill-{status}"})
        ET.SubElement(segment, "title").text = f"{name}: {count[status]:,} {LABELS[status]}"
        start += count[status]
    return OrganizationBar(name, text, ET.tostring(svg, encoding="unicode"))
