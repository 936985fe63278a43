"""What a peer is asked to do with a table, and what its answers are.

A measured call gives its result in the form it is asked for: ``"frame"`` is a
``pandas.DataFrame``, ``"arrow"`` a ``pyarrow.Table``. All a peer needs beforehand (the input in the
form it likes best, an open file) is made in ``prepare`` and ``open``, whose time does not count.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from comparison.data import Dataset

HOUR_MS = 3_600_000


class NotOfferedError(Exception):
    """The peer has no call for this, or not yet; the text says which."""


class Peer:
    """A peer, with its files in ``folder``."""

    # What a write that returned is worth, for the table.
    written = "not synced"
    # The most rows that it gets; 0 for all.
    rows_at_most = 0
    # Said in the table beside its figures.
    note = ""

    def __init__(self, folder: Path, workload: str) -> None:
        self.folder = folder
        self.workload = workload

    def prepare(self, data: Dataset) -> Any:
        """The data in the form that it takes fastest."""
        return data.arrow

    def write(self, prepared: Any) -> dict[str, float]:
        """Writes everything into a new file. Seconds by part, if parts are told apart."""
        raise NotOfferedError("no such call")

    def open(self) -> None:
        """Opens what was written, for reading."""

    def read(self, form: str) -> Any:
        """All rows, all columns."""
        raise NotOfferedError("no such call")

    def filter(self, column: str, above: float, form: str) -> Any:
        """The rows, all columns, where the column is greater."""
        raise NotOfferedError("no such call")

    def time_range(self, start: int, end: int) -> Any:
        """The rows, all columns, with ``start <= ts < end``, as Arrow."""
        raise NotOfferedError("no such call")

    def buckets(self, column: str) -> Any:
        """Hours, in order, each with count, mean, min and max of the column: columns so named."""
        raise NotOfferedError("no such call")

    def totals(self, column: str) -> tuple[float, float, float]:
        """Sum, min and max of the column."""
        raise NotOfferedError("no such call")

    def last(self) -> dict[str, Any]:
        """The newest row, by column."""
        raise NotOfferedError("no such call")

    def day(self) -> dict[str, Any]:
        """The columns of the first day, as arrays."""
        raise NotOfferedError("no such call")

    def bytes_on_disk(self) -> int:
        """Of all its files, when they are closed: what the disk has of them, without holes."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return sum(path.stat().st_blocks * 512 for path in files)


def shaped(table: Any, form: str) -> Any:
    """An Arrow table in the form that was asked for."""
    return table if form == "arrow" else table.to_pandas()


def newest(table: Any) -> dict[str, Any]:
    """The only row of an Arrow table."""
    (row,) = table.to_pylist()
    return dict(row)


def arrow_buckets(table: Any, column: str) -> Any:
    """For stores that have no engine of their own: Arrow's."""
    hours = pc.divide(table["ts"], HOUR_MS)
    grouped = pa.table({"hour": hours, "value": table[column]}).group_by("hour")
    named = grouped.aggregate([("value", name) for name in ("count", "mean", "min", "max")])
    return named.rename_columns(["hour", "count", "mean", "min", "max"]).sort_by("hour")


def arrow_totals(values: Any) -> tuple[float, float, float]:
    """Sum, min and max by Arrow."""
    least_greatest = pc.min_max(values)
    return pc.sum(values).as_py(), least_greatest["min"].as_py(), least_greatest["max"].as_py()
