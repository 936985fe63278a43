"""An embedded time-series database: one durable, compressed file, read straight into Arrow.

>>> import chronolite as cl
>>> with cl.Db(path) as db:
...     sensor = db.create_table("sensor", ["temp", "humidity"])
...     first = sensor.append_row(1704067200000, [25.5, 60.0])
...     rows = sensor.append({"ts": [1704067201000], "temp": [25.6], "humidity": [59.0]})
...     sensor.scan("2024-01-01", "2024-01-02").count()
2
"""

from typing import TYPE_CHECKING

from chronolite._chronomap.errors import (
    ChronoMapError,
    ChronoMapKeyError,
    ChronoMapMemoryError,
    ChronoMapTypeError,
    ChronoMapValueError,
)
from chronolite._core import (
    BatchIterator,
    Column,
    Db,
    PageSpan,
    PageSpanIter,
    PageSpanObjectsView,
    Predicate,
    RecordBatch,
    Scan,
    Schema,
    Snapshot,
    Table,
    Tail,
    TimelogIter,
    __version__,
    col,
    salvage,
)
from chronolite._errors import (
    ChronoliteError,
    ClosedError,
    ConflictError,
    CorruptionError,
    DatabaseLockedError,
    DurabilityError,
    FormatError,
    IndeterminateError,
    InvalidInputError,
    ReadOnlyError,
    ResultOverflowError,
    SchemaError,
    StorageError,
    TableNotFoundError,
    TimelogBusyError,
    TimelogError,
)
from chronolite._report import SalvageReport, VerifyReport
from chronolite._timelog import (
    TL_TS_MAX,
    TL_TS_MIN,
    Timelog,
)
from chronolite._timelog import Record as Record
from chronolite._timelog import RecordIter as RecordIter

if TYPE_CHECKING:
    from chronolite._chronomap.aio import AsyncChronoMap
    from chronolite._chronomap.context import SnapshotContext
    from chronolite._chronomap.map import ChronoMap
    from chronolite._chronomap.parts import LRUCache, RWLock
    from chronolite.backend._engine import TimeSeriesEngine
    from chronolite.backend._schema import ColumnSchema, TableSchema

# What is imported when it is asked for: it needs more of Python than the rest, such as logging.
_LATER = {
    "AsyncChronoMap": "chronolite._chronomap.aio",
    "SnapshotContext": "chronolite._chronomap.context",
    "ChronoMap": "chronolite._chronomap.map",
    "LRUCache": "chronolite._chronomap.parts",
    "RWLock": "chronolite._chronomap.parts",
    "TimeSeriesEngine": "chronolite.backend._engine",
    "ColumnSchema": "chronolite.backend._schema",
    "TableSchema": "chronolite.backend._schema",
}

__all__ = [
    "TL_TS_MAX",
    "TL_TS_MIN",
    "AsyncChronoMap",
    "BatchIterator",
    "ChronoMap",
    "ChronoMapError",
    "ChronoMapKeyError",
    "ChronoMapMemoryError",
    "ChronoMapTypeError",
    "ChronoMapValueError",
    "ChronoliteError",
    "ClosedError",
    "Column",
    "ColumnSchema",
    "ConflictError",
    "CorruptionError",
    "DatabaseLockedError",
    "Db",
    "DurabilityError",
    "FormatError",
    "IndeterminateError",
    "InvalidInputError",
    "LRUCache",
    "PageSpan",
    "PageSpanIter",
    "PageSpanObjectsView",
    "Predicate",
    "RWLock",
    "ReadOnlyError",
    "RecordBatch",
    "ResultOverflowError",
    "SalvageReport",
    "Scan",
    "Schema",
    "SchemaError",
    "Snapshot",
    "SnapshotContext",
    "StorageError",
    "Table",
    "TableNotFoundError",
    "TableSchema",
    "Tail",
    "TimeSeriesEngine",
    "Timelog",
    "TimelogBusyError",
    "TimelogError",
    "TimelogIter",
    "VerifyReport",
    "__version__",
    "col",
    "salvage",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_LATER[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
