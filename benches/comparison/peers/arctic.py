"""ArcticDB over LMDB in a folder; for ``sensor`` with the time as its index."""

from typing import Any

import arcticdb
import pandas as pd
from arcticdb import QueryBuilder

from comparison.data import Dataset
from comparison.peers.base import Peer


class Arctic(Peer):
    """One symbol in one library."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.indexed = self.workload == "sensor"

    def prepare(self, data: Dataset) -> Any:
        """A DataFrame; its index of nanoseconds is what ArcticDB reads ranges by."""
        if not self.indexed:
            return data.frame
        index = pd.DatetimeIndex(data.columns["ts"].astype("datetime64[ms]").astype("M8[ns]"))
        values = {name: data.columns[name] for name in data.values}
        return pd.DataFrame(values, index=index.rename("ts"))

    def store(self) -> Any:
        """LMDB needs to know how large it may get; it grows as it is filled."""
        return arcticdb.Arctic(f"lmdb://{self.folder / 'bench'}?map_size=8GB")

    def write(self, prepared: Any) -> dict[str, float]:
        """One version of one symbol."""
        self.store().get_library("l", create_if_missing=True).write("t", prepared)
        return {}

    def open(self) -> None:
        """The library."""
        self.library = self.store()["l"]

    def result(self, form: str, **options: Any) -> Any:
        """What is wanted of the symbol."""
        output = "pyarrow" if form == "arrow" else "pandas"
        return self.library.read("t", output_format=output, **options).data

    def read(self, form: str) -> Any:
        """All of it."""
        return self.result(form)

    def filter(self, column: str, above: float, form: str) -> Any:
        """Its query builder."""
        query = QueryBuilder()
        return self.result(form, query_builder=query[query[column] > above])

    def time_range(self, start: int, end: int) -> Any:
        """Closed at both ends, hence a millisecond less."""
        ends = (pd.Timestamp(start, unit="ms"), pd.Timestamp(end - 1, unit="ms"))
        return self.result("arrow", date_range=ends)

    def buckets(self, column: str) -> Any:
        """Its resample."""
        names = ("count", "mean", "min", "max")
        query = QueryBuilder().resample("1h").agg({name: (column, name) for name in names})
        return self.result("arrow", query_builder=query)

    def totals(self, column: str) -> tuple[float, float, float]:
        """It has aggregates within groups only: read the column, then NumPy's."""
        values = self.result("frame", columns=[column])[column].to_numpy()
        return values.sum(), values.min(), values.max()

    def last(self) -> dict[str, Any]:
        """Its tail."""
        frame = self.library.tail("t", 1).data.reset_index()
        return dict(frame.iloc[0])
