"""What chronolite raises. Every class is a ``ChronoliteError`` and, where Python has a word for
it, that too: a ``SchemaError`` is a ``ValueError``, a failed open is an ``OSError``.

The examples run as those of ``_core.pyi`` do: ``db`` is open, with a table ``t``.
"""

from __future__ import annotations

import errno as _errno

__all__ = [
    "ChronoliteError",
    "ClosedError",
    "ConflictError",
    "CorruptionError",
    "DatabaseLockedError",
    "DurabilityError",
    "FormatError",
    "IndeterminateError",
    "InvalidInputError",
    "ReadOnlyError",
    "ResultOverflowError",
    "SchemaError",
    "SchemaOverflowError",
    "SchemaTypeError",
    "StorageError",
    "TableNotFoundError",
    "TimelogBusyError",
    "TimelogError",
]


class ChronoliteError(Exception):
    """Any failure of chronolite; catch it to catch them all.

    >>> try:
    ...     table = db["nothing"]
    ... except cl.ChronoliteError as error:
    ...     print(error)
    no table "nothing"; the database has sensor
    """


class SchemaError(ChronoliteError, ValueError):
    """A table, column, name, type or length does not fit the schema. Nothing was written.

    >>> try:
    ...     rows = t.append({"ts": [1], "temp": ["hot"], "humidity": [60.0]})
    ... except cl.SchemaError as error:
    ...     print(error)
    column "temp", row 0: the table has f64, the value is text
    """


class SchemaTypeError(SchemaError, TypeError):
    """A value in the data has a type that its column does not take."""


class SchemaOverflowError(SchemaError, OverflowError):
    """A value in the data does not fit into its column."""


class ConflictError(SchemaError):
    """A row has the time and key of one that is there, in a table made with
    ``on_conflict="error"``. Nothing was written.

    >>> daily = db.create_table("daily", ["rain"], on_conflict="error")
    >>> daily.append({"ts": [86400000], "rain": [1.5]})
    1
    >>> try:
    ...     rows = daily.append({"ts": [172800000, 86400000], "rain": [0.0, 1.5]})
    ... except cl.ConflictError as error:
    ...     print(error)
    column "ts", row 1: 86400000 ms is there already, and on_conflict is "error"; nothing was ...
    """


class InvalidInputError(ChronoliteError, ValueError):
    """An argument is out of its range or has no meaning here.

    >>> t.scan(limit=-1)
    Traceback (most recent call last):
    chronolite._errors.InvalidInputError: limit is at least 0, not -1
    """


class ResultOverflowError(ChronoliteError, OverflowError):
    """A result, such as a sum of integers, does not fit its type.

    >>> counter = db.create_table("counter", {"n": "i64"})
    >>> counter.append({"ts": [1, 2], "n": [2**62, 2**62]})
    2
    >>> counter.scan().aggregate({"n": "sum"})
    Traceback (most recent call last):
    chronolite._errors.ResultOverflowError: "n_sum": a sum does not fit i64; take the mean, or ...
    """


class TableNotFoundError(ChronoliteError, KeyError):
    """The database has no table of that name.

    >>> db.table("nothing")
    Traceback (most recent call last):
    chronolite._errors.TableNotFoundError: no table "nothing"; the database has sensor
    """

    def __str__(self) -> str:
        # KeyError would show the message in quotes.
        return Exception.__str__(self)


class DatabaseLockedError(ChronoliteError):
    """Another handle or process has the database open for writing; ``pid`` says which.

    >>> import os
    >>> try:
    ...     cl.Db(db.path)
    ... except cl.DatabaseLockedError as error:
    ...     print(error.pid == os.getpid())
    True
    """

    pid: int | None = None


class CorruptionError(ChronoliteError):
    """Bytes on disk are not what was written: in ``file``, at byte ``offset``.

    A file of another program is one too.

    >>> size = path.write_bytes(b"something else")
    >>> try:
    ...     cl.Db(path)
    ... except cl.CorruptionError as error:
    ...     print(error.file == str(path), error.offset)
    True 0
    """

    file: str | None = None
    offset: int | None = None


class FormatError(ChronoliteError):
    """The file is whole, but a newer version of the library wrote it.

    >>> try:
    ...     cl.Db(path).close()
    ... except cl.FormatError as error:
    ...     print("get a newer chronolite:", error)
    """


class ReadOnlyError(ChronoliteError):
    """A write to a database that was opened with ``mode="r"``.

    >>> cl.Db(path).close()
    >>> with cl.Db(path, mode="r") as reader:
    ...     reader.create_table("sensor", ["temp"])
    Traceback (most recent call last):
    chronolite._errors.ReadOnlyError: ...
    """


class ClosedError(ChronoliteError):
    """The database was closed, or the handle came through a fork; open it again.

    >>> db.close()
    >>> t.scan()
    Traceback (most recent call last):
    chronolite._errors.ClosedError: ...
    """


class DurabilityError(ChronoliteError):
    """An earlier write or sync failed: reads go on, writes need the database reopened.

    ``errno`` is the operating system's error number where one is behind it.

    >>> try:
    ...     db.flush()
    ... except cl.DurabilityError as error:
    ...     print("close it, look at the disk, open it again:", error, error.errno)
    """

    errno: int | None = None


class IndeterminateError(ChronoliteError):
    """The write may or may not have been applied; read it back before writing it again.

    ``errno`` is the operating system's error number where one is behind it.

    >>> try:
    ...     number = t.append_row("2024-01-01T00:00:03Z", [25.8, None])
    ... except cl.IndeterminateError:
    ...     print(t.scan("2024-01-01T00:00:03Z").count(), "rows are there")
    """

    errno: int | None = None


class StorageError(ChronoliteError, OSError):
    """The operating system refused: ``errno``, ``strerror`` and ``filename`` say what and where.

    Where Python has a closer class (``FileNotFoundError``, ``FileExistsError``,
    ``PermissionError``, ``IsADirectoryError``, ``NotADirectoryError``), it is that too.

    >>> try:
    ...     cl.Db(path / "no" / "such.chl")
    ... except cl.StorageError as error:
    ...     print(error.strerror, isinstance(error, FileNotFoundError))
    No such file or directory True
    """


class StorageNotFoundError(StorageError, FileNotFoundError):
    """A file or folder on the path does not exist."""


class StorageExistsError(StorageError, FileExistsError):
    """The name of a new file is taken."""


class StoragePermissionError(StorageError, PermissionError):
    """The file or folder may not be read or written."""


class StorageIsADirectoryError(StorageError, IsADirectoryError):
    """The path is a folder, not a file."""


class StorageNotADirectoryError(StorageError, NotADirectoryError):
    """A part of the path is a file, not a folder."""


class TimelogError(ChronoliteError, RuntimeError):
    """A ``Timelog`` is closed, or does not do that in its mode.

    >>> log = cl.Timelog()
    >>> log.close()
    >>> try:
    ...     rows = len(log)
    ... except cl.TimelogError as error:
    ...     print(error)
    Timelog is closed
    """


class TimelogBusyError(TimelogError):
    """Memtables fill faster than they are flushed. What was written is in: do not write it again.

    >>> log = cl.Timelog(maintenance="disabled", memtable_max_bytes=24, sealed_max_runs=1)
    >>> log.append(1, "a")
    >>> try:
    ...     log.append(2, "b")
    ... except cl.TimelogBusyError as error:
    ...     print(error, len(log))
    Record inserted but backpressure occurred. Call flush() or wait for background ... relieve. 2
    >>> log.flush()
    """


_BY_ERRNO: dict[int | None, type[StorageError]] = {
    _errno.ENOENT: StorageNotFoundError,
    _errno.EEXIST: StorageExistsError,
    _errno.EACCES: StoragePermissionError,
    _errno.EPERM: StoragePermissionError,
    _errno.EISDIR: StorageIsADirectoryError,
    _errno.ENOTDIR: StorageNotADirectoryError,
}

_BY_KIND: dict[str, type[ChronoliteError]] = {
    "schema": SchemaError,
    "schema_type": SchemaTypeError,
    "schema_overflow": SchemaOverflowError,
    "conflict": ConflictError,
    "table_not_found": TableNotFoundError,
    "invalid_input": InvalidInputError,
    "overflow": ResultOverflowError,
    "locked": DatabaseLockedError,
    "corruption": CorruptionError,
    "format": FormatError,
    "read_only": ReadOnlyError,
    "closed": ClosedError,
    "durability": DurabilityError,
    "indeterminate": IndeterminateError,
}


def _build(
    kind: str,
    message: str,
    file: str | None,
    offset: int | None,
    pid: int | None,
    errno: int | None,
    strerror: str | None,
) -> ChronoliteError:
    """The exception for an error of the kernel; called by the extension."""
    if kind == "io":
        return _storage_error(message, file, errno, strerror)
    error = _BY_KIND.get(kind, ChronoliteError)(message)
    if isinstance(error, DatabaseLockedError):
        error.pid = pid
    if isinstance(error, CorruptionError):
        error.file, error.offset = file, offset
    if errno is not None:
        vars(error)["errno"] = errno
    return error


def _storage_error(
    message: str, file: str | None, errno: int | None, strerror: str | None
) -> StorageError:
    if errno is None:
        return StorageError(message)
    text = strerror if strerror is not None else message
    error = _BY_ERRNO.get(errno, StorageError)(errno, text, file)
    error.add_note(message)
    return error
