"""Plots of what a tenant has received, second by second."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from dev.local.background import PROJECT
from tests.bench.results.measured import OTHERS, OWN, REFUSED, Measured

FOLDER = PROJECT / ".airflow" / "plots"
_WIDTH, _HEIGHT = 8.0, 1.5  # inches, of one way
_COLORS = {OWN: "#2f6fde", OTHERS: "#b3b9c2", REFUSED: "#d64541"}


def plot_requests(console: Console, name: str, title: str, found: Sequence[Measured]) -> None:
    """
    Write an SVG with the requests of each second, one way below the other, and the refill of the tenant's bucket.

    :param name: of its file in ``FOLDER``, without the suffix.
    """
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
                below = [sum(pair) for pair in zip(below, heights, strict=True)]
        axes.axhline(one.refill, color="black", linewidth=1, linestyle="--", label="refill of the bucket")
        axes.set_title(one.way, loc="left")
        axes.set_xlim(0, seconds)
        axes.set_ylim(0, 1.4 * max(*below, one.refill))
        axes.legend(loc="upper right", frameon=False, ncols=4)
    axes.set_xlabel("seconds after the first request")
    figure.supylabel("requests a second")
    FOLDER.mkdir(parents=True, exist_ok=True)
    figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
    console.print(f"{name}: plotted in {FOLDER.relative_to(PROJECT)}/{name}.svg")
