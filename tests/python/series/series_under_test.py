"""Which library the tests of TimeSeriesEngine run on, and what they share.

`SERIES_MODULE=chronostore` runs them on the peer itself, Chronostore 0.1.0, where those marked
`ours` may fail and all others have to pass.
"""

from __future__ import annotations

import importlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest

import other_process

MODULE = os.environ.get("SERIES_MODULE", "chronolite")
PEER = MODULE == "chronostore"
# The backends; "packed-one" is a file for all, "packed-day" one for each day of a table.
KINDS = ["flat", "lmdb"] if PEER else ["flat", "lmdb", "packed-one", "packed-day"]
PACKED = KINDS[2:]

lib = importlib.import_module(MODULE)
backends = importlib.import_module(MODULE + ".backend")
ColumnSchema, TableSchema = lib.ColumnSchema, lib.TableSchema
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"

PLAIN = "timestamp:q value:d"
DAY, NEXT, LATER = "2025-06-14", "2025-06-15", "2025-06-20"
# Two rows of PLAIN, and their bytes.
TWO = {"timestamp": [1, 2], "value": [0.5, -1.5]}
TWO_BYTES = struct.pack("<qdqd", 1, 0.5, 2, -1.5)


def schema(text):
    """A schema as `name:format` and a space between columns; a format with `/null` is nullable."""
    columns = []
    for column in text.split():
        name, fmt = column.split(":")
        fmt, _, null = fmt.partition("/")
        columns.append(ColumnSchema(name, fmt, **({"nullable": True} if null else {})))
    return TableSchema(columns=columns)


def backend(kind, columns, folder, **options):
    """A backend of that kind; `columns` is a schema, or the text of one."""
    columns = schema(columns) if isinstance(columns, str) else columns
    if kind == "flat":
        return backends.FlatFileBackend(columns, folder, **options)
    if kind == "lmdb":
        return backends.LmdbBackend(columns, str(folder), **options)
    return backends.PackedBackend(columns, folder, files=kind.removeprefix("packed-"), **options)


def engine(kind, columns, folder, **options):
    """An engine over such a backend."""
    made = backend(kind, columns, folder, **options)
    return PeerEngine(made) if PEER else lib.TimeSeriesEngine(made)


class PeerEngine:
    """The peer's engine, whose rows are readable as soon as they are appended, and which closes."""

    def __init__(self, backend):
        self.backend = backend
        self.engine = lib.TimeSeriesEngine(backend=backend)
        self.is_open = True

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def append(self, *arguments):
        try:
            self.engine.append(*arguments)
            self.engine.flush()
        except BaseException:
            # What it could not pack would be in the way of all that follows.
            getattr(self.backend, "_buffers", {}).clear()
            raise

    def close(self):
        if self.is_open:
            self.engine.flush()
            if hasattr(self.backend, "env"):
                self.backend.env.close()
        self.is_open = False


def same(found, wanted):
    """Columns in the order of the schema with these values; NaN is equal to NaN."""
    assert list(found) == list(wanted)
    for name, values in wanted.items():
        assert len(found[name]) == len(values), name
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def records(columns, wanted):
    """The bytes of rows as a flat file has them: NumPy's packed records, little-endian."""
    dtype = np.dtype([(name, np.dtype(of).newbyteorder("<")) for name, of in columns.items()])
    made = np.zeros(len(next(iter(wanted.values()))), dtype)
    for name, values in wanted.items():
        made[name] = values
    return made.tobytes()


def as_rows(data):
    """Columns as a list of dicts."""
    return [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)]


def data_file(folder, table="ES", day=DAY):
    """Where a flat file is, in a folder made for it."""
    file = Path(folder) / table / day / "data.bin"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def files_in(folder):
    """All files below, by their paths from there; nothing if there is no such folder."""
    folder = Path(folder)
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def says(error, *words):
    """The message of an error has these words."""
    for word in words:
        assert word in str(error.value), f"{word!r} is not in {error.value!s}"


def empty(engine, table="ES", day=DAY):
    """Nothing of that day was ever written."""
    assert engine.read(table, day) == {}
    return PEER or (engine.days(table) == [] and engine.tables() == [])


class Other(other_process.Other):
    """A Python process of its own that does what it is told; it has `lib`, and all that is here."""

    CODE = """
import json, os, sys
import numpy as np
import series_under_test
from series_under_test import *

arguments = sys.argv[1:]
"""

    def __init__(self, *arguments):
        here = Path(__file__).parent
        paths = f"import sys; sys.path.append({str(here.parent)!r})\n"
        self.start(paths + self.CODE, *map(str, arguments), cwd=here)

    def fails(self, code):
        """The name of the error's class."""
        return super().fails(code)[0]

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


BATCHES = "writer:i batch:i row:i of:i"


def a_batch(writer, batch, rows):
    """Rows that tell whether their batch is whole."""
    return {
        "writer": np.full(rows, writer),
        "batch": np.full(rows, batch),
        "row": np.arange(rows),
        "of": np.full(rows, rows),
    }


def whole_batches(found):
    """How many batches of each writer there are: each whole, and those of one writer in order."""
    counts = {}
    place = 0
    while found and place < len(found["of"]):
        writer, rows = int(found["writer"][place]), int(found["of"][place])
        assert rows > 0
        batch = counts.get(writer, 0)
        same(
            {name: values[place : place + rows] for name, values in found.items()},
            a_batch(writer, batch, rows),
        )
        counts[writer] = batch + 1
        place += rows
    return counts


def need(kind):
    """Skip a test of LMDB where py-lmdb is not installed."""
    if kind == "lmdb":
        pytest.importorskip("lmdb")
