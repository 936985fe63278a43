"""What is made of rows: a dict of arrays, a DataFrame, an Arrow table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from chronolite._convert import masked, with_nulls, writable
from chronolite._errors import ResultOverflowError
from chronolite.backend._source import Values

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from chronolite.backend._schema import TableSchema
    from chronolite.backend._source import Source


class _Columns(dict[str, Any]):
    """The columns of rows, each gathered when it is first looked at. They cannot be written to."""

    def __init__(self, names: list[str], source: Source) -> None:
        super().__init__(dict.fromkeys(names))
        self._source = source
        self.looked_at: dict[str, Values] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.looked_at and name in self:
            (found,) = self._source.columns([name])
            values = with_nulls(*found)
            values.flags.writeable = False
            self.looked_at[name] = found
            super().__setitem__(name, values)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401 (it is what `get` is)

    def __iter__(self) -> Iterator[str]:
        # With it, what copies a dict asks for each of its values.
        return super().__iter__()


def _of_all(name: str) -> Callable[..., Any]:
    """A method of a dict that looks at all of it."""
    method = getattr(dict, name)

    def call(self: _Columns, *arguments: Any) -> Any:
        for column in [*self]:
            self[column]
        return method(self, *arguments)

    return call


for _name in (
    "__eq__", "__ior__", "__ne__", "__or__", "__repr__", "copy", "items", "pop", "popitem",
    "setdefault", "values",
):  # fmt: skip
    setattr(_Columns, _name, _of_all(_name))


def picked(names: list[str], source: Source, where: Any) -> list[Values]:
    """The columns of the rows that a ``where`` keeps."""
    if where is None:
        return source.columns(names)
    if not callable(where):
        return source.where(where).columns(names)
    columns = _Columns(names, source)
    mask = _mask(where(columns), len(source))
    return source.masked(names, mask, columns.looked_at)


def _mask(given: Any, rows: int) -> Any:
    """What a function returned, as an array of bools."""
    if isinstance(given, np.ma.MaskedArray):
        given = given.filled(False)
    array = np.asarray(given)
    if array.shape != (rows,):
        raise ValueError(f"where returned an array of shape {array.shape} for {rows} rows")
    if array.dtype.kind == "O" and all(isinstance(bit, bool | np.bool_) for bit in array):
        array = array.astype("?")
    if array.dtype.kind != "b" and rows > 0:
        raise TypeError(f"where returns an array of bools, not of {array.dtype}")
    return np.ascontiguousarray(array, "?")


def to_dict(schema: TableSchema, columns: list[Values]) -> dict[str, Any]:
    """Every column as an array; one that may have nulls without a value in NumPy is masked."""
    nullable = schema._nullable

    def array(name: str, values: Any, nulls: Any) -> Any:
        if nulls is None and name in nullable:
            nulls = np.zeros(len(values), "?")
        return with_nulls(values, nulls)

    found = zip(schema.names, columns, strict=True)
    return {name: array(name, *column) for name, column in found}


def to_columns(schema: TableSchema, columns: list[Values]) -> dict[str, Any]:
    """Every column as an array, masked where it has nulls, also where NumPy has a NaN or NaT."""
    found = zip(schema.names, columns, strict=True)
    return {
        name: values if nulls is None else masked(values, nulls) for name, (values, nulls) in found
    }


def to_pandas(schema: TableSchema, columns: list[Values]) -> pandas.DataFrame:
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

    found = zip(schema.names, columns, strict=True)
    return pandas.DataFrame({name: series(column) for name, column in found}, copy=False)


def to_arrow(schema: TableSchema, columns: list[Values] | None) -> pyarrow.Table:
    """Bytes as ``binary``, a row's several values as a list of that size, days as ``date32``."""
    import pyarrow

    if columns is None:
        columns = [Values(np.empty(0, dtype), None) for _, dtype in schema.numpy_dtype]

    def array(name: str, values: Any, nulls: Any) -> Any:
        values = _native(values)
        if values.ndim > 1:
            flat, size = array(name, values.reshape(-1), None), values.shape[1]
            mask = None if nulls is None else pyarrow.array(nulls)
            return pyarrow.FixedSizeListArray.from_arrays(flat, size, mask=mask)
        if values.dtype.kind == "S":
            texts = np.empty(len(values), object)
            texts[:] = values.tolist()
            return pyarrow.array(texts, pyarrow.binary(), mask=nulls)
        if values.dtype == "M8[D]":
            _check_days(name, values)
        return pyarrow.array(values, mask=nulls)

    found = zip(schema.names, columns, strict=True)
    return pyarrow.table({name: array(name, *column) for name, column in found})


def _check_days(name: str, days: Any) -> None:
    """Refuses days that a ``date32`` does not hold, which pyarrow would make others of."""
    counts = days[~np.isnat(days)].view("i8")
    far = counts[(counts < -(2**31)) | (counts >= 2**31)]
    if len(far):
        raise ResultOverflowError(f'column "{name}": day {far[0]} does not fit date32')


def _native(values: Any) -> Any:
    """The same values in the byte order of this machine, as other libraries want them."""
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))
