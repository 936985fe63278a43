"""Copying what one backend has into another."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chronolite._errors import SchemaError
from chronolite.backend._base import Backend

# What was copied, what there is, in days; and of which table and day that is.
Progress = Callable[[int, int, str], object]


def migrate(
    source: Backend,
    target: Backend,
    *,
    tables: Iterable[str] | None = None,
    progress: Progress | None = None,
) -> int:
    """Copies all days of a backend to another, and makes them survive power loss there.

    Args:
        source: What is copied; it is left as it is.
        target: Where it goes. It has the same columns, and none of these days yet.
        tables: Which tables are copied; all of them if none is named.
        progress: Is called with how many days were copied, how many there are, and what is copied.

    Returns:
        How many rows were copied.

    Raises:
        SchemaError: The columns are others, or a day is there already; nothing was copied then.

    >>> from chronolite.backend import FlatFileBackend, PackedBackend, migrate
    >>> schema = cl.TableSchema([cl.ColumnSchema("time", "q")])
    >>> with FlatFileBackend(schema, folder / "flat") as flat:
    ...     flat.append("pump", "2025-06-14", {"time": [1, 2, 3]})
    ...     with PackedBackend(schema, folder / "packed") as packed:
    ...         migrate(flat, packed)
    3
    """
    names = [name for name, _ in source.schema.numpy_dtype]
    if [name for name, _ in target.schema.numpy_dtype] != names:
        raise SchemaError(
            f"the target has other columns: {', '.join(n for n, _ in target.schema.numpy_dtype)}; "
            f"the source has {', '.join(names)}"
        )
    wanted = source.tables() if tables is None else list(tables)
    partitions = []
    for table in wanted:
        there = set(target.days(table))
        for day in source.days(table):
            if day in there:
                raise SchemaError(f'table "{table}": the target has rows of {day} already')
            partitions.append((table, day))
    rows = 0
    for done, (table, day) in enumerate(partitions):
        if progress is not None:
            progress(done, len(partitions), f"{table} {day}")
        columns = source.read(table, day)
        target.append(table, day, columns)
        rows += len(next(iter(columns.values()))) if columns else 0
    target.flush()
    if progress is not None:
        progress(len(partitions), len(partitions), "")
    return rows
