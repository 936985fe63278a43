"""The figures as bars: a small plot for each piece of work, on a logarithmic axis."""

import math
from itertools import groupby
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from comparison.report import figure, rank
from comparison.result import MORE, Result

COLUMNS = 3
OURS, OTHERS = "#1f77b4", "#b0b0b0"


def draw(path: Path, results: list[Result], caption: str) -> None:
    """An SVG. Works without any figure are left out."""
    mpl.use("svg")
    # The same figures give the same file, and text stays text.
    mpl.rcParams.update({"svg.hashsalt": "chronolite", "svg.fonttype": "none"})
    groups = grouped(results)
    if not groups:
        return
    rows = math.ceil(len(groups) / COLUMNS)
    fig, grid = plt.subplots(rows, COLUMNS, figsize=(15, 2.9 * rows), squeeze=False)
    cells = [axes for line in grid for axes in line]
    for axes in cells[len(groups) :]:
        axes.remove()
    for axes, (title, group) in zip(cells, groups, strict=False):
        bars(axes, title, group)
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
    axes.tick_params(labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def most_rows(group: list[Result]) -> int:
    """A star marks those that got fewer."""
    return max(r.rows for r in group)
