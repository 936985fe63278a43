"""A table as a plain list of rows: schemas and rows to draw, and the forms in which rows are given.

The list is in the order of arrival; what a scan has to give is that list sorted by (time, arrival),
or (time, key, arrival) with null keys first; of rows with the same time and key, those that the
table's rule keeps. Floats are compared by their bits.
"""

import math
import operator
import struct
from itertools import zip_longest
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

import chronolite as cl

INT64 = (-(2**63), 2**63 - 1)
ARROW = {
    "i8": pa.int8(), "i16": pa.int16(), "i32": pa.int32(), "i64": pa.int64(),
    "u8": pa.uint8(), "u16": pa.uint16(), "u32": pa.uint32(), "u64": pa.uint64(),
    "f32": pa.float32(), "f64": pa.float64(), "bool": pa.bool_(), "utf8": pa.string(),
    "binary": pa.binary(),
}  # fmt: skip
PANDAS = {
    "i8": "Int8", "i16": "Int16", "i32": "Int32", "i64": "Int64",
    "u8": "UInt8", "u16": "UInt16", "u32": "UInt32", "u64": "UInt64",
    "f32": "float32", "f64": "float64", "bool": "boolean",
}  # fmt: skip
KEY_TYPES = sorted(set(ARROW) - {"f32", "f64"})


def whole_numbers(kind):
    width = int(kind[1:])
    low, high = (0, 2**width - 1) if kind[0] == "u" else (-(2 ** (width - 1)), 2 ** (width - 1) - 1)
    few = st.sampled_from([low, high, 0, 1, 2, 3])
    return few | st.integers(low, high)


def floats(width):
    third = -0.3 if width == 64 else struct.unpack("<f", struct.pack("<f", -0.3))[0]
    special = st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, -math.nan, 1.0, third])
    decimals = st.integers(-4000, 4000).map(lambda n: n / 4)
    # Without payloads of NaN: a Python float may not keep the quiet bit on its way to f32.
    return special | decimals | st.floats(width=width, allow_nan=False)


VALUES = {
    **{kind: whole_numbers(kind) for kind in ARROW if kind[0] in "iu" and kind != "utf8"},
    "f32": floats(32),
    "f64": floats(64),
    "bool": st.booleans(),
    "utf8": st.sampled_from(["", "a", "b", "ab", "ä", "日本", "\x00"]) | st.text(max_size=8),
    "binary": st.sampled_from([b"", b"\x00", b"\xff", b"a"]) | st.binary(max_size=8),
}
TIMES = (
    st.integers(-5, 30)
    | st.integers(1_704_067_200_000, 1_704_067_200_100)
    | st.sampled_from([*INT64, -(2**63) + 1, 2**63 - 2, 0])
    | st.integers(*INT64)
)
TABLES = st.sampled_from(["a", "b", "c"])


@st.composite
def schemas(draw):
    """Arguments of `create_table`."""
    kinds = draw(st.lists(st.sampled_from(sorted(ARROW)), min_size=1, max_size=5))
    columns = {f"c{place}": kind for place, kind in enumerate(kinds)}
    keys = [name for name, kind in columns.items() if kind in KEY_TYPES]
    key = draw(st.lists(st.sampled_from(keys), unique=True, max_size=2)) if keys else []
    return {
        "columns": columns,
        "key": tuple(key),
        "time_unit": draw(st.sampled_from(["s", "ms", "us", "ns"])),
        "storage": draw(st.sampled_from(["balanced", "speed", "size", "raw"])),
        "on_conflict": draw(st.sampled_from(["all", "all", "last", "first", "error"])),
    }


def by_bits(value):
    """The value, or the bits of a float."""
    return ("bits", struct.pack("<d", value)) if isinstance(value, float) else value


def key_order(value):
    """Null before every value; text by its bytes."""
    if value is None:
        return (0,)
    return (1, value.encode() if isinstance(value, str) else value)


# What the first `append` to a series makes.
SERIES = {
    "columns": {"value": "f64"}, "key": (), "time_unit": "ms", "storage": "balanced",
    "on_conflict": "all",
}  # fmt: skip


COMPARISONS = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def _not(truth):
    return None if truth is None else not truth


def _or(parts):
    parts = list(parts)
    return True if True in parts else None if None in parts else False


@st.composite
def predicates(draw, model, depth=2):
    """A predicate over a model's columns, and what it is of a row: true, false or None, unknown."""
    if depth and draw(st.integers(0, 3)) == 0:
        kind = draw(st.sampled_from(["and", "or", "not"]))
        one, of_one = draw(predicates(model, depth - 1))
        if kind == "not":
            return ~one, lambda row: _not(of_one(row))
        two, of_two = draw(predicates(model, depth - 1))
        if kind == "or":
            return one | two, lambda row: _or([of_one(row), of_two(row)])
        both = lambda row: _not(_or([_not(of_one(row)), _not(of_two(row))]))  # noqa: E731
        return one & two, both
    names = list(model.columns)
    place = draw(st.integers(-1, len(names) - 1))
    column = cl.col("ts" if place < 0 else names[place])
    # Mostly values that are there.
    few = [row[0] if place < 0 else row[1][place] for row in model.rows[:20]]
    few = [value for value in few if value is not None]
    drawn = VALUES[model.columns[names[place]]] if place >= 0 else TIMES
    values = (st.sampled_from(few) | drawn) if few else drawn

    def cell(row):
        return row[0] if place < 0 else row[1][place]

    def compared(value):
        return value.encode() if isinstance(value, str) else value

    test = draw(st.sampled_from([*COMPARISONS, "in", "null"]))
    if test == "null":
        return column.is_null(), lambda row: cell(row) is None
    if test == "in":
        listed = draw(st.lists(values, max_size=4))
        inside = [compared(value) for value in listed]
        # Not `in`, for which a NaN is equal to itself.
        return (
            column.isin(listed),
            lambda row: (
                None if cell(row) is None else any(compared(cell(row)) == value for value in inside)
            ),
        )
    value, compare = draw(values), COMPARISONS[test]
    return compare(
        column, value
    ), lambda row: None if cell(row) is None else compare(compared(cell(row)), compared(value))


class Model:
    """A table as a list of (time, values) in the order of arrival, those that gave way included."""

    def __init__(self, options):
        self.options = options
        self.columns = options["columns"]
        self.rows = []
        key = [list(self.columns).index(name) for name in options["key"]]
        self._order = lambda row: (row[0], *(key_order(row[1][place]) for place in key))

    def there(self, count=None):
        """The rows that are there when so many have arrived: taken in one after the other."""
        rows, rule = self.rows[:count], self.options["on_conflict"]
        if rule == "all":
            return rows
        kept = {}
        for row in rows:
            place = self._order(row)
            if place not in kept or rule == "last":
                kept[place] = row
        return list(kept.values())

    def refuses(self, rows):
        """Whether a batch is an error."""
        if self.options["on_conflict"] != "error":
            return False
        places = [self._order(row) for row in [*self.rows, *rows]]
        return len(set(places)) < len(places)

    def scan(self, start=None, end=None):
        # Sorting is stable: of equal rows the first to arrive stays first.
        inside = [
            row
            for row in self.there()
            if (start is None or row[0] >= start) and (end is None or row[0] < end)
        ]
        return sorted(inside, key=self._order)

    def closed(self, first, last):
        """As NanoTS means a range: with its last time."""
        return [row for row in self.scan(first) if row[0] <= last]


def as_dict(model, rows, *, arrays):
    data: dict[str, Any] = {"ts": [ts for ts, _ in rows]}
    for place, (name, kind) in enumerate(model.columns.items()):
        values: Any = [row[place] for _, row in rows]
        if arrays and kind in ("f32", "f64", "bool") and None not in values:
            values = np.array(values, {"f32": "f4", "f64": "f8", "bool": "?"}[kind])
        data[name] = values
    return data


def arrow_columns(model, rows):
    unit = model.options["time_unit"]
    columns = {"ts": pa.array([ts for ts, _ in rows], pa.int64()).cast(pa.timestamp(unit))}
    for place, (name, kind) in enumerate(model.columns.items()):
        columns[name] = pa.array([row[place] for _, row in rows], ARROW[kind])
    return columns


def as_arrow(model, rows):
    # By name, not by position; and in more than one batch.
    names = ["ts", *reversed(list(model.columns))]
    table = pa.table(arrow_columns(model, rows)).select(names)
    return pa.concat_tables([table.slice(0, 1), table.slice(1)])


def as_capsules(model, rows):
    """A pair for NanoTS's call, which passes over columns that the table does not have."""
    more = {"more": pa.nulls(len(rows))}
    return pa.record_batch(more | arrow_columns(model, rows)).__arrow_c_array__()


def as_frame(model, rows):
    columns: dict[str, Any] = {"ts": np.array([ts for ts, _ in rows], dtype=np.int64)}
    for place, (name, kind) in enumerate(model.columns.items()):
        values = [row[place] for _, row in rows]
        if kind in ("f32", "f64"):
            values = [math.nan if value is None else value for value in values]
            columns[name] = np.array(values, dtype=PANDAS[kind])
        elif kind not in PANDAS:
            columns[name] = pd.Series(values, dtype=object)
        else:
            columns[name] = pd.array(values, dtype=PANDAS[kind])
    return pd.DataFrame(columns)


def without_nan(rows):
    """As pandas means it: a NaN of a float column is null."""
    return [
        (ts, [None if isinstance(v, float) and math.isnan(v) else v for v in values])
        for ts, values in rows
    ]


def found(scan, columns):
    """The rows of a scan as (time, values), floats by their bits."""
    table = scan.to_arrow()
    assert table.column_names == ["ts", *columns]
    return arrow_rows(table)


def arrow_rows(table):
    """The rows of an Arrow table or batch whose first column is the time."""
    times, *values = [
        column.to_pylist() for column in (table.column(0).cast(pa.int64()), *table.columns[1:])
    ]
    return bit_rows(times, values)


def bit_rows(times, columns):
    return [
        (ts, [by_bits(value) for value in row]) for ts, *row in zip(times, *columns, strict=True)
    ]


def assert_same(found, wanted):
    """Fails with the first row that differs. A bare comparison of long lists lets pytest, in a CI
    job, work out the whole difference, which takes hours where every row has moved."""
    if found == wanted:
        return
    pairs = zip_longest(found, wanted, fillvalue="no row")
    place, pair = next((at, pair) for at, pair in enumerate(pairs) if pair[0] != pair[1])
    message = f"row {place} of {len(found)} ({len(wanted)} wanted): {pair[0]!r} is not {pair[1]!r}"
    raise AssertionError(message)


def wanted(model, rows, columns):
    places = [list(model.columns).index(name) for name in columns]
    return [(ts, [by_bits(row[place]) for place in places]) for ts, row in rows]
