"""Parquet, and Arrow's own files and streams (Feather is one of them)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as arrow_parquet
from pyarrow import ipc

from chronolite.cli.exits import Code, Failure
from chronolite.cli.loading.reader import Format, Sampled, after
from chronolite.cli.loading.stream import Source

_BATCH_ROWS = 1 << 18
_FILE_MAGIC = b"ARROW1"


class ParquetReader:
    """A Parquet file."""

    text = False

    def __init__(self, source: Source, how: Format) -> None:
        if not source.regular or source.compression():
            raise Failure(
                f"{source.name}: Parquet is read from a file as it is, not from a pipe or packed "
                "once more",
                Code.USAGE,
            )
        self._name, self._columns = source.name, how.columns
        with _as_misfit(source.name):
            self._file = arrow_parquet.ParquetFile(str(source.path), memory_map=True)
        self._rows = 0

    def done(self) -> float | None:
        return float(self._rows / max(self._file.metadata.num_rows, 1))

    def sample(self) -> Sampled:
        return Sampled(_kinds(self._name, self._file.schema_arrow, self._columns))

    def batches(self, kinds: dict[str, Any], skip: int) -> Iterator[Any]:
        groups = list(range(self._file.num_row_groups))
        while groups and skip >= (rows := self._file.metadata.row_group(groups[0]).num_rows):
            del groups[0]
            skip, self._rows = skip - rows, self._rows + rows
        found = self._file.iter_batches(_BATCH_ROWS, row_groups=groups, columns=list(kinds))
        with _as_misfit(self._name):
            for batch in after(found, skip):
                self._rows += batch.num_rows
                yield batch


class ArrowReader:
    """An Arrow IPC file or stream."""

    text = False

    def __init__(self, source: Source, how: Format) -> None:
        self._source, self._columns = source, how.columns
        stream = source.open()
        with _as_misfit(source.name):
            if stream.peek(len(_FILE_MAGIC)) != _FILE_MAGIC:
                self._reader = ipc.open_stream(stream.for_arrow())
                self._parts: int | None = None
            elif source.regular and not source.compression():
                self._reader = ipc.open_file(pa.memory_map(str(source.path)))
                self._parts = self._reader.num_record_batches
            else:
                # The directory of such a file is at its end.
                self._reader = ipc.open_file(pa.BufferReader(stream.read()))
                self._parts = self._reader.num_record_batches
        self._part = 0

    def done(self) -> float | None:
        return self._source.done() if self._parts is None else self._part / max(self._parts, 1)

    def sample(self) -> Sampled:
        return Sampled(_kinds(self._source.name, self._reader.schema, self._columns))

    def batches(self, kinds: dict[str, Any], skip: int) -> Iterator[Any]:
        with _as_misfit(self._source.name):
            for batch in after(self._all(), skip):
                yield batch.select(list(kinds))

    def _all(self) -> Iterator[Any]:
        if self._parts is None:
            yield from self._reader
            return
        for number in range(self._parts):
            self._part = number
            yield self._reader.get_batch(number)


class _as_misfit:  # noqa: N801  (used as a function)
    """What pyarrow says of a file that is no such file, with the file's name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        # Of some it says so as an OSError, which then has no number.
        foreign = isinstance(error, OSError) and error.errno is None
        if foreign or isinstance(error, pa.ArrowException):
            raise Failure(f"{self._name}: {error}", Code.MISFIT) from None


def _kinds(name: str, schema: Any, columns: tuple[str, ...]) -> dict[str, Any]:
    for column in columns:
        if column not in schema.names:
            raise Failure(f"{name} has no column {column!r}", Code.NOT_FOUND)
    return {column: schema.field(column).type for column in columns or schema.names}
