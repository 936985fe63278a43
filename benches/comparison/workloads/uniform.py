"""Ten million rows of a time and three columns of noise: what reading and writing cost."""

from comparison import facts
from comparison.task import Answer, Task
from comparison.workloads.tables import Read, Tables

TITLE = "10M rows x (i64 + 3 uniform f64)"

WORKLOAD = Tables(
    name="uniform",
    rows=10_000_000,
    column="value1",
    above=90.0,
    reads={
        "read all to a DataFrame": Read(lambda peer, _: peer.read("frame"), facts.of_table, "all"),
        "filter value1 > 90 to a DataFrame": Read(
            lambda peer, _: peer.filter("value1", 90.0, "frame"), facts.of_table, "filter"
        ),
    },
    size="MB",
)
WORKS = WORKLOAD.works()
PEERS = (
    "chronolite",
    "chronolite-raw",
    "ipc",
    "arcticdb",
    "lance",
    "parquet",
    "duckdb",
    "polars",
    "nanots",
    "sqlite",
)


def run(task: Task) -> Answer:
    """One of the works, by one peer."""
    return WORKLOAD.run(task)
