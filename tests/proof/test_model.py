"""A database does what plain lists do: a state machine that runs both side by side.

The model of a table is the list of its rows as they were appended; what a scan has to give is that
list sorted by (time, arrival), or (time, key, arrival) with null keys first. Floats are compared by
their bits.
"""

import math
import shutil
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, assume, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import chronolite as cl
from tests.proof import sizes

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
    }


def by_bits(value):
    """The value, or the bits of a float."""
    return ("bits", struct.pack("<d", value)) if isinstance(value, float) else value


def key_order(value):
    """Null before every value; text by its bytes."""
    if value is None:
        return (0,)
    return (1, value.encode() if isinstance(value, str) else value)


class Model:
    """A table as a list of (time, values) in the order of arrival."""

    def __init__(self, options):
        self.options = options
        self.columns = options["columns"]
        self.rows = []
        key = [list(self.columns).index(name) for name in options["key"]]
        self._order = lambda row: (row[0], *(key_order(row[1][place]) for place in key))

    def scan(self, start=None, end=None):
        # Sorting is stable: of equal rows the first to arrive stays first.
        inside = [
            row
            for row in self.rows
            if (start is None or row[0] >= start) and (end is None or row[0] < end)
        ]
        return sorted(inside, key=self._order)


def as_dict(model, rows, *, arrays):
    data: dict[str, Any] = {"ts": [ts for ts, _ in rows]}
    for place, (name, kind) in enumerate(model.columns.items()):
        values: Any = [row[place] for _, row in rows]
        if arrays and kind in ("f32", "f64", "bool") and None not in values:
            values = np.array(values, {"f32": "f4", "f64": "f8", "bool": "?"}[kind])
        data[name] = values
    return data


def as_arrow(model, rows):
    unit = model.options["time_unit"]
    columns = {"ts": pa.array([ts for ts, _ in rows], pa.int64()).cast(pa.timestamp(unit))}
    for place, (name, kind) in enumerate(model.columns.items()):
        columns[name] = pa.array([row[place] for _, row in rows], ARROW[kind])
    # By name, not by position; and in more than one batch.
    table = pa.table(columns).select(["ts", *reversed(list(model.columns))])
    return pa.concat_tables([table.slice(0, 1), table.slice(1)])


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
    times = table["ts"].cast(pa.int64()).to_pylist()
    values = [table[name].to_pylist() for name in columns]
    return [
        (ts, [by_bits(value) for value in row]) for ts, *row in zip(times, *values, strict=True)
    ]


def wanted(model, rows, columns):
    places = [list(model.columns).index(name) for name in columns]
    return [(ts, [by_bits(row[place]) for place in places]) for ts, row in rows]


class Machine(RuleBasedStateMachine):
    """The database under test, the models of its tables, and scans made earlier."""

    steps = 0
    rows_compared = 0

    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="model")
        self.path = Path(self.folder) / "model.chl"
        self.models = {}
        self.held = []
        self.sequence = 0
        self.db = cl.Db(self.path)

    def teardown(self):
        try:
            for name in self.models:
                self.compare(name)
            assert self.db.verify().ok
            self.db.close()
            with cl.Db(self.path, mode="r") as self.db:
                for name in self.models:
                    self.compare(name)
        finally:
            self.db.close()
            shutil.rmtree(self.folder)

    def compare(self, name, start=None, end=None, columns=None, limit=None):
        model = self.models[name]
        columns = list(model.columns) if columns is None else columns
        rows = model.scan(start, end)[:limit]
        scan = self.db[name].scan(start, end, columns=columns, limit=limit)
        assert found(scan, columns) == wanted(model, rows, columns)
        assert scan.count() == len(rows)
        Machine.rows_compared += len(rows)

    @initialize(name=TABLES, options=schemas())
    def first_table(self, name, options):
        self.create(name, options)

    @rule(name=TABLES, options=schemas())
    def create(self, name, options):
        model = self.models.get(name)
        if model is not None and model.options != options:
            with pytest.raises(cl.SchemaError):
                self.db.create_table(name, **options)
            return
        table = self.db.create_table(name, **options)
        self.models.setdefault(name, Model(options))
        assert table.columns == ["ts", *options["columns"]]

    @rule(name=TABLES)
    def create_again(self, name):
        if name in self.models:
            self.create(name, self.models[name].options)

    def drawn_rows(self, data, name, **sizes_of_list):
        kinds = self.models[name].columns.values()
        nullable = [st.none() | VALUES[kind] for kind in kinds]
        row = st.tuples(TIMES, st.tuples(*nullable).map(list))
        return data.draw(st.lists(row, **sizes_of_list), label="rows")

    @precondition(lambda self: self.models)
    @rule(
        data=st.data(),
        form=st.sampled_from(["lists", "arrays", "dicts", "pandas", "arrow"]),
        most=st.sampled_from([3, 12, 40]),
    )
    def append(self, data, form, most):
        name = data.draw(st.sampled_from(sorted(self.models)), label="table")
        model = self.models[name]
        rows = self.drawn_rows(data, name, max_size=most)
        given_as = {
            "lists": lambda: as_dict(model, rows, arrays=False),
            "arrays": lambda: as_dict(model, rows, arrays=True),
            "dicts": lambda: [
                {"ts": ts, **dict(zip(model.columns, values, strict=True))} for ts, values in rows
            ],
            "pandas": lambda: as_frame(model, rows),
            "arrow": lambda: as_arrow(model, rows),
        }[form]()
        assert self.db[name].append(given_as) == len(rows)
        model.rows += without_nan(rows) if form == "pandas" else rows
        self.sequence += len(rows)

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by_name=st.booleans())
    def append_row(self, data, by_name):
        name = data.draw(st.sampled_from(sorted(self.models)), label="table")
        model = self.models[name]
        for ts, values in self.drawn_rows(data, name, min_size=1, max_size=3):
            row = dict(zip(model.columns, values, strict=True)) if by_name else values
            self.sequence += 1
            assert self.db[name].append_row(ts, row) == self.sequence
            model.rows.append((ts, values))

    @precondition(lambda self: self.models)
    @rule(data=st.data(), count=st.sampled_from([1023, 1025, 2048, 3000]), step=st.integers(0, 3))
    def append_many(self, data, count, step):
        """The same few rows over and over, so that vectors and blocks are filled."""
        name = data.draw(st.sampled_from(sorted(self.models)), label="table")
        model = self.models[name]
        assume(len(model.rows) < 4000)
        few = self.drawn_rows(data, name, min_size=1, max_size=5)
        rows = [(place * step % 700, few[place * place % len(few)][1]) for place in range(count)]
        assert self.db[name].append(as_arrow(model, rows)) == count
        model.rows += rows
        self.sequence += count

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def refuse(self, data):
        """A batch with one row that has no time: nothing of it is there."""
        name = data.draw(st.sampled_from(sorted(self.models)), label="table")
        rows = [*self.drawn_rows(data, name, min_size=1, max_size=4), (None, [])]
        model = self.models[name]
        rows[-1] = (None, rows[0][1])
        with pytest.raises(cl.SchemaError, match=f'"ts", row {len(rows) - 1}'):
            self.db[name].append(as_dict(model, rows, arrays=False))

    @rule()
    def flush(self):
        self.db.flush()

    @rule(durability=st.sampled_from(["sync", "interval", "none"]))
    def reopen(self, durability):
        self.db.close()
        for _, scan, *_ in self.held:
            with pytest.raises(cl.ClosedError):
                scan.count()
        self.held.clear()
        assert [file.name for file in Path(self.folder).iterdir()] == [self.path.name]
        self.db = cl.Db(self.path, durability=durability)

    @precondition(lambda self: self.models)
    @rule(
        data=st.data(), start=st.none() | TIMES, end=st.none() | TIMES,
        limit=st.none() | st.integers(0, 10) | st.integers(1000, 3000),
    )  # fmt: skip
    def scan(self, data, start, end, limit):
        name = data.draw(st.sampled_from(sorted(self.models)), label="table")
        known = sorted({ts for ts, _ in self.models[name].rows})
        if known and data.draw(st.booleans(), label="from a time that is there"):
            start = data.draw(st.sampled_from(known), label="start")
        if known and data.draw(st.booleans(), label="to a time that is there"):
            end = data.draw(st.sampled_from(known), label="end")
        names = list(self.models[name].columns)
        columns = data.draw(st.none() | st.lists(st.sampled_from(names), unique=True), "columns")
        self.compare(name, start, end, columns, limit)

    @precondition(lambda self: self.models)
    @rule(data=st.data(), n=st.sampled_from([0, 1, 2, 5, 1000, 5000]))
    def last(self, data, n):
        name = data.draw(st.sampled_from(sorted(self.models)), label="table")
        model = self.models[name]
        columns = list(model.columns)
        rows = model.scan()
        newest = rows[max(0, len(rows) - n) :]
        assert found(self.db[name].last(n), columns) == wanted(model, newest, columns)

    @precondition(lambda self: self.models and len(self.held) < 4)
    @rule(data=st.data(), start=st.none() | TIMES)
    def hold_a_scan(self, data, start):
        name = data.draw(st.sampled_from(sorted(self.models)), label="table")
        model = self.models[name]
        columns = list(model.columns)
        rows = wanted(model, model.scan(start), columns)
        self.held.append((name, self.db[name].scan(start), columns, rows))

    @precondition(lambda self: self.held)
    @rule()
    def read_held_scans(self):
        for _, scan, columns, rows in self.held:
            assert found(scan, columns) == rows

    @rule()
    def read_all(self):
        for name in self.models:
            self.compare(name)

    @invariant()
    def counts_and_ends(self):
        Machine.steps += 1
        assert self.db.tables() == sorted(self.models)
        for name, model in self.models.items():
            table = self.db[name]
            times = [ts for ts, _ in model.rows]
            assert len(table) == len(times)
            assert (table.min_ts, table.max_ts) == (
                min(times, default=None),
                max(times, default=None),
            )


def run(machine, examples, steps, **options):
    run_state_machine_as_test(
        seed(sizes.SEED)(machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
            **options,
        ),
    )


def test_a_database_does_what_lists_do():
    Machine.steps = Machine.rows_compared = 0
    examples, steps = sizes.size(40, 10_000), sizes.size(30, 200)
    run(Machine, examples, steps)
    sizes.figures(
        "model",
        f"{examples:,} runs of up to {steps} steps ({Machine.steps:,} in all), "
        f"{Machine.rows_compared:,} rows compared, 0 different",
    )


def test_control_a_model_that_forgets_the_arrival_order_differs():
    class Forgetful(Machine):
        @initialize(name=TABLES, options=schemas())
        def first_table(self, name, options):
            self.create(name, options)
            model = self.models[name]
            straight = model.scan
            model.scan = lambda *bounds: sorted(reversed(straight(*bounds)), key=lambda row: row[0])  # noqa: C414

    with pytest.raises(AssertionError):
        run(Forgetful, 200, 10, phases=[Phase.generate])
