"""Rows that are a pure function of their table and number, for tests that compare after a crash.

Row `n` of a table is the same in every process and every run. Column `n` holds the number itself,
the others come from a hash of it: every type, nulls, NaN payloads, -0.0, the extremes, late rows
and equal timestamps. Made a column at a time, so that 16 MB take a moment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

START = 1_356_998_400  # 2013-01-01, in seconds
PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
WHOLE = {
    "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A table's schema, and what its rows are made from."""

    columns: dict[str, str]
    salt: int
    unit: str = "ms"
    key: tuple[str, ...] = ()
    storage: str = "balanced"
    # How many rows in a row share a timestamp.
    equal_times: int = 1
    # How often a value is null, of 16; None is a column that has none.
    nulls: dict[str, int] = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """The arguments of `create_table`."""
        return {
            "columns": self.columns,
            "time_unit": self.unit,
            "key": self.key,
            "storage": self.storage,
        }


ALL_TYPES = [*WHOLE, "f32", "f64", "bool", "utf8", "binary"]

KINDS = {
    "mixed": Kind(
        {"n": "i64", **{f"c_{kind}": kind for kind in ALL_TYPES}},
        salt=1,
        nulls={f"c_{kind}": 1 for kind in ALL_TYPES},
    ),
    "keyed": Kind(
        {"n": "i64", "site": "utf8", "channel": "i16", "value": "f64", "good": "bool"},
        salt=2,
        unit="us",
        key=("site", "channel"),
        equal_times=5,
        nulls={"site": 2, "channel": 2, "value": 4},
    ),
    "raw": Kind(
        {"n": "i64", "x": "f64", "y": "f64", "z": "f32", "count": "u32"},
        salt=3,
        unit="ns",
        storage="raw",
        nulls={"y": 8},
    ),
    "text": Kind(
        {"n": "i64", "line": "utf8", "blob": "binary"}, salt=4, unit="s", nulls={"blob": 1}
    ),
}
EXTRA = Kind({"n": "i64", "x": "f64", "s": "utf8"}, salt=5, nulls={"x": 3})


def kind_of(table: str) -> Kind:
    """The kind of a table by its name; every other name is a small table made on the way."""
    return KINDS.get(table, EXTRA)


def rows(table: str, start: int, count: int) -> pa.Table:
    """Rows `start` to `start + count` in the order in which they are appended, time first."""
    kind = kind_of(table)
    n = np.arange(start, start + count, dtype=np.int64)
    columns = {"ts": pa.array(_times(kind, n), pa.timestamp(kind.unit))}
    for place, (name, of) in enumerate(kind.columns.items()):
        if name == "n":
            columns[name] = pa.array(n)
            continue
        drawn = _hash(n, kind.salt * 64 + place)
        null = (drawn >> np.uint64(56)) % np.uint64(16) < np.uint64(kind.nulls.get(name, 0))
        columns[name] = _column(of, drawn, null, is_key=name in kind.key)
    return pa.table(columns)


def expected(table: str, count: int) -> pa.Table:
    """The first `count` rows as a scan has to give them: by time, key with nulls first, arrival."""
    return in_order(rows(table, 0, count), kind_of(table).key)


def in_order(data: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """Rows in the order of a scan: time, key with nulls first, arrival."""
    order = {"ts": data["ts"]}
    for name in key:
        order[f"{name} is there"] = pc.is_valid(data[name])
        order[name] = data[name]
    order["arrival"] = pa.array(np.arange(data.num_rows))
    by = [(name, "ascending") for name in order]
    return data.take(pc.sort_indices(pa.table(order), sort_keys=by))


def as_row(data: pa.Table, place: int) -> tuple[int, list[Any]]:
    """One row as `append_row` takes it."""
    ts, *values = data.columns
    return ts[place].value, [column[place].as_py() for column in values]


def bits(column: pa.ChunkedArray) -> pa.Array:
    """A column in which floats are their bits, so that NaN and -0.0 compare as what they are."""
    whole = column.combine_chunks()
    if pa.types.is_float64(whole.type):
        return whole.view(pa.int64())
    if pa.types.is_float32(whole.type):
        return whole.view(pa.int32())
    return whole


def first_difference(found: pa.Table, wanted: pa.Table) -> str | None:
    """Where two tables differ first, in words; None if they are equal bit by bit."""
    if found.schema != wanted.schema:
        return f"schema {found.schema} instead of {wanted.schema}"
    if found.num_rows != wanted.num_rows:
        return f"{found.num_rows} rows instead of {wanted.num_rows}"
    for name in wanted.column_names:
        ours, theirs = bits(found[name]), bits(wanted[name])
        if ours.equals(theirs):
            continue
        for place, (a, b) in enumerate(zip(ours.to_pylist(), theirs.to_pylist(), strict=True)):
            if a != b:
                return f'column "{name}", row {place}: {a!r} instead of {b!r}'
    return None


def _hash(n: Any, salt: int) -> Any:
    """splitmix64 (Steele, Lea, Flood 2014) of the row number."""
    with np.errstate(over="ignore"):
        z = n.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt << 32 | salt)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def _times(kind: Kind, n: Any) -> Any:
    step = PER_SECOND[kind.unit]
    if kind.equal_times > 1:
        return START * step + n // kind.equal_times
    drawn = _hash(n, kind.salt).astype(np.int64) & 0x7FFF_FFFF
    # Of 8 rows the last is the oldest; one of 64 is late by any measure.
    late = np.where(drawn % 64 == 0, drawn % (n + 1), n ^ 7)
    return START * step + late * 10 + drawn % 3


def _column(of: str, drawn: np.ndarray, null: np.ndarray, *, is_key: bool) -> pa.Array:
    if of in WHOLE:
        if is_key:
            drawn = drawn % np.uint64(7)
        return pa.array(drawn.astype(WHOLE[of]), mask=null)
    if of == "bool":
        return pa.array(drawn % np.uint64(2) == 1, mask=null)
    if of == "f32":
        with np.errstate(under="ignore"):
            return pa.array(_floats(drawn).astype(np.float32), mask=null, from_pandas=False)
    if of == "f64":
        return pa.array(_floats(drawn), mask=null, from_pandas=False)
    number = pc.cast(pa.array(drawn % np.uint64(7 if is_key else 1000)), pa.string())
    words = pa.array(["", "row ", "größer ", "日本 ", "x" * 40, "line ", "a\x00b ", " "])
    text = pc.binary_join_element_wise(
        words.take(pa.array((drawn >> np.uint64(20)) % np.uint64(1 if is_key else 8))), number, ""
    )
    text = pc.if_else(pa.array(null), pa.scalar(None, pa.string()), text)
    if of == "utf8":
        return text
    return pc.binary_join_element_wise(text.cast(pa.binary()), b"\xff\x00", b"")


def _floats(drawn: np.ndarray) -> np.ndarray:
    """A quarter two decimals, a quarter any finite bits, a quarter integers, the rest special."""
    decimals = (drawn >> np.uint64(40)).astype(np.float64) / 100
    # Without the top bit of the exponent: no NaN, whose quiet bit a conversion may set.
    finite = (drawn & np.uint64(0xBFFF_FFFF_FFFF_FFFF)).view(np.float64)
    whole = (drawn >> np.uint64(50)).astype(np.float64) - 8000
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 5e-324, 1.5])
    choice = ((drawn >> np.uint64(3)) % np.uint64(4)).astype(np.int64)
    return np.choose(choice, [decimals, finite, whole, special[drawn % np.uint64(8)]])
