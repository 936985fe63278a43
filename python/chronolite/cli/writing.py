"""An export: the batches of a scan, written one by one by pyarrow."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as arrow_parquet
from pyarrow import ipc
from rich.console import Console

from chronolite.cli.exits import Failure
from chronolite.cli.options import open_to_read, selection

# Rows of a batch, which is a row group of a Parquet file.
_ROWS = 1 << 18


def run(
    database: Path,
    table: str,
    path: Path | None,
    form: str,
    start: str | None,
    end: str | None,
    columns: list[str] | None,
    *,
    where: str | None = None,
    force: bool,
    quiet: bool,
) -> None:
    """Write a range of a table to a file, or to standard output if `path` is None."""
    begun = time.perf_counter()
    rows = 0
    with open_to_read(database) as db, _target(path, force=force) as out:
        found = selection(db[table], start, end, columns, where=where)
        schema = _schema(pa.schema(found.schema), form)
        with _writer(out, schema, form, stream=path is None) as write:
            for batch in found.batches(_ROWS):
                write(_fitted(pa.record_batch(batch), schema))
                rows += batch.num_rows
    if not quiet:
        seconds = time.perf_counter() - begun
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"exported {rows:,} rows in {seconds:.2f} s ({rows / max(seconds, 1e-9):,.0f} rows/s)"
        )


def _schema(schema: Any, form: str) -> Any:
    """The schema of what is written: in a text times say that they are UTC, and bytes are text."""
    if form not in ("csv", "ndjson"):
        return schema
    for number, field in enumerate(schema):
        kind = field.type
        if pa.types.is_timestamp(kind):
            kind = pa.timestamp(kind.unit, "UTC")
        elif pa.types.is_binary(kind):
            kind = pa.string()
        schema = schema.set(number, pa.field(field.name, kind))
    return schema


def _fitted(batch: Any, schema: Any) -> Any:
    """A batch under that schema; bytes become text as hexadecimal digits."""
    columns = [
        pa.array([value and value.hex() for value in column.to_pylist()], pa.string())
        if pa.types.is_binary(column.type) and pa.types.is_string(field.type)
        else column.cast(field.type)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.record_batch(columns, schema=schema)


@contextmanager
def _target(path: Path | None, *, force: bool) -> Iterator[IO[bytes]]:
    """A file that gets its name when it is whole, and is gone if it never is."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    file = tempfile.NamedTemporaryFile(  # noqa: SIM115  (closed below, before it is renamed)
        dir=path.parent, prefix=f".{path.name}.", suffix=".tmp", delete=False
    )
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _grant(file.name)
        if force:
            Path(file.name).replace(path)
        else:
            _name(Path(file.name), path)
    finally:
        Path(file.name).unlink(missing_ok=True)


def _grant(name: str) -> None:
    """The permissions of a new file, which a temporary one does not have."""
    mask = os.umask(0)
    os.umask(mask)
    Path(name).chmod(0o666 & ~mask)


def _name(temporary: Path, path: Path) -> None:
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise Failure(f"{path} was made by someone else meanwhile: --force replaces it") from None
    except OSError:
        # A file system without hard links.
        temporary.replace(path)


@contextmanager
def _writer(out: IO[bytes], schema: Any, form: str, *, stream: bool) -> Iterator[Any]:
    """A function that writes a batch."""
    match form:
        case "csv":
            with arrow_csv.CSVWriter(out, schema) as writer:
                yield writer.write_batch
        case "parquet":
            with arrow_parquet.ParquetWriter(out, schema, compression="zstd") as writer:
                yield writer.write_batch
        case "arrow":
            make = ipc.new_stream if stream else ipc.new_file
            with make(out, schema) as writer:
                yield writer.write_batch
        case _:
            yield lambda batch: out.write(_lines(batch))


def _lines(batch: Any) -> bytes:
    """JSON objects, one a line; NaN and infinity are null, as JSON has no word for them."""
    columns = []
    for column in batch.columns:
        values = column
        if pa.types.is_timestamp(column.type):
            values = pc.replace_substring(pc.cast(column, pa.string()), " ", "T")
        elif pa.types.is_floating(column.type):
            values = pc.if_else(pc.is_finite(column), column, None)
        columns.append(values.to_pylist())
    names = batch.schema.names
    encode = json.JSONEncoder(ensure_ascii=False).encode
    lines = [encode(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]
    return ("\n".join(lines) + "\n").encode() if lines else b""
