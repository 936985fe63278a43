"""chronolite's ``Db``, at ``interval``, as it comes and stored ``"raw"`` and packed."""

import inspect
import time
from typing import Any

import pyarrow.compute as pc

import chronolite
from comparison.data import Dataset
from comparison.peers.base import NotOfferedError, Peer, arrow_totals, shaped

# Calls that are not there yet are asked for before they are used.
cl: Any = chronolite
TYPES = {"int64": "i64", "float64": "f64"}
HAS_WHERE = "where" in inspect.signature(cl.Table.scan).parameters


class Chronolite(Peer):
    """A table of time and value columns."""

    written = "append: survives a kill; flush: synced"
    storage = "balanced"

    def prepare(self, data: Dataset) -> Any:
        """A dict of arrays."""
        return data.columns

    def write(self, prepared: Any) -> dict[str, float]:
        """``append``, after which the rows can be read and survive a kill, and ``flush``, apart."""
        began = time.perf_counter()
        with cl.Db(self.folder / "bench.chl") as db:
            types = {name: TYPES[str(prepared[name].dtype)] for name in prepared if name != "ts"}
            table = db.create_table("t", types, storage=self.storage)
            table.append(prepared)
            appended = time.perf_counter()
            db.flush()
            flushed = time.perf_counter()
        return {"append": appended - began, "append + flush": flushed - began}

    def open(self) -> None:
        """Read-only."""
        self.db = cl.Db(self.folder / "bench.chl", mode="r")
        self.table = self.db["t"]

    def read(self, form: str) -> Any:
        """A scan."""
        scan = self.table.scan()
        return scan.to_arrow() if form == "arrow" else scan.to_pandas()

    def filter(self, column: str, above: float, form: str) -> Any:
        """``where``; until it is there, Arrow's filter over a full scan."""
        if HAS_WHERE:
            scan = self.table.scan(where=f"{column} > {above}")
            return scan.to_arrow() if form == "arrow" else scan.to_pandas()
        return shaped(self.table.scan().to_arrow().filter(pc.field(column) > above), form)

    def time_range(self, start: int, end: int) -> Any:
        """A scan of a range."""
        return self.table.scan(start, end).to_arrow()

    def buckets(self, column: str) -> Any:
        """``downsample``."""
        if not hasattr(cl.Table, "downsample"):
            raise NotOfferedError("not there yet: Table.downsample")
        wanted = ["count", "mean", "min", "max"]
        table = self.table.downsample("1h", {column: wanted}).to_arrow()
        return table.rename_columns(["hour", *wanted])

    def totals(self, column: str) -> tuple[float, float, float]:
        """``Scan.aggregate``; until it is there, Arrow's over a scan of the column."""
        scan = self.table.scan(columns=[column])
        if not hasattr(cl.Scan, "aggregate"):
            return arrow_totals(scan.to_arrow()[column])
        found = scan.aggregate({column: ["sum", "min", "max"]})[column]
        return found["sum"], found["min"], found["max"]

    def last(self) -> dict[str, Any]:
        """``last``."""
        return {name: values[0] for name, values in self.table.last().to_numpy().items()}


class ChronoliteRaw(Chronolite):
    """Read without decoding."""

    storage = "raw"


class ChronolitePacked(Chronolite):
    """After ``pack``."""

    def write(self, prepared: Any) -> dict[str, float]:
        """As usual, then packed: the parts say how long each took from the start."""
        if not hasattr(cl.Db, "pack"):
            raise NotOfferedError("not there yet: Db.pack")
        parts = super().write(prepared)
        began = time.perf_counter()
        with cl.Db(self.folder / "bench.chl") as db:
            db.pack("t")
            if hasattr(db, "compact"):
                db.compact()
        return {"append + flush + pack": parts["append + flush"] + time.perf_counter() - began}
