"""Flat files: ``Table/YYYY-MM-DD/data.bin`` of packed rows, as Chronostore writes them."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import threading
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chronolite._core import _DayFile, _Rows
from chronolite._errors import DurabilityError
from chronolite.backend._base import Backend
from chronolite.backend._folders import make, names_in, size_of, sync
from chronolite.backend._known import KnownSchemas, check_nulls
from chronolite.backend._names import is_day, is_table
from chronolite.backend._schema import TableSchema
from chronolite.backend._source import PackedRows, Source

if TYPE_CHECKING:
    from chronolite._core import _RowBatch

_log = logging.getLogger("chronolite")
# So many files stay open to be appended to.
_KEPT = 64
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
        self._syncing: set[tuple[str, str]] = set()
        self._failed: OSError | None = None
        self._flushing = threading.RLock()
        self._known = KnownSchemas(schema)
        # The files of schemas that are known to be ours, by table.
        self._numbers: dict[str, tuple[int, int]] = {}
        self._root = os.fspath(self.path)

    def __repr__(self) -> str:
        return f"<chronolite.backend.FlatFileBackend {str(self.path)!r}>"

    def _append(self, table: str, day: str, batch: _RowBatch) -> None:
        self._check_schema(table, write=True)
        try:
            cut = self._file(table, day).append(batch)
        finally:
            # Behind the rows: a flush meanwhile may have seen none of them.
            with self._lock:
                self._unsynced.add((table, day))
        if cut:
            _log.warning("%s: cut %d bytes of rows that were not whole", self._at(table, day), cut)

    def _source(self, table: str, first: str, last: str, part: slice) -> Source | None:
        days = [first] if first == last else self._listed(table)
        found = [self._rows(table, day) for day in days if first <= day <= last]
        parts = [rows for rows in found if rows is not None]
        if not parts:
            return None
        rows = parts[0] if len(parts) == 1 else _Rows.joined(self.schema._layout, parts)
        return PackedRows(self.schema, rows).part(part)

    def _rows(self, table: str, day: str) -> _Rows | None:
        self._check_schema(table, write=False)
        rows, unfinished = self._file(table, day).read()
        if unfinished:
            self._left_out(self._at(table, day), unfinished)
        return rows

    def _tables(self) -> list[str]:
        return [name for name in names_in(self.path) if is_table(name) and self._days(name)]

    def _days(self, table: str) -> list[str]:
        return [day for day in self._listed(table) if self._has_rows(table, day)]

    def _listed(self, table: str) -> list[str]:
        """The days that may have rows."""
        return sorted(filter(is_day, names_in(self.path / table)))

    def _has_rows(self, table: str, day: str) -> bool:
        file = self._at(table, day)
        if size_of(file) < self.schema.record_size:
            return False
        # Of a batch that was never whole there is a file as well.
        announced = file.with_name(_ROWS + ".pending").exists()
        return not announced or self._file(table, day).read()[0] is not None

    def _delete_day(self, table: str, day: str) -> bool:
        deleted = self._file(table, day).delete()
        with self._lock:
            self._files.pop((table, day), None)
        with contextlib.suppress(OSError):
            # Other files may be there, or another process appends to it again.
            self._at(table, day).parent.rmdir()
        return deleted

    def _flush(self) -> None:
        # One at a time: whoever comes second returns when the rows of the first are there too.
        with self._flushing:
            if self._failed is not None:
                raise DurabilityError(
                    "an earlier flush failed, and nobody knows which rows are on disk since: "
                    f"{self._failed}"
                )
            with self._lock:
                self._syncing |= self._unsynced
                self._unsynced = set()
            try:
                for table, day in sorted(self._syncing):
                    self._file(table, day).sync()
                    self._syncing.discard((table, day))
            except OSError as error:
                # The system tells a failure once: another try would succeed and be a lie.
                self._failed = error
                raise

    def _close(self) -> None:
        self._files.clear()

    def _at(self, table: str, day: str) -> Path:
        return self.path / table / day / _ROWS

    def _file(self, table: str, day: str) -> _DayFile:
        with self._lock:
            self._check_open()
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
        file = os.path.join(self._root, table, _SCHEMA)  # noqa: PTH118 (for each row)
        number = _number_of(file)
        if number is not None and self._numbers.get(table) == number:
            return
        keep = partial(_write_new, Path(file)) if write else None
        self._known.check(table, _text_of(Path(file)), keep)
        number = _number_of(file)
        if number is not None:
            self._numbers[table] = number


def _number_of(file: str) -> tuple[int, int] | None:
    """What tells one file of a name from the next; None if there is none."""
    try:
        found = os.stat(file)  # noqa: PTH116 (for each row)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _text_of(file: Path) -> str | None:
    """The text of a file; an empty one for what has none, None if there is no file."""
    try:
        return file.read_text("utf-8") if stat.S_ISREG(file.stat().st_mode) else ""
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError:
        return ""


def _write_new(file: Path, text: str) -> str:
    """Writes a file as a whole, unless another process does; the text that is there then."""
    make(file.parent)
    new = file.with_name(f"{file.name}.{os.getpid()}.{threading.get_ident()}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        _publish(new, file)
    finally:
        new.unlink(missing_ok=True)
    sync(file.parent)
    return _text_of(file) or ""


def _publish(new: Path, file: Path) -> None:
    """Gives a file its name, unless another one has it."""
    try:
        file.hardlink_to(new)
    except FileExistsError:
        pass
    except OSError:
        # Some file systems have no links.
        if not file.exists():
            new.replace(file)
