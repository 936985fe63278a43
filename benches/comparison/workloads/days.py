"""Chronostore's own benchmark: the rows of ``uniform`` in 31 days, for the ``TimeSeriesEngine``."""

import pandas as pd

from comparison import facts
from comparison.task import Answer, Task
from comparison.workloads.tables import Read, Tables

TITLE = "10M rows x (i64 + 3 uniform f64) in 31 days"

WORKLOAD = Tables(
    name="days",
    rows=10_000_000,
    column="value1",
    above=90.0,
    reads={
        "read all to a DataFrame": Read(lambda peer, _: peer.read("frame"), facts.of_table, "all"),
        "filter value1 > 90 to a DataFrame": Read(
            lambda peer, _: peer.filter("value1", 90.0, "frame"), facts.of_table, "filter"
        ),
        "columns of one day": Read(
            lambda peer, _: peer.day(), lambda found: facts.of_table(pd.DataFrame(found)), "day"
        ),
    },
    size="MB",
)
WORKS = WORKLOAD.works()
PEERS = (
    "chronolite-flat",
    "chronolite-lmdb",
    "chronolite-days",
    "chronostore",
    "chronostore-lmdb",
    "ipc",
    "arcticdb",
    "parquet",
    "duckdb",
)


def run(task: Task) -> Answer:
    """One of the works, by one peer."""
    return WORKLOAD.run(task)
