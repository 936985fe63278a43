"""The figures as bars: a small plot for each piece of work, on a logarithmic axis. Those of the
codecs as points: how small against how fast.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from comparison.report import figure, rank
from comparison.result import MORE, Result

COLUMNS = 3
OURS, OTHERS = "#1f77b4", "#b0b0b0"
# The sets of the codec bench that are drawn: a few of each kind.
SETS = (
    "city_temperature_f_tw",
    "food_prices_tw",
    "ec2 value",
    "machine value",
    "weather temp",
    "weather pressure",
    "sensor, 2 decimals",
    "ticks, 0.25 steps",
    "25 + sin(i / 100)",
    "machine timestamp",
    "time jitter",
    "time late rows",
)

# Draws one of the small plots.
Part = Callable[[Axes], None]


def draw(path: Path, results: list[Result], caption: str) -> None:
    """An SVG. Works without any figure are left out."""
    groups = grouped(results)
    if groups:
        grid(path, [partial(bars, title=title, group=group) for title, group in groups], caption)


def grid(path: Path, parts: Sequence[Part], caption: str, height: float = 2.9) -> None:
    """Small plots side by side; the same figures give the same file, and text stays text."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "chronolite", "svg.fonttype": "none"})
    rows = math.ceil(len(parts) / COLUMNS)
    fig, lines = plt.subplots(rows, COLUMNS, figsize=(15, height * rows), squeeze=False)
    cells = [axes for line in lines for axes in line]
    for axes in cells[len(parts) :]:
        axes.remove()
    for axes, part in zip(cells, parts, strict=False):
        part(axes)
    fig.suptitle(caption, fontsize=9)
    fig.tight_layout(rect=(0, 0, 1, 0.985))
    fig.savefig(path, metadata={"Date": None})
    plt.close(fig)


def grouped(results: list[Result]) -> list[tuple[str, list[Result]]]:
    """By workload, work and unit, in the order of the run."""
    order = {key_of(r): i for i, r in reversed(list(enumerate(results)))}
    figures = sorted((r for r in results if r.best), key=lambda r: order[key_of(r)])
    found = []
    for (workload, work, unit), group in groupby(figures, key_of):
        sense = "more is better" if unit in MORE else "less is better"
        found.append((f"{workload}: {work}\n[{unit}, {sense}]", sorted(group, key=rank)))
    return found


def key_of(result: Result) -> tuple[str, str, str]:
    """What may stand in one plot."""
    return result.workload, result.work, result.unit


def bars(axes: Axes, title: str, group: list[Result]) -> None:
    """The best on top."""
    names = [f"{r.who}*" if r.rows and r.rows < most_rows(group) else r.who for r in group]
    values = [r.best or 0.0 for r in group]
    colours = [OURS if r.peer.startswith("chronolite") else OTHERS for r in group]
    drawn = axes.barh(names, values, color=colours)
    axes.bar_label(drawn, [figure(value) for value in values], fontsize=7, padding=2)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xlim(min(values) / 3, max(values) * 4)
    axes.set_title(title, fontsize=8)
    bare(axes)


def bare(axes: Axes) -> None:
    """Without a frame."""
    axes.tick_params(labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def most_rows(group: list[Result]) -> int:
    """A star marks those that got fewer."""
    return max(r.rows for r in group)


def scatter(path: Path, run: dict[str, Any], caption: str) -> None:
    """An SVG of the codec bench."""
    parts = []
    for data in SETS:
        figures = [f for f in run["figures"] if f["data"] == data and drawn(f)]
        if figures:
            parts.append(partial(points, title=data, figures=figures, width=width_of(run, data)))
    if parts:
        grid(
            path,
            parts,
            f"how small against how fast, up and right is better; chronolite's in blue: {caption}",
            3.6,
        )


def width_of(run: dict[str, Any], data: str) -> int:
    """Bits of a value in memory."""
    kind = next(found["type"] for found in run["sets"] if found["name"] == data)
    return int(kind[1:])


def drawn(one: dict[str, Any]) -> bool:
    """What chronolite chooses, the peers, and Gorilla, which is its own but nobody's choice."""
    return bool(one["kind"] != "codec" or one["who"] == "gorilla")


def points(axes: Axes, title: str, figures: list[dict[str, Any]], width: int) -> None:
    """Ratio of sizes and speed of decoding; chronolite's names stand above, others below."""
    named: dict[tuple[bool, int, int], list[tuple[float, float, str]]] = {}
    for one in figures:
        speed, ratio, ours = one["decode"], width / one["bits"], one["kind"] == "choice"
        axes.scatter(speed, ratio, s=22, color=OURS if ours else OTHERS)
        # Those that lie in about one place share a line.
        near = (ours, round(5 * math.log10(speed)), round(15 * math.log10(ratio)))
        named.setdefault(near, []).append((speed, ratio, one["who"]))
    for (ours, _, _), group in named.items():
        speed, ratio, _ = group[0]
        text = ", ".join(who for _, _, who in group)
        place = {"textcoords": "offset points", "xytext": (-3, 5 if ours else -10)}
        colour = OURS if ours else "#606060"
        axes.annotate(text, (speed, ratio), fontsize=6.5, color=colour, **place)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}")
        axis.set_minor_locator(LogLocator(subs=(2, 5)))
    axes.set_title(title, fontsize=8)
    axes.set_xlabel("MB of values decoded a second", fontsize=7)
    axes.set_ylabel("times smaller than raw", fontsize=7)
    axes.margins(0.2, 0.2)
    bare(axes)
    axes.tick_params(which="minor", labelsize=7)
