"""Which type a column gets: what was seen in a sample, widened over its pieces."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

UNITS = ("s", "ms", "us", "ns")

ARROW = {
    **{f"i{bits}": getattr(pa, f"int{bits}")() for bits in (8, 16, 32, 64)},
    **{f"u{bits}": getattr(pa, f"uint{bits}")() for bits in (8, 16, 32, 64)},
    "f32": pa.float32(),
    "f64": pa.float64(),
    "bool": pa.bool_(),
    "utf8": pa.string(),
    "binary": pa.binary(),
}
"""Arrow's type for each column type."""

_NAMES = {kind: name for name, kind in ARROW.items()} | {
    pa.large_string(): "utf8",
    pa.string_view(): "utf8",
    pa.large_binary(): "binary",
    pa.binary_view(): "binary",
    pa.float16(): "f32",
}


def stored_as(kind: Any) -> str | None:
    """The column type that holds values of an Arrow type; None if there is none.

    Times that are not the table's time are kept as what they count, dates and clock times as text.
    """
    if pa.types.is_dictionary(kind):
        return stored_as(kind.value_type)
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        return "i64"
    if pa.types.is_date(kind) or pa.types.is_time(kind):
        return "utf8"
    if pa.types.is_decimal(kind):
        return "f64"
    if pa.types.is_fixed_size_binary(kind):
        return "binary"
    return _NAMES.get(kind)


def stored_name(kind: Any) -> str:
    """What to call an Arrow type in a message: as the column type, if there is one."""
    return _NAMES.get(kind) or str(kind)


def is_time(kind: Any) -> bool:
    """Whether a column of this type can be a time without a word about it."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def widest(kinds: list[Any]) -> Any:
    """The type that takes what each piece of a sample was taken for."""
    return reduce(_wider, kinds, pa.null())


def _wider(one: Any, other: Any) -> Any:
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    both = {one, other}
    if both <= {pa.int64(), pa.uint64()}:
        return pa.uint64()
    if both <= {pa.int64(), pa.uint64(), pa.float64()}:
        return pa.float64()
    if is_time(one) and is_time(other):
        return _wider_time(one, other)
    return pa.binary() if pa.binary() in both else pa.string()


def _wider_time(one: Any, other: Any) -> Any:
    if pa.types.is_date(one):
        one = pa.timestamp("s", getattr(other, "tz", None))
    if pa.types.is_date(other):
        other = pa.timestamp("s", getattr(one, "tz", None))
    if (one.tz is None) != (other.tz is None):
        return pa.string()
    return pa.timestamp(UNITS[max(UNITS.index(one.unit), UNITS.index(other.unit))], one.tz)


def exact(column: Any) -> Any:
    """The type of a column of a sample; that of times has the coarsest unit that keeps them."""
    kind = column.type
    if not pa.types.is_timestamp(kind):
        return kind
    for unit in UNITS[: UNITS.index(kind.unit)]:
        try:
            pc.cast(column, pa.timestamp(unit, kind.tz))
        except pa.ArrowInvalid:
            continue
        return pa.timestamp(unit, kind.tz)
    return kind
