"""Packed files: chronolite's own, compressed and checked.

A table of the face is a table of the kernel under the same name, whose time is made of the day and
the number of the row: a slice of a range of days is a range of time. What the rows look like stands
in the table ``.schema``.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload
from weakref import WeakValueDictionary

import numpy as np

from chronolite._core import Db, _PackedDays
from chronolite._errors import (
    ChronoliteError,
    DatabaseLockedError,
    InvalidInputError,
    ReadOnlyError,
)
from chronolite.backend._base import Backend
from chronolite.backend._folders import make, names_in, size_of
from chronolite.backend._known import KnownSchemas, not_ours
from chronolite.backend._names import FIRST, LAST, is_day, is_table, number_of, numbered
from chronolite.backend._schema import TableSchema
from chronolite.backend._source import Source, Values, shaped

if TYPE_CHECKING:
    from chronolite._core import Snapshot, _RowBatch

_FILE = "data.chl"
# So many databases of days stay open to be written to.
_KEPT = 64
# Seconds to wait for one that another thread closes.
_PATIENCE = 5.0
_ROWS_A_DAY = _PackedDays.ROWS_A_DAY
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
            ``Table/YYYY-MM-DD/data.chl``, to be copied and removed by itself. A range of days has
            all their files open at once, and each is read at a moment of its own.
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
        other = self._other_files()
        if other is not None:
            raise InvalidInputError(f'{other} is there: files="{files}" would not see it')
        # Those last used; of the day ("", "") where one file has all. One that is not among them
        # any more is closed when the last read of it is over, and used again until then.
        self._opened: OrderedDict[tuple[str, str], _File] = OrderedDict()
        self._checked: set[str] = set()
        self._opening = False
        self._alive: WeakValueDictionary[tuple[str, str], _File] = WeakValueDictionary()

    def __repr__(self) -> str:
        return f"<chronolite.backend.PackedBackend {str(self.path)!r}>"

    def _other_files(self) -> Path | None:
        """A file of the other arrangement, if it is there and none of this one."""
        one = self.path / _FILE
        if self.files == "day":
            return one if one.is_file() else None
        return None if one.is_file() else next(self.path.glob(f"*/????-??-??/{_FILE}"), None)

    def _append(self, table: str, day: str, batch: _RowBatch) -> None:
        self._check_writable()
        if self.files == "day" and table not in self._checked:
            # A table has one schema, though each of its files has it.
            other = next(iter(self._day_folders(table)), None)
            if other is not None and (file := self._file(table, other)) is not None:
                file.check(table, file.db.snapshot())
            self._checked.add(table)
        file = self._file(table, day, write=True)
        assert file is not None  # noqa: S101 (it was made)
        file.days(table, self._storage).append(number_of(day), batch)

    def _source(self, table: str, first: str, last: str, part: slice) -> Source | None:
        if self.files == "one":
            file = self._file(table, first)
            rows = None if file is None else file.rows(table, first, last)
            return None if rows is None else rows.part(part)
        days = [first] if first == last else self._day_folders(table)
        files = [self._file(table, day) for day in days if first <= day <= last]
        found = [file.rows(table, first, last) for file in files if file is not None]
        parts = [rows for rows in found if rows is not None]
        if not parts:
            return None
        return (parts[0] if len(parts) == 1 else _Joined(parts)).part(part)

    def _tables(self) -> list[str]:
        if self.files == "day":
            return [table for table in names_in(self.path) if is_table(table) and self._days(table)]
        file = self._file("", "")
        return [] if file is None else file.tables()

    def _days(self, table: str) -> list[str]:
        if self.files == "one":
            file = self._file(table, "")
            return [] if file is None else file.listed(table)
        days = self._day_folders(table)
        return [day for day in days if (file := self._file(table, day)) and file.listed(table)]

    def _delete_day(self, table: str, day: str) -> bool:
        file = self._file(table, day)
        if file is None or not file.listed(table, day):
            return False
        self._check_writable()
        file = self._file(table, day, write=True)
        return file is not None and file.days(table, self._storage).delete(number_of(day))

    def _flush(self) -> None:
        for file in self._writing():
            file.db.flush()

    def _close(self) -> None:
        errors = []
        for file in [*self._opened.values(), *self._alive.values()]:
            try:
                file.db.close()
            except ChronoliteError as error:
                errors.append(error)
        self._opened.clear()
        self._alive.clear()
        if errors:
            raise errors[0]

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
        self._check_writable()
        for table, day in self._partitions():
            if (file := self._file(table, day, write=True)) is not None:
                file.db.compact()
        return None

    def _partitions(self) -> list[tuple[str, str]]:
        """What has a file of its own."""
        if self.files == "one":
            return [("", "")] if (self.path / _FILE).exists() else []
        tables = [table for table in names_in(self.path) if is_table(table)]
        return [(table, day) for table in tables for day in self._day_folders(table)]

    def _day_folders(self, table: str) -> list[str]:
        days = filter(is_day, names_in(self.path / table))
        return sorted(day for day in days if size_of(self.path / table / day / _FILE) > 0)

    def _check_writable(self) -> None:
        if self._mode == "r":
            raise ReadOnlyError(f'{self.path} was opened with mode "r"')

    def _writing(self) -> list[_File]:
        """The databases that this backend may have written to."""
        with self._lock:
            self._check_open()
            return [file for file in self._alive.values() if not file.follows]

    def _file(self, table: str, day: str, *, write: bool = False) -> _File | None:
        """The database that has a day; None if it is not there and is not to be written."""
        key = ("", "") if self.files == "one" else (table, day)
        path = self.path.joinpath(*filter(None, key), _FILE)
        # Of many days only those that are written to are kept: each has threads of its own.
        follows = self._mode == "r" or (self.files == "day" and not write)
        until = time.monotonic() + _PATIENCE
        while True:
            with self._lock:
                self._check_open()
                file = self._alive.get(key)
                if file is not None and file.is_at(path) and (not write or not file.follows):
                    return self._kept(key, file.followed())
                if not write and not path.exists():
                    return None
                if self._opening:
                    # The lock is this thread's: what was interrupted cannot go on meanwhile.
                    raise DatabaseLockedError(
                        f"{path} is just being opened: what a handler of "
                        "signals interrupts cannot be waited for"
                    )
                self._opening = True
                try:
                    if write:
                        make(path.parent)
                    self._opened.pop(key, None)
                    return self._kept(key, _File(self.schema, path, self._durability, follows))
                except DatabaseLockedError as error:
                    # A thread of ours may be closing it.
                    if error.pid != os.getpid() or time.monotonic() > until:
                        raise
                finally:
                    self._opening = False
            time.sleep(0.001)

    def _kept(self, key: tuple[str, str], file: _File) -> _File:
        """The same, which stays open if it is one of those that do."""
        self._alive[key] = file
        if not file.follows or self.files == "one":
            self._opened[key] = file
            self._opened.move_to_end(key)
            if len(self._opened) > _KEPT:
                oldest = next(iter(self._opened.values()))
                if not oldest.follows:
                    # Nobody is told what fails when it is closed.
                    oldest.db.flush()
                self._opened.popitem(last=False)
        return file


class _File:
    """A database of days."""

    def __init__(self, schema: TableSchema, path: Path, durability: Any, follows: bool) -> None:
        self.db = Db(path, mode="r" if follows else "rw", durability=durability)
        # Sees what a writer elsewhere does.
        self.follows = follows
        self._schema = schema
        self._number = path.stat().st_ino
        self._known = KnownSchemas(schema)
        self._days: dict[str, _PackedDays] = {}

    def is_at(self, path: Path) -> bool:
        """Whether it is still the file of that name."""
        try:
            return path.stat().st_ino == self._number
        except OSError:
            return False

    def followed(self) -> _File:
        """The same, as of now."""
        if self.follows:
            self.db.refresh()
        return self

    def days(self, name: str, storage: str) -> _PackedDays:
        """The days of a table, to write to."""
        if (known := self._days.get(name)) is not None:
            return known
        self._known.check(name, self._found(self.db.snapshot(), name), partial(self._tell, name))
        made = _PackedDays(self._schema._layout, self.db, name, storage)
        # A handler of signals may have made it meanwhile: of two, only one may count.
        return self._days.setdefault(name, made)

    def rows(self, name: str, first: str, last: str) -> Source | None:
        """The rows of some days, at this moment."""
        moment = self.db.snapshot()
        counts = self._counts(moment, name, number_of(first), number_of(last))
        self.check(name, moment)
        return _Packed(self._schema, self, moment, name, counts) if counts else None

    def check(self, name: str, moment: Snapshot) -> None:
        """Refuses a table whose rows look otherwise."""
        if name in moment and name not in self._known:
            found = self._found(moment, name)
            if found is None:
                raise not_ours(name)
            self._known.check(name, found, None)
            self._schema._layout.check_table(moment[name])

    def tables(self) -> list[str]:
        """The tables that have rows."""
        moment = self.db.snapshot()
        names = filter(is_table, moment.tables())
        return [name for name in names if moment[name].max_ts is not None]

    def listed(self, name: str, day: str | None = None) -> list[str]:
        """The days of a table that have rows, or one of them."""
        first, last = (FIRST, LAST) if day is None else (day, day)
        counts = self._counts(self.db.snapshot(), name, number_of(first), number_of(last))
        return [numbered(number) for number, _ in counts]

    def _counts(self, moment: Snapshot, name: str, first: int, last: int) -> list[tuple[int, int]]:
        return _PackedDays.counts(moment[name], first, last) if name in moment else []

    def _found(self, moment: Snapshot, name: str) -> str | None:
        """What is kept of the schema of a table."""
        if _SCHEMAS not in moment:
            return None
        try:
            columns = moment[_SCHEMAS].scan(columns=["table", "schema"]).to_numpy()
            return dict(zip(columns["table"], columns["schema"], strict=True)).get(name)
        except ChronoliteError:
            return None

    def _tell(self, name: str, told: str) -> str:
        """Keeps the schema of a table, which is made after it."""
        if name in self.db:
            # Another thread, or a handler of signals, may just have made both.
            found = self._found(self.db.snapshot(), name)
            if found is None:
                raise not_ours(name)
            return found
        kinds = {"table": "utf8", "schema": "utf8"}
        self.db.create_table(_SCHEMAS, kinds).append_row(0, [name, told])
        return told


class _Packed(Source):
    """Rows of days that follow each other in a table."""

    def __init__(
        self,
        schema: TableSchema,
        file: _File,
        moment: Snapshot,
        name: str,
        days: list[tuple[int, int]],
        within: tuple[int, int] | None = None,
        where: Any = None,
    ) -> None:
        self._schema = schema
        # It stays open as long as its rows are read.
        self._file = file
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

    def columns(self, names: Sequence[str]) -> list[Values]:
        table, wanted = self._moment[self._name], list(names)
        scan = table.scan(*self._times(), columns=wanted, where=self._where)
        return shaped(self._schema, names, self._schema._layout.of_scan(scan, wanted))

    def _but(self, **changed: Any) -> Source:
        kept = {"within": self._within, "where": self._where, **changed}
        file, moment, name = self._file, self._moment, self._name
        return _Packed(self._schema, file, moment, name, self._days, **kept)

    def _times(self) -> tuple[int, int]:
        """The times of the first row and behind the last one."""
        start, end = self._within
        first = self._time(start)
        return first, self._time(end - 1) + 1 if end > start else first

    def _time(self, row: int) -> int:
        for day, rows in self._days:
            if row < rows:
                return day * _ROWS_A_DAY + row
            row -= rows
        day, rows = self._days[-1]
        return day * _ROWS_A_DAY + rows


class _Joined(Source):
    """The rows of several files, one after the other."""

    def __init__(self, parts: list[Source]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def slice(self, start: int, end: int) -> Source:
        parts = []
        for part in self._parts:
            rows = len(part)
            parts.append(part.slice(min(start, rows), max(min(end, rows), min(start, rows))))
            start, end = max(start - rows, 0), max(end - rows, 0)
        return _Joined(parts)

    def where(self, where: object) -> Source:
        return _Joined([part.where(where) for part in self._parts])

    def columns(self, names: Sequence[str]) -> list[Values]:
        pieces = [part.columns(names) for part in self._parts]
        return [_concatenated(list(column)) for column in zip(*pieces, strict=True)]


def _concatenated(pieces: list[Values]) -> Values:
    # NumPy would put the bytes of numbers in the order of this machine.
    values = np.concatenate([piece.values for piece in pieces], dtype=pieces[0].values.dtype)
    if all(piece.nulls is None for piece in pieces):
        return Values(values, None)
    nulls = [
        np.zeros(len(piece.values), "?") if piece.nulls is None else piece.nulls for piece in pieces
    ]
    return Values(values, np.concatenate(nulls))
