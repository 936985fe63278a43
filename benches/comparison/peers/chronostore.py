"""Chronostore, in its stead: chronostore 0.1.0 on PyPI cannot be imported.

Its two backends restated as it has them: rows packed by pandas and NumPy, a file a day that is
mapped, or a value a day in LMDB; ranges are put together by NumPy.
"""

import mmap
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd

from comparison.data import Dataset
from comparison.peers.base import NotOfferedError, Peer

Arrays = dict[str, np.ndarray[Any, Any]]


class Chronostore(Peer):
    """Packed rows in a file a day."""

    note = "stand-in: its calls of pandas, NumPy and LMDB"

    def prepare(self, data: Dataset) -> Any:
        """A DataFrame a day."""
        fields = [(name, values.dtype.str) for name, values in data.columns.items()]
        np.save(self.folder.parent / f"{self.folder.name}.npy", np.empty(0, fields))
        return data.days

    def write(self, prepared: Any) -> dict[str, float]:
        """Packs each day and appends it to its file."""
        files = []
        for day, frame in prepared:
            folder = self.folder / "t" / day
            folder.mkdir(parents=True)
            file = (folder / "data.bin").open("ab")
            file.write(frame.to_records(index=False).tobytes())
            files.append(file)
        for file in files:
            file.close()
        return {}

    def open(self) -> None:
        """The schema, and which days there are."""
        self.dtype = np.load(self.folder.parent / f"{self.folder.name}.npy").dtype
        self.days = self.there()

    def there(self) -> list[str]:
        """All days."""
        return sorted(path.name for path in (self.folder / "t").iterdir())

    def of_day(self, day: str) -> Arrays:
        """Columns as views of the mapped file."""
        with (self.folder / "t" / day / "data.bin").open("rb") as file:
            mapped = mmap.mmap(file.fileno(), length=0, access=mmap.ACCESS_READ)
        rows = np.frombuffer(mapped, dtype=self.dtype)
        return {name: rows[name] for name in rows.dtype.names or ()}

    def of_all(self) -> Arrays:
        """Those of all days, put together."""
        with ThreadPoolExecutor() as threads:
            parts = list(threads.map(self.of_day, self.days))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def read(self, form: str) -> Any:
        """A DataFrame of all columns."""
        if form != "frame":
            raise NotOfferedError("no such call")
        return pd.DataFrame(self.of_all())

    def filter(self, column: str, above: float, form: str) -> Any:
        """A mask over all rows."""
        if form != "frame":
            raise NotOfferedError("no such call")
        columns = self.of_all()
        mask = columns[column] > above
        return pd.DataFrame({name: values[mask] for name, values in columns.items()})

    def day(self) -> Any:
        """The columns of the first day."""
        return self.of_day(self.days[0])


class ChronostoreLmdb(Chronostore):
    """Packed rows in a value a day."""

    written = "synced"

    def write(self, prepared: Any) -> dict[str, float]:
        """All days in one transaction."""
        import lmdb

        env = lmdb.open(str(self.folder), max_dbs=1, map_size=64 << 30)
        with env, env.begin(write=True) as txn:
            for day, frame in prepared:
                txn.put(day.encode(), frame.to_records(index=False).tobytes())
        return {}

    def there(self) -> list[str]:
        """All keys."""
        import lmdb

        self.env = lmdb.open(str(self.folder), max_dbs=1, map_size=64 << 30)
        with self.env.begin() as txn:
            return [bytes(key).decode() for key, _ in txn.cursor()]

    def of_day(self, day: str) -> Arrays:
        """Columns of a value, which LMDB copies."""
        with self.env.begin() as txn:
            rows: Any = np.frombuffer(txn.get(day.encode(), b""), dtype=self.dtype)
        return {name: rows[name] for name in rows.dtype.names or ()}

    def of_all(self) -> Arrays:
        """One day after the other."""
        parts = [self.of_day(day) for day in self.days]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
