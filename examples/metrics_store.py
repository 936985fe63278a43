"""Metrics of some machines, kept in a file: their latest values, their history, and corrections.

A durable map keeps every put in a chronolite database, and is there when it is opened again.
`python examples/metrics_store.py [FILE]`
"""

import random
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from chronolite import ChronoMap

MACHINES = ["web-1", "web-2", "db-1"]
BEGIN = datetime(2025, 10, 21, 12, tzinfo=UTC).timestamp()
MINUTES = 120


def measure(store: ChronoMap) -> None:
    rng = random.Random(7)
    for minute in range(MINUTES):
        load = {f"{machine}.load": round(rng.gauss(2, 0.5), 2) for machine in MACHINES}
        store.put_many(load, timestamp=BEGIN + 60 * minute)
    # One reading comes late, in its place all the same.
    store.put("db-1.load", 9.75, timestamp=BEGIN + 60 * 30.5)


def main(path: Path) -> None:
    if path.exists():
        sys.exit(f"{path} is already there")
    with ChronoMap(path=path) as store:
        measure(store)

    with ChronoMap(path=path, mode="r") as store:
        readings = sum(store.keys_with_history_count().values())
        print(f"{readings} readings of {len(store)} metrics, opened again")
        print("mean load now:", round(store.aggregate(lambda loads: sum(loads) / len(loads)), 2))

        half_past = BEGIN + 60 * 30
        peak = store.get_range("db-1.load", half_past, half_past + 60)
        print("db-1 around half past twelve:", [load for _, load in peak])
        busy = store.query(lambda _metric, load: load > 5, timestamp=half_past + 45)
        print("busy then:", *busy)
        print("a minute later:", store.as_of(half_past + 60)["db-1.load"] < 5 and "not busy")

        # A row a version; pyarrow, polars and DuckDB take the map itself.
        rows = store.to_dataframe()
        mean = rows[rows["key"] == "web-1.load"]["value"].mean()
        print(f"web-1 over {MINUTES} minutes: {mean:.2f}")

    with ChronoMap(path=path) as store:
        went = store.prune_all_history(older_than=BEGIN + 3600)
        print(f"{went} readings of the first hour pruned")
        assert len(store.history("web-1.load")) == MINUTES - 60


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        main(Path(sys.argv[1] if sys.argv[1:] else f"{folder}/metrics.chl"))
