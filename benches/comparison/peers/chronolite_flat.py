"""chronolite's ``TimeSeriesEngine`` over flat files, which is Chronostore's interface."""

from importlib import import_module
from typing import Any

import chronolite
from comparison.data import Dataset
from comparison.peers.base import NotOfferedError, Peer

# Calls that are not there yet are asked for before they are used.
cl: Any = chronolite
DAY = "2024-01-01"


class ChronoliteFlat(Peer):
    """One day's file of packed rows."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        if not hasattr(cl, "TimeSeriesEngine"):
            raise NotOfferedError("not there yet: TimeSeriesEngine")

    def engine(self) -> Any:
        """Time as int64, all else float64."""
        names = ["ts", "value1", "value2", "value3"]
        columns = [cl.ColumnSchema(name, "q" if name == "ts" else "d") for name in names]
        schema = cl.TableSchema(columns=columns)
        backend = import_module("chronolite.backend")
        return cl.TimeSeriesEngine(backend=backend.FlatFileBackend(schema, str(self.folder)))

    def prepare(self, data: Dataset) -> Any:
        """A dict of arrays."""
        return data.columns

    def write(self, prepared: Any) -> dict[str, float]:
        """Append and flush."""
        engine = self.engine()
        engine.append("t", DAY, prepared)
        engine.flush()
        return {}

    def open(self) -> None:
        """An engine for reading."""
        self.reader = self.engine()

    def read(self, form: str) -> Any:
        """A DataFrame."""
        if form != "frame":
            raise NotOfferedError("no such call")
        return self.reader.read_dataframe("t", DAY)

    def filter(self, column: str, above: float, form: str) -> Any:
        """``where`` with a function over the arrays."""
        if form != "frame":
            raise NotOfferedError("no such call")
        return self.reader.read_dataframe("t", DAY, where=lambda rows: rows[column] > above)
