"""Rows that are about to be read: a part of them, some of them, their columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from chronolite._core import _Rows
    from chronolite.backend._schema import TableSchema


class Values(NamedTuple):
    """The values of a column, and which of them are null."""

    values: Any
    nulls: Any | None


class Source(ABC):
    """Rows of one moment: what is appended or deleted later does not change them."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def slice(self, start: int, end: int) -> Source:
        """The rows from ``start`` to before ``end``."""

    def part(self, part: Any) -> Source:
        """The rows that a slice of Python's has."""
        start, end, _ = part.indices(len(self))
        return self if (start, end) == (0, len(self)) else self.slice(start, max(start, end))

    @abstractmethod
    def where(self, where: object) -> Source:
        """The rows that text or an expression keeps. They are not sliced or counted any more."""

    def masked(self, names: Sequence[str], mask: Any, known: dict[str, Values]) -> list[Values]:
        """The values of columns where an array of bools is true; some columns are known already."""
        left = [name for name in names if name not in known]
        found = {**known, **dict(zip(left, self.columns(left) if left else [], strict=True))}
        return [
            Values(values[mask], None if nulls is None else nulls[mask])
            for values, nulls in map(found.__getitem__, names)
        ]

    @abstractmethod
    def columns(self, names: Sequence[str]) -> list[Values]:
        """The values of columns, each an array of its own."""

    def views(self) -> dict[str, Any] | None:
        """The columns without a copy, where they can be had so."""
        return None


class PackedRows(Source):
    """Rows as they stand in a flat file."""

    def __init__(self, schema: TableSchema, rows: _Rows, keep: Any | None = None) -> None:
        self._schema = schema
        self._rows = rows
        self._keep = keep

    def __len__(self) -> int:
        return len(self._rows)

    def slice(self, start: int, end: int) -> Source:
        return PackedRows(self._schema, self._rows.slice(start, end))

    def where(self, where: object) -> Source:
        return PackedRows(self._schema, self._rows, self._rows.select(where))

    def masked(self, names: Sequence[str], mask: Any, known: dict[str, Values]) -> list[Values]:
        # Gathered once more: on all cores that is less work than NumPy's mask.
        del known
        read = self._rows.columns(list(names), mask.view("u1"))
        return shaped(self._schema, names, read)

    def columns(self, names: Sequence[str]) -> list[Values]:
        return shaped(self._schema, names, self._rows.columns(list(names), self._keep))

    def views(self) -> dict[str, Any] | None:
        memory = self._rows.view() if self._keep is None else None
        if memory is None:
            return None
        size, rows = self._schema.record_size, len(self._rows)
        views = {}
        for name, of, count, offset in self._schema._columns:
            dtype = np.dtype(of)
            shape, strides = (rows,), (size,)
            if count is not None:
                shape, strides = (rows, count), (size, dtype.itemsize)  # type: ignore[assignment]
            views[name] = np.ndarray(shape, dtype, memory, offset, strides)
        return views


def shaped(schema: TableSchema, names: Iterable[str], read: list[tuple[Any, Any]]) -> list[Values]:
    """Memory as the arrays of columns."""
    types = {name: (of, count) for name, of, count, _ in schema._columns}
    columns = []
    for name, (memory, nulls) in zip(names, read, strict=True):
        of, count = types[name]
        values = np.frombuffer(memory, of)
        if count is not None:
            values = values.reshape(-1, count)
        columns.append(Values(values, None if nulls is None else np.frombuffer(nulls, "?")))
    return columns
