"""A line chart of braille dots for the terminal: two by four dots a character, axes, a legend.

Its own and not plotext's, which draws far more: one kind of chart is needed, and this is it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.text import Text

# The bits of a braille character, by row and column of its dots (Unicode 2800).
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint8)
_COLOURS = ("cyan", "yellow", "green", "magenta", "red", "blue")

Line = tuple[str, Any, Any]
"""A name, times (datetime64, in order) and values (floats, NaN for none) of a line."""


def draw(lines: Sequence[Line], width: int, height: int) -> Text:
    """The chart of some lines, in so many characters; there has to be a value in one of them."""
    first, last = _times(lines)
    low, high = _range(lines)
    labels = _labels(low, high, height)
    margin = max(map(len, labels))
    across = max(width - margin - 2, 8)
    cells = [_cells(line, first, last, low, high, across, height) for line in lines]
    out = Text()
    for row in range(height):
        out.append(f"{labels[row]:>{margin}} {'┤' if labels[row] else '│'}")
        for column in range(across):
            mask, colour = 0, ""
            for number, cell in enumerate(cells):
                if cell[row, column]:
                    mask |= int(cell[row, column])
                    colour = _COLOURS[number % len(_COLOURS)]
            out.append(chr(0x2800 + mask) if mask else " ", style=colour)
        out.append("\n")
    out.append(f"{'':>{margin}} └{'─' * across}\n")
    out.append(_time_axis(first, last, margin + 2, across))
    for number, (name, _, _) in enumerate(lines):
        out.append("  ━ ", style=_COLOURS[number % len(_COLOURS)])
        out.append(name)
    return out


def _times(lines: Sequence[Line]) -> tuple[Any, Any]:
    times = [times for _, times, _ in lines if len(times)]
    return min(part[0] for part in times), max(part[-1] for part in times)


def _range(lines: Sequence[Line]) -> tuple[float, float]:
    values = np.concatenate([values for _, _, values in lines])
    values = values[np.isfinite(values)]
    low, high = float(values.min()), float(values.max())
    if low == high:
        # A flat line lies in the middle.
        pad = abs(low) * 0.1 or 1.0
        return low - pad, high + pad
    return low, high


def _labels(low: float, high: float, height: int) -> list[str]:
    """The text before each row: values at the ends and at about every fourth row between."""
    step = (high - low) / max(height - 1, 1)
    digits = int(np.clip(1 - np.floor(np.log10(step * 4)), 0, 12)) if step > 0 else 0
    wide = max(abs(low), abs(high)) >= 1e7 or digits > 6
    marks = {*range(0, height - 2, 4), height - 1}
    return [
        (f"{high - row * step:.3g}" if wide else f"{high - row * step:.{digits}f}")
        if row in marks
        else ""
        for row in range(height)
    ]


def _cells(
    line: Line, first: Any, last: Any, low: float, high: float, across: int, height: int
) -> Any:
    """The braille bits of a line, by row and column of characters."""
    _, times, values = line
    kept = np.isfinite(values)
    cells = np.zeros((height, across), dtype=np.uint8)
    span = max(float((last - first).astype(np.int64)), 1.0)
    x = (times - first).astype(np.int64).astype(float) / span * (across * 2 - 1)
    y = (high - values[kept]) / (high - low) * (height * 4 - 1)
    # Where there is no value the line has a gap.
    part = np.cumsum(~kept)[kept]
    columns = np.rint(x[kept]).astype(int)
    tops, bottoms = _spans(columns, y, part, across * 2)
    for column in np.flatnonzero(tops <= bottoms):
        for row in range(int(tops[column]), int(bottoms[column]) + 1):
            cells[row // 4, column // 2] |= _DOTS[row % 4, column % 2]
    return cells


def _spans(columns: Any, y: Any, part: Any, dots: int) -> tuple[Any, Any]:
    """The uppermost and the lowest dot of each column of dots; between two points a line."""
    tops, bottoms = np.full(dots, np.inf), np.full(dots, -np.inf)
    np.minimum.at(tops, columns, np.rint(y))
    np.maximum.at(bottoms, columns, np.rint(y))
    joined = np.flatnonzero((np.diff(columns) > 0) & (np.diff(part) == 0))
    for at in joined:
        here, there = columns[at], columns[at + 1]
        between = np.arange(here, there + 1)
        height = np.rint(y[at] + (y[at + 1] - y[at]) * (between - here) / (there - here))
        # Half way to the next column's height, so that a steep line has no holes.
        ends = np.append(height[1:], height[-1])
        tops[between] = np.minimum(tops[between], np.minimum(height, ends))
        bottoms[between] = np.maximum(bottoms[between], np.maximum(height, ends))
    return tops, bottoms


def _time_axis(first: Any, last: Any, margin: int, across: int) -> str:
    left, right = (str(time).replace("T", " ").removesuffix(".000") for time in (first, last))
    gap = max(across - len(left) - len(right), 1)
    return f"{'':{margin}}{left}{'':{gap}}{right}\n"
