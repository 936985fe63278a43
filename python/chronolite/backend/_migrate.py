"""Copying what there is into a backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from chronolite._errors import SchemaError
from chronolite.backend._base import Backend
from chronolite.backend._names import check_table

if TYPE_CHECKING:
    from chronolite.backend._files import FileFolder

# What was copied and what there is, in days; and which table and day is next.
Progress = Callable[[int, int, str], object]


def migrate(
    source: Backend | FileFolder,
    target: Backend,
    *,
    tables: Iterable[str] | None = None,
    skip_existing: bool = False,
    progress: Progress | None = None,
) -> int:
    """Copies all days of a backend, or of a folder of files, to a backend, and flushes it.

    Args:
        source: What is copied; it is left as it is.
        target: Where it goes. It has the same columns, and none of these days yet.
        tables: Which tables are copied; all of them if none is named.
        skip_existing: Whether days that the target has already are left alone, as after a copy that
            was interrupted: a day is there as a whole or not at all.
        progress: Is called with how many days were copied, how many there are, and what is next.

    Returns:
        How many rows were copied.

    Raises:
        SchemaError: The columns are others, or a day is there already: nothing was copied then. Or
            a value does not fit: the days before it were copied.

    >>> from chronolite.backend import FlatFileBackend, PackedBackend, migrate
    >>> schema = cl.TableSchema([cl.ColumnSchema("time", "q")])
    >>> with FlatFileBackend(schema, folder / "flat") as flat:
    ...     flat.append("pump", "2025-06-14", {"time": [1, 2, 3]})
    ...     with PackedBackend(schema, folder / "packed") as packed:
    ...         migrate(flat, packed)
    3
    """
    check_same_columns(source, target)
    partitions = []
    if isinstance(tables, str):
        raise TypeError(f"tables are a list of names, not one name: [{tables!r}]")
    for table in source.tables() if tables is None else dict.fromkeys(tables):
        check_table(table)
        there = set(target.days(table))
        for day in source.days(table):
            if day not in there:
                partitions.append((table, day))
            elif not skip_existing:
                raise SchemaError(f'table "{table}": the target has rows of {day} already')
    rows = 0
    for done, (table, day) in enumerate(partitions):
        if progress is not None:
            progress(done, len(partitions), f"{table} {day}")
        data = source.rows(table, day)
        if count := _count(data):
            target.append(table, day, data)
        rows += count
    target.flush()
    if progress is not None:
        progress(len(partitions), len(partitions), "")
    return rows


def check_same_columns(source: Backend | FileFolder, target: Backend) -> None:
    """Refuses a target with other columns than the source has."""
    has, takes = source.schema.names, target.schema.names
    if has != takes:
        names = ", ".join(takes)
        raise SchemaError(f"the target has the columns {names}; the source has {', '.join(has)}")


def _count(data: Any) -> int:
    """The rows of an Arrow table, or of a dict of columns."""
    return len(next(iter(data.values()), ())) if isinstance(data, dict) else len(data)
