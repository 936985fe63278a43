"""A store that lives: late rows, deletes of ranges, the newest row of what is written to, packing.

Two columns of floats, a row each second, appended in batches; one row in twenty late. A reader
in another process, and how soon it sees a row, is not measured yet.
"""

import shutil
import sqlite3
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from comparison.data import SECOND, START_MS
from comparison.task import Answer, Measure, Task

TITLE = "a living store"
ROWS = 1_000_000
BATCH = 50_000
LATE = 20
CALLS = 500
WORKS = ["ingest", "delete a range", "last row", "pack"]
PEERS = ("chronolite", "duckdb", "sqlite", "nanots")

Batches = list[dict[str, Any]]


def batches(rows: int, *, late: bool) -> Batches:
    """Rows in order, or with one in twenty from anywhere before its time."""
    random = np.random.default_rng(20130101)
    at = np.arange(rows, dtype=np.int64)
    if late:
        chosen = np.arange(LATE - 1, rows, LATE)
        at[chosen] = (chosen * random.random(len(chosen))).astype(np.int64)
    columns = {
        "ts": START_MS + at * SECOND,
        "a": np.round(20 + np.sin(at / 1000), 2),
        "b": (at % 1000) / 100,
    }
    starts = range(0, rows, BATCH)
    return [
        {name: values[start : start + BATCH] for name, values in columns.items()}
        for start in starts
    ]


class Engine:
    """A peer's store in a folder that is empty at first; what it has no call for is left out."""

    note = ""

    def __init__(self, folder: Path) -> None:
        """Opens it."""

    def append(self, batch: Any) -> None:
        """A batch, made by ``prepare``."""

    def prepare(self, batch: dict[str, Any]) -> Any:
        """The form that it takes fastest."""
        return batch

    def settle(self) -> None:
        """Until all of it would survive a loss of power."""

    def delete(self, start: int, end: int) -> None:
        """The rows with ``start <= ts < end``."""
        raise NotImplementedError("it has no delete")

    def count(self) -> int:
        """Rows."""
        raise NotImplementedError

    def last(self) -> Any:
        """The newest row."""
        raise NotImplementedError

    def pack(self) -> None:
        """Everything as small as it gets."""
        raise NotImplementedError("it has no such call")

    def close(self) -> None:
        """Closes it."""


class Chronolite(Engine):
    """At ``interval``."""

    note = "durability='interval'; the flush is in the ingest"

    def __init__(self, folder: Path) -> None:
        import chronolite as cl

        self.db = cl.Db(folder / "living.chl", auto_maintenance=False)
        self.table = self.db.create_table("t", ["a", "b"])

    def append(self, batch: Any) -> None:
        self.table.append(batch)

    def settle(self) -> None:
        self.db.flush()

    def delete(self, start: int, end: int) -> None:
        self.table.delete(start, end)

    def count(self) -> int:
        return len(self.table)

    def last(self) -> Any:
        return self.table.last().to_numpy()

    def pack(self) -> None:
        self.db.pack("t")

    def close(self) -> None:
        self.db.close()


class DuckDb(Engine):
    """A table without an index, as its document advises for time series."""

    note = "each call is a transaction; the checkpoint is in the ingest"

    def __init__(self, folder: Path) -> None:
        import duckdb

        self.connection = duckdb.connect(folder / "living.duckdb")
        self.connection.execute("CREATE TABLE t (ts BIGINT, a DOUBLE, b DOUBLE)")

    def prepare(self, batch: dict[str, Any]) -> Any:
        import pyarrow as pa

        return pa.table(batch)

    def append(self, batch: Any) -> None:
        self.connection.register("source", batch)
        self.connection.execute("INSERT INTO t SELECT * FROM source")

    def settle(self) -> None:
        self.connection.execute("CHECKPOINT")

    def delete(self, start: int, end: int) -> None:
        self.connection.execute("DELETE FROM t WHERE ts >= ? AND ts < ?", [start, end])

    def count(self) -> int:
        return int(self.connection.execute("SELECT count(*) FROM t").fetchall()[0][0])

    def last(self) -> Any:
        newest = "SELECT * FROM t WHERE ts = (SELECT max(ts) FROM t)"
        return self.connection.execute(newest).fetchall()

    def pack(self) -> None:
        # Its VACUUM does not rewrite: a sorted copy in place of the table does.
        self.connection.execute("CREATE TABLE packed AS SELECT * FROM t ORDER BY ts")
        self.connection.execute("DROP TABLE t")
        self.connection.execute("ALTER TABLE packed RENAME TO t")
        self.connection.execute("CHECKPOINT")

    def close(self) -> None:
        self.connection.close()


class Sqlite(Engine):
    """With an index by time, for times may be equal."""

    note = "WAL, synchronous=NORMAL, an index by time"

    def __init__(self, folder: Path) -> None:
        self.connection = sqlite3.connect(folder / "living.sqlite", isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=NORMAL")
        self.connection.execute("CREATE TABLE t (ts INTEGER, a REAL, b REAL)")
        self.connection.execute("CREATE INDEX by_time ON t (ts)")

    def prepare(self, batch: dict[str, Any]) -> Any:
        return list(zip(*(column.tolist() for column in batch.values()), strict=True))

    def append(self, batch: Any) -> None:
        self.connection.execute("BEGIN")
        self.connection.executemany("INSERT INTO t VALUES (?, ?, ?)", batch)
        self.connection.execute("COMMIT")

    def settle(self) -> None:
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def delete(self, start: int, end: int) -> None:
        self.connection.execute("DELETE FROM t WHERE ts >= ? AND ts < ?", (start, end))

    def count(self) -> int:
        return int(self.connection.execute("SELECT count(*) FROM t").fetchone()[0])

    def last(self) -> Any:
        return self.connection.execute("SELECT * FROM t ORDER BY ts DESC LIMIT 1").fetchone()

    def pack(self) -> None:
        self.connection.execute("VACUUM")
        self.settle()

    def close(self) -> None:
        self.connection.close()


class NanoTs(Engine):
    """By the calls of its document."""

    note = "it has no delete"

    def __init__(self, folder: Path) -> None:
        import nanots_db

        self.db: Any = nanots_db.Db(str(folder / "living.ntt"))
        self.db.create_table("t", ["a", "b"])

    def prepare(self, batch: dict[str, Any]) -> Any:
        import pyarrow as pa

        columns = {"ts_ms": batch["ts"], "a": batch["a"], "b": batch["b"]}
        return pa.RecordBatch.from_pydict(columns)

    def append(self, batch: Any) -> None:
        self.db.append_rows_arrow_capsules("t", *batch.__arrow_c_array__())

    def settle(self) -> None:
        self.db.flush()

    def last(self) -> Any:
        newest = self.db.table_time_range("t")[1]
        return self.db.query_table_range_columns("t", newest, newest)

    def pack(self) -> None:
        self.db.pack_table("t", 1 << 18)


ENGINES: dict[str, type[Engine]] = {
    "chronolite": Chronolite,
    "duckdb": DuckDb,
    "sqlite": Sqlite,
    "nanots": NanoTs,
}


def run(task: Task) -> Answer:
    """One of the works, by one peer, each round into a new file."""
    engine = ENGINES[task.peer]
    rows = max(task.scaled(ROWS), 10_000)
    measure = MEASURES[task.work]
    try:
        return Answer(measure(task, engine, rows), rows=rows, note=engine.note)
    except NotImplementedError as missing:
        return Answer([], rows=rows, failure=str(missing))


def fresh(task: Task, engine: type[Engine]) -> Engine:
    """An empty store."""
    shutil.rmtree(task.folder, ignore_errors=True)
    task.folder.mkdir(parents=True)
    return engine(task.folder)


def filled(task: Task, engine: type[Engine], rows: int) -> Engine:
    """A store with late rows, all of it flushed."""
    store = fresh(task, engine)
    for batch in batches(rows, late=True):
        store.append(store.prepare(batch))
    store.settle()
    return store


def ingest(task: Task, engine: type[Engine], rows: int) -> list[Measure]:
    """All in order, then with late rows, and how the two compare."""
    speeds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(task.rounds):
        for late, rounds in speeds.items():
            store = fresh(task, engine)
            prepared = [store.prepare(batch) for batch in batches(rows, late=late)]
            began = time.perf_counter()
            for batch in prepared:
                store.append(batch)
            store.settle()
            rounds.append(rows / (time.perf_counter() - began) / 1e6)
            store.close()
    ratios = [late / in_order for in_order, late in zip(speeds[False], speeds[True], strict=True)]
    return [
        Measure(speeds[False], "M rows/s", "in order"),
        Measure(speeds[True], "M rows/s", "5 % late"),
        Measure([max(ratios)], "x", "5 % late / in order"),
    ]


def delete(task: Task, engine: type[Engine], rows: int) -> list[Measure]:
    """Ranges of ten rows, one call each; the rows are gone when it returns."""
    rounds = []
    for _ in range(task.rounds):
        store = filled(task, engine, rows)
        calls = max(10, task.scaled(CALLS))
        before, step = store.count(), rows // calls * SECOND

        def call(number: int, store: Engine = store, step: int = step) -> None:
            start = START_MS + number * step
            store.delete(start, start + 10 * SECOND)

        rounds.append(median(call, calls))
        if not 0 < before - store.count() < 12 * calls:
            raise RuntimeError(f"{before - store.count()} rows are gone")
        store.close()
    return [Measure(rounds, "us")]


def last(task: Task, engine: type[Engine], rows: int) -> list[Measure]:
    """Of a store that is written to: a row is appended before each call."""
    store = filled(task, engine, rows)
    rounds: list[float] = []
    for _ in range(task.rounds):
        times: list[float] = []
        for number in range(200):
            at = START_MS + (2 * rows + len(rounds) * 200 + number) * SECOND
            row = {"ts": np.array([at]), "a": np.array([1.0]), "b": np.array([2.0])}
            store.append(store.prepare(row))
            began = time.perf_counter()
            found = store.last()
            times.append(time.perf_counter() - began)
            if found is None:
                raise RuntimeError("there is no last row")
        rounds.append(statistics.median(times) * 1e6)
    store.close()
    return [Measure(rounds, "us")]


def pack(task: Task, engine: type[Engine], rows: int) -> list[Measure]:
    """The rows' own bytes, 24 each, by the time that it takes."""
    rounds = []
    for _ in range(task.rounds):
        store = filled(task, engine, rows)
        began = time.perf_counter()
        store.pack()
        rounds.append(rows * 24 / (time.perf_counter() - began) / 1e6)
        store.close()
    return [Measure(rounds, "MB/s")]


def median(call: Callable[[int], None], count: int) -> float:
    """Of so many calls, in microseconds."""
    times = []
    for number in range(count):
        began = time.perf_counter()
        call(number)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


MEASURES = {"ingest": ingest, "delete a range": delete, "last row": last, "pack": pack}
