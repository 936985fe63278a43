"""An import from beginning to end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

import chronolite as cl
from chronolite.cli.exits import Code, Failure
from chronolite.cli.loading import shape as shapes
from chronolite.cli.loading import twice
from chronolite.cli.loading.ahead import ahead
from chronolite.cli.loading.progress import Meter
from chronolite.cli.loading.reader import Format, Misfit, Reader, Sampled, format_of
from chronolite.cli.loading.record import Fingerprint, Journal, Record
from chronolite.cli.loading.stream import Source
from chronolite.cli.loading.times import TimeOptions, choose

# Rows of an append, unless what they take in memory gets large first.
_ROWS = 1 << 19
_BYTES = 64 << 20


@dataclass(frozen=True)
class Job:
    """What `chronolite import` was asked for."""

    source: Path | None
    """None is standard input."""
    database: Path
    table: str
    how: Format
    time: TimeOptions = field(default_factory=TimeOptions)
    types: dict[str, str] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    """The keyword arguments of `create_table` that were given: key, storage, on_conflict."""
    restart: bool = False
    again: bool = False
    """Whether rows may go in that seem to be there."""
    quiet: bool = False


def run(job: Job) -> None:
    """Import the rows of a source into a table, going on where an interrupted import stopped."""
    begun = time.perf_counter()
    source = Source(job.source)
    reader = _reader(source, job.how)
    sampled = reader.sample()
    _check_names(job, sampled)
    # Nothing is made on disk before the first rows have been read and found to fit.
    with cl.Db(job.database) if job.database.exists() else nullcontext() as there:
        shape = _shape(there, sampled, job, text=reader.text)
        record = _record(there, source, job)
        skip = record.rows_in(there) if record is not None and there is not None else 0
        made = there is not None and job.table in there
        with closing(ahead(_batches(reader, shape, skip))) as batches:
            first = _first(batches, source, shape, made=made)
            if first is None and not made:
                raise Failure(f"{source.name} has no rows", Code.MISFIT)
            with nullcontext(there) if there is not None else cl.Db(job.database) as db:
                table = _table(db, shape, job)
                wanted = job.again or job.restart or record is not None
                if made and first is not None and not wanted:
                    twice.refuse(table, first, source.name)
                load = _Load(db, table, source, reader, shape, skip)
                load.keep(record, job)
                load.run(
                    chain([first] if first is not None else [], batches),
                    Meter(source.name, begun, quiet=job.quiet),
                )


class _Load:
    """The appending half of an import."""

    def __init__(
        self,
        db: cl.Db,
        table: cl.Table,
        source: Source,
        reader: Reader,
        shape: shapes.Shape,
        skip: int,
    ) -> None:
        self._db, self._table, self._source, self._reader = db, table, source, reader
        self._shape, self._skip = shape, skip
        self._next_seq = db.stats()["next_seq"]
        self._journal: Journal | None = None
        self._record: Record | None = None

    def keep(self, record: Record | None, job: Job) -> None:
        """Keep a record of the import: this one, or a new one; none of what is read once."""
        if self._source.path is not None and self._source.regular:
            mark = Fingerprint.of(self._source.path)
            self._journal = Journal(job.database)
            self._record = record or Record.begin(self._db, mark, job.table, list(job.how.names))

    def run(self, batches: Iterator[Any], meter: Meter) -> None:
        """Append all batches, flush, and drop the record."""
        try:
            with meter:
                for batch in batches:
                    self._note(meter.rows, batch.num_rows)
                    meter.advance(self._table.append(batch), self._reader.done())
                self._note(meter.rows, 0)
                self._db.flush()
            if self._journal is not None:
                self._journal.remove()
            meter.finish(self._skip, self._table.name, len(self._table))
        except Misfit as misfit:
            text = _text(misfit, self._source, self._shape, made=True)
            message = f"{text}; {self._stored()}; {self._going_on()}"
            raise Failure(message, Code.MISFIT) from None
        except KeyboardInterrupt:
            message = f"interrupted: {self._stored()} and safe; {self._going_on()}"
            raise Failure(message, Code.INTERRUPTED) from None

    def _note(self, rows: int, batch: int) -> None:
        if self._journal is not None and self._record is not None:
            self._record.done, self._record.batch = self._skip + rows, batch
            self._journal.write(self._record)

    def _stored(self) -> str:
        rows = self._skip + self._db.stats()["next_seq"] - self._next_seq
        return f"the first {rows:,} rows are stored in table {self._table.name!r}"

    def _going_on(self) -> str:
        if self._record is None:
            return f"{self._source.name} cannot be taken up again"
        return "the same command goes on after them"


def _reader(source: Source, how: Format) -> Reader:
    # Only the one that is needed is imported: each takes pyarrow's part for it along.
    match format_of(source, how.name):
        case "csv":
            from chronolite.cli.loading.csvs import CsvReader

            return CsvReader(source, how)
        case "ndjson":
            from chronolite.cli.loading.ndjson import NdjsonReader

            return NdjsonReader(source, how)
        case "parquet":
            from chronolite.cli.loading.arrows import ParquetReader

            return ParquetReader(source, how)
        case _:
            from chronolite.cli.loading.arrows import ArrowReader

            return ArrowReader(source, how)


def _check_names(job: Job, sampled: Sampled) -> None:
    for name in (*job.types, *job.rules.get("key", ())):
        if name not in sampled.kinds:
            raise Failure(
                f"there is no column {name!r}: there are {', '.join(sampled.kinds)}",
                Code.NOT_FOUND,
            )


def _shape(db: cl.Db | None, sampled: Sampled, job: Job, *, text: bool) -> shapes.Shape:
    schema = db[job.table].schema if db is not None and job.table in db else None
    when = choose(sampled, job.time, schema, text=text)
    if schema is None:
        return shapes.for_new_table(sampled, when, job.types, text=text, quiet=job.quiet)
    for name, kind in job.types.items():
        if name in schema and schema[name] != kind:
            raise Failure(
                f"column {name!r} of the table is {schema[name]}, not {kind}", Code.MISFIT
            )
    return shapes.for_table(sampled, when, schema)


def _record(db: cl.Db | None, source: Source, job: Job) -> Record | None:
    """The record of this very import, if it was interrupted; fails if it is that of another."""
    journal = Journal(job.database)
    if job.restart or db is None:
        journal.remove()
        return None
    record = journal.read()
    if record is not None:
        mark = Fingerprint.of(source.path) if source.path is not None and source.regular else None
        record.check(mark, job.table, list(job.how.names))
    return record


def _table(db: cl.Db, shape: shapes.Shape, job: Job) -> cl.Table:
    if job.table in db and not job.rules:
        return db[job.table]
    return db.create_table(
        job.table,
        shape.types,
        time_unit=shape.time.unit,  # type: ignore[arg-type]  # one of UNITS
        time_column=shape.time_name,
        **job.rules,
    )


def _batches(reader: Reader, shape: shapes.Shape, skip: int) -> Iterator[Any]:
    """The rows after the first `skip`, in batches that are worth an append."""
    parts: list[Any] = []
    before, rows, size = skip, 0, 0
    for part in reader.batches(shape.kinds(), skip):
        parts.append(shape.fitted(part, before))
        before, rows, size = before + part.num_rows, rows + part.num_rows, size + part.nbytes
        if rows >= _ROWS or size >= _BYTES:
            yield pa.Table.from_batches(parts)
            parts, rows, size = [], 0, 0
    if rows:
        yield pa.Table.from_batches(parts)


def _first(batches: Iterator[Any], source: Source, shape: shapes.Shape, *, made: bool) -> Any:
    try:
        return next(batches, None)
    except Misfit as misfit:
        text = _text(misfit, source, shape, made=made)
        raise Failure(f"{text}; nothing was written", Code.MISFIT) from None


def _text(misfit: Misfit, source: Source, shape: shapes.Shape, *, made: bool) -> str:
    """What does not fit, where, and what to do; `made` if the table is there."""
    text = source.name
    if misfit.row is not None:
        text += f", row {misfit.row:,}"
    if misfit.column is None:
        return f"{text}: {misfit.reason}"
    value = "" if misfit.value is None else f" {misfit.value!r}:"
    text += f", column {misfit.column!r}:{value} {misfit.reason}"
    if misfit.value is None or misfit.column == shape.time.name:
        return text
    text += f" (--null {misfit.value!r} makes it null; "
    if not made:
        return text + f"--type {misfit.column}=TYPE, such as utf8, gives the column another type)"
    return text + (
        "in a table that is there a column keeps its type: for another one import all of the file "
        f"into a new table, with --restart --type {misfit.column}=TYPE, such as utf8)"
    )
