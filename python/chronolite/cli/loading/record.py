"""The record of an import, which lets it go on after an interruption.

Rows are numbered over all tables of a database, so the next number tells how many went in since the
import began. The record lies beside the database (`<path>-import`) from before the first batch to
the end. It is rewritten before every batch, with how many rows were in and how many are about to go
in. As a batch is stored all or nothing, a killed import leaves one of these two counts, and a power
loss may leave fewer rows. Any other count, or a change in another table, means that someone else
wrote meanwhile, and the import does not go on.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import chronolite as cl
from chronolite.cli.exits import Failure

VERSION = 1
# Of a source so much is hashed at its beginning and at its end.
_HASHED = 64 << 10


@dataclass(frozen=True)
class Fingerprint:
    """What tells whether a source is the one that the import began with."""

    path: str
    size: int
    mtime_ns: int
    inode: int
    ends: str
    """SHA-256 of its first and last 64 KiB."""

    @classmethod
    def of(cls, path: Path) -> Fingerprint:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            hashed = hashlib.sha256(file.read(_HASHED))
            file.seek(max(status.st_size - _HASHED, 0))
            hashed.update(file.read(_HASHED))
        place = str(path.resolve())
        return cls(place, status.st_size, status.st_mtime_ns, status.st_ino, hashed.hexdigest())


@dataclass
class Record:
    """One import of a file, from its first batch on."""

    source: Fingerprint
    table: str
    names: list[str]
    """Those given for a file without a header, which has one row more."""
    next_seq: int
    """The number of the next row when the import began."""
    other_rows: int
    """Rows in other tables when the import began."""
    done: int = 0
    """Rows that went in."""
    batch: int = 0
    """Rows that are about to go in."""

    @classmethod
    def begin(cls, db: cl.Db, source: Fingerprint, table: str, names: list[str]) -> Record:
        stats = db.stats()
        return cls(source, table, names, stats["next_seq"], _other_rows(stats, table))

    def rows_in(self, db: cl.Db) -> int:
        """How many rows of the source the database holds."""
        stats = db.stats()
        rows = int(stats["next_seq"]) - self.next_seq
        expected = rows == self.done + self.batch or 0 <= rows <= self.done
        if not expected or _other_rows(stats, self.table) != self.other_rows:
            raise Failure(
                f"someone else wrote to the database after the import of {self.source.path} was "
                f"interrupted, so it is not known which of its rows are in table {self.table!r}; "
                "--restart begins at the first row"
            )
        return rows

    def check(self, source: Fingerprint | None, table: str, names: list[str]) -> None:
        """Fail unless this is the record of the same import."""
        if source is None or (self.source.path, self.table) != (source.path, table):
            raise Failure(
                f"the import of {self.source.path} into table {self.table!r} was interrupted: "
                "repeat that command to finish it, or give --restart to forget it"
            )
        if self.source != source or self.names != names:
            raise Failure(
                f"{source.path} has changed since its import was interrupted, so it cannot go on; "
                "--restart begins at the first row, and leaves the rows that went in"
            )


class Journal:
    """Where the record of a database lies."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + "-import")

    def read(self) -> Record | None:
        """The record that an interrupted import left; None if there is none."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return _record(json.loads(text))
        except (ValueError, KeyError, TypeError):
            raise Failure(
                f"{self._path} is not the record of an import by this version; --restart begins "
                "at the first row"
            ) from None

    def write(self, record: Record) -> None:
        """Replace the record, so that a crash leaves the old one or the new one."""
        temporary = self._path.with_name(self._path.name + ".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump({"version": VERSION} | asdict(record), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        self._sync_folder()

    def remove(self) -> None:
        """Take the record away, if there is one."""
        self._path.unlink(missing_ok=True)
        self._sync_folder()

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _record(fields: dict[str, Any]) -> Record:
    if fields.pop("version") != VERSION:
        raise ValueError
    record = Record(**(fields | {"source": Fingerprint(**fields["source"])}))
    counts = (record.next_seq, record.other_rows, record.done, record.batch)
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError
    return record


def _other_rows(stats: dict[str, Any], table: str) -> int:
    return sum(of["rows"] for name, of in stats["tables"].items() if name != table)
