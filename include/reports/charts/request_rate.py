"""Chart: requests a second as bars, the limit as a stepped line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from include.reports.wording import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.reports.charts.rate_samples import RateSample

MIN_WIDTH = 16
"""The least number of samples that the chart has room for, so that a short run isn't three fat bars."""


@dataclass(frozen=True)
class RateChart:
    """
    The drawing and the texts around it.

    :param svg: one unit of its width is one sample, one unit of its height one request a second.
    :param levels: the labels of the vertical axis: text, and height in per cent of the drawing.
    :param moments: the labels of the horizontal axis, evenly spread: start, middle, end (UTC).
    """

    svg: str
    levels: Sequence[tuple[str, float]]
    moments: Sequence[str]
    caption: str


def rate_chart(samples: Sequence[RateSample]) -> RateChart | None:
    """Draw the samples, which are at even distances; ``None`` without samples."""
    if not samples:
        return None
    step = samples[1].second - samples[0].second if len(samples) > 1 else 1
    room = max(len(samples), MIN_WIDTH)
    ticks = _ticks(max(max(sample.sent, sample.allowed) for sample in samples))
    start = samples[0].second
    return RateChart(
        svg=_draw(samples, room, ticks),
        levels=[(f"{tick:g}", 100 * tick / ticks[-1]) for tick in ticks],
        moments=[_clock(start), _clock(start + room * step // 2), _clock(start + room * step)],
        caption=_caption(samples, step),
    )


def _ticks(highest: float) -> list[float]:
    """Return the levels to label: 0 and one to four even steps, the last at or over the highest value."""
    rough = max(highest / 4, 1.0)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(magnitude * factor for factor in (1, 2, 5, 10) if magnitude * factor >= rough)
    return [number * step for number in range(math.ceil(max(highest, 1.0) / step) + 1)]


def _draw(samples: Sequence[RateSample], room: int, ticks: Sequence[float]) -> str:
    top = ticks[-1]
    size = {"viewBox": f"0 0 {room} {top:g}", "preserveAspectRatio": "none"}
    label = f"Requests a second over {plural(len(samples), 'sample')}, with the limit"
    svg = ET.Element("svg", {**size, "class": "rate", "role": "img", "aria-label": label})
    for tick in ticks:
        level = f"{top - tick:g}"
        ET.SubElement(svg, "line", {"x1": "0", "x2": str(room), "y1": level, "y2": level, "class": "grid"})
    for index, sample in enumerate(samples):
        box = {
            "x": f"{index + 0.1:g}",
            "width": "0.8",
            "y": f"{top - sample.sent:g}",
            "height": str(sample.sent),
        }
        bar = ET.SubElement(svg, "rect", {**box, "class": "sent"})
        words = f"{_clock(sample.second)} UTC: {sample.sent:,} sent, {sample.allowed:g} allowed"
        ET.SubElement(bar, "title").text = words
    steps = [f"V{top - sample.allowed:g}H{index + 1}" for index, sample in enumerate(samples)]
    ET.SubElement(svg, "path", {"d": f"M0,{top - samples[0].allowed:g}" + "".join(steps), "class": "limit"})
    return ET.tostring(svg, encoding="unicode")


def _caption(samples: Sequence[RateSample], step: int) -> str:
    busiest = max(samples, key=lambda sample: sample.sent)
    each = "" if step == 1 else f" Each bar is the busiest second of {step:,}."
    return (
        f"The busiest second had {plural(busiest.sent, 'request')}, at {_clock(busiest.second)} UTC.{each} "
        "The line is the rate that the pool slots held at the time allow. A slot may save up a short burst, "
        "so a bar can be above the line for a moment."
    )


def _clock(second: int) -> str:
    return f"{datetime.fromtimestamp(second, tz=UTC):%H:%M:%S}"
