"""The data: made once a workload, kept as .npy files, the same arrays for every peer.

``uniform``: a time each second and three columns of uniform random floats in [0, 100).

``sensor``: five columns of eight bytes. ``ts``, milliseconds, a second apart with a jitter of up
to 5 ms; three floats with two decimals, each a random walk in steps of hundredths that is reflected
at the ends of its range (a walk folded at two mirrors is a reflected walk), and ``status``, an
integer from 0 to 4 that changes once in a thousand rows. DuckDB 2.0 takes 6.9 bits a value of it at
full size; it took 7.5 of the data that the targets in bits a value were set by, which is close.
"""

from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

START_MS = 1_700_000_000_000
SECOND = 1000
SEED = 20130101
# Of the workloads in days.
DAYS = 31

Columns = dict[str, np.ndarray[Any, Any]]


def uniform(rows: int) -> Columns:
    """Nothing to compress in the values."""
    random = np.random.default_rng(SEED)
    values = {f"value{i}": random.random(rows) * 100.0 for i in (1, 2, 3)}
    return {"ts": START_MS + np.arange(rows, dtype=np.int64) * SECOND, **values}


def sensor(rows: int) -> Columns:
    """What a device sends."""
    random = np.random.default_rng(SEED)
    jitter = random.integers(-5, 6, rows, dtype=np.int64)
    return {
        "ts": START_MS + np.arange(rows, dtype=np.int64) * SECOND + jitter,
        "temp": walk(random, rows, low=-2000, high=4500, step=6),
        "humidity": walk(random, rows, low=2000, high=9500, step=10),
        "pressure": walk(random, rows, low=95000, high=105000, step=4),
        "status": changes(random, rows),
    }


def walk(
    random: np.random.Generator, rows: int, *, low: int, high: int, step: int
) -> np.ndarray[Any, Any]:
    """Decimals with two places, between ``low`` and ``high`` hundredths."""
    steps = random.integers(-step, step + 1, rows, dtype=np.int64)
    steps[0] = (high - low) // 2
    width = high - low
    folded = width - np.abs(np.cumsum(steps) % (2 * width) - width)
    return (low + folded) / 100.0


def changes(random: np.random.Generator, rows: int) -> np.ndarray[Any, Any]:
    """Integers from 0 to 4 that stay for a thousand rows or so."""
    drawn = np.where(random.random(rows) < 0.001, random.integers(1, 5, rows), 0)
    drawn[0] = 0
    return np.cumsum(drawn) % 5


def ticks(rows: int) -> Columns:
    """Trades: nanoseconds apart at random, a price that walks in cents, round sizes, a side."""
    random = np.random.default_rng(SEED)
    gaps = random.exponential(267_000_000, rows).astype(np.int64) // 1000 * 1000
    return {
        "ts": START_MS * 1_000_000 + np.cumsum(gaps),
        "price": walk(random, rows, low=8000, high=12000, step=2),
        "size": random.choice([1, 2, 5, 10, 25, 50, 100, 200], rows).astype(np.int32),
        "side": random.choice([-1, 1], rows).astype(np.int32),
    }


MAKERS = {"uniform": uniform, "days": uniform, "sensor": sensor, "ticks": ticks}


class Dataset:
    """The columns of a workload, in the forms that peers take. The time column is ``ts``."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    @classmethod
    def load(cls, folder: Path) -> "Dataset":
        """What ``save`` wrote."""
        names = (folder / "columns").read_text().split()
        return cls({name: np.load(folder / f"{name}.npy") for name in names})

    def save(self, folder: Path) -> None:
        """A file a column."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "columns").write_text(" ".join(self.columns))
        for name, values in self.columns.items():
            np.save(folder / f"{name}.npy", values)

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.columns["ts"])

    @property
    def values(self) -> list[str]:
        """The names without the time's."""
        return [name for name in self.columns if name != "ts"]

    def head(self, rows: int) -> "Dataset":
        """The first rows, for a peer that is too slow for all."""
        return Dataset({name: values[:rows] for name, values in self.columns.items()})

    @cached_property
    def days(self) -> list[tuple[str, Any]]:
        """A day and its ``pandas.DataFrame`` each, of as many rows but for the last."""
        each = self.rows // DAYS
        ends = [day * each for day in range(DAYS)] + [self.rows]
        frames = [self.frame.iloc[start:end] for start, end in pairwise(ends)]
        return [(f"2025-07-{day:02}", frame) for day, frame in enumerate(frames, 1)]

    @cached_property
    def arrow(self) -> Any:
        """A ``pyarrow.Table`` over the arrays."""
        import pyarrow as pa

        return pa.table(self.columns)

    @cached_property
    def frame(self) -> Any:
        """A ``pandas.DataFrame``."""
        import pandas as pd

        return pd.DataFrame(self.columns)
