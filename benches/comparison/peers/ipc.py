"""Arrow IPC: one file of one uncompressed batch, mapped."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from comparison.peers.base import Peer, arrow_buckets, arrow_totals, newest, shaped


class Ipc(Peer):
    """Reading is mapping: no byte is looked at until someone does."""

    note = "mapped, nothing decoded, verified or, at first, read"

    def write(self, prepared: Any) -> dict[str, float]:
        """One record batch."""
        path = str(self.folder / "bench.arrow")
        with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, prepared.schema) as writer:
            writer.write_table(prepared)
        return {}

    def table(self) -> Any:
        """All of it, mapped."""
        return pa.ipc.open_file(pa.memory_map(str(self.folder / "bench.arrow"))).read_all()

    def read(self, form: str) -> Any:
        """Without a copy, to a DataFrame too."""
        table = self.table()
        return table if form == "arrow" else table.to_pandas(split_blocks=True)

    def filter(self, column: str, above: float, form: str) -> Any:
        """By Arrow."""
        return shaped(self.table().filter(pc.field(column) > above), form)

    def time_range(self, start: int, end: int) -> Any:
        """By Arrow."""
        return self.table().filter((pc.field("ts") >= start) & (pc.field("ts") < end))

    def buckets(self, column: str) -> Any:
        """By Arrow."""
        return arrow_buckets(self.table(), column)

    def totals(self, column: str) -> tuple[float, float, float]:
        """By Arrow."""
        return arrow_totals(self.table()[column])

    def last(self) -> dict[str, Any]:
        """The last row of the last batch."""
        table = self.table()
        return newest(table.slice(table.num_rows - 1))
