"""chronolite's ``TimeSeriesEngine``, in each of its backends."""

import time
from typing import Any

import chronolite as cl
from chronolite.backend import Backend, FlatFileBackend, LmdbBackend, PackedBackend
from comparison.data import Dataset
from comparison.peers.base import NotOfferedError, Peer

TABLE = "t"
FORMATS = {"int64": "q", "int32": "i", "float64": "d"}


class Days(Peer):
    """A table of days."""

    written = "append: in the system's hands; flush: synced"

    def prepare(self, data: Dataset) -> Any:
        """A DataFrame a day."""
        kinds = {name: str(values.dtype) for name, values in data.columns.items()}
        columns = [cl.ColumnSchema(name, FORMATS[kind]) for name, kind in kinds.items()]
        # Where whoever reads finds it, as it would be in a program.
        text = ",".join(f"{column.name}:{column.fmt}" for column in columns)
        (self.folder.parent / f"{self.folder.name}.schema").write_text(text)
        return data.days

    def engine(self, **options: Any) -> cl.TimeSeriesEngine:
        """With the schema of what is written."""
        text = (self.folder.parent / f"{self.folder.name}.schema").read_text()
        pairs = [column.split(":") for column in text.split(",")]
        columns = [cl.ColumnSchema(name, fmt) for name, fmt in pairs]
        return cl.TimeSeriesEngine(self.backend(cl.TableSchema(columns), **options))

    def backend(self, schema: cl.TableSchema, **options: Any) -> Backend:
        """One of the three."""
        raise NotOfferedError(f"no backend for {schema} with {options}")

    def write(self, prepared: Any) -> dict[str, float]:
        """A batch a day, after which the rows can be read and survive a kill; and a flush."""
        began = time.perf_counter()
        with self.engine() as engine:
            for day, frame in prepared:
                engine.append(TABLE, day, frame)
            appended = time.perf_counter()
            engine.flush()
            flushed = time.perf_counter()
        return {"append": appended - began, "append + flush": flushed - began}

    def open(self) -> None:
        """An engine for reading."""
        self.reader = self.engine()
        self.first = self.reader.days(TABLE)[0]

    def read(self, form: str) -> Any:
        """A range without ends."""
        if form == "arrow":
            return self.reader.read_arrow(TABLE, (None, None))
        return self.reader.read_dataframe(TABLE, (None, None))

    def filter(self, column: str, above: float, form: str) -> Any:
        """``where`` with a function over the arrays."""
        if form != "frame":
            raise NotOfferedError("no such call")
        return self.reader.read_dataframe(
            TABLE, (None, None), where=lambda rows: rows[column] > above
        )

    def day(self) -> Any:
        """The columns of the first day."""
        return self.reader.read(TABLE, self.first)


class Flat(Days):
    """Packed rows in a file a day, as Chronostore's."""

    def backend(self, schema: cl.TableSchema, **_options: Any) -> Backend:
        """Nothing to choose."""
        return FlatFileBackend(schema, self.folder)


class Lmdb(Days):
    """Packed rows in LMDB."""

    written = "synced"

    def backend(self, schema: cl.TableSchema, **_options: Any) -> Backend:
        """As it comes."""
        return LmdbBackend(schema, self.folder)


class Packed(Days):
    """Segments of the kernel, packed after they were written: what disk and reads are of."""

    def backend(self, schema: cl.TableSchema, **options: Any) -> Backend:
        """One file for all days."""
        return PackedBackend(schema, self.folder, **options)

    def write(self, prepared: Any) -> dict[str, float]:
        """As the others, then packed."""
        parts = super().write(prepared)
        began = time.perf_counter()
        with self.engine() as engine:
            engine.backend.pack()  # type: ignore[call-arg]
        packed = parts["append + flush"] + time.perf_counter() - began
        return {**parts, "append + flush + pack": packed}

    def open(self) -> None:
        """Read-only."""
        self.reader = self.engine(mode="r")
        self.first = self.reader.days(TABLE)[0]

    def filter(self, column: str, above: float, form: str) -> Any:
        """``where`` with text, which the kernel reads by."""
        if form != "frame":
            raise NotOfferedError("no such call")
        return self.reader.read_dataframe(TABLE, (None, None), where=f"{column} > {above}")
