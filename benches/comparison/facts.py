"""What has to come out of each piece of work, by NumPy, and what came out.

Both are a few sums and counts by name, so that a peer that reads less than all, or something else,
shows. They are taken outside of the measured time.
"""

from typing import Any

import numpy as np

from comparison.data import Dataset
from comparison.peers.base import HOUR_MS

Check = dict[str, float]


def of_rows(data: Dataset, mask: Any = slice(None)) -> Check:
    """Rows, the first and last time, and the sum of each value column."""
    sums = {name: float(data.columns[name][mask].sum()) for name in data.values}
    return {**ends(data.columns["ts"][mask]), **sums}


def ends(ts: Any) -> Check:
    """Rows, and the times of the first and the last one, if there are any."""
    first, last = (float(ts[0]), float(ts[-1])) if len(ts) else (0.0, 0.0)
    return {"rows": float(len(ts)), "first": first, "last": last}


def of_table(result: Any) -> Check:
    """The same of an Arrow table or a DataFrame."""
    names = list(result.column_names if hasattr(result, "column_names") else result.columns)
    time = "ts" if "ts" in names else "ts_ms"
    columns = {name: np.asarray(result[name]) for name in names}
    ts = milliseconds(columns.pop(time))
    sums = {name: float(values.sum()) for name, values in columns.items()}
    return {**ends(ts), **sums}


def milliseconds(times: Any) -> Any:
    """int64, whatever kind of time it was."""
    if times.dtype.kind == "M":
        return times.astype("datetime64[ms]").astype(np.int64)
    return times


def of_hours(data: Dataset, column: str) -> Check:
    """Sums over the hourly buckets."""
    hours = data.columns["ts"] // HOUR_MS
    starts = np.concatenate([[0], np.flatnonzero(np.diff(hours)) + 1])
    values = data.columns[column]
    counts = np.diff(np.append(starts, len(values)))
    means = np.add.reduceat(values, starts) / counts
    lows, highs = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    return sums_of({"count": counts, "mean": means, "min": lows, "max": highs})


def of_buckets(result: Any) -> Check:
    """The same of a peer's result."""
    return sums_of({name: np.asarray(result[name]) for name in ("count", "mean", "min", "max")})


def sums_of(columns: dict[str, Any]) -> Check:
    """Of a few columns of one length."""
    sums = {name: float(values.sum()) for name, values in columns.items()}
    return {"buckets": float(len(columns["count"])), **sums}


def of_totals(totals: tuple[float, float, float]) -> Check:
    """Three numbers."""
    return {name: float(value) for name, value in zip(("sum", "min", "max"), totals, strict=True)}


def of_newest(row: dict[str, Any], column: str) -> Check:
    """Time and one value of a row."""
    time = row["ts"] if "ts" in row else row["ts_ms"]
    stamp = time if isinstance(time, (int, np.integer)) else np.datetime64(time, "ms").astype(int)
    return {"ts": float(stamp), column: float(row[column])}


def differences(found: Check, wanted: Check) -> list[str]:
    """In words; sums of floats may differ by the order in which they were added."""
    wrong = []
    for name, value in wanted.items():
        other = found.get(name)
        if other is None or abs(other - value) > 1e-9 * max(abs(value), 1.0):
            wrong.append(f"{name} is {other}, not {value}")
    return wrong
