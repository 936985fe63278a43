"""Flat files: ``Table/YYYY-MM-DD/data.bin`` of packed rows, as Chronostore writes them."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from chronolite._core import _DayFile, _Rows
from chronolite._errors import SchemaError
from chronolite.backend._base import Backend
from chronolite.backend._names import is_day, is_table
from chronolite.backend._schema import TableSchema
from chronolite.backend._source import PackedRows, Source
from chronolite.backend._told import check_nulls, check_same

if TYPE_CHECKING:
    from chronolite._core import _RowBatch

_log = logging.getLogger("chronolite")
# So many files stay open to be appended to.
_KEPT = 16
_ROWS, _SCHEMA = "data.bin", ".schema"


class FlatFileBackend(Backend):
    """A file a day of packed rows, in the layout of Chronostore, whose folders open as they are.

    Rows are there for all processes as soon as they are appended, and survive power loss after
    ``flush``. Several threads and processes may append to one day: each batch is there as a whole
    or not at all, also when a process is killed. A torn row is left out, with a warning of the
    logger ``chronolite``, and cut by whoever appends next.

    Args:
        schema: What a row looks like.
        path: The folder of the tables. It is made at the first append.

    >>> from chronolite.backend import FlatFileBackend
    >>> schema = cl.TableSchema([cl.ColumnSchema("time", "q"), cl.ColumnSchema("ok", "?")])
    >>> with FlatFileBackend(schema, folder) as backend:
    ...     backend.append("pump", "2025-06-14", {"time": [1, 2], "ok": [True, False]})
    ...     (folder / "pump" / "2025-06-14" / "data.bin").stat().st_size
    18
    """

    def __init__(self, schema: TableSchema, path: str | os.PathLike[str]) -> None:
        super().__init__(schema)
        check_nulls(schema, "flat files")
        self.path = Path(path)
        # Those last used, of days by (table, day).
        self._files: OrderedDict[tuple[str, str], _DayFile] = OrderedDict()
        self._unsynced: set[tuple[str, str]] = set()
        # The tables whose schema on disk is ours.
        self._same: set[str] = set()

    def __repr__(self) -> str:
        return f"<chronolite.backend.FlatFileBackend {str(self.path)!r}>"

    def _append(self, table: str, day: str, batch: _RowBatch) -> None:
        self._check_schema(table, write=True)
        cut = self._file(table, day).append(batch)
        with self._lock:
            self._unsynced.add((table, day))
        if cut:
            _log.warning("%s: cut %d bytes of rows that were not whole", self._at(table, day), cut)

    def _source(self, table: str, first: str, last: str) -> Source | None:
        days = [first] if first == last else self._days(table)
        found = [self._rows(table, day) for day in days if first <= day <= last]
        parts = [rows for rows in found if rows is not None]
        if not parts:
            return None
        rows = parts[0] if len(parts) == 1 else _Rows.joined(self.schema._layout, parts)
        return PackedRows(self.schema, rows)

    def _rows(self, table: str, day: str) -> _Rows | None:
        self._check_schema(table, write=False)
        rows, unfinished = self._file(table, day).read()
        if unfinished:
            what = "left out %d bytes of rows that are not whole"
            _log.warning(f"%s: {what}", self._at(table, day), unfinished)
        return rows

    def _tables(self) -> list[str]:
        return [name for name in _folders(self.path) if is_table(name) and self._days(name)]

    def _days(self, table: str) -> list[str]:
        days = filter(is_day, _folders(self.path / table))
        return sorted(day for day in days if _size(self._at(table, day)) > 0)

    def _delete_day(self, table: str, day: str) -> bool:
        deleted = self._file(table, day).delete()
        with self._lock:
            self._files.pop((table, day), None)
            self._unsynced.discard((table, day))
        with contextlib.suppress(OSError):
            # Other files may be there, or another process appends to it again.
            self._at(table, day).parent.rmdir()
        return deleted

    def _flush(self) -> None:
        with self._lock:
            unsynced, self._unsynced = self._unsynced, set()
        for table, day in sorted(unsynced):
            try:
                self._file(table, day).sync()
            except BaseException:
                with self._lock:
                    self._unsynced |= unsynced
                raise

    def _close(self) -> None:
        self._files.clear()

    def _at(self, table: str, day: str) -> Path:
        return self.path / table / day / _ROWS

    def _file(self, table: str, day: str) -> _DayFile:
        with self._lock:
            file = self._files.get((table, day))
            if file is None:
                file = self._files[table, day] = _DayFile(self._at(table, day), self.schema._layout)
                if len(self._files) > _KEPT:
                    self._files.popitem(last=False)
            else:
                self._files.move_to_end((table, day))
            return file

    def _check_schema(self, table: str, *, write: bool) -> None:
        """Refuses a table that was written with another schema; a new one gets ours."""
        if table in self._same:
            return
        told = self.schema._layout.describe()
        file = self.path / table / _SCHEMA
        try:
            found = file.read_text("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            if not write:
                return
            found = _write_new(file, told)
        except UnicodeDecodeError:
            raise SchemaError(f'table "{table}": {file} is no schema') from None
        check_same(table, found, told)
        with self._lock:
            self._same.add(table)


def _write_new(file: Path, text: str) -> str:
    """Writes a file as a whole, unless another process does; the text that is there then."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=file.name, dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as new:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
        Path(name).chmod(0o666 & ~_umask())
        with contextlib.suppress(FileExistsError):
            os.link(name, file)
    finally:
        Path(name).unlink()
    return file.read_text("utf-8")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _folders(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return 0
