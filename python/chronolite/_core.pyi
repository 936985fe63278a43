"""The extension module. Import its names from ``chronolite``.

The examples run with ``import chronolite as cl``, with ``path`` the path of a file that does not
exist yet, and, from ``Table`` on, with ``db`` an open database in which ``t`` is the table
``"sensor"``, of columns ``temp`` and ``humidity``, with three rows a second apart::

    t.append({
        "ts": ["2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", "2024-01-01T00:00:02Z"],
        "temp": [25.5, 25.6, None],
        "humidity": [60.0, 59.0, 61.0],
    })
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from os import PathLike
from typing import (
    Any,
    Literal,
    Protocol,
    Self,
    SupportsFloat,
    SupportsIndex,
    TypeAlias,
    final,
    overload,
)

import numpy as np
import pandas
import polars
import pyarrow
from typing_extensions import disjoint_base

from chronolite._report import SalvageReport, VerifyReport

__all__ = [
    "BatchIterator",
    "Column",
    "Db",
    "PageSpan",
    "PageSpanIter",
    "PageSpanObjectsView",
    "Predicate",
    "RecordBatch",
    "Scan",
    "Schema",
    "Snapshot",
    "Table",
    "Tail",
    "TimelogIter",
    "_ChronoMapBase",
    "_DayFile",
    "_PackedDays",
    "_RowBatch",
    "_RowLayout",
    "_Rows",
    "_TimelogBase",
    "__version__",
    "_chronomap_writer",
    "col",
    "salvage",
]

__version__: str

_TimeUnit: TypeAlias = Literal["s", "ms", "us", "ns"]
# One of i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 bool utf8 binary. Not a Literal: dicts of names to
# types are made in programs, and their values would be inferred as str.
_TypeName: TypeAlias = str
# "auto" or the name of a codec, which `Db.create_table` lists; no Literal for the same reason.
_Codec: TypeAlias = str
# A pandas.Timestamp is a datetime.
_Time: TypeAlias = SupportsIndex | datetime | str | np.datetime64
# Of a ChronoMap, in seconds if it is a number.
_Moment: TypeAlias = float | str | datetime | np.number[Any] | np.datetime64
_Duration: TypeAlias = SupportsIndex | timedelta | np.timedelta64 | str
_Aggregate: TypeAlias = Literal["count", "sum", "mean", "min", "max", "first", "last", "std"]
_Aggregates: TypeAlias = Mapping[str, _Aggregate | Sequence[_Aggregate]]
# The value of the only column of a key, one for each column, or by name.
_Key: TypeAlias = Any
# Text, what `col` makes, or a pyarrow.compute.Expression.
_Where: TypeAlias = Any
_Row: TypeAlias = Sequence[Any] | Mapping[str, Any] | np.ndarray[Any, Any]

class _ArrowSchema(Protocol):
    def __arrow_c_schema__(self) -> object: ...

class _ArrowArray(Protocol):
    def __arrow_c_array__(self, requested_schema: object | None = None, /) -> object: ...

class _ArrowStream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None, /) -> object: ...

_Columns: TypeAlias = (
    Sequence[str]
    | Sequence[tuple[str, _TypeName | _ArrowSchema]]
    | Mapping[str, _TypeName | _ArrowSchema]
    | _ArrowSchema
)
_Whole: TypeAlias = (
    _ArrowArray
    | _ArrowStream
    | pandas.DataFrame
    | Mapping[str, Any]
    | Sequence[Mapping[str, Any]]
    | np.ndarray[Any, Any]
)
_Data: TypeAlias = _Whole | Iterable[_Whole]

@final
class Db:
    """A database: one file of typed tables, open for writing in one process at a time.

    Args:
        path: The file, made if it is not there. While it is open for writing a log lies beside
            it (``<path>-wal``); a clean close leaves the one file.
        retention_ms: How old a row may get, in milliseconds by the clock on the wall, before
            maintenance removes it; None is for ever. It hides nothing by itself: rows stay until
            ``compact_retention_now()`` or background maintenance removes them, which does so a
            minute after the first write and then every minute.
        auto_maintenance: Whether flushes, packing and retention run in the background; None means
            yes. A thread looks every 5 seconds, from the first write until the close, whether
            there is something that pays, and waits while much is written. What it fails with is
            raised by the next call that writes, which does nothing then, and told by
            ``diagnose()``; ``stats()["maintenance"]`` counts what it did. With False nothing
            happens unasked but what ``durability`` says and flushes of a full log. A dict has
            NanoTS's options, ints of at least 0: ``check_interval_ms`` (5000);
            ``retention_check_interval_ms`` (60,000); ``wal_min_bytes`` (32 MiB) and
            ``wal_target_ratio`` (2): the log is flushed once it has so many bytes and is so many
            times the size of the segments, or once a row in it is 5 minutes old;
            ``target_segment_points`` (8192; less than 262,144 counts as that): smaller segments
            are joined; ``max_segments_per_pack`` (64) at once; ``max_writes_per_sec`` (100,000
            rows, over ``write_load_window_ms``, 5000): more make it wait, unless nothing was
            written for ``min_idle_ms`` (1000).
        mode: ``"rw"``, or ``"r"`` for reading only, in any number of processes while one writes.
            A reader shows what is committed, rows still in the log included: each new scan, length,
            snapshot and so on what is there by then, and those that there are their own moment,
            until they are dropped. It changes nothing, leaves nothing beside the file, and needs no
            right to write. Calls that write raise ``ReadOnlyError``.
        durability: ``"sync"`` returns when the rows survive power loss; ``"interval"`` survives
            the process being killed at once, and power loss after at most the interval;
            ``"none"`` survives neither until ``flush()``. No level corrupts.
        sync_interval_ms: The interval, in milliseconds.

    The environment's ``NANOTS_MAX_RECORD_SIZE`` is the most bytes that a row may have, 64 MiB if
    it is not set: 8 for each value, and for text and bytes their length. A write of a larger row
    raises ``SchemaError``.

    Close it, use it in ``with``, or drop the last reference to it and to its tables and scans:
    that closes it too. Everything used after the close raises ``ClosedError``.

    Raises:
        DatabaseLockedError: It is to be written, and someone else has it open for writing
            (``.pid`` says who).
        CorruptionError, FormatError: The file is damaged, or not one of this library's.
        OSError: The file cannot be opened; always a ``ChronoliteError`` too.
        InvalidInputError: ``retention_ms`` is negative, ``auto_maintenance`` or another option has
            no such name or value, or ``NANOTS_MAX_RECORD_SIZE`` is not a number of bytes.

    >>> with cl.Db(path) as db:
    ...     table = db.create_table("sensor", ["temp", "humidity"])
    ...     table.append_row("2024-01-01T00:00:00Z", [25.5, 60.0])
    ...     "sensor" in db, db["sensor"].name
    1
    (True, 'sensor')
    """

    def __new__(
        cls,
        path: str | PathLike[str],
        retention_ms: SupportsIndex | None = None,
        auto_maintenance: bool | dict[str, Any] | None = None,
        *,
        mode: Literal["rw", "r"] = "rw",
        durability: Literal["sync", "interval", "none"] = "interval",
        sync_interval_ms: int = 100,
    ) -> Self: ...
    @property
    def path(self) -> str:
        """The path that the database was opened with.

        >>> cl.Db(path).path == str(path)
        True
        """

    def snapshot(self) -> Snapshot:
        """This moment of the whole database, to be read for as long as it is held.

        Taking one costs the same however much there is. Rows that are appended or deleted
        meanwhile do not show in it, and packing goes on beside it.

        >>> with db.snapshot() as moment:
        ...     sensor = db["sensor"]
        ...     sensor.delete(None, None)
        ...     len(sensor), len(moment["sensor"])
        (0, 3)
        """

    def refresh(self) -> None:
        """Moves a database of mode "r" on to what is committed by now.

        Every new scan, length and so on does so by itself. What was taken before, scans and
        snapshots, shows its own moment still. With mode "rw" there is nothing to do.

        >>> with cl.Db(db.path, mode="r") as reader:
        ...     seq = db.append_row("sensor", 1704067203000, [25.8, 60.0])
        ...     reader.refresh()
        ...     len(reader["sensor"])
        4
        """

    def pack(self, table: str | None = None) -> dict[str, int]:
        """Packs a table, or all of them, and says what that did.

        Segments that overlap, are small or hold deleted rows become segments that follow each other
        in time, without what was deleted; in a table with a key the rows of each key are together.
        Those that were only flushed are also compressed as ``storage`` says. What is written is
        read back and compared before it takes the place of what was there. Appends and reads go on
        meanwhile. A signal (Ctrl-C) ends it: groups of segments that were done stay so, the one
        that was being packed is as it was.

        Args:
            table: The table's name; None is all tables.

        Returns:
            ``segments_before``, ``segments_after``, ``rows_before``, ``rows_after`` (without what
            was deleted), ``bytes_before`` and ``bytes_after``, of the segments that were packed.

        >>> sensor = db["sensor"]
        >>> for late in (1704067199000, 1704067198000):
        ...     seq = sensor.append_row(late, [25.4, 60.0])
        ...     db.flush()
        >>> done = db.pack("sensor")
        >>> done["segments_after"], done["rows_after"]
        (1, 5)
        """

    def pack_table(self, table: str, target_segment_points: int) -> dict[str, int]:
        """Packs a table into segments of at least so many rows, where it has them.

        As in NanoTS. A target below what reads are quick with (262,144 rows) counts as that.

        >>> db.pack_table("sensor", 8192)["rows_after"]
        0
        """

    def compact(self) -> None:
        """Packs all tables and gives back the space that nothing needs any more.

        Segments move to the front of the file, its free tail is cut off and holes are punched into
        the rest. What a snapshot, a scan or an exported buffer still shows stays.

        >>> db["sensor"].delete(None, None)
        >>> db.compact()
        >>> db.stats()["tables"]["sensor"]["disk_bytes"]
        0
        """

    def compact_retention_now(self) -> dict[str, int]:
        """Deletes the rows that are older than ``retention_ms`` and gives their space back.

        Without a ``retention_ms`` nothing is done. Old is what has a time before now less the
        retention, by the clock on the wall, in each table. Segments that are old as a whole are
        dropped without being read; one that is so in part is written anew if at least half of it
        is.

        Returns:
            As ``pack``, of the segments that were dropped or written anew.

        >>> with cl.Db(path, retention_ms=3600 * 1000) as db:
        ...     seq = db.append("sensor_x", 1704067200000, 25.5)
        ...     db.flush()
        ...     done = db.compact_retention_now()
        ...     len(db["sensor_x"]), done["segments_before"], done["segments_after"]
        (0, 1, 0)
        """

    def close(self) -> None:
        """Writes everything out and closes the file. Closing twice does nothing.

        >>> db = cl.Db(path)
        >>> db.close()
        >>> db.tables()
        Traceback (most recent call last):
        chronolite._errors.ClosedError: ...
        """

    def tables(self) -> list[str]:
        """The names of all tables, sorted.

        >>> with cl.Db(path) as db:
        ...     t = db.create_table("b", ["x"]), db.create_table("a", ["x"])
        ...     db.tables()
        ['a', 'b']
        """

    def table(self, name: str) -> Table:
        """The table of that name; ``db[name]`` is the same.

        Raises:
            TableNotFoundError: There is none; also a ``KeyError``.

        >>> with cl.Db(path) as db:
        ...     db.table("nothing")
        Traceback (most recent call last):
        chronolite._errors.TableNotFoundError: ...
        """

    def create_table(
        self,
        name: str,
        columns: _Columns,
        *,
        time_unit: _TimeUnit | None = None,
        time_column: str = "ts",
        key: str | Iterable[str] | None = None,
        on_conflict: Literal["all", "last", "first", "error"] = "all",
        storage: Literal["balanced", "speed", "size", "raw"] = "balanced",
        codecs: Mapping[str, _Codec] | None = None,
    ) -> Table:
        """Makes a table, or returns the one that is there with this very schema.

        Args:
            name: The table's name.
            columns: The value columns: a list of names (all ``f64``), a dict of types by name, a
                list of ``(name, type)``, or anything with an Arrow schema (in which the time
                column may stand too). Types: ``i8`` to ``i64``, ``u8`` to ``u64``, ``f32``,
                ``f64``, ``bool``, ``utf8``, ``binary``. Every column can hold nulls.
            time_unit: What a step of the time column is. Left out, it is that of the time column
                in an Arrow schema, else ``"ms"``.
            time_column: The time column's name.
            key: Value columns (tags) that tell series apart within the table.
            on_conflict: What a second row with the same time and key (the same time, if the table
                has no key) means. ``"all"`` keeps both. ``"last"`` keeps the one that came last: it
                takes the place of the one before, an upsert. ``"first"`` keeps the one that came
                first. With these two a batch that is appended again changes nothing that is read,
                so a retry needs no care. ``"error"`` refuses the append that brings it, with
                ``ConflictError``. A deleted row is no conflict, nulls are a key like others.
            storage: How hard to compress: ``"speed"`` keeps to codecs that decode fast, numbers at
                the speed of memory; ``"balanced"`` lets a pack use slower ones where they save 15 %
                or more; ``"size"`` takes the smallest, in larger blocks; ``"raw"`` is read without
                decoding.
            codecs: A codec by column, the time column too. A column that is not named here, or with
                ``"auto"``, has the smallest that ``storage`` allows, chosen for each block of rows.
                All types: ``"raw"``, ``"run_length"``. Integers and the time:
                ``"frame_of_reference"``, ``"delta"``, ``"scaled"`` (multiples of a number). Floats:
                ``"gorilla"``, ``"alp"``, ``"alp_rd"``, ``"nanots_int"`` (integers). Both:
                ``"pco"``. Text and bytes: ``"dictionary"``, ``"fsst"``. All but bool: ``"zstd"``. A
                block that the codec cannot hold (``"nanots_int"`` of 0.5, ``"scaled"`` of primes)
                is encoded as if none was asked for. With storage ``"raw"`` there is none but
                ``"raw"``. ``Table.codecs`` tells what was asked for, ``stats`` what each block has.

        Raises:
            SchemaError: A table of that name has another schema, or this one makes no sense.

        >>> with cl.Db(path) as db:
        ...     db.create_table("trades", {"symbol": "utf8", "price": "f64", "size": "i64"},
        ...                     time_unit="ns", key="symbol")
        <chronolite.Table "trades": 0 rows; ts timestamp[ns], symbol utf8, price f64...; key symbol>
        >>> with cl.Db(path) as db:
        ...     t = db.create_table("count", ["total", "x"], codecs={"total": "nanots_int"})
        ...     rows = t.append({"ts": range(3), "total": [10.0, 20.0, 30.0], "x": [0.1, 0.2, 0.3]})
        ...     db.flush()
        ...     t.codecs, db.stats("count")["by_column"]["total"]["codecs"]
        ({'total': 'nanots_int'}, {'nanots_int': 1})
        """

    def drop_table(self, name: str) -> None:
        """Drops a table with all its rows. Its name is free at once.

        A table of that name that is made later is another one. What is in hand of the dropped one
        raises ``TableNotFoundError``; snapshots and scans from before go on showing it. The next
        flush gives its space back to the file, as far as they do not need it, and ``Db.compact()``
        to the system.

        Args:
            name: The table's name.

        Raises:
            TableNotFoundError: There is none; also a ``KeyError``.
            ReadOnlyError: The database is open for reading only.

        >>> with cl.Db(path) as db:
        ...     old = db.create_table("trial", ["x"])
        ...     db.drop_table("trial")
        ...     "trial" in db
        False
        """

    def flush(self) -> None:
        """Moves all rows from the log into the compressed file; when it returns they survive
        power loss, at every level of durability.

        >>> with cl.Db(path) as db:
        ...     db.flush()
        """

    def create_table_typed(self, table: str, columns: Sequence[tuple[str, str]]) -> Table:
        """Makes a table with columns of these types, or returns the one that is there.

        As in NanoTS, which returns None. Times are in milliseconds. ``create_table`` does the same
        and more.

        Args:
            table: The table's name.
            columns: Pairs of a name and a type: one of ``create_table``'s, or NanoTS's ``float``
                and ``double`` (64 bits), ``int`` and ``integer`` (64 bits), ``boolean``,
                ``string``, ``str``; in letters of either case.

        Raises:
            SchemaError: There is a table of that name with another schema, there are no columns,
                two have one name, one is named ``ts``, or a type is unknown.
            TypeError: Not a list of pairs of text.

        >>> with cl.Db(path) as db:
        ...     db.create_table_typed("pump", [("rpm", "int"), ("site", "string")]).schema
        <chronolite.Schema ts timestamp[ms], rpm i64, site utf8>
        """

    def append(self, series: str, ts_ms: _Time, value: SupportsFloat | SupportsIndex) -> int:
        """Appends a value to a series and returns its sequence number: 1, 2, 3 and so on, counting
        the rows of all tables.

        As in NanoTS. A series is a table of its name with one column ``value``, an ``f64``, made at
        the first use with times in milliseconds. A table of one number that was made otherwise
        serves as well.

        Args:
            series: The series' name.
            ts_ms: The time: an int in the table's unit, or what ``Table.append_row`` takes.
            value: A number. True and False are 1.0 and 0.0.

        Raises:
            SchemaError: A table of that name has other columns, or the value is an integer that has
                no exact float. No table was made.
            TypeError: The time is a bool or a float, or the value is not a number.
            OverflowError: The time does not fit int64.

        >>> with cl.Db(path) as db:
        ...     db.append("sensor_x", 1704067200000, 25.5)
        ...     db.append("sensor_x", 1704067201000, 25.6)
        1
        2
        """

    def append_row(self, table: str, ts_ms: _Time, values: _Row | Sequence[SupportsFloat]) -> int:
        """Appends a row to a table and returns its sequence number.

        As in NanoTS, and the same as ``db[table].append_row(ts_ms, values)``, but that True and
        False are 1.0 and 0.0 in float columns.

        Args:
            table: The table's name.
            ts_ms: The time: an int in the table's unit, or what ``Table.append_row`` takes.
            values: The value columns in the table's order, or a mapping by name; None is null.

        Raises:
            TableNotFoundError: There is no such table.
            SchemaError: The values do not fit the columns.
            TypeError: The time is a bool or a float, or a value is of no type that is kept.
            OverflowError: The time does not fit int64.

        >>> with cl.Db(path) as db:
        ...     table = db.create_table("sensor", ["temp", "humidity"])
        ...     db.append_row("sensor", 1704067200000, [25.5, 60.0])
        1
        """

    def append_row_typed(self, table: str, ts_ms: _Time, values: _Row) -> int:
        """Appends a row of values of any type to a table and returns its sequence number.

        As in NanoTS, and the same as ``db[table].append_row(ts_ms, values)``.

        Args:
            table: The table's name.
            ts_ms: The time: an int in the table's unit, or what ``Table.append_row`` takes.
            values: The value columns in the table's order, or a mapping by name; None is null.

        Raises:
            TableNotFoundError: There is no such table.
            SchemaError: The values do not fit the columns.
            TypeError: The time is a bool or a float, or a value is of no type that is kept.
            OverflowError: The time does not fit int64, or an integer 64 bits.

        >>> with cl.Db(path) as db:
        ...     table = db.create_table_typed("pump", [("rpm", "int"), ("site", "string")])
        ...     db.append_row_typed("pump", 1704067200000, [1450, None])
        1
        """

    def append_rows_arrow_capsules(
        self, table: str, schema_capsule: object, array_capsule: object
    ) -> int:
        """Appends the rows of an Arrow record batch, all of them or none, and returns how many.

        As in NanoTS. Columns are matched by name; those that the table does not have are passed
        over. ``Table.append(batch)`` does the same without capsules, and refuses such columns.

        Args:
            table: The table's name; there has to be one.
            schema_capsule, array_capsule: What ``batch.__arrow_c_array__()`` returns. The array is
                taken out, so that a pair serves once.

        The time is the column ``ts_ms``, else ``ts``; or that of the table's own name, if that is
        another, first of all. Integers in ``ts_ms`` are milliseconds, in any other they are in the
        table's unit; timestamps are converted. What the values may be is said at ``Table.append``.

        Raises:
            TableNotFoundError: There is no such table. The capsules stay good.
            SchemaError: A column is missing, or a type or time does not fit. Nothing was written.
            InvalidInputError: The array was taken out of its capsule before.
            TypeError: Not capsules of an Arrow schema and array.

        >>> import pyarrow as pa
        >>> batch = pa.record_batch({"ts_ms": [1000, 1001, 1002], "value": [1.0, 2.0, 3.0]})
        >>> with cl.Db(path) as db:
        ...     table = db.create_table("sensor", ["value"])
        ...     db.append_rows_arrow_capsules("sensor", *batch.__arrow_c_array__())
        3
        """

    def query_range(self, series: str, start_ms: _Time, end_ms: _Time) -> list[tuple[int, Any]]:
        """Times and values of a series with ``start_ms <= time <= end_ms``, in the order of time.

        As in NanoTS: the series is a table with one column, which is called ``value``.

        Args:
            series: The series' name.
            start_ms, end_ms: The first and the last time, both within the range: ints in the
                table's unit, or what ``Table.append_row`` takes.

        Returns:
            Pairs of a time, an int in the table's unit, and a float; None is null.

        Raises:
            TableNotFoundError: There is no such series.
            SchemaError: The table of that name is not a series.

        >>> with cl.Db(path) as db:
        ...     first = db.append("sensor_x", 1704067200000, 25.5)
        ...     db.query_range("sensor_x", 1704067200000, 1704067200000)
        [(1704067200000, 25.5)]
        """

    def query_table_range_columns(
        self, table: str, start_ms: _Time, end_ms: _Time
    ) -> tuple[list[int], list[list[Any]]]:
        """Times and columns of the rows with ``start_ms <= time <= end_ms``, in the order of time.

        As in NanoTS. ``Table.scan`` reads the same without making an object of every value, over
        half-open ranges.

        Args:
            table: The table's name.
            start_ms, end_ms: The first and the last time, both within the range: ints in the
                table's unit, or what ``Table.append_row`` takes.

        Returns:
            The times, in the table's unit, and a list for each value column, in the table's order:
            floats, or what the column's type is in Python; None is null.

        Raises:
            TableNotFoundError: There is no such table.

        >>> db.query_table_range_columns("sensor", 1704067201000, 1704067202000)
        ([1704067201000, 1704067202000], [[25.6, None], [59.0, 61.0]])
        """

    def query_table_range_typed(
        self, table: str, start_ms: _Time, end_ms: _Time
    ) -> tuple[list[int], list[list[Any]]]:
        """The same as ``query_table_range_columns``, which reads columns of every type.

        As in NanoTS.

        >>> db.query_table_range_typed("sensor", 1704067201000, 1704067202000)
        ([1704067201000, 1704067202000], [[25.6, None], [59.0, 61.0]])
        """

    def query_table_range_arrow_capsules(
        self, table: str, start_ms: _Time, end_ms: _Time
    ) -> tuple[object, object]:
        """The rows with ``start_ms <= time <= end_ms`` as one Arrow record batch, in two capsules.

        As in NanoTS. ``Table.scan`` hands out the same batch by batch, over half-open ranges.

        Args:
            table: The table's name.
            start_ms, end_ms: The first and the last time, both within the range: ints in the
                table's unit, or what ``Table.append_row`` takes.

        Returns:
            The capsules of the schema and of the array. The time is the first column: an int64,
            called ``ts_ms``; in a table of another unit than ms, or with a value column of that
            name, it has the table's own name for it and is in the table's unit. A column is marked
            nullable only if it holds a null.

        Raises:
            TableNotFoundError: There is no such table.
            InvalidInputError: A column holds 2 GiB of text or more, too much for one batch.

        >>> import pyarrow.lib
        >>> capsules = db.query_table_range_arrow_capsules("sensor", 0, 10**18)
        >>> batch = pyarrow.lib.RecordBatch._import_from_c_capsule(*capsules)
        >>> batch.num_rows, batch.schema.names
        (3, ['ts_ms', 'temp', 'humidity'])
        """

    def table_time_range(self, table: str) -> tuple[int, int] | None:
        """The least and the greatest time of a table's rows, in its unit; None if it has none.

        As in NanoTS, which leaves out rows that were not flushed.

        Raises:
            TableNotFoundError: There is no such table.

        >>> db.table_time_range("sensor")
        (1704067200000, 1704067202000)
        """

    def execute(self, sql: str) -> int:
        """Carries out one SQL statement and returns how many rows it inserted.

        The statements are ``CREATE TABLE [IF NOT EXISTS] name (column type, ...)``, after which
        the same table again is no error, and ``INSERT INTO name [(column, ...)] VALUES (value,
        ...), ...``, all of whose rows are appended or none. Names stand bare, in ``"double
        quotes"`` or in backticks, and are taken as they are written.

        The time is the first column if that is a ``TIMESTAMP``, in milliseconds or, with (0), (6)
        or (9), in s, us or ns; or if it is a ``BIGINT`` called ``ts_ms`` or ``ts``. Without one
        the table's time is called ``ts``. Other types are ``DOUBLE`` and ``FLOAT`` (64 bits),
        ``REAL``, ``BIGINT`` and ``INTEGER`` (64 bits, as in NanoTS), ``SMALLINT``, ``TINYINT``,
        these ``UNSIGNED``, ``BOOLEAN``, ``TEXT``, ``VARCHAR``, ``BLOB``, ``BYTEA``, and the names
        that ``create_table_typed`` takes. Lengths, as in ``VARCHAR(10)``, limit nothing.

        Values are numbers, ``'text'``, ``X'00ff'``, ``TRUE``, ``FALSE`` and ``NULL``; a time is an
        integer in the table's unit or ISO 8601 text. Without a list of columns the time comes
        first. In a list ``ts_ms``, whose integers are milliseconds, and ``ts`` name it too;
        columns that are not in the list are null.

        Raises:
            InvalidInputError: The text is no such statement.
            TableNotFoundError: There is no such table.
            SchemaError: A column is not there, or a type or a value does not fit.

        Each says at what line and column, and nothing was done.

        >>> with cl.Db(path) as db:
        ...     db.execute("CREATE TABLE pump (rpm DOUBLE, site TEXT)")
        ...     db.execute("INSERT INTO pump VALUES (1000, 1450, 'north'), (2000, 1460, NULL)")
        0
        2
        """

    def diagnose(self) -> dict[str, Any]:
        """How much waits to be flushed, and how much was written lately.

        As in NanoTS: ``wal_bytes`` (records in the log), ``total_table_segment_bytes``,
        ``wal_ratio`` (the one by the other; None without segments), ``pending_rows`` and
        ``pending_tables`` (rows that are not in segments, and tables with such), ``writes_per_sec``
        (rows, over the last ``write_load_window_ms``) and ``last_write_age_ms`` (since the open if
        nothing was written). And ``maintenance_error``: what background maintenance failed with
        last, None once it went well again.

        >>> with cl.Db(path) as db:
        ...     first = db.append("sensor_x", 1704067200000, 25.5)
        ...     db.diagnose()["pending_rows"]
        1
        """

    def stats(self, table: str | None = None) -> dict[str, Any]:
        """Counts and sizes, in rows and bytes, of the whole database or of one table.

        The whole has ``path``, ``file_bytes``, ``log_bytes``, ``generation``, ``epoch``,
        ``next_seq``, ``readers`` (processes that have it open in mode "r" or hold buffers of it),
        ``kept_for_readers`` (bytes that would be free but for them; told by who writes),
        ``write_amplification`` (how many times each byte of a segment was written,
        since the open; None before the first flush), ``maintenance`` and ``tables``, by name.
        ``maintenance`` has what was done in the background since the open: ``running``, ``rounds``,
        ``flushes``, ``retention_runs``, ``packs``, ``segments_before``, ``segments_after``,
        ``rows_packed``, ``bytes_packed``, ``trims`` (times that free space was given back),
        ``seconds``, ``errors`` and ``last_error`` (text or None).

        A table has ``name``, ``rows``, ``memtable_rows``,
        ``segments``, ``disk_bytes``, ``min_ts``, ``max_ts`` (in the table's unit), ``by_column``,
        by name, and ``row_numbers``. Of a column and of the row numbers there are ``type``,
        ``values``, ``nulls``, ``bytes``, ``bits_per_value`` and ``codecs`` (blocks by codec), as
        they are in segments: rows in the memtable are not counted.

        A table also has what NanoTS tells of it, of its rows in segments: ``columns`` (how many);
        ``raw_ts_bytes``, ``raw_value_bytes`` (at the width of the types, nulls too; text and bytes
        count for nothing) and ``raw_total_bytes``; ``stored_ts_bytes``, ``stored_value_bytes`` and
        ``stored_total_bytes`` (blocks); ``header_bytes`` (the rest of the segments);
        ``ntt_file_bytes`` (the segments), ``idx_file_bytes`` (their entries in the manifest),
        ``on_disk_bytes`` (both) and ``schema_file_bytes``; and if there are segments,
        ``compression_ratio_total_x`` (raw by on disk), ``compression_ratio_ts_blob_x``,
        ``compression_ratio_value_blob_x`` (raw by stored) and ``compression_ratio_values_x`` (raw
        values by segments).

        >>> with cl.Db(path) as db:
        ...     sensor = db.create_table("sensor", ["temp"])
        ...     rows = sensor.append({"ts": [1, 2], "temp": [1.0, 2.0]})
        ...     db.stats("sensor")["rows"]
        2
        """

    def verify(self, *, progress: Callable[[int, int], object] | None = None) -> VerifyReport:
        """Reads the whole file and its log, and checks all of it.

        Header, manifest, log records and what is free; every block against its checksum; that
        statistics, times, row numbers and keys are those of the rows. ``progress(done, total)`` is
        called now and then with bytes of segments; what it raises ends the check.

        >>> with cl.Db(path) as db:
        ...     db.verify().ok
        True
        """

    def __getitem__(self, name: str, /) -> Table: ...
    def __contains__(self, name: object, /) -> bool: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

def salvage(
    source: str | PathLike[str],
    target: str | PathLike[str],
    *,
    progress: Callable[[int, int], object] | None = None,
) -> SalvageReport:
    """Writes what can be read of a damaged database to a new file, and says what was lost.

    The source is only read, its log with it. Rows keep their values, their order and their sequence
    numbers, tables their schemas and rules. Where a block of a column is damaged its rows are kept
    and read null in that column; where it is one of the times, they are lost. If header or manifest
    are damaged, segments are searched for in all of the file.

    ``progress(done, total)`` is called now and then with bytes that were looked at; what it raises
    ends the salvage, and nothing is left. The target has its name only when it is whole.

    Raises ``DatabaseLockedError`` while a writer has the source open, ``FileExistsError`` (a
    ``StorageError``) if there is something at ``target``, ``FormatError`` for a newer file,
    ``CorruptionError`` if nothing of a database is left.

    >>> db.close()
    >>> report = cl.salvage(db.path, path)
    >>> report["problems"], report["tables"]["sensor"]["rows"]
    ([], 3)
    >>> with cl.Db(path) as saved:
    ...     saved["sensor"].scan().count()
    3
    """

@final
class Snapshot:
    """One moment of the whole database, for as long as it is held.

    A mapping of names to tables as they were; writing to those is a ``ReadOnlyError``.

    >>> with db.snapshot() as moment:
    ...     db["sensor"].delete(None, None)
    ...     "sensor" in moment, moment["sensor"].scan().count()
    (True, 3)
    """

    def tables(self) -> list[str]:
        """The names of the tables there were, sorted.

        >>> db.snapshot().tables()
        ['sensor']
        """

    def table(self, name: str) -> Table:
        """The table of that name as it was; ``snapshot[name]`` is the same.

        Raises:
            TableNotFoundError: There was none.

        >>> len(db.snapshot().table("sensor"))
        3
        """

    def close(self) -> None:
        """Lets go of the moment. Tables and scans that were taken of it go on showing it.

        >>> moment = db.snapshot()
        >>> moment.close()
        """

    def __getitem__(self, name: str, /) -> Table: ...
    def __contains__(self, name: object, /) -> bool: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

@final
class Table:
    """A table of a database: a time column, and typed value columns that can hold nulls.

    ``t[start:end]`` is the scan of a range of time, ``len(t)`` the number of rows, and the table
    itself is an Arrow stream of all of them.

    >>> t
    <chronolite.Table "sensor": 3 rows, 2024-01-01T00:00:00 to 2024-01-01T00:00:02; ts timestamp...>
    >>> len(t), t["2024-01-01T00:00:01Z":].count()
    (3, 2)
    """

    @property
    def name(self) -> str:
        """The table's name.

        >>> t.name
        'sensor'
        """

    @property
    def schema(self) -> Schema:
        """Names and types of all columns, the time column first.

        >>> t.schema["temp"]
        'f64'
        """

    @property
    def codecs(self) -> dict[str, str]:
        """The codecs that were asked for, by column: see ``Db.create_table``.

        >>> t.codecs
        {}
        """

    @property
    def columns(self) -> list[str]:
        """The names of all columns, the time column first.

        >>> t.columns
        ['ts', 'temp', 'humidity']
        """

    @property
    def min_ts(self) -> int | None:
        """The earliest time, in the table's unit; None if there are no rows.

        >>> t.min_ts
        1704067200000
        """

    @property
    def max_ts(self) -> int | None:
        """The latest time, in the table's unit; None if there are no rows.

        >>> t.max_ts
        1704067202000
        """

    def append(self, data: _Data) -> int:
        """Appends rows, all of them or none, and returns how many.

        Args:
            data: Anything with an Arrow capsule (pyarrow, polars, duckdb, arro3), a pandas
                DataFrame, a dict of arrays or lists, a list of dicts (one a row), or a NumPy
                structured array; or an iterable of such pieces, a generator of record batches
                say, which are one append together. Columns are matched by name and all must be
                there.

        Times are integers in the table's unit, dates, or timestamps of any unit and zone.
        ``None``, ``NA``, ``NaT``, a mask, and a NaN in a float column of pandas are null; every
        other NaN stays one. A DataFrame's index is left out unless it is named as the time column.

        Nothing is lost in silence: integers and floats widen; integers and Arrow's decimals become
        floats, and decimals integers, where that is exact. Text and bytes come in each of Arrow's
        layouts; dictionaries and runs (also categories) are unfolded; an Arrow date goes into an
        integer column as its days (date32) or milliseconds (date64). Lists, structs, durations and
        times of day are refused.

        All of it is read and checked before anything is written. Arrow's memory is read without a
        copy where it can be: do not write to it before ``append`` returns, from another thread or
        to fill the next piece of a generator. What is in the table afterwards is a copy.

        Raises:
            SchemaError: A name, type, length or time does not fit; it says which column and row
                (over all pieces). Nothing was written.
            ConflictError: The table was made with ``on_conflict="error"`` and a row has the time
                and key of another one of them or of one that is there. Nothing was written.
            TypeError: It is no data.
            InvalidInputError: An Arrow stream failed midway.

        What a generator raises is raised as it is, and nothing was written.

        >>> t.append({"ts": [1704067203000], "temp": [25.8], "humidity": [None]})
        1
        >>> day, columns = 86400000, ("temp", "humidity")
        >>> t.append({"ts": [day * n], **dict.fromkeys(columns, [0.5])} for n in range(3))
        3
        """

    def append_row(self, ts: _Time, values: _Row) -> int:
        """Appends one row and returns its sequence number.

        Args:
            ts: The time: an int in the table's unit, a datetime (naive means UTC), ISO 8601 text,
                a ``numpy.datetime64`` or a ``pandas.Timestamp``.
            values: The value columns in the table's order, or a mapping by name.

        Raises:
            SchemaError: The values do not fit the columns.
            ConflictError: The table was made with ``on_conflict="error"`` and there is a row of
                that time and key.
            TypeError: The time is a bool or a float, or a value is of no type that is kept.
            OverflowError: The time does not fit int64.

        >>> t.append_row("2024-01-01T00:00:03Z", [25.8, None])
        4
        """

    def retain(self, duration_or_cutoff: _Duration | _Time) -> None:
        """Deletes the rows older than a length of time, or before a time.

        They are gone at once, as by ``delete``; rows that are appended later are not touched,
        however old.

        Args:
            duration_or_cutoff: A ``timedelta`` (pandas' and NumPy's too) or text such as ``"7d"``:
                rows from so long before now on stay, by the clock on the wall. Or a time, as
                ``scan`` takes it: rows from it on stay. An int is a time, in the table's unit.

        Raises:
            InvalidInputError: The length is negative, or the table's unit cannot express it.
            ReadOnlyError: The database is open for reading only, or the table is of a snapshot.

        >>> sensor = db.create_table("recent", ["temp"])
        >>> sensor.append({"ts": ["2024-01-01", "2024-01-02"], "temp": [1.0, 2.0]})
        2
        >>> sensor.retain("2024-01-02")
        >>> len(sensor)
        1
        >>> sensor.retain("7d")
        >>> len(sensor)
        0
        """

    def add_column(
        self, name: str, type: _TypeName | _ArrowSchema, *, codec: _Codec | None = None
    ) -> None:
        """Gives the table a column, in which the rows there are now are null.

        It is the last one. Nothing is rewritten, however many rows there are. From now on
        ``append`` and ``append_row`` want a value for it (None is one), also through handles from
        before; snapshots and scans from before do not have it.

        Args:
            name: Its name.
            type: Its type: a name as ``create_table`` takes it, or a type of Arrow.
            codec: A codec to encode it with, as in ``codecs`` of ``create_table``.

        Raises:
            SchemaError: The table has a column of that name, there is no such type, or it cannot
                have that codec.
            ReadOnlyError: The database is open for reading only, or the table is of a snapshot.
            TableNotFoundError: The table was dropped.

        >>> t.add_column("site", "utf8")
        >>> t.columns
        ['ts', 'temp', 'humidity', 'site']
        """

    def delete(self, start: _Time | None, end: _Time | None, *, key: _Key | None = None) -> None:
        """Deletes the rows there are now with ``start <= time < end``.

        They are gone at once, whatever their number; rows that are appended later in the same range
        are not touched. The space is given back by ``Db.compact()``.

        Args:
            start: The first time; None is open.
            end: The time to stop before; None is open.
            key: Only rows of this key, as ``scan`` takes it.

        Raises:
            ReadOnlyError: The database is open for reading only, or the table is of a snapshot.

        >>> t.delete("2024-01-01T00:00:01Z", "2024-01-01T00:00:02Z")
        >>> len(t)
        2
        """

    def scan(
        self,
        start: _Time | None = None,
        end: _Time | None = None,
        *,
        columns: Iterable[str] | None = None,
        where: _Where | None = None,
        key: _Key | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Scan:
        """The rows with ``start <= time < end``, in the order of time, as of now.

        Args:
            start: The first time; None is open.
            end: The time to stop before; None is open.
            columns: Names of the columns to read, in this order; None is all of them. The time is
                always read: first, unless it is named elsewhere.
            where: Only rows for which this is true: text, ``col("temp") > 24.9``, or an expression
                of ``pyarrow.compute``. It may be about columns that are not read. Blocks are passed
                over or taken as a whole where their least and greatest values tell; of the others
                the columns of ``where`` are decoded first.

                The text has comparisons (``==`` or ``=``, ``!=`` or ``<>``, ``<``, ``<=``, ``>``,
                ``>=``) of a column with a value or a column, ``in (1, 2)``, ``between 1 and 2``,
                ``is null``, ``is nan``, a column of bools by itself, ``and``, ``or``, ``not`` and
                parentheses. Values are numbers, ``inf``, ``nan``, ``true``, ``false``, ``null``,
                ``'text'`` (``''`` for a quote in it), ``x'00ff'`` for bytes, and ``timestamp
                '2024-01-01T12:00Z'``; beside the time column a text is a time too. A name that is
                no word stands in double quotes.

                A comparison with a null is neither true nor false, as in SQL. NaN compares as in
                IEEE 754 and Arrow: ``temp != 1`` and ``not temp > 1`` keep it. Integers and floats
                compare exactly.
            key: Only rows of this key: the value of the key's column, a tuple of one for each
                column of the key, or a dict by name. In a table that was packed, only the blocks
                of that key are read.
            limit: The greatest number of rows.
            reverse: The newest row first: exactly the other order. With a ``limit`` little is read.

        Raises:
            InvalidInputError: The table has no key, or ``where`` is no predicate; the message says
                at which character of a text.
            SchemaError: There is no such column, the key is not one of the table's, or ``where``
                compares what does not compare.

        >>> t.scan("2024-01-01", "2024-01-02", columns=["temp"], limit=2).to_numpy()["temp"]
        array([25.5, 25.6])
        >>> t.scan(where="temp > 25.5 or humidity == 61", reverse=True).to_numpy()["humidity"]
        array([61., 59.])
        """

    def last(self, n: int = 1, *, key: _Key | None = None) -> Scan:
        """The newest ``n`` rows, in the order of time.

        Args:
            n: How many.
            key: Only rows of this key, as ``scan`` takes it.

        >>> t.last().to_numpy()["humidity"]
        array([61.])
        """

    def asof(self, ts: _Time, *, key: _Key | None = None) -> Scan:
        """The newest row at or before a time: of rows at the same time, the last in the order of a
        scan. No row if there is none.

        Args:
            ts: The time: an int in the table's unit, or what ``append_row`` takes.
            key: Only rows of this key, as ``scan`` takes it.

        Raises:
            TypeError: The time is a bool or a float.

        >>> t.asof("2024-01-01T00:00:01.500Z").to_numpy()["temp"]
        array([25.6])
        >>> t.asof("2023-12-31").count()
        0
        """

    def downsample(
        self,
        every: _Duration,
        aggregates: _Aggregates,
        start: _Time | None = None,
        end: _Time | None = None,
        *,
        by: str | Iterable[str] = (),
        where: _Where | None = None,
        origin: Literal["epoch", "start"] | _Time = "epoch",
        tz: str | tzinfo | None = None,
        fill: Literal["null", "previous", "linear"] | float | None = None,
        exact: bool = False,
    ) -> Scan:
        """The rows with ``start <= time < end`` in buckets of time, and what each bucket comes to,
        as of now.

        The result is a scan, lazy as any: a row for each bucket that has rows (and each group in
        it), in order of time, then of ``by``. Its columns are the time at which the bucket begins,
        those of ``by``, and then ``temp_mean`` and so on in the order given.

        Args:
            every: The length of a bucket: an int in the table's unit, a ``timedelta``, or text such
                as ``"250ms"``, ``"5m"`` (``ns us ms s m h d w``). A bucket holds its beginning and
                not its end.
            aggregates: Columns, and for each a name or a list of names.

                - ``count``: how many values are not null (of the time column: how many rows); i64
                - ``sum``: exact for integers (i64, or u64 of unsigned ones and of bools), f64 for
                  floats: up to 1,024 values in eight partial sums, these then with compensation, so
                  that it is off by at most about 131 * 2**-53 = 1.5e-14 times the sum of the
                  magnitudes, for any number of rows. (NumPy's pairwise summation has
                  18 + log2(n / 128) in place of 131; what either is off by is mostly a small part
                  of that.) How the rows are divided for it depends on how they are stored; the
                  bound does not. See ``exact``
                - ``mean``: f64, the sum divided by the count; of integers rounded once
                - ``min``, ``max``: of the column's type; text and bytes compare by their bytes. NaN
                  is passed over; if there is nothing else the result is null
                - ``first``, ``last``: the first and last value that is not null, in order of rows
                - ``std``: the sample's standard deviation (n - 1), f64; null for a single value

                Nulls are passed over. Nothing but nulls comes to null, and to a count of 0. A NaN
                makes sum, mean and std NaN. Text and bytes have no sum, mean or std.
            start: The first time of the rows; None is open. It does not move the buckets.
            end: The time to stop before; None is open.
            by: A column, or a list of them, of text, bytes, bools or integers: their values make
                groups, each with a row of its own. Null is one of the values, and comes first.
            where: Only rows for which this is true count: see ``scan``.
            origin: A time at which a bucket begins, the others following both ways: ``"epoch"`` is
                1970-01-01 or, for whole weeks, a Monday; ``"start"`` is ``start`` or, without one,
                the first row's time; or any time.
            tz: A time zone: a name of the IANA database (the one built into chronolite), or a
                ``ZoneInfo``. Days and weeks are then the calendar's there, as in pandas: they begin
                at local midnight (``"epoch"``) or the origin's time of day, and have 23 or 25 hours
                where clocks change. Shorter buckets are counted from there in time that passes, so
                that they never join two hours of the same name; the last of a day ends with the
                day. ``every`` is whole days, or goes into a day. The times of the result stay UTC.
            fill: None gives only the buckets that have rows. Anything else gives every bucket, for
                every group that occurs, from that of ``start`` (of the first row, if it is None) to
                that of ``end`` (of the last row), and says what stands for a null, of a bucket
                without rows as of one with nothing but nulls: ``"null"`` nothing;
                ``"previous"`` the value of the bucket before; ``"linear"`` the value on the line in
                time between those before and after (integers rounded), which does not reach beyond
                the first and the last; or a number, that number. A count is never null, so it is 0.
            exact: True makes ``sum`` and ``mean`` of floats, and ``std`` of all numbers, the true
                ones of the values as real numbers, rounded once to the nearest float (as
                ``math.fsum`` does a sum): the same in whatever order rows were written or are
                stored, and of any size on the way. A sum past the greatest float is infinite; one
                of nothing but -0.0 is -0.0. Such sums and means are not answered from statistics,
                and such a ``std`` takes ten times as long or more; other aggregates are as ever.

        It reads the range once, block by block, and keeps the open bucket's groups in memory; with
        a ``fill`` it keeps what the result would be without. Reading raises for what only the rows
        show: ``ResultOverflowError`` for a sum of integers past 64 bits, ``InvalidInputError`` if
        filling makes more than 100 million rows.

        Raises:
            SchemaError: There is no such column, it has no such aggregate or cannot be filled so,
                or two columns of the result are of one name.
            InvalidInputError: ``every`` is not positive or not whole in the table's unit, is months
                or years, or does not go with ``tz``; there is no such zone, aggregate or fill.
            TypeError: An argument is of another type.

        >>> t.downsample("2s", {"temp": ["mean", "count"], "humidity": "max"}).to_pandas()
                           ts  temp_mean  temp_count  humidity_max
        0 2024-01-01 00:00:00      25.55           2          60.0
        1 2024-01-01 00:00:02        NaN           0          61.0
        """

    def tail(
        self,
        cursor: SupportsIndex | None = None,
        timeout: float | timedelta | np.timedelta64 | str | None = None,
    ) -> Tail:
        """The change feed: an iterator of the rows that arrive, in the order of arrival, which
        waits for them.

        A row is handed out once it can be read by a scan, in batches of some ten thousand rows at
        most, which have all columns that the table has by then. Every row is handed out once:
        flushes, packing and retention neither repeat nor lose any. Rows that are deleted before
        they are handed out are left out; so may be rows that another one took the place of, in a
        table that does not keep all (``on_conflict``). Power loss may take rows that were handed
        out and not durable yet; their numbers are then given to others. Of a snapshot's table there
        are the rows that it has, and the feed ends after them.

        Args:
            cursor: The number of the row behind which to begin: the ``cursor`` of a feed or of one
                of its batches, in this process or an earlier one, or what ``append_row`` returned.
                0 is from the first row on, None from now on.
            timeout: How long to wait for rows before the iteration ends: a number of seconds, a
                ``timedelta``, or text such as "250ms". 0 takes what is there, None waits for ever.
                A feed whose iteration has ended can be iterated again, and goes on.

        Raises:
            TableNotFoundError: The table was dropped, also while it waits.
            ClosedError: The database was closed, also while it waits.
            InvalidInputError: The cursor or the timeout is negative.
            TypeError: The cursor is no int, or the timeout no length of time.

        >>> feed = t.tail(timeout=0.01)
        >>> row = t.append_row("2024-01-01", [24.0, 62.0])
        >>> for batch in feed:
        ...     len(batch), batch.cursor == row
        (1, True)
        >>> [len(batch) for batch in t.tail(cursor=0, timeout=0)]
        [4]
        """

    def __getitem__(self, range: slice, /) -> Scan: ...
    def __len__(self) -> int: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class Tail(Iterator[RecordBatch]):
    """The rows of a table as they arrive: an iterator that waits for them.

    ``Table.tail`` makes it and says what it yields; ``chronolite.aio.tail`` is the same for
    ``async for``. It keeps the database open as its table does. One thread iterates at a time.

    >>> feed = t.tail(cursor=0, timeout=0)
    >>> next(feed).to_numpy()["humidity"]
    array([60., 59., 61.])
    >>> [len(batch) for batch in feed], feed.cursor
    ([], 3)
    """

    @property
    def cursor(self) -> int:
        """The number of the last row that was handed out, or where the feed began.

        >>> t.tail().cursor, t.tail(cursor=2).cursor
        (3, 2)
        """

    def close(self) -> None:
        """Ends the feed: iterating is over, also for a thread that waits in it.

        >>> feed = t.tail()
        >>> feed.close()
        >>> list(feed)
        []
        """

    def __iter__(self) -> Self: ...
    def __next__(self) -> RecordBatch: ...

@final
class Scan:
    """Rows of one table, or buckets of them, at one moment. Nothing is read until it is asked for,
    and it may be read as often as wanted: what is written after the scan was made is not in it.

    It is an Arrow stream: ``pyarrow.table(scan)``, ``polars.DataFrame(scan)`` and
    ``duckdb.from_arrow(scan)`` read it without a copy. A reader that asks for another schema gets
    as much of it as loses nothing: the columns it names, in its order, in wider types, other
    layouts of text, or a finer unit of time or a zone. In a notebook its first rows are shown.

    >>> scan = t.scan()
    >>> scan
    <chronolite.Scan ts timestamp[ms], temp f64, humidity f64>
    >>> import pyarrow as pa
    >>> pa.table(scan).num_rows
    3
    """

    @property
    def schema(self) -> Schema:
        """Names and types of the columns of the result.

        >>> t.scan(columns=["humidity"]).schema.names
        ['ts', 'humidity']
        """

    def count(self) -> int:
        """The number of rows.

        >>> t.scan().count()
        3
        """

    def explain(
        self, *, aggregates: _Aggregates | None = None, exact: bool = False
    ) -> dict[str, Any]:
        """What the scan costs: it is read once, and counted what was looked at, skipped, decoded,
        answered from statistics and copied.

        It reads all that ``batches()`` would, and throws the rows away: what it tells is what
        happened, not what was meant to. It takes as long as that.

        Args:
            aggregates: Tell what ``aggregate`` of these costs instead; ``rows`` is 0 then.
            exact: As ``aggregate`` takes it.

        Returns:
            ``rows`` of the result and ``memory_rows`` that were not flushed yet; ``segments`` of
            the table and ``blocks`` (stretches of about 16,384 rows of the segments that were
            looked into), each a dict of ``looked_at``, ``skipped``, ``decoded`` and
            ``from_statistics``; and ``bytes`` of values: ``decoded`` by codecs, ``viewed`` as they
            lie in the file, ``copied`` once more after that: by a merge or a filter, or to put
            small pieces together.

        >>> found = t.scan(where="temp > 25.5").explain()
        >>> found["rows"], found["memory_rows"], found["segments"]["looked_at"]
        (1, 3, 0)
        """

    def aggregate(
        self, aggregates: _Aggregates, *, exact: bool = False
    ) -> dict[str, dict[str, Any]]:
        """What the values of columns come to over all rows of the scan. Reads these columns only,
        in bounded memory.

        Args:
            aggregates: Columns of the scan, and for each a name or a list of names: ``count``,
                ``sum``, ``mean``, ``min``, ``max``, ``first``, ``last``, ``std``, as
                ``Table.downsample`` has them.
            exact: True makes ``sum`` and ``mean`` of floats, and every ``std``, those of the values
                as real numbers, rounded once, as there. Floats are then summed from the rows, not
                from statistics.

        Returns:
            The values by column and name, as Python's own; None is null. Times are ints in the
            table's unit.

        Raises:
            SchemaError: There is no such column in the scan, or it has no such aggregate.
            ResultOverflowError: A sum of integers is past 64 bits; also an ``OverflowError``.
            InvalidInputError: There is no such aggregate.

        >>> t.scan().aggregate({"temp": ["min", "count"], "humidity": "mean"})
        {'temp': {'min': 25.5, 'count': 2}, 'humidity': {'mean': 60.0}}
        >>> flow = db.create_table("flow", ["litres"])
        >>> flow.append({"ts": [1, 2, 3], "litres": [0.1, 0.2, 0.3]})
        3
        >>> flow.scan().aggregate({"litres": "sum"})
        {'litres': {'sum': 0.6000000000000001}}
        >>> flow.scan().aggregate({"litres": "sum"}, exact=True)
        {'litres': {'sum': 0.6}}
        """

    def batches(self, rows: int = 65536) -> BatchIterator:
        """The result batch by batch, each of at most ``rows`` rows, in bounded memory.

        >>> [batch.num_rows for batch in t.scan().batches(rows=2)]
        [2, 1]
        """

    def to_arrow(self) -> pyarrow.Table:
        """The result as a ``pyarrow.Table``; needs pyarrow.

        >>> t.scan().to_arrow().column("temp").null_count
        1
        """

    def to_pandas(self) -> pandas.DataFrame:
        """The result as a ``pandas.DataFrame``; needs pandas, but not pyarrow.

        The time is a column ``datetime64`` in the table's unit. Nulls are NaN in float columns;
        integer and bool columns that hold nulls are of pandas' nullable dtypes, which keep them
        exact. Values are not copied: a frame over a file that is stored ``"raw"`` is read-only.

        >>> t.scan().to_pandas()["temp"].isna().sum()
        np.int64(1)
        """

    def to_polars(self) -> polars.DataFrame:
        """The result as a ``polars.DataFrame``; needs polars.

        >>> t.scan().to_polars().shape
        (3, 3)
        """

    def to_numpy(self) -> dict[str, np.ndarray[Any, Any]]:
        """The result as a dict of NumPy arrays, one a column, of one length.

        The time is ``datetime64`` in the table's unit; text and bytes are arrays of objects.
        Nulls are NaN in float columns, ``None`` among objects, and masked (a
        ``numpy.ma.MaskedArray``) in integer and bool columns. Arrays over memory that the
        database still uses (a file stored ``"raw"``, say) are read-only, all others are yours.

        >>> t.scan().to_numpy()["ts"][0]
        np.datetime64('2024-01-01T00:00:00.000')
        """

    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class BatchIterator(Iterator[RecordBatch]):
    """The batches of a scan, each read when it is asked for.

    >>> batches = t.scan().batches()
    >>> next(batches).num_rows
    3
    >>> [batch.num_rows for batch in t.scan().batches()]
    [3]
    """

    def __iter__(self) -> Self: ...
    def __next__(self) -> RecordBatch: ...

@final
class RecordBatch:
    """A batch of rows, to be handed on as an Arrow array. It stays good when the database is
    closed.

    >>> import pyarrow as pa
    >>> batch = next(t.scan().batches())
    >>> pa.record_batch(batch).num_rows, len(batch)
    (3, 3)
    """

    @property
    def num_rows(self) -> int:
        """The number of rows.

        >>> next(t.scan().batches()).num_rows
        3
        """

    @property
    def schema(self) -> Schema:
        """Names and types of the columns.

        >>> next(t.scan().batches()).schema.names
        ['ts', 'temp', 'humidity']
        """

    @property
    def cursor(self) -> int | None:
        """The number of its last row, behind which ``Table.tail`` goes on; None of a scan's batch.

        >>> next(t.tail(cursor=0)).cursor
        3
        """

    def to_arrow(self) -> pyarrow.Table:
        """The batch as a ``pyarrow.Table``; needs pyarrow.

        >>> next(t.scan().batches()).to_arrow().column("temp").null_count
        1
        """

    def to_pandas(self) -> pandas.DataFrame:
        """The batch as a ``pandas.DataFrame``; needs pandas, but not pyarrow.

        Nulls are as in ``Scan.to_pandas``.

        >>> next(t.scan().batches()).to_pandas().shape
        (3, 3)
        """

    def to_polars(self) -> polars.DataFrame:
        """The batch as a ``polars.DataFrame``; needs polars.

        >>> next(t.scan().batches()).to_polars().shape
        (3, 3)
        """

    def to_numpy(self) -> dict[str, np.ndarray[Any, Any]]:
        """The batch as a dict of NumPy arrays, one a column, of one length.

        Nulls are as in ``Scan.to_numpy``.

        >>> next(t.scan().batches()).to_numpy()["humidity"]
        array([60., 59., 61.])
        """

    def __len__(self) -> int: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(
        self, requested_schema: object | None = None
    ) -> tuple[object, object]: ...

@final
class Schema:
    """Names and types of columns. ``schema[name]`` is the type of a column, ``name in schema``
    tells if there is one, and ``pyarrow.schema(schema)`` has it in Arrow's words.

    >>> t.schema
    <chronolite.Schema ts timestamp[ms], temp f64, humidity f64>
    >>> len(t.schema), "temp" in t.schema, t.schema["temp"], list(t.schema)
    (3, True, 'f64', ['ts', 'temp', 'humidity'])
    >>> t.schema == t.scan().schema
    True
    """

    @property
    def names(self) -> list[str]:
        """The names, in order.

        >>> t.schema.names
        ['ts', 'temp', 'humidity']
        """

    @property
    def types(self) -> list[str]:
        """The types, in order: that of the time column is ``timestamp[unit]``.

        >>> t.schema.types
        ['timestamp[ms]', 'f64', 'f64']
        """

    @property
    def time_column(self) -> str | None:
        """The name of the time column; None if a scan leaves it out.

        >>> t.schema.time_column
        'ts'
        """

    @property
    def time_unit(self) -> _TimeUnit | None:
        """The unit of the time column; None if a scan leaves it out.

        >>> t.schema.time_unit
        'ms'
        """

    def __getitem__(self, name: str, /) -> str: ...
    def __contains__(self, name: object, /) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __arrow_c_schema__(self) -> object: ...

def col(name: str) -> Column:
    """The column of that name, to be compared in a ``where``.

    >>> t.scan(where=(cl.col("temp") > 25.5) & ~cl.col("humidity").isin([60, 61])).count()
    1
    """

@final
class Column:
    """A column in a predicate, as ``col`` makes it: compare it, with a value or another column.

    ``==``, ``!=``, ``<``, ``<=``, ``>`` and ``>=`` make a predicate. Values are bools, numbers,
    text, bytes and times; a date is its midnight. A column of bools is a predicate by itself.

    >>> cl.col("temp") == 25.5
    <chronolite.Predicate temp == 25.5>
    >>> t.scan(where=cl.col("temp") < cl.col("humidity")).count()
    2
    """

    __array_ufunc__: None
    @property
    def name(self) -> str:
        """The column's name.

        >>> cl.col("temp").name
        'temp'
        """

    def isin(self, values: Iterable[Any]) -> Predicate:
        """True where the column has one of these values; unknown where it is null.

        >>> t.scan(where=cl.col("humidity").isin([59, 61])).count()
        2
        """

    def between(self, low: Any, high: Any) -> Predicate:
        """True where the column is from ``low`` to ``high``, both included.

        >>> t.scan(where=cl.col("humidity").between(59, 60)).count()
        2
        """

    def is_null(self) -> Predicate:
        """True where the column is null; never unknown.

        >>> t.scan(where=cl.col("temp").is_null()).count()
        1
        """

    def is_nan(self) -> Predicate:
        """True where the column, of numbers, is NaN; unknown where it is null.

        >>> t.scan(where=cl.col("temp").is_nan()).count()
        0
        """

    def __eq__(self, other: object, /) -> Predicate: ...  # type: ignore[override]
    def __ne__(self, other: object, /) -> Predicate: ...  # type: ignore[override]
    def __lt__(self, other: Any, /) -> Predicate: ...
    def __le__(self, other: Any, /) -> Predicate: ...
    def __gt__(self, other: Any, /) -> Predicate: ...
    def __ge__(self, other: Any, /) -> Predicate: ...
    def __and__(self, other: Predicate | Column, /) -> Predicate: ...
    def __rand__(self, other: Predicate | Column, /) -> Predicate: ...
    def __or__(self, other: Predicate | Column, /) -> Predicate: ...
    def __ror__(self, other: Predicate | Column, /) -> Predicate: ...
    def __invert__(self) -> Predicate: ...
    def __bool__(self) -> bool: ...

@final
class Predicate:
    """Which rows are wanted: what ``where`` takes. ``&``, ``|`` and ``~`` put predicates together.

    It has no truth value: ``and``, ``or`` and ``not`` of Python raise ``TypeError``. ``str()`` is
    the text that ``where`` takes for the same.

    >>> str((cl.col("temp") > 25.5) | ~cl.col("site").isin(["a", "it's"]))
    "temp > 25.5 or not site in ('a', 'it''s')"
    """

    def __and__(self, other: Predicate | Column, /) -> Predicate: ...
    def __rand__(self, other: Predicate | Column, /) -> Predicate: ...
    def __or__(self, other: Predicate | Column, /) -> Predicate: ...
    def __ror__(self, other: Predicate | Column, /) -> Predicate: ...
    def __invert__(self) -> Predicate: ...
    def __bool__(self) -> bool: ...

@disjoint_base
class _TimelogBase:
    """The base of ``chronolite.Timelog``: its rows, in the kernel. Make that one, not this one.

    Every method raises ``TimelogError`` on a closed log, ``TypeError`` of what is no integer and
    ``OverflowError`` past int64 where a time is wanted. A write may raise ``TimelogBusyError``,
    after it is in, if the log's policy is to raise under pressure.
    """

    def __new__(cls, *_args: object, **_kwargs: object) -> Self: ...
    def append(
        self, obj_or_ts: object = ..., obj_or_none: object = ..., *rest: object, ts: object = None
    ) -> None:
        """Adds an object: ``append(ts, obj)``, ``append(obj, ts=ts)``, or ``append(obj)`` at the
        present moment.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.append(2, "b")
        >>> log.append("a", ts=1)
        >>> list(log)
        [(1, 'a'), (2, 'b')]
        """

    def __setitem__(self, key: SupportsIndex, value: object, /) -> None: ...
    def extend(
        self,
        ts_or_iterable: Iterable[Any],
        objects: Iterable[Any] | None = None,
        *,
        mostly_ordered: bool | None = None,
        insert_on_error: bool = True,
    ) -> None:
        """Adds many rows: an iterable of ``(ts, obj)`` pairs, or times (an int64 array is read as
        it is) and, beside them, objects.

        Everything is read before anything is added: an error on the way adds nothing, and says at
        which index it was. Only times that are none are left out, counted in ``extend_skipped`` and
        warned of (``RuntimeWarning``), unless ``insert_on_error`` is False: then they are errors
        too. ``mostly_ordered`` is a hint that is not needed.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend([(1, "a"), (3, "c")])
        >>> log.extend([2, 4], ["b", "d"])
        >>> len(log)
        4
        """

    def bulk_append(
        self, timestamps: Any, objects: Sequence[Any], *, mostly_ordered: bool | None = None
    ) -> None:
        """Adds rows of an int64 buffer of times and a sequence of objects, all or none.

        >>> import numpy as np
        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.bulk_append(np.arange(3), ["a", "b", "c"])
        >>> log[1]
        ['b']
        """

    def delete(self, t1: SupportsIndex, t2: SupportsIndex | None = None) -> None:
        """Deletes the rows at a time, or those in ``[t1, t2)``. What is written later is there.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> log.delete(1)
        >>> log.delete(3, 9)
        >>> [obj for ts, obj in log]
        ['a', 'c']
        """

    def delete_range(self, t1: SupportsIndex, t2: SupportsIndex, /) -> None:
        """Deletes the rows in ``[t1, t2)``; a ``ValueError`` if the first is the later one."""

    def delete_before(self, ts: SupportsIndex, /) -> None:
        """Deletes the rows before a time."""

    def cutoff(self, ts: SupportsIndex) -> None:
        """Deletes the rows before a time.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> log.cutoff(3)
        >>> log.min_ts()
        3
        """

    def __delitem__(self, key: SupportsIndex | slice, /) -> None: ...
    @overload
    def __getitem__(self, key: SupportsIndex, /) -> list[Any]: ...
    @overload
    def __getitem__(self, key: slice, /) -> TimelogIter: ...
    def at(self, ts: SupportsIndex, /) -> list[Any]:
        """The objects at a time, in the order of arrival; ``log[ts]`` is the same."""

    def range(self, t1: SupportsIndex, t2: SupportsIndex, /) -> TimelogIter:
        """The rows in ``[t1, t2)``, in order; ``log[t1:t2]`` is the same, but an inverted range is
        a ``ValueError`` here, nothing there."""

    def since(self, ts: SupportsIndex, /) -> TimelogIter:
        """The rows from a time on; ``log[ts:]``."""

    def until(self, ts: SupportsIndex, /) -> TimelogIter:
        """The rows before a time; ``log[:ts]``."""

    def all(self) -> TimelogIter:
        """All rows; ``iter(log)``."""

    def equal(self, ts: SupportsIndex, /) -> TimelogIter:
        """The rows at a time."""

    def point(self, ts: SupportsIndex, /) -> TimelogIter:
        """The rows at a time."""

    def __iter__(self) -> TimelogIter: ...
    def __len__(self) -> int: ...
    def __contains__(self, key: SupportsIndex, /) -> bool: ...
    def min_ts(self) -> int | None:
        """The first time; None if there is none."""

    def max_ts(self) -> int | None:
        """The last time; None if there is none."""

    def next_ts(self, ts: SupportsIndex, /) -> int | None:
        """The first time after this one; None if there is none.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend([1, 5, 9], "abc")
        >>> log.next_ts(5), log.prev_ts(5), log.next_ts(9)
        (9, 1, None)
        """

    def prev_ts(self, ts: SupportsIndex, /) -> int | None:
        """The last time before this one; None if there is none."""

    def views(
        self,
        t1: SupportsIndex | None = None,
        t2: SupportsIndex | None = None,
        *,
        kind: str = "segment",
    ) -> PageSpanIter:
        """Spans of flushed rows in ``[t1, t2)``, or of all, deleted ones among them until they are
        compacted.

        >>> import numpy as np
        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> log.flush()
        >>> for span in log.views(1, 4):
        ...     print(np.frombuffer(span.timestamps, np.int64), list(span.objects()))
        [1 2 3] ['b', 'c', 'd']
        """

    def page_spans(
        self, t1: SupportsIndex, t2: SupportsIndex, *, kind: str = "segment"
    ) -> PageSpanIter:
        """The same, of a range."""

    def to_dict(
        self, t1: SupportsIndex | None = None, t2: SupportsIndex | None = None
    ) -> dict[int, Any]:
        """A dict from time to object; of equal times the last one."""

    def flush(self) -> None:
        """Flushes everything that is in memtables to segments."""

    def compact(self) -> None:
        """Asks for a compaction: the worker does it, or the next ``maint_step``."""

    def validate(self) -> None:
        """Raises a ``TimelogError`` if the layers are not as they have to be."""

    def close(self) -> None:
        """Closes it; iterators and views that are open go on showing what they show."""

    @property
    def closed(self) -> bool:
        """True until it is opened again."""

    @property
    def busy_events(self) -> int:
        """Writes under pressure since it was opened."""

    @property
    def extend_skipped(self) -> int:
        """Rows that ``extend`` left out since it was opened."""

    @property
    def min_ts_floor(self) -> int | None:
        """Rows below it are refused; None if none are."""

    @property
    def alloc_failures(self) -> int:
        """Always 0: without memory the process ends."""

    @property
    def retired_queue_len(self) -> int:
        """Objects that nobody sees any more and that are not let go yet."""

    def _open(
        self,
        *,
        unit: int,
        floor: SupportsIndex | None,
        background: bool,
        busy_policy: str,
        memtable_max_bytes: int,
        target_page_bytes: int,
        sealed_max_runs: int,
        drain_batch_limit: int,
        ooo_budget_bytes: int,
        sealed_wait_ms: int,
        maintenance_wakeup_ms: int,
        max_delta_segments: int,
        window_size: int,
        window_origin: int,
        delete_debt_threshold: float,
        compaction_target_bytes: int,
        max_compaction_inputs: int,
        max_compaction_windows: int,
        adaptive: tuple[float, ...] | None,
    ) -> bool: ...
    def _columns(
        self, t1: SupportsIndex | None = None, t2: SupportsIndex | None = None
    ) -> tuple[bytes, list[Any]]: ...
    def _step(self) -> bool: ...
    def _start(self) -> None: ...
    @staticmethod
    def _no_more_workers() -> None: ...
    def _stop(self) -> None: ...
    def _stats(self) -> dict[str, dict[str, Any]]: ...

@final
class TimelogIter:
    """Rows ``(ts, obj)`` of a range, as they were when it was made, whatever happens to the log.

    >>> log = cl.Timelog(maintenance="disabled")
    >>> log.extend(range(5), "abcde")
    >>> rows = log[1:5]
    >>> log.cutoff(9)
    >>> len(rows), next(rows), list(rows)
    (4, (1, 'b'), [(2, 'c'), (3, 'd'), (4, 'e')])
    >>> with log.all() as rows:
    ...     print(len(rows))
    0
    """

    def __iter__(self) -> Self: ...
    def __next__(self) -> tuple[int, Any]: ...
    def __len__(self) -> int:
        """How many rows remain."""

    def next_batch(self, n: int, /) -> list[tuple[int, Any]]:
        """The next rows, up to ``n``, as a list of pairs. At the end it is empty.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> rows = log.all()
        >>> rows.next_batch(2), len(rows.next_batch(9)), rows.next_batch(1)
        ([(0, 'a'), (1, 'b')], 3, [])
        """

    def view(self) -> PageSpanIter:
        """The spans of its range, at its moment.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> log.flush()
        >>> [span.copy_timestamps() for span in log[1:3].view()]
        [[1, 2]]
        """

    def close(self) -> None:
        """Ends it, and lets go of what only it showed.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> rows = log.all()
        >>> rows.close()
        """

    @property
    def closed(self) -> bool:
        """True once it has ended or was closed.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> rows = log.all()
        >>> rows.closed, list(rows), rows.closed
        (False, [], True)
        """

    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> bool: ...

@final
class PageSpan:
    """Sorted times next to each other in memory, and the objects beside them. It is a buffer of
    int64 itself.

    >>> log = cl.Timelog(maintenance="disabled")
    >>> log.extend(range(5), "abcde")
    >>> log.flush()
    >>> with next(log.views()) as span:
    ...     print(len(span), span.timestamps.tolist(), list(span.objects()))
    5 [0, 1, 2, 3, 4] ['a', 'b', 'c', 'd', 'e']
    """

    @property
    def timestamps(self) -> memoryview:
        """The times, a read-only memoryview of int64 over the log's own memory.

        >>> import numpy as np
        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> log.flush()
        >>> np.frombuffer(next(log.views()).timestamps, np.int64)
        array([0, 1, 2, 3, 4])
        """

    @property
    def start_ts(self) -> int:
        """The first time.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> log.flush()
        >>> span = next(log.views())
        >>> span.start_ts, span.end_ts
        (0, 4)
        """

    @property
    def end_ts(self) -> int:
        """The last time. It is in the span.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> log.flush()
        >>> next(log.views(1, 3)).end_ts
        2
        """

    @property
    def last_ts(self) -> int:
        """The last time, as ``end_ts``.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> log.flush()
        >>> next(log.views()).last_ts
        4
        """

    @property
    def closed(self) -> bool:
        """True once it is closed.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> log.flush()
        >>> next(log.views()).closed
        False
        """

    def __len__(self) -> int: ...
    def objects(self) -> PageSpanObjectsView:
        """The objects beside the times, as a sequence that makes no references until it is asked.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> log.flush()
        >>> next(log.views()).objects()[-1]
        'e'
        """

    def copy_timestamps(self) -> list[int]:
        """The times as a list.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> log.flush()
        >>> next(log.views(3, 9)).copy_timestamps()
        [3, 4]
        """

    def close(self) -> None:
        """Closes it; a ``BufferError`` while its times are exported.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> log.flush()
        >>> span = next(log.views())
        >>> times = span.timestamps
        >>> span.close()
        Traceback (most recent call last):
        BufferError: cannot close PageSpan: buffer is exported
        """

    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> bool: ...

@final
class PageSpanIter:
    """The spans of a range.

    >>> log = cl.Timelog(maintenance="disabled")
    >>> log.extend(range(5), "abcde")
    >>> log.flush()
    >>> log.append(5, "f")
    >>> with log.views() as spans:
    ...     print(next(spans), list(spans))
    <PageSpan [0..4] len=5> []
    """

    def __iter__(self) -> Self: ...
    def __next__(self) -> PageSpan: ...
    def close(self) -> None:
        """Ends it.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> spans = log.views()
        >>> spans.close()
        """

    @property
    def closed(self) -> bool:
        """True once it has ended or was closed.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> spans = log.views()
        >>> spans.closed, list(spans), spans.closed
        (False, [], True)
        """

    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> bool: ...

@final
class PageSpanObjectsView:
    """The objects of a span, as a sequence; a ``ValueError`` once the span is closed.

    >>> log = cl.Timelog(maintenance="disabled")
    >>> log.extend(range(5), "abcde")
    >>> log.flush()
    >>> objects = next(log.views()).objects()
    >>> len(objects), objects[0], list(objects)
    (5, 'a', ['a', 'b', 'c', 'd', 'e'])
    """

    @property
    def closed(self) -> bool:
        """True once its span is closed.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> log.flush()
        >>> span = next(log.views())
        >>> objects = span.objects()
        >>> span.close()
        >>> objects.closed
        True
        """

    def __len__(self) -> int: ...
    def __getitem__(self, index: SupportsIndex, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def copy(self) -> list[Any]:
        """The objects as a list.

        >>> log = cl.Timelog(maintenance="disabled")
        >>> log.extend(range(5), "abcde")
        >>> log.flush()
        >>> next(log.views(1, 3)).objects().copy()
        ['b', 'c']
        """

@disjoint_base
class _ChronoMapBase:
    """The base of ``chronolite.ChronoMap``: its keys and versions, in the kernel. Make that one,
    not this one.

    Times are seconds since 1970: a number, ISO 8601 text or a datetime (local without a zone), or
    NumPy's own of these. What is none of them, a bool too, is a ``ChronoMapTypeError``; text that
    is no time, nan and the infinities are a ``ChronoMapValueError``, an int past every float is an
    ``OverflowError``. A key that cannot be hashed is a ``ChronoMapTypeError``. A closed map raises
    ``ClosedError``, and one that was opened to be read ``ReadOnlyError`` if it is written to.
    Nothing is stored when a call raises one of these.
    """

    def __new__(cls, *_args: object, **_kwargs: object) -> Self: ...
    def put(
        self,
        key: Hashable,
        value: Any,
        timestamp: _Moment | None = None,
        ttl: float | None = None,
    ) -> None:
        """Adds a version of a key. Its time is now unless one is given, which may be past or to
        come; of versions of one time the last one put is the value.

        With ``ttl`` the key ends so many seconds from now, by the map's clock and not by
        ``timestamp``, with all its versions. Without, it keeps the end that it has. A ``ttl`` that
        is no number is a ``ChronoMapTypeError``, one that is not positive a
        ``ChronoMapValueError``; an infinite one takes the end away. A write past ``max_memory_mb``
        is a ``ChronoMapMemoryError``. Hooks and subscribers have been called when this returns.

        >>> cm = cl.ChronoMap()
        >>> cm.put("temp", 20.5, timestamp="2025-10-21T12:00:00Z")
        >>> cm.put("temp", 21.0, timestamp="2025-10-21T13:00:00Z")
        >>> cm["temp"], cm.get("temp", timestamp="2025-10-21T12:30:00Z")
        (21.0, 20.5)
        >>> cm.put("token", "abc", ttl=3600)
        """

    def put_many(
        self,
        items: Mapping[Any, Any],
        timestamp: _Moment | None = None,
        ttl: float | None = None,
    ) -> None:
        """Adds a version of each key of a dict, all at one time.

        All of them or none: every argument is checked first. Hooks are called when all are there.
        What has no ``items()`` is a ``ChronoMapTypeError``.

        >>> cm = cl.ChronoMap()
        >>> cm.put_many({"a": 1, "b": 2}, timestamp=10)
        >>> cm.history("b")
        [(10.0, 2)]
        """

    def get(
        self,
        key: Hashable,
        timestamp: _Moment | None = None,
        default: Any = None,
        *,
        strict: bool = False,
    ) -> Any:
        """The value of a key, now or at a time.

        It is that of the last version that is not after the time. If there is none, or if the key
        has ended, it is ``default``, or with ``strict`` a ``ChronoMapKeyError``.

        >>> cm = cl.ChronoMap()
        >>> cm.put("a", 1, timestamp=10)
        >>> cm.put("a", 2, timestamp=20)
        >>> cm.get("a"), cm.get("a", 15), cm.get("a", 5, default=0)
        (2, 1, 0)
        """

    def __getitem__(self, key: Hashable, /) -> Any: ...
    def __setitem__(self, key: Hashable, value: Any, /) -> None: ...
    def __delitem__(self, key: Hashable, /) -> None: ...
    def __contains__(self, key: Hashable, /) -> bool: ...
    def __len__(self) -> int: ...
    def delete(self, key: Hashable) -> bool:
        """Takes a key out, with all that it was. False if it is not there.

        >>> cm = cl.ChronoMap()
        >>> cm["a"] = 1
        >>> cm.delete("a"), cm.delete("a"), cm.history("a")
        (True, False, [])
        """

    def delete_many(self, keys: Iterable[Hashable]) -> int:
        """Takes keys out. How many were there.

        A key that cannot be hashed is a ``ChronoMapTypeError``, and none is taken out.

        >>> cm = cl.ChronoMap()
        >>> cm.put_many({"a": 1, "b": 2})
        >>> cm.delete_many(key for key in "abc")
        2
        """

    def clear(self) -> None:
        """Takes all keys out. Hooks, subscribers and counts stay.

        >>> cm = cl.ChronoMap()
        >>> cm["a"] = 1
        >>> cm.clear()
        >>> len(cm)
        0
        """

    def clean_expired_keys(self) -> int:
        """Takes the keys out that have ended. How many there were.

        They are seen by no read in any case: this gives their memory back, as a sweep does.

        >>> now = [1000.0]
        >>> cm = cl.ChronoMap(clock=lambda: now[0])
        >>> cm.put("a", 1, ttl=60)
        >>> now[0] += 60
        >>> "a" in cm, cm.clean_expired_keys(), cm.clean_expired_keys()
        (False, 1, 0)
        """

    def prune_history(
        self,
        key: Hashable,
        keep_last: SupportsIndex | None = None,
        older_than: _Moment | None = None,
    ) -> int:
        """Takes old versions off a key. How many.

        Those go that are not among the ``keep_last`` last ones, and those before ``older_than``;
        without either, none. A key of which no version is left is gone: ``keep_last=0`` takes all.
        A negative ``keep_last`` is a ``ChronoMapValueError``. ``older_than`` may be infinite.

        >>> cm = cl.ChronoMap()
        >>> for ts in range(5):
        ...     cm.put("a", ts, timestamp=ts)
        >>> cm.prune_history("a", keep_last=4), cm.prune_history("a", older_than=3)
        (1, 2)
        >>> cm.history("a")
        [(3.0, 3), (4.0, 4)]
        """

    def prune_all_history(
        self, keep_last: SupportsIndex | None = None, older_than: _Moment | None = None
    ) -> int:
        """Takes old versions off all keys. How many.

        >>> cm = cl.ChronoMap()
        >>> for ts in range(3):
        ...     cm.put_many({"a": ts, "b": ts}, timestamp=ts)
        >>> cm.prune_all_history(keep_last=1)
        4
        """

    def history(self, key: Hashable) -> list[tuple[float, Any]]:
        """All versions of a key, oldest first. Each is its time in seconds and its value, future
        ones too; of a key that is not there it is empty.

        >>> cm = cl.ChronoMap()
        >>> cm.put("a", 2, timestamp=20)
        >>> cm.put("a", 1, timestamp=10)
        >>> cm.history("a"), cm.history("b")
        ([(10.0, 1), (20.0, 2)], [])
        """

    def get_range(
        self,
        key: Hashable,
        start_ts: _Moment | None = None,
        end_ts: _Moment | None = None,
    ) -> list[tuple[float, Any]]:
        """The versions of a key with times in a closed range.

        Without ``start_ts`` it begins with the first one, without ``end_ts`` it ends now. Either
        may be infinite.

        >>> cm = cl.ChronoMap()
        >>> for ts in range(5):
        ...     cm.put("a", ts * 10, timestamp=ts)
        >>> cm.get_range("a", 1, 2), cm.get_range("a", 4)
        ([(1.0, 10), (2.0, 20)], [(4.0, 40)])
        """

    def latest(self) -> dict[Any, Any]:
        """Each key's last value. Future ones too, which ``get`` does not show yet.

        >>> cm = cl.ChronoMap()
        >>> cm.put("a", 1, timestamp="2999-01-01")
        >>> cm.latest(), cm.get("a")
        ({'a': 1}, None)
        """

    def keys_with_history_count(self) -> dict[Any, int]:
        """How many versions each key has.

        >>> cm = cl.ChronoMap()
        >>> cm.put_many({"a": 1, "b": 2})
        >>> cm["a"] = 3
        >>> cm.keys_with_history_count()
        {'a': 2, 'b': 1}
        """

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The history as a stream of Arrow batches: key, value, timestamp (float64 seconds),
        version.

        A row is a version, and ``version`` its number within the key, from 0. Keys that are all of
        one type are a column of it, and so are values; others are text, in JSON.

        >>> import pyarrow as pa
        >>> cm = cl.ChronoMap()
        >>> cm.put("a", 1.5, timestamp=10)
        >>> cm.put("a", 2.5, timestamp=20)
        >>> pa.table(cm).to_pylist()[1]
        {'key': 'a', 'value': 2.5, 'timestamp': 20.0, 'version': 1}
        """

    def refresh(self) -> None:
        """Moves a map that was opened to be read on to what was written by now.

        Such a map reads a key when it is asked for, and then keeps what it found. Of other maps
        there is nothing to move.

        >>> writer = cl.ChronoMap(path=path)
        >>> writer["a"] = 1
        >>> with cl.ChronoMap(path=path, mode="r") as reader:
        ...     before = reader["a"]
        ...     writer["a"] = 2
        ...     reader.refresh()
        ...     print(before, reader["a"])
        1 2
        >>> writer.close()
        """

    def close(self) -> None:
        """Closes the file; a map in memory has none.

        What was put is in the file then. Every later call that looks at keys is a ``ClosedError``,
        but for another ``close``. ``with`` does it, and so does dropping the map.

        >>> cm = cl.ChronoMap(path=path)
        >>> cm["a"] = 1
        >>> cm.close()
        >>> cm["a"]
        Traceback (most recent call last):
        chronolite._errors.ClosedError: the map was closed
        """

    def reset_stats(self) -> None:
        """Sets the counts of what was done to zero.

        >>> cm = cl.ChronoMap()
        >>> cm["a"] = 1
        >>> cm.reset_stats()
        >>> cm.get_stats()["writes"], cm.get_stats()["total_keys"]
        (0, 1)
        """

    def _open(
        self,
        *,
        max_history: int | None,
        cache_size: int,
        limited: bool,
        sweep: bool,
        clock: Callable[[], float] | None,
    ) -> None:
        """Sets the options, which were checked. The map is empty then."""

    def _keep(
        self,
        path: str | PathLike[str],
        mode: str,
        durability: str,
        sync_interval_ms: int,
        encoder: Callable[[Any], bytes] | None,
        decoder: Callable[[bytes], Any] | None,
    ) -> None:
        """Keeps what is done from now on in a file, and has what is in it."""

    def compact(self) -> None:
        """Makes the file as small as what the map is now: what was known before is forgotten.

        Keys have all their versions still; those that ended more than an hour ago are gone.
        ``known_at`` of a time before this one is a ``ChronoMapValueError`` then. Others read and
        write meanwhile; readers in other processes show what they showed until they are refreshed.
        The file is larger for as long as it takes: by what the map is. An error whose notes do not
        say otherwise came before anything was changed. A map in memory has nothing to forget.

        >>> with cl.ChronoMap(path=path, max_history=1) as cm:
        ...     for number in range(1000):
        ...         cm.put("a", number)
        ...     cm.compact()
        ...     cm.history("a")[0][1]
        999
        """

    def flush(self) -> None:
        """Writes a durable map out: what was put survives power loss then.

        It does so at every level of durability. A map in memory has nothing to write.

        >>> cm = cl.ChronoMap(path=path, durability="none")
        >>> cm.put("a", 1)
        >>> cm.flush()
        """

    def _set_told(self, told: bool) -> None:
        """Whether ``_tell`` is to be called after each put."""

    def _now(self) -> float:
        """The present time in seconds, by the map's clock."""

    @staticmethod
    def _seconds(timestamp: _Moment) -> float:
        """The seconds of a time in any of its forms."""

    def _get_or_put(self, key: Hashable, factory: Callable[[], Any], ttl: float | None) -> Any:
        """The value of a key now; if it has none, what the function gives, which is put."""

    def _sweep(self) -> int:
        """A sweep's own ``clean_expired_keys``, of keys that are in memory, which is counted."""

    def _keys(self) -> list[Any]:
        """The keys."""

    def _last(self) -> list[tuple[Any, float, Any]]:
        """Key, time and value of each key's last version."""

    def _items_at(self, timestamp: _Moment | None = None) -> list[tuple[Any, Any]]:
        """Key and value of each key that has one, now or at a time. Each is a read."""

    def _store(self) -> list[tuple[Any, list[tuple[float, Any]], float | None]]:
        """Key, versions and end (None if there is none) of each key: all that a file has to
        hold."""

    def _load(
        self, store: Iterable[tuple[Hashable, Iterable[tuple[float, Any]], float | None]]
    ) -> None:
        """Takes in what ``_store`` of a map gave, beside the keys that are here."""

    def _columns(self) -> tuple[list[Any], bytes, str, Any, bytes]:
        """The history for a frame: keys and how many versions each has (int64), the values and what
        they are, and times in seconds (float64), all numbers as bytes."""

    def _snapshot_into(self, other: _ChronoMapBase, memo: dict[int, Any] | None = None) -> None:
        """Makes ``other``, which is new, a snapshot of this map."""

    def _view_into(self, other: _ChronoMapBase) -> None:
        """Makes ``other``, which is new, a map that shows what this one has, of the same
        objects."""

    def _known_into(self, time: float, other: _ChronoMapBase) -> None:
        """Makes ``other``, which is new, what this map's file said up to a time in seconds, and
        read-only."""

    def _rollback(self, other: _ChronoMapBase) -> None:
        """Makes this map what another one is."""

    def _merge(self, other: _ChronoMapBase, overwrite: bool) -> None:
        """Takes in what another map has: its versions go between those here, or take their
        place."""

    def _begin_into(self, other: _ChronoMapBase) -> int:
        """Makes ``other`` a snapshot, and notes what is done from then on. The place of the next
        change."""

    def _size_hint(self) -> int:
        """About how many keys there are, without looking at them."""

    def _end(self) -> None:
        """Ends what ``_begin`` began."""

    def _undo(self, place: int, snapshot: _ChronoMapBase) -> None:
        """Undoes what this thread did since a place: the keys are what they were in ``snapshot``,
        but for what other threads did to them."""

    def _stats(self) -> dict[str, Any]:
        """What was done and what is there."""

def _chronomap_writer(number: int | None = None) -> int:
    """Makes this thread write as the writer of a number, or as a new one. The number that it
    had."""

# The values of a column as memory, one after the other, and a byte for each row, 1 for a null.
_Read: TypeAlias = tuple[Any, Any | None]

@final
class _RowLayout:
    """The rows of a schema. For ``chronolite.backend``."""

    def __new__(cls, columns: Sequence[tuple[str, str, bool]]) -> Self: ...
    @property
    def record_size(self) -> int:
        """The bytes of a row."""

    @property
    def struct_format(self) -> str:
        """A row as ``struct`` has it."""

    @property
    def columns(self) -> list[tuple[str, str, int | None, int]]:
        """The columns: name, type, values a row, place in the row."""

    @property
    def nullable(self) -> list[str]:
        """The columns whose nulls have no place in a row."""

    def describe(self) -> str:
        """All that matters to the bytes of a row, as text."""

    def batch(self, data: object) -> _RowBatch:
        """The rows in data of any kind."""

    def predicate(self, given: _Where) -> Predicate:
        """What a ``where`` says, in terms of the table that holds such rows."""

    def check_table(self, table: Table) -> None:
        """Refuses a table that holds other rows."""

    def of_scan(self, scan: Scan, names: Sequence[str]) -> list[_Read]:
        """The columns of those names of a scan of such a table, as they stand in rows."""

@final
class _RowBatch:
    """Rows of a schema that fit it, column by column."""

    def __len__(self) -> int: ...
    def pack(self) -> bytes:
        """The rows, packed as they stand in a file."""

@final
class _Rows:
    """Rows one after the other, in pieces of memory."""

    @staticmethod
    def copied(layout: _RowLayout, pieces: Sequence[Any]) -> _Rows:
        """Rows of these bytes, which are copied."""

    @staticmethod
    def joined(layout: _RowLayout, parts: Sequence[_Rows]) -> _Rows:
        """The rows of several, one after the other."""

    def __len__(self) -> int: ...
    def slice(self, start: int, end: int) -> _Rows:
        """The rows from ``start`` to before ``end``."""

    def view(self) -> Any | None:
        """The memory of all rows if they stand in one piece, for views of them."""

    def columns(self, names: Sequence[str], keep: Any | None = None) -> list[_Read]:
        """The values of columns, gathered; ``keep`` has a byte for each row, 0 for one that is left
        out."""

    def select(self, where: _Where) -> Any:
        """A byte for each row, 1 if it is one that a ``where`` is true of."""

@final
class _DayFile:
    """Rows in a file, appended a batch at once."""

    def __new__(cls, path: str | PathLike[str], layout: _RowLayout) -> Self: ...
    def read(self) -> tuple[_Rows | None, int]:
        """The rows of all batches that are whole, or None; and how many bytes behind them are no
        rows."""

    def append(self, batch: _RowBatch) -> int:
        """Appends rows, all or none. How many bytes were cut before, which were no rows."""

    def sync(self) -> None:
        """Makes what was appended survive power loss."""

    def delete(self) -> bool:
        """Takes the file away. True if it had rows."""

@final
class _PackedDays:
    """Days of rows in a table of the kernel. What a signal's handler appends meanwhile comes
    after."""

    ROWS_A_DAY: int
    def __new__(cls, layout: _RowLayout, db: Db, name: str, storage: str) -> Self: ...
    def append(self, day: int, batch: _RowBatch) -> None:
        """Appends rows to a day, counted from 1970-01-01: all or none."""

    def delete(self, day: int) -> bool:
        """Deletes the rows of a day. True if there were any."""

    @staticmethod
    def counts(table: Table, first: int, last: int) -> list[tuple[int, int]]:
        """The days from ``first`` to ``last`` of a table that have rows, in order, and how many."""
