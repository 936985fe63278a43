"""Results as the tables of other libraries. Each is imported only when it is asked for."""

from __future__ import annotations

import functools
import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from chronolite._core import RecordBatch, Scan, Schema

    _Rows = Scan | RecordBatch

_DTYPES = {"bool": "?", "utf8": "O", "binary": "O"}
_CODES = {
    **{f"i{8 * width}": f"i{width}" for width in (1, 2, 4, 8)},
    **{f"u{8 * width}": f"u{width}" for width in (1, 2, 4, 8)},
    **{f"f{8 * width}": f"f{width}" for width in (4, 8)},
}


class _Collected:
    """A result that was read already, as a stream."""

    def __init__(self, capsule: object) -> None:
        self._capsule = capsule

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._capsule


def to_arrow(scan: _Rows) -> pyarrow.Table:
    import pyarrow

    return pyarrow.RecordBatchReader.from_stream(_Collected(_collect(scan))).read_all()


def to_polars(scan: _Rows) -> polars.DataFrame:
    import polars

    return polars.DataFrame(_Collected(_collect(scan)))


def to_numpy(scan: _Rows) -> dict[str, Any]:
    """Every column as one array; nulls as the documentation of ``Scan.to_numpy`` says."""
    return {
        name: with_nulls(_join([_values(part, kind) for part, _, _ in parts], kind), _nulls(parts))
        for name, kind, parts in _columns(scan)
    }


def to_pandas(scan: _Rows) -> pandas.DataFrame:
    """Numbers and times without a copy; text through pyarrow if it is there, as it is faster."""
    import pandas

    columns = {name: _series(pandas, parts, kind) for name, kind, parts in _columns(scan)}
    return pandas.DataFrame(columns, copy=False)


def _series(pandas: Any, parts: list[Any], kind: str) -> Any:
    if kind == "utf8":
        return _text_series(pandas, [part for part, _, _ in parts])
    values, nulls = _join([_values(part, kind) for part, _, _ in parts], kind), _nulls(parts)
    if nulls is None or kind in ("f32", "f64", "binary") or values.dtype.kind == "M":
        return with_nulls(values, nulls)
    # Integers and bools have no NaN: pandas' nullable dtypes keep them exact.
    array = pandas.arrays.BooleanArray if kind == "bool" else pandas.arrays.IntegerArray
    return array(writable(values), nulls)


def _text_series(pandas: Any, parts: list[Any]) -> Any:
    if importlib.util.find_spec("pyarrow") is None:
        # Before pandas 3, "str" would turn None into text.
        dtype = "str" if int(pandas.__version__.split(".")[0]) >= 3 else "object"
        return pandas.Series([text for part in parts for text in part.tolist()], dtype=dtype)
    import pyarrow

    chunks = [pyarrow.array(part) for part in parts]
    return pyarrow.chunked_array(chunks, type=pyarrow.string()).to_pandas()


def _collect(scan: _Rows) -> object:
    return scan._collect()  # type: ignore[union-attr]


def _columns(scan: _Rows) -> list[tuple[str, str, list[Any]]]:
    return columns(scan.schema, scan._memory())  # type: ignore[union-attr]


def columns(schema: Schema, memory: list[list[Any]]) -> list[tuple[str, str, list[Any]]]:
    """Name, type and parts of every column; a part is (values, nulls or None, rows)."""
    return list(zip(schema.names, schema.types, memory, strict=True))


def cells(parts: list[Any], kind: str) -> list[Any]:
    """The values one by one: times and numbers as NumPy's scalars, None for a null."""
    values, nulls = _join([_values(part, kind) for part, _, _ in parts], kind), _nulls(parts)
    absent = np.zeros(len(values), dtype="?") if nulls is None else nulls
    return [None if null else value for value, null in zip(values, absent, strict=True)]


@functools.cache
def _dtype(kind: str) -> np.dtype[Any]:
    if kind.startswith("timestamp["):
        return np.dtype(f"M8{kind.removeprefix('timestamp')}")
    return np.dtype(_DTYPES.get(kind) or _CODES[kind])


def _values(part: Any, kind: str) -> Any:
    """A view of the memory; an array of objects for text and bytes."""
    if kind not in ("utf8", "binary"):
        return np.frombuffer(part, dtype=_dtype(kind))
    array = np.empty(len(part), dtype=object)
    array[:] = part.tolist()
    return array


def _nulls(parts: list[Any]) -> Any:
    if all(mask is None for _, mask, _ in parts):
        return None
    masks = [
        np.zeros(rows, dtype="?") if mask is None else np.frombuffer(mask, dtype="?")
        for _, mask, rows in parts
    ]
    return _join(masks, "bool")


def _join(parts: list[Any], kind: str) -> Any:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, dtype=_dtype(kind))


def writable(values: Any) -> Any:
    return values if values.flags.writeable else values.copy()


def with_nulls(values: Any, nulls: Any) -> Any:
    if nulls is None or values.dtype.kind == "O":
        return values
    if values.dtype.kind == "f":
        values = writable(values)
        values[nulls] = np.nan
        return values
    if values.dtype.kind == "M":
        values = writable(values)
        values[nulls] = np.datetime64("NaT")
        return values
    return masked(values, nulls)


def masked(values: Any, nulls: Any) -> Any:
    """The values with a mask; of several values a row all are masked."""
    rows = nulls.reshape(-1, *[1] * (values.ndim - 1))
    return np.ma.MaskedArray(values, mask=np.broadcast_to(rows, values.shape))
