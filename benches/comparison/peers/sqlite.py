"""SQLite, by Python's own module: rows, not columns, and so fewer of them."""

import sqlite3
from typing import Any

import numpy as np
import pyarrow as pa

from comparison.data import Dataset
from comparison.peers.base import HOUR_MS, Peer, shaped

ROWS = 1_000_000


class Sqlite(Peer):
    """The time is its integer primary key."""

    written = "synced"
    rows_at_most = ROWS

    def prepare(self, data: Dataset) -> Any:
        """Tuples of Python numbers."""
        return list(data.columns), list(
            zip(*(column.tolist() for column in data.columns.values()), strict=True)
        )

    def connect(self) -> sqlite3.Connection:
        """The file."""
        return sqlite3.connect(self.folder / "bench.sqlite")

    def write(self, prepared: Any) -> dict[str, float]:
        """All in one transaction."""
        names, rows = prepared
        connection = self.connect()
        kinds = ["REAL" if isinstance(value, float) else "INTEGER" for value in rows[0]]
        columns = ", ".join(
            f"{name} {kind}" for name, kind in zip(names[1:], kinds[1:], strict=True)
        )
        connection.execute(f"CREATE TABLE t (ts INTEGER PRIMARY KEY, {columns})")
        marks = ", ".join("?" * len(names))
        with connection:
            connection.executemany(f"INSERT INTO t VALUES ({marks})", rows)
        connection.close()
        return {}

    def open(self) -> None:
        """A connection."""
        self.connection = self.connect()

    def table(self, query: str) -> Any:
        """A query's rows, as columns."""
        cursor = self.connection.execute(query)
        names = [column[0] for column in cursor.description]
        columns = zip(*cursor.fetchall(), strict=True)
        # Without rows there are no columns in the result: an empty one is float.
        return pa.table({name: np.array(next(columns, ())) for name in names})

    def read(self, form: str) -> Any:
        """All of it."""
        return shaped(self.table("SELECT * FROM t ORDER BY ts"), form)

    def filter(self, column: str, above: float, form: str) -> Any:
        """WHERE."""
        return shaped(self.table(f"SELECT * FROM t WHERE {column} > {above}"), form)

    def time_range(self, start: int, end: int) -> Any:
        """WHERE, by the primary key."""
        return self.table(f"SELECT * FROM t WHERE ts >= {start} AND ts < {end}")

    def buckets(self, column: str) -> Any:
        """GROUP BY."""
        return self.table(
            f"SELECT ts / {HOUR_MS} AS hour, count({column}) AS count, avg({column}) AS mean, "
            f"min({column}) AS min, max({column}) AS max FROM t GROUP BY 1 ORDER BY 1"
        )

    def totals(self, column: str) -> tuple[float, float, float]:
        """Three aggregates."""
        query = f"SELECT sum({column}), min({column}), max({column}) FROM t"
        low_high: tuple[float, float, float] = self.connection.execute(query).fetchone()
        return low_high

    def last(self) -> dict[str, Any]:
        """ORDER BY and LIMIT, by the primary key."""
        cursor = self.connection.execute("SELECT * FROM t ORDER BY ts DESC LIMIT 1")
        names = [column[0] for column in cursor.description]
        return dict(zip(names, cursor.fetchone(), strict=True))
