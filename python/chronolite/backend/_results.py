"""What is made of rows: a dict of arrays, a DataFrame, an Arrow table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from chronolite._convert import masked, with_nulls, writable

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from chronolite.backend._schema import TableSchema
    from chronolite.backend._source import Source, Values


class _Columns(dict[str, Any]):
    """The columns of rows, each gathered when it is first looked at."""

    def __init__(self, names: list[str], source: Source) -> None:
        super().__init__(dict.fromkeys(names))
        self._source = source
        self.looked_at: dict[str, Values] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.looked_at and name in self:
            (self.looked_at[name],) = self._source.columns([name])
            super().__setitem__(name, with_nulls(*self.looked_at[name]))
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401 (it is what `get` is)

    def values(self) -> Any:
        return [self[name] for name in self]

    def items(self) -> Any:
        return [(name, self[name]) for name in self]

    def copy(self) -> dict[str, Any]:
        return dict(self.items())

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()


def chosen(names: list[str], source: Source, where: Any) -> Source:
    """The rows that a ``where`` keeps."""
    if not callable(where):
        return source.where(where)
    columns = _Columns(names, source)
    mask = where(columns)
    array = np.asarray(mask)
    if array.shape != (len(source),):
        rows = f"{len(source)} rows"
        raise ValueError(f"where returned an array of shape {array.shape} for {rows}")
    if array.dtype.kind == "O" and all(isinstance(bit, bool | np.bool_) for bit in array):
        array = array.astype("?")
    if array.dtype.kind != "b" and len(array) > 0:
        raise TypeError(f"where returns an array of bools, not of {array.dtype}")
    return source.masked(np.ascontiguousarray(array, "?"))


def to_dict(names: list[str], source: Source) -> dict[str, Any]:
    """Every column as an array of its own."""
    columns = zip(names, source.columns(names), strict=True)
    return {name: with_nulls(*values) for name, values in columns}


def to_columns(names: list[str], source: Source) -> dict[str, Any]:
    """Every column as an array, masked where it has nulls, also where NumPy has a NaN or NaT."""
    columns = zip(names, source.columns(names), strict=True)
    return {
        name: values if nulls is None else masked(values, nulls)
        for name, (values, nulls) in columns
    }


def to_pandas(names: list[str], source: Source) -> pandas.DataFrame:
    """Nulls of integers and bools as pandas' nullable types, a row's several values as an array."""
    import pandas

    def series(column: Values) -> Any:
        values, nulls = _native(column.values), column.nulls
        if values.ndim > 1 or values.dtype.kind == "S":
            objects = np.empty(len(values), object)
            objects[:] = list(values) if values.ndim > 1 else values.tolist()
            if nulls is not None:
                objects[nulls] = None
            return objects
        if nulls is None or values.dtype.kind in "fM":
            return writable(with_nulls(values, nulls))
        array = pandas.arrays.BooleanArray if values.dtype == "?" else pandas.arrays.IntegerArray
        return array(writable(values), nulls)

    columns = zip(names, source.columns(names), strict=True)
    return pandas.DataFrame({name: series(column) for name, column in columns}, copy=False)


def to_arrow(schema: TableSchema, source: Source | None) -> pyarrow.Table:
    """Bytes as ``binary``, a row's several values as a list of that size."""
    import pyarrow

    names = [name for name, _ in schema.numpy_dtype]
    if source is None:
        columns = [(np.empty(0, dtype), None) for _, dtype in schema.numpy_dtype]
    else:
        columns = [(column.values, column.nulls) for column in source.columns(names)]

    def array(values: Any, nulls: Any) -> Any:
        values = _native(values)
        if values.ndim > 1:
            flat, size = array(values.reshape(-1), None), values.shape[1]
            mask = None if nulls is None else pyarrow.array(nulls)
            return pyarrow.FixedSizeListArray.from_arrays(flat, size, mask=mask)
        if values.dtype.kind == "S":
            texts = np.empty(len(values), object)
            texts[:] = values.tolist()
            return pyarrow.array(texts, pyarrow.binary(), mask=nulls)
        return pyarrow.array(values, mask=nulls)

    return pyarrow.table(
        {name: array(*column) for name, column in zip(names, columns, strict=True)}
    )


def _native(values: Any) -> Any:
    """The same values in the byte order of this machine, as other libraries want them."""
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))
