"""Packed files: chronolite's own, compressed and checked.

A table of the face is a table of the kernel under the same name, whose time is the number of the
day, counted from 1970-01-01, times 2 ** 40, plus the number of the row within the day. So a day, a
range of days and a slice of it are each a range of time. What the rows look like stands in the
table ``.schema``.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from chronolite._core import Db
from chronolite._errors import (
    ConflictError,
    InvalidInputError,
    ReadOnlyError,
    TableNotFoundError,
)
from chronolite.backend._base import Backend
from chronolite.backend._names import is_day, is_table, number_of, numbered
from chronolite.backend._schema import TableSchema
from chronolite.backend._source import Source, Values, shaped
from chronolite.backend._told import check_same

if TYPE_CHECKING:
    from chronolite._core import Snapshot, Table, _RowBatch

_FILE = "data.chl"
# So many databases of days stay open.
_KEPT = 64
_ROWS_A_DAY = 1 << 40
_SCHEMAS = ".schema"
_OPTIONS = {
    "files": ("one", "day"),
    "mode": ("rw", "r"),
    "durability": ("sync", "interval", "none"),
    "storage": ("balanced", "speed", "size", "raw"),
}


class PackedBackend(Backend):
    """Rows in chronolite's own files: compressed, checked, with nulls and statistics.

    Rows are readable as soon as they are appended, by other processes with ``mode="r"`` as well,
    and survive power loss after ``flush``. One process writes at a time.

    Args:
        schema: What a row looks like. Its columns may be nullable.
        path: The folder of the files. It is made at the first append.
        files: ``"one"`` file ``data.chl`` for all, or one for each ``"day"`` of a table,
            ``Table/YYYY-MM-DD/data.chl``, to be copied and removed by itself.
        mode: ``"r"`` reads only, beside a process that writes.
        durability: When rows survive power loss without ``flush``: see ``Db``.
        storage: How hard columns are compressed: see ``Db.create_table``.

    >>> from chronolite.backend import PackedBackend
    >>> schema = cl.TableSchema([cl.ColumnSchema("time", "q"), cl.ColumnSchema("n", "i", True)])
    >>> with PackedBackend(schema, folder) as backend:
    ...     backend.append("pump", "2025-06-14", [{"time": 1, "n": None}, {"time": 2, "n": 5}])
    ...     backend.read("pump", "2025-06-14", where="n > 3")["time"].tolist()
    [2]
    """

    def __init__(
        self,
        schema: TableSchema,
        path: str | os.PathLike[str],
        *,
        files: Literal["one", "day"] = "one",
        mode: Literal["rw", "r"] = "rw",
        durability: Literal["sync", "interval", "none"] = "interval",
        storage: Literal["balanced", "speed", "size", "raw"] = "balanced",
    ) -> None:
        super().__init__(schema)
        given = {"files": files, "mode": mode, "durability": durability, "storage": storage}
        for option, value in given.items():
            if value not in _OPTIONS[option]:
                names = ", ".join(map(repr, _OPTIONS[option]))
                raise InvalidInputError(f"{option} is one of {names}, not {value!r}")
        self.path = Path(path)
        self.files = files
        self._mode = mode
        self._durability = durability
        self._storage = storage
        # Of the day ("", "") where one file has all.
        self._opened: OrderedDict[tuple[str, str], _File] = OrderedDict()

    def __repr__(self) -> str:
        return f"<chronolite.backend.PackedBackend {str(self.path)!r}>"

    def _append(self, table: str, day: str, batch: _RowBatch) -> None:
        if self._mode == "r":
            raise ReadOnlyError(f'{self.path} was opened with mode "r"')
        with self._lock:
            file = self._file(table, day, make=True)
            assert file is not None  # noqa: S101 (it was made)
            file.append(self.schema, self._storage, table, day, batch)

    def _source(self, table: str, first: str, last: str) -> Source | None:
        with self._lock:
            if self.files == "one":
                file = self._file(table, first)
                return None if file is None else file.rows(self.schema, table, first, last)
            days = [first] if first == last else self._day_folders(table)
            parts = []
            for day in days:
                if first <= day <= last and (file := self._file(table, day)) is not None:
                    rows = file.rows(self.schema, table, day, day)
                    parts.append((day, 0, 0 if rows is None else len(rows)))
        parts = [part for part in parts if part[2] > 0]
        return _OfFiles(self, table, parts) if parts else None

    def part(
        self, table: str, day: str, within: tuple[int, int], where: Any, names: Sequence[str]
    ) -> list[Values]:
        """Columns of some rows of a day that has a file of its own."""
        with self._lock:
            file = self._file(table, day)
            rows = None if file is None else file.rows(self.schema, table, day, day)
            if rows is None or len(rows) < within[1]:
                raise ConflictError(f'table "{table}": {day} was deleted while it was read')
            rows = rows.slice(*within)
            return (rows if where is None else rows.where(where)).columns(names)

    def _tables(self) -> list[str]:
        if self.files == "day":
            return [table for table in _folders(self.path) if is_table(table) and self._days(table)]
        with self._lock:
            file = self._file("", "")
            return [] if file is None else file.tables()

    def _days(self, table: str) -> list[str]:
        with self._lock:
            if self.files == "one":
                file = self._file(table, "")
                return [] if file is None else file.days(table)
            days = self._day_folders(table)
            return [day for day in days if (file := self._file(table, day)) and file.days(table)]

    def _delete_day(self, table: str, day: str) -> bool:
        with self._lock:
            file = self._file(table, day)
            if file is None or day not in file.days(table):
                return False
            if self._mode == "r":
                raise ReadOnlyError(f'{self.path} was opened with mode "r"')
            file.delete(table, day)
            return True

    def _flush(self) -> None:
        with self._lock:
            for file in self._opened.values():
                file.flush()

    def _close(self) -> None:
        while self._opened:
            self._opened.popitem()[1].db.close()

    @overload
    def pack(self) -> None: ...
    @overload
    def pack(self, data: Any) -> bytes: ...
    def pack(self, data: Any = None) -> bytes | None:
        """Makes the files as small as they get. Reads go on meanwhile, and give the same rows.

        Args:
            data: Rows, which are packed as they stand in a flat file instead: see ``Backend.pack``.
        """
        if data is not None:
            return super().pack(data)
        self._check_open()
        with self._lock:
            for table, day in self._partitions():
                if (file := self._file(table, day)) is not None:
                    file.db.pack()
        return None

    def _partitions(self) -> list[tuple[str, str]]:
        """What has a file of its own."""
        if self.files == "one":
            return [("", "")]
        tables = [table for table in _folders(self.path) if is_table(table)]
        return [(table, day) for table in tables for day in self._day_folders(table)]

    def _day_folders(self, table: str) -> list[str]:
        days = filter(is_day, _folders(self.path / table))
        return sorted(day for day in days if (self.path / table / day / _FILE).is_file())

    def _file(self, table: str, day: str, *, make: bool = False) -> _File | None:
        """The database that has a day; None if it is not there."""
        self._check_open()
        key = ("", "") if self.files == "one" else (table, day)
        file = self._opened.get(key)
        if file is not None:
            self._opened.move_to_end(key)
            file.follow()
            return file
        path = self.path.joinpath(*filter(None, key), _FILE)
        if not make and not path.exists():
            return None
        if make:
            path.parent.mkdir(parents=True, exist_ok=True)
        file = self._opened[key] = _File(
            Db(path, mode=self._mode, durability=self._durability), self._mode
        )
        if len(self._opened) > _KEPT:
            self._opened.popitem(last=False)[1].db.close()
        return file


class _File:
    """A database of days, and how many rows each of them has."""

    def __init__(self, db: Db, mode: str) -> None:
        self.db = db
        self._follows = mode == "r"
        self._counts: dict[str, dict[str, int]] = {}
        self._same: set[str] = set()

    def follow(self) -> None:
        """Sees what a writer elsewhere did meanwhile."""
        if self._follows:
            self.db.refresh()
            self._counts.clear()

    def flush(self) -> None:
        if not self._follows:
            self.db.flush()

    def append(
        self, schema: TableSchema, storage: str, name: str, day: str, batch: _RowBatch
    ) -> None:
        self._check_schema(schema, name, write=True)
        table = schema._layout.table(self.db, name, storage)
        counts = self.counts(name)
        there = counts.get(day, 0)
        try:
            batch.append_to(table, number_of(day) * _ROWS_A_DAY + there)
        except BaseException:
            # Whether the rows are there is asked of the table.
            self._counts.pop(name, None)
            raise
        counts[day] = there + len(batch)

    def rows(self, schema: TableSchema, name: str, first: str, last: str) -> Source | None:
        counts = self.counts(name)
        there = [(day, counts[day]) for day in sorted(counts) if first <= day <= last]
        if not there:
            return None
        self._check_schema(schema, name, write=False)
        return _Packed(schema, self.db.snapshot(), name, there)

    def tables(self) -> list[str]:
        names = filter(is_table, self.db.tables())
        return [name for name in names if self.db[name].max_ts is not None]

    def days(self, name: str) -> list[str]:
        return sorted(self.counts(name))

    def delete(self, name: str, day: str) -> None:
        start = number_of(day) * _ROWS_A_DAY
        self._counts.pop(name, None)
        self.db[name].delete(start, start + _ROWS_A_DAY)

    def counts(self, name: str) -> dict[str, int]:
        """How many rows the days of a table have. They are found from the last one back."""
        if name in self._counts:
            return self._counts[name]
        counts: dict[str, int] = {}
        try:
            table = self.db[name]
        except TableNotFoundError:
            return counts
        last = table.max_ts
        while last is not None:
            day, row = divmod(last, _ROWS_A_DAY)
            counts[numbered(day)] = row + 1
            last = _at_or_before(table, day * _ROWS_A_DAY - 1)
        self._counts[name] = counts
        return counts

    def _check_schema(self, schema: TableSchema, name: str, *, write: bool) -> None:
        if name in self._same:
            return
        told = schema._layout.describe()
        found = None
        with contextlib.suppress(TableNotFoundError):
            schemas = self.db[_SCHEMAS].scan(columns=["table", "schema"]).to_numpy()
            found = dict(zip(schemas["table"], schemas["schema"], strict=True)).get(name)
        if found is not None:
            check_same(name, found, told)
        elif write:
            kinds = {"table": "utf8", "schema": "utf8"}
            self.db.create_table(_SCHEMAS, kinds).append_row(0, [name, told])
        self._same.add(name)


def _at_or_before(table: Table, time: int) -> int | None:
    """The time of the newest row at or before a time."""
    times = next(iter(table.asof(time).to_numpy().values()))
    return int(times.view("i8")[0]) if len(times) else None


class _Packed(Source):
    """Rows of days that follow each other in a table."""

    def __init__(
        self,
        schema: TableSchema,
        moment: Snapshot,
        name: str,
        days: list[tuple[str, int]],
        within: tuple[int, int] | None = None,
        where: Any = None,
    ) -> None:
        self._schema = schema
        self._moment = moment
        self._name = name
        self._days = days
        self._within = (0, sum(rows for _, rows in days)) if within is None else within
        self._where = where

    def __len__(self) -> int:
        start, end = self._within
        return end - start

    def slice(self, start: int, end: int) -> Source:
        begin = self._within[0]
        return self._but(within=(begin + start, begin + end))

    def where(self, where: object) -> Source:
        return self._but(where=where)

    def masked(self, mask: Any) -> Source:
        return _Masked(self, mask)

    def columns(self, names: Sequence[str]) -> list[Values]:
        scan = self._moment[self._name].scan(*self._times(), columns=list(names), where=self._where)
        return shaped(self._schema, names, self._schema._layout.of_scan(scan, list(names)))

    def _but(self, **changed: Any) -> Source:
        kept = {"within": self._within, "where": self._where, **changed}
        return _Packed(self._schema, self._moment, self._name, self._days, **kept)

    def _times(self) -> tuple[int, int]:
        """The times of the first row and behind the last one."""
        start, end = self._within
        return self._time(start), self._time(end - 1) + 1 if end > start else self._time(start)

    def _time(self, row: int) -> int:
        for day, rows in self._days:
            if row < rows:
                return number_of(day) * _ROWS_A_DAY + row
            row -= rows
        day, rows = self._days[-1]
        return number_of(day) * _ROWS_A_DAY + rows


class _Masked(Source):
    """Some rows of others."""

    def __init__(self, rows: Source, mask: Any) -> None:
        self._rows = rows
        self._mask = mask

    def __len__(self) -> int:
        return int(np.count_nonzero(self._mask))

    def slice(self, start: int, end: int) -> Source:
        raise NotImplementedError("rows are sliced before they are masked")

    where = masked = slice  # type: ignore[assignment]

    def columns(self, names: Sequence[str]) -> list[Values]:
        return [
            Values(values[self._mask], None if nulls is None else nulls[self._mask])
            for values, nulls in self._rows.columns(names)
        ]


class _OfFiles(Source):
    """The rows of days that have a file each, which are opened one after the other."""

    def __init__(
        self,
        backend: PackedBackend,
        table: str,
        parts: list[tuple[str, int, int]],
        where: Any = None,
    ) -> None:
        self._backend = backend
        self._table = table
        # Days, and which of their rows.
        self._parts = parts
        self._where = where

    def __len__(self) -> int:
        return sum(end - start for _, start, end in self._parts)

    def slice(self, start: int, end: int) -> Source:
        parts = []
        for day, first, last in self._parts:
            rows = last - first
            parts.append((day, first + min(start, rows), first + min(max(end, 0), rows)))
            start, end = max(start - rows, 0), end - rows
        some = [part for part in parts if part[1] < part[2]]
        return _OfFiles(self._backend, self._table, some or parts[:1])

    def where(self, where: object) -> Source:
        return _OfFiles(self._backend, self._table, self._parts, where)

    def masked(self, mask: Any) -> Source:
        return _Masked(self, mask)

    def columns(self, names: Sequence[str]) -> list[Values]:
        pieces = [
            self._backend.part(self._table, day, (start, end), self._where, names)
            for day, start, end in self._parts
        ]
        return [_concatenated(list(column)) for column in zip(*pieces, strict=True)]


def _concatenated(pieces: list[Values]) -> Values:
    if len(pieces) == 1:
        return pieces[0]
    values = np.concatenate([piece.values for piece in pieces])
    if all(piece.nulls is None for piece in pieces):
        return Values(values, None)
    nulls = [
        np.zeros(len(piece.values), "?") if piece.nulls is None else piece.nulls for piece in pieces
    ]
    return Values(values, np.concatenate(nulls))


def _folders(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
