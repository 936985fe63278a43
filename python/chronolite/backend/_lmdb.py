"""LMDB: packed rows as values, in chunks, under the keys that Chronostore gives to days.

The first rows of a day are under ``Table:YYYY-MM-DD``, where Chronostore has all of them; those
that came later are under that key, a zero byte and a number of 8 bytes, most significant first. A
last chunk of less than 4 KiB, or with a row that is not whole, is extended instead. What the rows
look like is under ``\\0schema\\0Table``.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from chronolite._core import _Rows
from chronolite._errors import ReadOnlyError, StorageError
from chronolite.backend._base import Backend
from chronolite.backend._folders import make
from chronolite.backend._known import KnownSchemas, check_nulls
from chronolite.backend._names import is_day, is_table
from chronolite.backend._schema import TableSchema
from chronolite.backend._source import PackedRows, Source
from chronolite.backend._worker import Worker

if TYPE_CHECKING:
    import lmdb

    from chronolite._core import _RowBatch

    T = TypeVar("T")

# Address space, not a file: it grows as it fills.
_MAP_SIZE = 1 << 30
_PAGE = 1 << 16
# A last chunk below this is extended.
_SMALL = 4096
# Values have 4 GiB at most.
_CHUNK = 1 << 30
# Single rows are held until they are so many bytes, or until something else is done.
_HELD = 1 << 16
_NUMBER = struct.Struct(">Q")
_PAST_CHUNKS = b"\0" + b"\xff" * 9
_SCHEMAS = b"\0schema\0"
_DAY_LENGTH = len("YYYY-MM-DD")


class LmdbBackend(Backend):
    """Packed rows in an LMDB database, which several processes may read and write.

    A batch is there for all processes when ``append`` returns. Single rows are held until they are
    64 KiB, or until this backend is read, flushed or closed; without that, what is held is lost
    with the backend. The map grows by itself.

    Args:
        schema: What a row looks like.
        path: The database: a folder, or a file with ``subdir=False``. It is made here.
        open_options: What ``lmdb.open`` takes. A ``map_size`` is what the map begins with.

    Raises:
        ImportError: py-lmdb is not there: ``pip install chronolite[lmdb]``.
        ReadOnlyError: A change of a database that was opened with ``readonly=True``.
        StorageError: What else LMDB says.

    >>> from chronolite.backend import LmdbBackend
    >>> schema = cl.TableSchema([cl.ColumnSchema("time", "q"), cl.ColumnSchema("value", "d")])
    >>> with LmdbBackend(schema, folder / "lmdb", map_size=1 << 20) as backend:
    ...     backend.append("pump", "2025-06-14", {"time": 1, "value": 0.5})
    ...     backend.read("pump", "2025-06-14")["value"].tolist()
    [0.5]
    """

    def __init__(
        self, schema: TableSchema, path: str | os.PathLike[str], **open_options: Any
    ) -> None:
        super().__init__(schema)
        check_nulls(schema, "LMDB's rows")
        try:
            import lmdb
        except ImportError as error:
            raise ImportError("LmdbBackend needs py-lmdb: pip install chronolite[lmdb]") from error
        self.path = Path(path)
        self._lmdb = lmdb
        self._options = {"map_size": _MAP_SIZE, **open_options}
        if not self._options.get("readonly"):
            make(self.path.parent)
        # All that LMDB does is done by one thread: an interruption of the caller's ends no change
        # halfway, and a handler of signals that calls this backend waits for its turn.
        self._worker = Worker("chronolite-lmdb")
        self._env: lmdb.Environment = self._do(self._open)
        # Single rows: of which table and day each is.
        self._held: deque[tuple[str, str, bytes]] = deque()
        self._known = KnownSchemas(schema)

    def __repr__(self) -> str:
        return f"<chronolite.backend.LmdbBackend {str(self.path)!r}>"

    # What callers do.

    def _append(self, table: str, day: str, batch: _RowBatch) -> None:
        rows = batch.pack()
        if len(batch) > 1 or table not in self._known or self._options.get("readonly"):
            self._do(self._write, table, day, rows)
            return
        if len(self._held) * len(rows) >= _HELD:
            # Before this row is held: if that fails, it is not there.
            self._do(self._settle)
        with self._lock:
            self._check_open()
            self._held.append((table, day, rows))

    def _source(self, table: str, first: str, last: str, part: slice) -> Source | None:
        rows, torn = self._do(self._read, table, first, last, part)
        for key, size in torn:
            self._left_out(f"{self.path}: {key!r}", size)
        return None if rows is None else PackedRows(self.schema, rows)

    def _tables(self) -> list[str]:
        return self._do(self._listed_tables)

    def _days(self, table: str) -> list[str]:
        return self._do(self._listed_days, table)

    def _delete_day(self, table: str, day: str) -> bool:
        return self._do(self._delete, table, day)

    def _flush(self) -> None:
        self._do(self._sync)

    def _close(self) -> None:
        try:
            self._do(self._end)
        finally:
            self._worker.end()

    def _do(self, work: Callable[..., T], *arguments: Any) -> T:
        """Has something done by the thread that works with the database."""
        try:
            return self._worker.do(work, *arguments)
        except self._lmdb.ReadonlyError:
            raise ReadOnlyError(f"{self.path} was opened with readonly=True") from None
        except self._lmdb.Error as error:
            raise StorageError(f"{self.path}: {error}") from error

    # What the thread does.

    def _open(self) -> lmdb.Environment:
        return self._lmdb.open(os.fspath(self.path), **self._options)

    def _settle(self) -> None:
        """Writes the rows that are held."""
        held = list(self._held)
        if held:
            batches: dict[tuple[str, str], list[bytes]] = {}
            for table, day, rows in held:
                batches.setdefault((table, day), []).append(rows)

            def put(txn: lmdb.Transaction) -> None:
                for (table, day), rows in batches.items():
                    self._put(txn, table, day, b"".join(rows))

            self._transact(put, sum(len(rows) for _, _, rows in held))
            for _ in held:
                self._held.popleft()

    def _write(self, table: str, day: str, rows: bytes) -> None:
        self._settle()
        self._transact(lambda txn: self._put(txn, table, day, rows), len(rows))

    def _transact(self, change: Callable[[lmdb.Transaction], T], size: int = 0) -> T:
        """Carries out a change of about ``size`` bytes, in a map that has room for it."""
        while True:
            known = self._known.kept()
            try:
                with self._begin(write=True) as txn:
                    return change(txn)
            except self._lmdb.MapFullError:
                # Schemas that were written are not there either.
                self._known.restore(known)
                now = self._env.info()["map_size"]
                more = max(now, 2 * size) + _PAGE
                self._env.set_mapsize((now + more) // _PAGE * _PAGE)
            except BaseException:
                self._known.restore(known)
                raise

    def _begin(self, *, write: bool = False) -> lmdb.Transaction:
        try:
            return self._env.begin(write=write, buffers=True)
        except self._lmdb.MapResizedError:
            # By another process.
            self._env.set_mapsize(0)
            return self._env.begin(write=write, buffers=True)

    def _put(self, txn: lmdb.Transaction, table: str, day: str, rows: bytes) -> None:
        self._check_schema(txn, table, write=True)
        key, size = _key(table, day), self.schema.record_size
        last = self._last_chunk(txn, key)
        at = 0
        if last is not None:
            there = memoryview(txn.get(last, b""))
            whole = there[: len(there) - len(there) % size]
            at = _number(key, last)
            if len(whole) < _SMALL or len(whole) < len(there):
                rows = bytes(whole) + rows
            else:
                at += 1
        step = max(1, _CHUNK // size) * size
        for start in range(0, len(rows), step):
            chunk = key if at == 0 else key + b"\0" + _NUMBER.pack(at)
            txn.put(chunk, memoryview(rows)[start : start + step])
            at += 1

    def _last_chunk(self, txn: lmdb.Transaction, key: bytes) -> bytes | None:
        with txn.cursor() as cursor:
            found = cursor.prev() if cursor.set_range(key + _PAST_CHUNKS) else cursor.last()
            last = bytes(cursor.key()) if found else b""
        return last if _is_chunk(key, last) else None

    def _check_schema(self, txn: lmdb.Transaction, table: str, *, write: bool) -> None:
        if table in self._known:
            return
        key = _SCHEMAS + table.encode()
        there = txn.get(key)
        found = None if there is None else bytes(there).decode("utf-8", "replace")

        def tell(told: str) -> str:
            txn.put(key, told.encode())
            return told

        self._known.check(table, found, tell if write else None)

    def _read(
        self, table: str, first: str, last: str, part: slice
    ) -> tuple[_Rows | None, list[tuple[bytes, int]]]:
        """The rows, and by keys how many bytes are of rows that are not whole."""
        self._settle()
        with self._begin() as txn:
            self._check_schema(txn, table, write=False)
            days = [first] if first == last else self._days_in(txn, table)
            chunks: list[memoryview] = []
            torn: list[tuple[bytes, int]] = []
            for day in days:
                if first <= day <= last:
                    self._find_chunks(txn, _key(table, day), chunks, torn)
            if not chunks:
                return None, torn
            return _Rows.copied(self.schema._layout, self._sliced(chunks, part)), torn

    def _sliced(self, chunks: list[memoryview], part: slice) -> list[memoryview]:
        """The parts of chunks that hold the rows of a slice."""
        size = self.schema.record_size
        start, end, _ = part.indices(sum(map(len, chunks)) // size)
        start, end = start * size, end * size
        parts = []
        for chunk in chunks:
            if start < len(chunk) and end > max(start, 0):
                parts.append(chunk[max(start, 0) : end])
            start, end = start - len(chunk), end - len(chunk)
        return parts

    def _find_chunks(
        self,
        txn: lmdb.Transaction,
        key: bytes,
        chunks: list[memoryview],
        torn: list[tuple[bytes, int]],
    ) -> None:
        """Adds the chunks of a day, each of whole rows."""
        with txn.cursor() as cursor:
            found = cursor.set_range(key)
            while found and _is_chunk(key, bytes(cursor.key())):
                chunk = memoryview(cursor.value())
                behind = len(chunk) % self.schema.record_size
                if behind > 0:
                    torn.append((bytes(cursor.key()), behind))
                if len(chunk) > behind:
                    chunks.append(chunk[: len(chunk) - behind])
                found = cursor.next()

    def _listed_tables(self) -> list[str]:
        self._settle()
        with self._begin() as txn:
            return list({table for table, _ in self._partitions(txn, b"")})

    def _listed_days(self, table: str) -> list[str]:
        self._settle()
        with self._begin() as txn:
            return self._days_in(txn, table)

    def _days_in(self, txn: lmdb.Transaction, table: str) -> list[str]:
        partitions = self._partitions(txn, f"{table}:".encode())
        return [day for name, day in partitions if name == table]

    def _partitions(self, txn: lmdb.Transaction, prefix: bytes) -> Iterator[tuple[str, str]]:
        """The tables and days of keys with a prefix, in their order."""
        with txn.cursor() as cursor:
            found = cursor.set_range(prefix)
            while found:
                key = bytes(cursor.key())
                if not key.startswith(prefix):
                    return
                name = _named(key)
                if name is not None and len(cursor.value()) >= self.schema.record_size:
                    yield name
                # Chunks of a day follow it.
                found = cursor.next() if name is None else cursor.set_range(key + _PAST_CHUNKS)

    def _delete(self, table: str, day: str) -> bool:
        key = _key(table, day)

        def delete(txn: lmdb.Transaction) -> bool:
            deleted = False
            with txn.cursor() as cursor:
                found = cursor.set_range(key)
                while found and _is_chunk(key, bytes(cursor.key())):
                    deleted |= len(cursor.value()) >= self.schema.record_size
                    cursor.delete()
                    found = bool(cursor.key())
            return deleted

        self._settle()
        return self._transact(delete)

    def _sync(self) -> None:
        self._settle()
        if not self._options.get("readonly"):
            self._env.sync(True)

    def _end(self) -> None:
        try:
            self._settle()
        finally:
            self._env.close()


def _key(table: str, day: str) -> bytes:
    return f"{table}:{day}".encode()


def _is_chunk(key: bytes, found: bytes) -> bool:
    """Whether a key is that of a day, or of one of its further chunks."""
    length = len(key)
    return found == key or (
        len(found) == length + 1 + _NUMBER.size and found[: length + 1] == key + b"\0"
    )


def _number(key: bytes, chunk: bytes) -> int:
    if chunk == key:
        return 0
    (number,) = _NUMBER.unpack(chunk[-_NUMBER.size :])
    return int(number)


def _named(key: bytes) -> tuple[str, str] | None:
    """The table and the day of a key, if it is one of a day."""
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return None
    table, colon, day = text[:-_DAY_LENGTH][:-1], text[:-_DAY_LENGTH][-1:], text[-_DAY_LENGTH:]
    return (table, day) if colon == ":" and is_day(day) and is_table(table) else None
