"""The 100,000 points of NanoTS's own benches, a second apart: how small, and how fast to Arrow."""

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from comparison.data import SECOND, START_MS
from comparison.peers.base import NotOfferedError
from comparison.task import Answer, Measure, Task

TITLE = "NanoTS's own 100k points"
POINTS = 100_000
RAW_BYTES = 16
# Of chronolite's file: its two header slots, each in its page, as DESIGN counts.
HEADER_BYTES = 16_384
# NanoTS's document packs to segments of so many points.
SEGMENT_POINTS = 8192
# A read takes a millisecond or less: so many of them are a round.
READS = 20

VALUES: dict[str, Callable[[int], float]] = {
    "i % 100": lambda i: float(i % 100),
    "25 + sin(i / 100)": lambda i: 25.0 + math.sin(i / 100),
}
WORKS = list(VALUES)
PEERS = ("chronolite", "nanots")


def run(task: Task) -> Answer:
    """Rows in, flushed, measured; packed, measured. Each figure is said with its state."""
    shutil.rmtree(task.folder, ignore_errors=True)
    task.folder.mkdir(parents=True)
    values = [VALUES[task.work](i) for i in range(POINTS)]
    store = STORES[task.peer](task.folder)
    store.fill(values)
    measures = measured(store, values, task.rounds, "flushed")
    note = store.note
    try:
        store.pack()
        measures += measured(store, values, task.rounds, "packed")
    except NotOfferedError as missing:
        note = f"{note}; {missing}"
    return Answer(measures, rows=POINTS, note=note)


def measured(store: Any, values: list[float], rounds: int, state: str) -> list[Measure]:
    """Size first, then reads over one opening."""
    size = RAW_BYTES * len(values) / max(store.data_bytes(), 1)
    store.open()
    if store.read()["value"].to_pylist() != values:
        raise RuntimeError("other values came back than were put in")
    speeds = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(READS):
            store.read()
        speeds.append(READS * len(values) / (time.perf_counter() - began) / 1e6)
    store.close()
    return [Measure([size], "x", f"{state}, raw bytes / bytes"), Measure(speeds, "M rows/s", state)]


class Chronolite:
    """A table of one float."""

    note = f"beyond the first {HEADER_BYTES // 1024} KiB of the file"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "points.chl"
        self.db: Any = None

    def fill(self, values: list[float]) -> None:
        """A call a row."""
        import chronolite as cl

        with cl.Db(self.path) as db:
            table = db.create_table("t", ["value"])
            for i, value in enumerate(values):
                table.append_row(START_MS + i * SECOND, (value,))
            db.flush()

    def pack(self) -> None:
        """Packed and compacted."""
        import chronolite as cl

        if not hasattr(cl.Db, "pack_table"):
            raise NotOfferedError("packed: not there yet: Db.pack_table")
        db: Any
        with cl.Db(self.path) as db:
            db.pack_table("t", len(db["t"]))
            if hasattr(db, "compact"):
                db.compact()

    def data_bytes(self) -> int:
        """Without the header."""
        return self.path.stat().st_size - HEADER_BYTES

    def open(self) -> None:
        """Read-only."""
        import chronolite as cl

        self.db = cl.Db(self.path, mode="r")
        self.table = self.db["t"]

    def read(self) -> Any:
        """A full scan."""
        return pa.table(self.table.scan())

    def close(self) -> None:
        """Before it is packed."""
        self.db.close()


class NanoTs:
    """The same by NanoTS's calls; it has no close, the last reference closes it."""

    note = "the whole file"

    def __init__(self, folder: Path) -> None:
        import nanots_db

        self.path = folder / "points.ntt"
        self.db = nanots_db.Db(str(self.path))
        self.db.create_table("t", ["value"])

    def fill(self, values: list[float]) -> None:
        """A call a row."""
        for i, value in enumerate(values):
            self.db.append_row("t", START_MS + i * SECOND, [value])
        self.db.flush()

    def pack(self) -> None:
        """As in its document."""
        self.db.pack_table("t", SEGMENT_POINTS)

    def data_bytes(self) -> int:
        """Its header is of a few bytes."""
        return self.path.stat().st_size

    def open(self) -> None:
        """It is open."""

    def read(self) -> Any:
        """The range that holds all."""
        capsules = self.db.query_table_range_arrow_capsules("t", 0, 10**18)
        return pa.lib.RecordBatch._import_from_c_capsule(*capsules)

    def close(self) -> None:
        """It stays open."""


STORES: dict[str, Any] = {"chronolite": Chronolite, "nanots": NanoTs}
