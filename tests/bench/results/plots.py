"""Plots of what a tenant has received, second by second."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.bench.results.measured import OTHERS, OWN, REFUSED, Measured

_WIDTH, _HEIGHT = 8.0, 1.5  # inches, of one way
_COLORS = {OWN: "#2f6fde", OTHERS: "#b3b9c2", REFUSED: "#d64541"}


def plot_requests(file: Path, title: str, found: Sequence[Measured]) -> None:
    """Write an SVG with the requests of each second, one way below the other, and the refill of the tenant's bucket."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams |= {"svg.hashsalt": "requests", "font.size": 9}  # the same data gives the same file
    figure = Figure(figsize=(_WIDTH, _HEIGHT * len(found) + 0.8), layout="constrained")
    figure.suptitle(title)
    seconds = max(len(counts) for one in found for counts in one.each_second.values())
    for axes, one in zip(figure.subplots(len(found), sharex=True, squeeze=False)[:, 0], found, strict=True):
        below = [0] * seconds
        for kind, counts in one.each_second.items():
            if counts:
                heights = [*counts, *[0] * (seconds - len(counts))]
                axes.bar(range(seconds), heights, 1.0, below, align="edge", color=_COLORS[kind], label=kind)
                below = [one + other for one, other in zip(below, heights, strict=True)]
        axes.axhline(one.refill, color="black", linewidth=1, linestyle="--", label="refill of the bucket")
        axes.set_title(one.way, loc="left")
        axes.set_xlim(0, seconds)
        axes.set_ylim(0, 1.4 * max(below))
        axes.legend(loc="upper right", frameon=False, ncols=4)
    axes.set_xlabel("seconds after the first request")
    figure.supylabel("requests a second")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
