"""DuckDB: one file, the time as a BIGINT of milliseconds (its buckets are fastest so)."""

from typing import Any

import duckdb

from comparison.peers.base import HOUR_MS, Peer, newest


class DuckDb(Peer):
    """With as many threads as it takes by itself."""

    written = "synced"

    def write(self, prepared: Any) -> dict[str, float]:
        """A table out of Arrow, and a checkpoint."""
        with duckdb.connect(self.folder / "bench.duckdb") as connection:
            connection.register("source", prepared)
            connection.execute("CREATE TABLE t AS SELECT * FROM source")
            connection.execute("CHECKPOINT")
        return {}

    def open(self) -> None:
        """Read-only."""
        self.connection = duckdb.connect(self.folder / "bench.duckdb", read_only=True)

    def arrow(self, query: str) -> Any:
        """A query's result."""
        return self.connection.sql(query).to_arrow_table()

    def read(self, form: str) -> Any:
        """All of it."""
        relation = self.connection.sql("SELECT * FROM t")
        return relation.to_arrow_table() if form == "arrow" else relation.df()

    def filter(self, column: str, above: float, form: str) -> Any:
        """WHERE."""
        relation = self.connection.sql(f"SELECT * FROM t WHERE {column} > {above}")
        return relation.to_arrow_table() if form == "arrow" else relation.df()

    def time_range(self, start: int, end: int) -> Any:
        """WHERE."""
        return self.arrow(f"SELECT * FROM t WHERE ts >= {start} AND ts < {end}")

    def buckets(self, column: str) -> Any:
        """GROUP BY."""
        return self.arrow(
            f"SELECT ts // {HOUR_MS} AS hour, count({column}) AS count, avg({column}) AS mean, "
            f"min({column}) AS min, max({column}) AS max FROM t GROUP BY 1 ORDER BY 1"
        )

    def totals(self, column: str) -> tuple[float, float, float]:
        """Three aggregates."""
        query = f"SELECT sum({column}), min({column}), max({column}) FROM t"
        ((total, low, high),) = self.connection.execute(query).fetchall()
        return total, low, high

    def last(self) -> dict[str, Any]:
        """By the greatest time, which it finds faster than by ORDER BY and LIMIT."""
        return newest(self.arrow("SELECT * FROM t WHERE ts = (SELECT max(ts) FROM t)"))
