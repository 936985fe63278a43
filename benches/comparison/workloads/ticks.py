"""Trades of one instrument in 31 days: what the backends of ``TimeSeriesEngine`` take on disk."""

from comparison import facts
from comparison.task import Answer, Task
from comparison.workloads.tables import Read, Tables

TITLE = "10M ticks (time, price, size, side) in 31 days"

WORKLOAD = Tables(
    name="ticks",
    rows=10_000_000,
    column="price",
    above=100.0,
    reads={
        "read all to a DataFrame": Read(lambda peer, _: peer.read("frame"), facts.of_table, "all"),
    },
    size="MB",
)
WORKS = WORKLOAD.works()
PEERS = (
    "chronolite-flat",
    "chronolite-lmdb",
    "chronolite-days",
    "chronostore",
    "parquet",
    "duckdb",
)


def run(task: Task) -> Answer:
    """One of the works, by one peer."""
    return WORKLOAD.run(task)
