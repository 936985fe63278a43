"""Rows of two floats, one call a row, from Python: the loop alone is timed."""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from comparison.data import SECOND, START_MS
from comparison.task import Answer, Measure, Task

TITLE = "append_row, 2 floats, from Python"
WORKS = ["append rows"]
PEERS = ("chronolite", "nanots", "sqlite")
ROWS = 500_000

# Appends so many rows, which is timed, and says how many are there. Each has its own loop, so that
# nothing but the peer's call is in it.
Fill = Callable[[int], None]
Count = Callable[[], int]


def run(task: Task) -> Answer:
    """Every level of one peer, each round into a new file."""
    rows = task.scaled(ROWS)
    measures = []
    for part, opened in LEVELS[task.peer].items():
        rounds = []
        for _ in range(task.rounds):
            shutil.rmtree(task.folder, ignore_errors=True)
            task.folder.mkdir(parents=True)
            os.sync()
            rounds.append(rows / seconds(opened, task.folder, rows) / 1e6)
        measures.append(Measure(rounds, "M rows/s", part))
    return Answer(measures, rows=rows)


def seconds(opened: Callable[[Path], Any], folder: Path, rows: int) -> float:
    """Of so many appends; all rows have to be there afterwards."""
    with opened(folder) as (fill, count):
        began = time.perf_counter()
        fill(rows)
        took = time.perf_counter() - began
        if count() != rows:
            raise RuntimeError(f"{count()} rows are there, not {rows}")
    return took


def chronolite(durability: Literal["interval", "none"]) -> Callable[[Path], Any]:
    """``Table.append_row`` at a level of durability."""

    @contextmanager
    def opened(folder: Path) -> Iterator[tuple[Fill, Count]]:
        import chronolite as cl

        with cl.Db(folder / "rows.chl", durability=durability) as db:
            table = db.create_table("t", ["a", "b"])

            def fill(rows: int) -> None:
                append_row = table.append_row
                for i in range(rows):
                    append_row(START_MS + i * SECOND, (25.0, 0.5))

            yield fill, lambda: len(table)

    return opened


@contextmanager
def nanots(folder: Path) -> Iterator[tuple[Fill, Count]]:
    """``Db.append_row``; it keeps no count, so that all is read to count."""
    import nanots_db
    import pyarrow as pa

    db = nanots_db.Db(str(folder / "rows.ntt"))
    db.create_table("t", ["a", "b"])

    def fill(rows: int) -> None:
        append_row = db.append_row
        for i in range(rows):
            append_row("t", START_MS + i * SECOND, [25.0, 0.5])

    def count() -> int:
        capsules = db.query_table_range_arrow_capsules("t", 0, 10**18)
        return int(pa.lib.RecordBatch._import_from_c_capsule(*capsules).num_rows)

    yield fill, count


def sqlite(synchronous: str, *, each: bool) -> Callable[[Path], Any]:
    """An INSERT a row, in WAL mode: all in one transaction, or each in its own."""

    @contextmanager
    def opened(folder: Path) -> Iterator[tuple[Fill, Count]]:
        connection = sqlite3.connect(folder / "rows.sqlite", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("CREATE TABLE t (ts INTEGER PRIMARY KEY, a REAL, b REAL)")

        def fill(rows: int) -> None:
            execute = connection.execute
            if not each:
                execute("BEGIN")
            for i in range(rows):
                execute("INSERT INTO t VALUES (?, ?, ?)", (START_MS + i * SECOND, 25.0, 0.5))
            if not each:
                execute("COMMIT")

        def count() -> int:
            return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])

        yield fill, count
        connection.close()

    return opened


LEVELS: dict[str, dict[str, Callable[[Path], Any]]] = {
    "chronolite": {"interval": chronolite("interval"), "none": chronolite("none")},
    "nanots": {"": nanots},
    "sqlite": {
        "WAL, OFF, one transaction": sqlite("OFF", each=False),
        "WAL, NORMAL, one transaction": sqlite("NORMAL", each=False),
        "WAL, NORMAL, a transaction a row": sqlite("NORMAL", each=True),
    },
}
