"""Twenty million rows of five columns as devices send them: what compression and statistics do."""

from comparison import facts
from comparison.task import Answer, Task
from comparison.workloads.tables import Read, Tables

TITLE = "20M rows x 5, sensor-like"
COLUMN = "temp"
ABOVE = 40.0

WORKLOAD = Tables(
    name="sensor",
    rows=20_000_000,
    column=COLUMN,
    above=ABOVE,
    reads={
        "full scan to Arrow": Read(lambda peer, _: peer.read("arrow"), facts.of_table, "all"),
        "1 % range to Arrow": Read(
            lambda peer, found: peer.time_range(found.start, found.end), facts.of_table, "range"
        ),
        "1 h buckets, 4 aggregates": Read(
            lambda peer, _: peer.buckets(COLUMN), facts.of_buckets, "buckets"
        ),
        f"filter temp > {ABOVE:g} to Arrow": Read(
            lambda peer, _: peer.filter(COLUMN, ABOVE, "arrow"), facts.of_table, "filter"
        ),
        "sum, min, max of temp": Read(
            lambda peer, _: peer.totals(COLUMN), facts.of_totals, "totals"
        ),
        "last row": Read(
            lambda peer, _: peer.last(), lambda row: facts.of_newest(row, COLUMN), "last"
        ),
    },
    size="bits",
)
WORKS = WORKLOAD.works()
PEERS = (
    "chronolite",
    "chronolite-packed",
    "arcticdb",
    "ipc",
    "parquet",
    "duckdb",
    "polars",
    "lance",
    "nanots",
    "sqlite",
)


def run(task: Task) -> Answer:
    """One of the works, by one peer."""
    return WORKLOAD.run(task)
