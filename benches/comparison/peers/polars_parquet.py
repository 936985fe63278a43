"""Polars, lazily over a Parquet file of its own."""

from typing import Any

import polars as pl

from comparison.data import Dataset
from comparison.peers.base import HOUR_MS, Peer


class Polars(Peer):
    """zstd, its default."""

    def prepare(self, data: Dataset) -> Any:
        """A polars frame over the same arrays."""
        return pl.from_arrow(data.arrow)

    def write(self, prepared: Any) -> dict[str, float]:
        """A file."""
        prepared.write_parquet(self.folder / "bench.parquet")
        return {}

    def lazy(self) -> Any:
        """The file, unread."""
        return pl.scan_parquet(self.folder / "bench.parquet")

    def read(self, form: str) -> Any:
        """All of it."""
        return self.shaped(self.lazy(), form)

    def shaped(self, lazy: Any, form: str) -> Any:
        """Its Arrow is shared, not copied."""
        frame = lazy.collect()
        return frame.to_arrow() if form == "arrow" else frame.to_pandas()

    def filter(self, column: str, above: float, form: str) -> Any:
        """With the filter pushed down."""
        return self.shaped(self.lazy().filter(pl.col(column) > above), form)

    def time_range(self, start: int, end: int) -> Any:
        """With the filter pushed down."""
        within = (pl.col("ts") >= start) & (pl.col("ts") < end)
        return self.shaped(self.lazy().filter(within), "arrow")

    def buckets(self, column: str) -> Any:
        """A group-by, without keeping order, and a sort."""
        value = pl.col(column)
        hours = self.lazy().group_by((pl.col("ts") // HOUR_MS).alias("hour"))
        wanted = hours.agg(count=value.count(), mean=value.mean(), min=value.min(), max=value.max())
        return self.shaped(wanted.sort("hour"), "arrow")

    def totals(self, column: str) -> tuple[float, float, float]:
        """Three aggregates."""
        value = pl.col(column)
        row = self.lazy().select(s=value.sum(), low=value.min(), high=value.max()).collect().row(0)
        return row[0], row[1], row[2]

    def last(self) -> dict[str, Any]:
        """The tail."""
        return dict(self.lazy().tail(1).collect().row(0, named=True))
