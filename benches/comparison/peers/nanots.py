"""NanoTS, as a closed box, by the calls of its document. Its ranges are closed at both ends."""

from typing import Any

import nanots_db
import pyarrow as pa

from comparison.data import Dataset
from comparison.peers.base import NotOfferedError, Peer, newest, shaped

# Rows of one Arrow batch: a record of it is held to 64 MB.
BATCH = 1_000_000
ALWAYS = 10**18


class NanoTs(Peer):
    """One table; every value is a float."""

    def prepare(self, data: Dataset) -> Any:
        """Record batches, values as floats."""
        floats = {name: data.columns[name].astype("f8", copy=False) for name in data.values}
        whole = pa.table({"ts_ms": data.columns["ts"], **floats})
        return data.values, whole.to_batches(max_chunksize=BATCH)

    def write(self, prepared: Any) -> dict[str, float]:
        """Batches by capsule, then its flush."""
        names, batches = prepared
        db = nanots_db.Db(str(self.folder / "bench.ntt"))
        db.create_table("t", names)
        for batch in batches:
            db.append_rows_arrow_capsules("t", *batch.__arrow_c_array__())
        db.flush()
        return {}

    def open(self) -> None:
        """The file."""
        self.db: Any = nanots_db.Db(str(self.folder / "bench.ntt"))

    def read(self, form: str) -> Any:
        """The range that holds all."""
        return shaped(self.time_range(0, ALWAYS), form)

    def time_range(self, start: int, end: int) -> Any:
        """By capsule."""
        capsules = self.db.query_table_range_arrow_capsules("t", start, end - 1)
        batch = pa.lib.RecordBatch._import_from_c_capsule(*capsules)
        return pa.Table.from_batches([batch])

    def last(self) -> dict[str, Any]:
        """The range of the newest time."""
        found = self.db.table_time_range("t")
        if found is None:
            raise NotOfferedError("no rows")
        return newest(self.time_range(found[1], found[1] + 1))
