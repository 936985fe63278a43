"""Parquet by pyarrow: snappy, its default, for ``uniform``; zstd for ``sensor``."""

from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from comparison.peers.base import Peer, arrow_buckets, arrow_totals, newest, shaped


class Parquet(Peer):
    """A file that cannot be appended to."""

    def write(self, prepared: Any) -> dict[str, float]:
        """A file."""
        compression = "zstd" if self.workload == "sensor" else "snappy"
        pq.write_table(prepared, self.folder / "bench.parquet", compression=compression)
        return {}

    def table(self, columns: list[str] | None = None, filters: Any = None) -> Any:
        """What is wanted of it."""
        return pq.read_table(self.folder / "bench.parquet", columns=columns, filters=filters)

    def read(self, form: str) -> Any:
        """All of it."""
        return shaped(self.table(), form)

    def filter(self, column: str, above: float, form: str) -> Any:
        """With the filter pushed down."""
        return shaped(self.table(filters=pc.field(column) > above), form)

    def time_range(self, start: int, end: int) -> Any:
        """With the filter pushed down."""
        return self.table(filters=(pc.field("ts") >= start) & (pc.field("ts") < end))

    def buckets(self, column: str) -> Any:
        """By Arrow."""
        return arrow_buckets(self.table(["ts", column]), column)

    def totals(self, column: str) -> tuple[float, float, float]:
        """By Arrow."""
        return arrow_totals(self.table([column])[column])

    def last(self) -> dict[str, Any]:
        """The last row of the last row group."""
        file = pq.ParquetFile(self.folder / "bench.parquet")
        table = file.read_row_group(file.num_row_groups - 1)
        return newest(table.slice(table.num_rows - 1))
