"""LMDB: packed rows as values, in chunks, under the keys that Chronostore gives to days.

The first rows of a day are under ``Table:YYYY-MM-DD``, where Chronostore has all of them; those
that came later are under that key, a zero byte and a number of 8 bytes, most significant first. A
last chunk of less than 4 KiB is extended instead. What the rows look like is under
``\\0schema\\0Table``.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from chronolite._core import _Rows
from chronolite.backend._base import Backend
from chronolite.backend._names import is_day, is_table
from chronolite.backend._schema import TableSchema
from chronolite.backend._source import PackedRows, Source
from chronolite.backend._told import check_nulls, check_same

if TYPE_CHECKING:
    import lmdb

    from chronolite._core import _RowBatch

    T = TypeVar("T")

_log = logging.getLogger("chronolite")
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
    64 KiB, or until this backend is read, flushed or closed. The map grows by itself.

    Args:
        schema: What a row looks like.
        path: The database: a folder, or a file with ``subdir=False``. It is made here.
        open_options: What ``lmdb.open`` takes. A ``map_size`` is what the map begins with.

    Raises:
        ImportError: py-lmdb is not there: ``pip install chronolite[lmdb]``.
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
        options = {"map_size": _MAP_SIZE, **open_options}
        if not options.get("readonly"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self._full, self._resized = lmdb.MapFullError, lmdb.MapResizedError
        self._env: lmdb.Environment = lmdb.open(os.fspath(self.path), **options)
        self._held: dict[tuple[str, str], list[bytes]] = {}
        self._held_size = 0
        self._same: set[str] = set()

    def __repr__(self) -> str:
        return f"<chronolite.backend.LmdbBackend {str(self.path)!r}>"

    def _append(self, table: str, day: str, batch: _RowBatch) -> None:
        rows = batch.pack()
        with self._lock:
            self._check_open()
            if len(batch) > 1 or table not in self._same:
                self._write({(table, day): [rows]})
                return
            self._held.setdefault((table, day), []).append(rows)
            self._held_size += len(rows)
            if self._held_size >= _HELD:
                self._write({})

    def _write(self, batches: dict[tuple[str, str], list[bytes]]) -> None:
        """Writes the rows that are held, and behind them these, in one transaction."""
        held = {key: b"".join(rows) for key, rows in self._held.items()}
        if not held and not batches:
            return
        new = {key: b"".join(rows) for key, rows in batches.items()}

        def put(txn: lmdb.Transaction) -> None:
            for rows_of in (held, new):
                for (table, day), rows in rows_of.items():
                    self._check_schema(txn, table, write=True)
                    self._put(txn, _key(table, day), rows)

        size = sum(map(len, held.values())) + sum(map(len, new.values()))
        self._transact(put, size)
        self._held.clear()
        self._held_size = 0
        self._same.update(table for table, _ in (*held, *new))

    def _transact(self, change: Callable[[lmdb.Transaction], T], size: int = 0) -> T:
        """Carries out a change of about ``size`` bytes, in a map that has room for it."""
        while True:
            try:
                with self._begin(write=True) as txn:
                    return change(txn)
            except self._full:
                now = self._env.info()["map_size"]
                more = max(now, 2 * size) + _PAGE
                self._env.set_mapsize((now + more) // _PAGE * _PAGE)

    def _begin(self, *, write: bool = False) -> lmdb.Transaction:
        try:
            return self._env.begin(write=write, buffers=True)
        except self._resized:
            # By another process.
            self._env.set_mapsize(0)
            return self._env.begin(write=write, buffers=True)

    def _put(self, txn: lmdb.Transaction, key: bytes, rows: bytes) -> None:
        last = self._last_chunk(txn, key)
        at = 0
        if last is not None:
            there = memoryview(txn.get(last, b""))
            whole = there[: len(there) - len(there) % self.schema.record_size]
            if len(whole) < _SMALL or len(whole) < len(there):
                rows = bytes(whole) + rows
                at = _number(key, last)
            else:
                at = _number(key, last) + 1
        for start in range(0, len(rows), _CHUNK):
            chunk = key if at == 0 else key + b"\0" + _NUMBER.pack(at)
            txn.put(chunk, memoryview(rows)[start : start + _CHUNK])
            at += 1

    def _last_chunk(self, txn: lmdb.Transaction, key: bytes) -> bytes | None:
        with txn.cursor() as cursor:
            found = cursor.prev() if cursor.set_range(key + _PAST_CHUNKS) else cursor.last()
            last = bytes(cursor.key()) if found else b""
        return last if _is_chunk(key, last) else None

    def _check_schema(self, txn: lmdb.Transaction, table: str, *, write: bool) -> None:
        if table in self._same:
            return
        told = self.schema._layout.describe().encode()
        key = _SCHEMAS + table.encode()
        found = txn.get(key)
        if found is None and write:
            txn.put(key, told)
        elif found is not None:
            check_same(table, bytes(found).decode("utf-8", "replace"), told.decode())

    def _source(self, table: str, first: str, last: str) -> Source | None:
        with self._lock:
            self._settle()
            with self._begin() as txn:
                days = [first] if first == last else self._days_in(txn, table)
                self._check_schema(txn, table, write=False)
                chunks = []
                for day in days:
                    if first <= day <= last:
                        chunks += self._chunks(txn, table, day)
                if not chunks:
                    return None
                return PackedRows(self.schema, _Rows.copied(self.schema._layout, chunks))

    def _chunks(self, txn: lmdb.Transaction, table: str, day: str) -> list[memoryview]:
        key, size = _key(table, day), self.schema.record_size
        chunks = []
        with txn.cursor() as cursor:
            found = cursor.set_range(key)
            while found and _is_chunk(key, bytes(cursor.key())):
                chunk = memoryview(cursor.value())
                if torn := len(chunk) % size:
                    what = "left out %d bytes of rows that are not whole"
                    _log.warning(f"%s: {what}", bytes(cursor.key()).decode(), torn)
                    chunk = chunk[: len(chunk) - torn]
                if len(chunk) > 0:
                    chunks.append(chunk)
                found = cursor.next()
        return chunks

    def _settle(self) -> None:
        """Writes the rows that are held, for whoever looks at all of them."""
        self._check_open()
        self._write({})

    def _tables(self) -> list[str]:
        with self._lock:
            self._settle()
            with self._begin() as txn:
                return list({table for table, _ in self._partitions(txn, b"")})

    def _days(self, table: str) -> list[str]:
        with self._lock:
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

    def _delete_day(self, table: str, day: str) -> bool:
        key = _key(table, day)

        def delete(txn: lmdb.Transaction) -> bool:
            deleted = False
            with txn.cursor() as cursor:
                found = cursor.set_range(key)
                while found and _is_chunk(key, bytes(cursor.key())):
                    cursor.delete()
                    deleted = True
                    found = bool(cursor.key())
            return deleted

        with self._lock:
            self._settle()
            return self._transact(delete)

    def _flush(self) -> None:
        with self._lock:
            self._settle()
            self._env.sync(True)

    def _close(self) -> None:
        try:
            self._write({})
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
