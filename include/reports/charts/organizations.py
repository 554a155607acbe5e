"""Chart: the outcomes of each organization's rows, as stacked bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from include.reports.cells import printable
from include.reports.wording import LABELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from include.reports.summary import Outcome

MAX_BARS = 40


@dataclass(frozen=True)
class OrganizationBar:
    """One organization's line of the chart.

    :param text: the counts in words, for readers who don't see the colours.
    :param svg: the bar; one unit of its width is one row, its full width the largest organization.
    """

    name: str
    text: str
    svg: str


@dataclass(frozen=True)
class OrganizationChart:
    """The chart's lines, and the number of organizations that have none."""

    bars: Sequence[OrganizationBar]
    hidden: int


def organization_chart(rows: Sequence[Outcome], statuses: Sequence[str]) -> OrganizationChart:
    """Count each organization's rows by status.

    :param statuses: the order of a bar's segments.
    :return: at most :data:`MAX_BARS` bars: first those with the most rows that need work, then the largest.
    """
    import pandas as pd

    if not rows:
        return OrganizationChart([], hidden=0)
    cells = [(row.organization_id, row.organization_name or None, str(row.status), row.needs_work) for row in rows]
    table = pd.DataFrame(cells, columns=["id", "name", "status", "needs_work"], dtype=object)
    counts = pd.crosstab(table["id"], table["status"]).to_dict("index")
    organizations = (
        table.groupby("id", sort=False)
        .agg(name=("name", "first"), size=("status", "size"), needs_work=("needs_work", "sum"))
        .sort_values(["needs_work", "size"], ascending=False, kind="stable")
    )
    longest = int(organizations["size"].max())
    bars = []
    for key, name in organizations["name"].head(MAX_BARS).items():
        # Rows without an id may be of several organizations, so none of their names is right.
        label = (name or key) if key else "(no organization_id)"
        bars.append(_bar(printable(label, limit=80), counts[key], statuses, longest))
    return OrganizationChart(bars, hidden=len(organizations) - len(bars))


def _bar(name: str, counts: Mapping[Any, int], statuses: Sequence[str], longest: int) -> OrganizationBar:
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
