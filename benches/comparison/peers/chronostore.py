"""Chronostore's flat file, in its stead: chronostore 0.1.0 on PyPI cannot be imported.

What its document tells of a flat file: rows packed by the schema, one after the other; read through
a mapping.
"""

from typing import Any

import numpy as np
import pandas as pd

from comparison.data import Dataset
from comparison.peers.base import NotOfferedError, Peer


class Chronostore(Peer):
    """Packed rows in one file."""

    note = "stand-in: packed rows by NumPy"

    def prepare(self, data: Dataset) -> Any:
        """A dict of arrays, which it packs."""
        return data.columns

    def write(self, prepared: Any) -> dict[str, float]:
        """Packs the rows and writes them at once."""
        fields = [(name, values.dtype.str) for name, values in prepared.items()]
        rows = np.empty(len(prepared["ts"]), dtype=fields)
        for name, values in prepared.items():
            rows[name] = values
        with (self.folder / "data.bin").open("wb") as file:
            rows.tofile(file)
        np.save(self.folder / "schema.npy", rows[:0])
        return {}

    def open(self) -> None:
        """The schema; the file is mapped by each read."""
        self.dtype = np.load(self.folder / "schema.npy").dtype

    def mapped(self) -> Any:
        """The rows, as they lie in the file."""
        return np.memmap(self.folder / "data.bin", dtype=self.dtype, mode="r")

    def read(self, form: str) -> Any:
        """Columns out of rows."""
        if form != "frame":
            raise NotOfferedError("no such call")
        rows = self.mapped()
        return pd.DataFrame({name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names})

    def filter(self, column: str, above: float, form: str) -> Any:
        """A mask over the mapped rows."""
        if form != "frame":
            raise NotOfferedError("no such call")
        rows = self.mapped()
        return pd.DataFrame(np.asarray(rows[rows[column] > above]))
