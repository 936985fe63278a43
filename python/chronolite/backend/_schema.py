"""What a row looks like."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from chronolite._core import _RowLayout


@dataclass(frozen=True)
class ColumnSchema:
    """A column: its name and its format.

    Args:
        name: Its name. Padding needs none.
        fmt: A letter of ``struct`` (``c b B ? h H i I l L q Q n N P e f d``, ``10s`` for bytes of
            that width, ``10p`` for a Pascal string, ``4x`` for padding), or a type as NumPy names
            it (``i8``, ``f4``, ``b1``, ``S10``, ``M8[ns]``). A count before a letter, such as
            ``3i``, makes it a column of three values a row; ``<`` and ``>`` before it say the order
            of its bytes. ``l``, ``L``, ``n``, ``N`` and ``P`` have 8 bytes.
        nullable: Whether a row may have nothing in it. Where it is not, None is NaN in floats, NaT
            in times, and refused elsewhere. Only ``PackedBackend`` keeps nulls of integers, bools,
            bytes and columns of several values a row.

    >>> cl.ColumnSchema("price", "d")
    ColumnSchema(name='price', fmt='d', nullable=False)
    """

    name: str
    fmt: str
    nullable: bool = False


@dataclass(frozen=True)
class TableSchema:
    """The columns of a row, one after the other without gaps.

    Raises:
        SchemaError: A format is none, a name is there twice, or there is no column; it names the
            column.

    >>> schema = cl.TableSchema([cl.ColumnSchema("time", "q"), cl.ColumnSchema("ok", "?")])
    >>> schema.record_size, schema.struct_format
    (9, 'q?')
    """

    columns: list[ColumnSchema]

    def __post_init__(self) -> None:
        if not isinstance(self.columns, list | tuple):
            raise TypeError(f"columns are a list of ColumnSchema, not {self.columns!r}")
        for column in self.columns:
            if not isinstance(column, ColumnSchema):
                raise TypeError(f"columns are a list of ColumnSchema, not of {column!r}")
        self._layout  # noqa: B018 (made here, so that what is wrong is told here)

    @functools.cached_property
    def _layout(self) -> _RowLayout:
        columns = [(column.name, column.fmt, bool(column.nullable)) for column in self.columns]
        return _RowLayout(columns)

    def __reduce__(self) -> tuple[type[TableSchema], tuple[list[ColumnSchema]]]:
        return TableSchema, (self.columns,)

    @functools.cached_property
    def names(self) -> list[str]:
        """The names of the columns; padding has none."""
        return [name for name, _, _, _ in self._columns]

    @functools.cached_property
    def _columns(self) -> list[tuple[str, str, int | None, int]]:
        """What the layout says of them, made once: each read asks for it."""
        return self._layout.columns

    @functools.cached_property
    def _nullable(self) -> list[str]:
        return self._layout.nullable

    @property
    def struct_format(self) -> str:
        """A row as ``struct`` has it: with ``<`` where native alignment would leave gaps.

        Raises:
            SchemaError: Some columns have their bytes in one order and some in the other.

        >>> cl.TableSchema([cl.ColumnSchema("a", "?"), cl.ColumnSchema("b", "q")]).struct_format
        '<?q'
        """
        return self._layout.struct_format

    @property
    def record_size(self) -> int:
        """The bytes of a row.

        >>> cl.TableSchema([cl.ColumnSchema("time", "q"), cl.ColumnSchema("v", "3f")]).record_size
        20
        """
        return self._layout.record_size

    @functools.cached_property
    def numpy_dtype(self) -> list[tuple[str, np.dtype[Any]]]:
        """Names and types of the columns as they are read, as ``np.dtype`` takes them.

        Padding, and the length of a Pascal string, are not among them.
        """
        return [
            (name, np.dtype(of) if count is None else np.dtype((of, (count,))))
            for name, of, count, _ in self._columns
        ]
