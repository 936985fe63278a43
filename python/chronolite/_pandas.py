"""What the dtypes of pandas mean, told in NumPy's: values, which of them are null, and whether a
NaN is a null. Arrow-backed columns go on as the Arrow arrays that they are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from chronolite._errors import SchemaError


class Column(NamedTuple):
    """Values (a NumPy array, or something with an Arrow capsule), nulls, and what a NaN is."""

    values: Any
    mask: np.ndarray[Any, np.dtype[np.bool_]] | None
    nan_is_null: bool


def columns(frame: pd.DataFrame, of_index: list[str]) -> list[tuple[Any, Any]]:
    """The columns by name; of the index, the levels that are named as columns that it may be."""
    found: list[tuple[Any, Any]] = list(frame.items())
    names = list(frame.index.names)
    for name in of_index:
        levels = names.count(name)
        if levels > 1:
            raise SchemaError(f'{levels} levels of the index are named "{name}"')
        if levels == 1:
            found.insert(0, (name, frame.index.get_level_values(name)))
    return found


def column(values: Any, name: str) -> Column:
    """The parts of a Series, an Index or an array of pandas."""
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        array = np.asarray(values)
        mask = np.asarray(values.isna()) if dtype.kind == "O" else None
        return Column(array, mask, dtype.kind == "f")
    if isinstance(dtype, pd.DatetimeTZDtype):
        # Counted from the epoch in UTC, whatever the zone.
        return Column(values.to_numpy(dtype=f"datetime64[{dtype.unit}]"), None, False)
    if isinstance(dtype, pd.CategoricalDtype):
        return _categories(values, dtype, name)
    if isinstance(dtype, pd.SparseDtype):
        return column(pd.Series(values).sparse.to_dense(), name)
    array = getattr(values, "array", values)
    if isinstance(dtype, pd.ArrowDtype) or getattr(dtype, "storage", None) == "pyarrow":
        return Column(array.__arrow_array__(), None, False)
    mask = np.asarray(values.isna())
    plain = getattr(dtype, "numpy_dtype", None)
    if isinstance(plain, np.dtype) and plain.kind in "biuf":
        # Int64, Float64, boolean and the like: what stands under a null does not matter.
        return Column(array.to_numpy(dtype=plain, na_value=plain.type(0)), mask, False)
    if isinstance(dtype, pd.StringDtype):
        return Column(np.asarray(values, dtype=object), mask, False)
    raise SchemaError(f'column "{name}": pandas\' {dtype} is not taken: convert it first')


def _categories(values: Any, dtype: pd.CategoricalDtype, name: str) -> Column:
    codes = np.asarray(values.cat.codes if hasattr(values, "cat") else values.codes)
    null = codes < 0
    if len(dtype.categories) == 0:
        return Column(np.full(len(codes), None, dtype=object), null, False)
    entries = column(dtype.categories, name)
    if not isinstance(entries.values, np.ndarray):
        # The categories are few: as objects they need no take of Arrow's.
        entries = Column(np.asarray(dtype.categories, dtype=object), None, False)
    return Column(entries.values[np.where(null, 0, codes)], null, False)
