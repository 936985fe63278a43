"""All backends do what a dict of lists does: a state machine that runs them side by side.

The model keeps for each day of each table its rows in the order of arrival. Each step is done on
every backend, and what any of them reads has to equal the model bit by bit. Among the steps are
appends that are refused, packs, closing and opening again; arrays of earlier reads are held, and
have to stay as they were.

The peer does less: it is led around what it lacks (`PEER`), so that the rest is checked on it too.

In full size it runs 2,000 examples of 200 steps.
"""

import math
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from series_under_test import KINDS, PEER, as_rows, engine, lib, need

from tests.proof import sizes
from tests.proof.machines import in_parts, run

RUNS, STEPS = sizes.size(25, 2000), sizes.size(30, 200)

TABLES = ["ES", "a:b"]
DAYS = ["2024-02-29", "2025-06-14", "2025-06-15"]
DAY = st.sampled_from(DAYS)
TABLE = st.sampled_from(TABLES)
END = st.none() | st.sampled_from(["2024-01-01", *DAYS, "2026-01-01"])
PLACE = st.none() | st.integers(-6, 6) | st.sampled_from([100, -100, 1000, -1000, 10**20])


def whole(low, high):
    return st.integers(max(low, -3), min(high, 8)) | st.sampled_from([low, high])


def floats(width):
    some = st.sampled_from([0.0, -0.0, 0.5, math.nan, math.inf, -math.inf])
    return some | st.floats(width=width, allow_nan=False)


MILLISECONDS = st.integers(-5, 5) | st.integers(-(2**55), 2**55)
VALUES = {
    "q": whole(-(2**63), 2**63 - 1),
    "B": whole(0, 255),
    "h": whole(-(2**15), 2**15 - 1),
    "I": whole(0, 2**32 - 1),
    "d": floats(64),
    "f": floats(32),
    "e": floats(16),
    "?": st.booleans(),
    "3s": st.sampled_from([b"", b"B", b"a\0b", b"\xff\xfe\xfd"]),
    "M8[ms]": MILLISECONDS.map(lambda n: np.datetime64(n, "ms")),
    "2i": st.lists(whole(-(2**31), 2**31 - 1), min_size=2, max_size=2),
}
# Every schema has an integer `n` and a float `x`, for `where`.
SCHEMAS = (
    ["n:q x:d", "x:d n:q"]
    if PEER
    else ["n:q x:d", "n:h x:f ok:? side:3s", "x:d when:M8[ms] n:B v:2i", "ok:? n:I x:e"]
)
# Text; the same as a function of arrays, as `col`, and of one row.
WHERE = {
    "n > 3": (lambda d: d["n"] > 3, lambda: lib.col("n") > 3, lambda r: r["n"] > 3),
    "n <= 0": (lambda d: d["n"] <= 0, lambda: lib.col("n") <= 0, lambda r: r["n"] <= 0),
    "x > 0.25": (lambda d: d["x"] > 0.25, lambda: lib.col("x") > 0.25, lambda r: r["x"] > 0.25),
    "x != 0.5": (lambda d: d["x"] != 0.5, lambda: lib.col("x") != 0.5, lambda r: r["x"] != 0.5),
    "n == 1 or x < 0": (
        lambda d: (d["n"] == 1) | (d["x"] < 0),
        lambda: (lib.col("n") == 1) | (lib.col("x") < 0),
        lambda r: r["n"] == 1 or r["x"] < 0,
    ),
    "n > 9 and n < 9": (
        lambda d: np.zeros(len(d["n"]), bool),
        lambda: (lib.col("n") > 9) & (lib.col("n") < 9),
        lambda r: False,
    ),
}


def plain(column):
    """Values that compare by `repr`: a NaN is a NaN, -0.0 is not 0.0, a time is its count."""
    if column.dtype.kind == "M":
        return column.astype("i8").tolist()
    return column.tolist()


class Machine(RuleBasedStateMachine):
    """The engines under test, and the rows of each table and day."""

    kinds = KINDS
    rows_compared = 0

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="series"))
        self.engines = {}
        self.model = {}
        self.tables_ever = set()
        self.held = []

    def wrap(self, made):
        """A control puts something wrong here."""
        return made

    def open(self, kind):
        options = {"sync": False} if kind == "lmdb" else {}
        self.engines[kind] = self.wrap(engine(kind, self.text, self.folder / kind, **options))

    @initialize(text=st.sampled_from(SCHEMAS))
    def begin(self, text):
        self.text = text
        self.formats = dict(column.split(":") for column in text.split())
        numpy = {"3s": "S3", "2i": "2i4"}
        self.dtype = np.dtype([(name, numpy.get(fmt, fmt)) for name, fmt in self.formats.items()])
        for kind in self.kinds:
            self.open(kind)

    def teardown(self):
        for made in self.engines.values():
            made.close()
        for found, wanted in self.held:
            assert repr([plain(column) for column in found.values()]) == wanted
        shutil.rmtree(self.folder)

    # --- changes ---

    def rows_of(self, data, most):
        row = st.fixed_dictionaries({name: VALUES[fmt] for name, fmt in self.formats.items()})
        return data.draw(st.lists(row, min_size=1, max_size=most), "rows")

    def made(self, rows):
        """These rows as a structured array."""
        made = np.zeros(len(rows), self.dtype)
        for name in self.formats:
            made[name] = [row[name] for row in rows]
        return made

    def arrive(self, table, day, rows):
        self.model.setdefault((table, day), []).extend(as_rows_of(rows))
        self.tables_ever.add(table)

    def on_all(self, table, day, data):
        for made in self.engines.values():
            assert made.append(table, day, data) is None

    @rule(table=TABLE, day=DAY, data=st.data())
    def append_a_row(self, table, day, data):
        (row,) = self.rows_of(data, 1)
        self.on_all(table, day, row)
        self.arrive(table, day, self.made([row]))

    @rule(table=TABLE, day=DAY, data=st.data(), way=st.integers(0, 6))
    def append_rows(self, table, day, data, way):
        rows = self.rows_of(data, 6)
        made = self.made(rows)
        columns = {name: [row[name] for row in rows] for name in self.formats}
        turned = dict(reversed(columns.items()))
        has_vectors = "v" in columns
        forms = [
            lambda: rows,
            lambda: pd.DataFrame(columns) if PEER else pd.DataFrame(turned),
            lambda: columns,
            lambda: {name: np.array(made[name]) for name in turned},
            lambda: made,
            lambda: pa.table({name: pa.array(list(made[name])) for name in turned}),
            lambda: pl.DataFrame({name: pl.Series(made[name].copy()) for name in turned}),
        ]
        if PEER:
            forms = forms[:2]
        if has_vectors or "e" in self.formats.values():
            # What Arrow and polars make of them by themselves is another matter.
            forms = forms[:5]
        self.on_all(table, day, forms[way % len(forms)]())
        self.arrive(table, day, made)

    @rule(table=TABLE, day=DAY, first=st.integers(0, 50), count=st.integers(50, 3000))
    def append_many(self, table, day, first, count):
        made = np.zeros(count, self.dtype)
        made["n"] = (first + np.arange(count)) % 200
        made["x"] = made["n"] / 4
        columns = {name: np.ascontiguousarray(made[name]) for name in self.formats}
        self.on_all(table, day, pd.DataFrame(columns) if PEER else columns)
        self.arrive(table, day, made)

    @precondition(lambda self: not PEER)
    @rule(table=TABLE, day=DAY, data=st.data())
    def append_without_values(self, table, day, data):
        """None in a float is NaN, in a time NaT."""
        (row,) = self.rows_of(data, 1)
        gone = [name for name, fmt in self.formats.items() if fmt in ("d", "f", "e", "M8[ms]")]
        rows = [row, row | dict.fromkeys(gone)]
        self.on_all(table, day, rows)
        kept = {"M8[ms]": np.datetime64("NaT")}
        rows[1] = row | {name: kept.get(self.formats[name], math.nan) for name in gone}
        self.arrive(table, day, self.made(rows))

    @precondition(lambda self: not PEER)
    @rule(table=TABLE, day=DAY, data=st.data(), bad=st.sampled_from([2**64, 0.5, None, "1", True]))
    def append_what_is_refused(self, table, day, data, bad):
        rows = self.rows_of(data, 3)
        for wrong in (
            [*rows, rows[0] | {"n": bad}],
            [*rows, {name: rows[0][name] for name in self.formats if name != "n"}],
            rows[0] | {"other": 1},
        ):
            for made in self.engines.values():
                with pytest.raises(lib.SchemaError):
                    made.append(table, day, wrong)

    @precondition(lambda self: not PEER)
    @rule(table=TABLE, day=DAY)
    def append_nothing(self, table, day):
        self.on_all(table, day, [])
        self.on_all(table, day, {name: [] for name in self.formats})

    @precondition(lambda self: not PEER)
    @rule(table=TABLE, day=DAY)
    def delete(self, table, day):
        was_there = self.model.pop((table, day), None) is not None
        for kind, made in self.engines.items():
            assert made.delete_day(table, day) is was_there, kind

    @rule()
    def flush(self):
        for made in self.engines.values():
            assert made.flush() is None

    @rule(kinds=st.sets(st.sampled_from(KINDS), min_size=1))
    def reopen(self, kinds):
        for kind in sorted(kinds & set(self.engines)):
            self.engines[kind].close()
            self.open(kind)

    @rule()
    def pack(self):
        for kind, made in self.engines.items():
            if kind.startswith("packed"):
                made.backend.pack()

    # --- reads ---

    def compare(self, kind, found, rows, is_there):
        """What was read is these rows; nothing at all if there was no row to slice."""
        if not is_there:
            assert found == {}, kind
            return
        assert list(found) == list(self.formats), kind
        wanted = [[row[name] for row in rows] for name in self.formats]
        assert repr([plain(column) for column in found.values()]) == repr(wanted), kind
        for name, column in found.items():
            assert column.dtype == self.dtype[name].base, kind
        Machine.rows_compared += len(rows)

    def answers(self, table, days, rows, start, end, text, form):
        kept = rows[start:end]
        where = None
        if text is not None:
            function, column, of_row = WHERE[text]
            kept = [row for row in kept if of_row(row)]
            where = function
            if not PEER:
                where = {"function": function, "text": text, "col": column()}[form]
        for kind, made in self.engines.items():
            options = {"start": start, "end": end, "where": where}
            found = made.read(table, days, **options)
            self.compare(kind, found, kept, bool(rows))
            if len(self.held) < 4 and found:
                self.held.append((found, repr([plain(column) for column in found.values()])))
            if form != "function":
                frame = made.read_dataframe(table, days, **options)
                assert len(frame) == len(kept), kind
                if not PEER:
                    table_of = made.read_arrow(table, days, **options)
                    assert table_of.column_names == list(self.formats), kind
                    assert table_of["n"].to_pylist() == [row["n"] for row in kept], kind

    @rule(
        table=TABLE, day=DAY, start=PLACE, end=PLACE, text=st.none() | st.sampled_from(list(WHERE)),
        form=st.sampled_from(["function", "text", "col"]),
    )  # fmt: skip
    def read_a_day(self, table, day, start, end, text, form):
        self.answers(table, day, self.model.get((table, day), []), start, end, text, form)

    @rule(
        table=TABLE, first=END, last=END, start=PLACE, end=PLACE, of=st.sampled_from([tuple, list]),
        text=st.none() | st.sampled_from(list(WHERE)),
        form=st.sampled_from(["function", "text", "col"]),
    )  # fmt: skip
    def read_a_range(self, table, first, last, start, end, form, text, of):
        if PEER:
            first, last, start, end = first or DAYS[0], last or DAYS[-1], None, None
        rows = [
            row
            for day in DAYS
            if (first is None or first <= day) and (last is None or day <= last)
            for row in self.model.get((table, day), [])
        ]
        self.answers(table, of((first, last)), rows, start, end, text, form)

    @rule()
    def let_go(self):
        for found, wanted in self.held:
            assert repr([plain(column) for column in found.values()]) == wanted
        self.held.clear()

    @precondition(lambda self: not PEER)
    @invariant()
    def all_is_listed(self):
        for kind, made in self.engines.items():
            for table in TABLES:
                days = [day for day in DAYS if (table, day) in self.model]
                assert made.days(table) == days, kind
            there = {table for table, _ in self.model}
            # A table whose days are all deleted may be listed or not.
            tables = made.tables()
            assert tables == sorted(set(tables)), kind
            assert there <= set(tables) <= self.tables_ever, kind


def as_rows_of(made):
    """A structured array as dicts of plain values."""
    return as_rows({name: plain(made[name]) for name in made.dtype.names})


def play(part, runs, steps):
    """What the runs of a part counted."""
    Machine.rows_compared = 0
    run(Machine, runs, steps, part)
    return (Machine.rows_compared,)


def test_all_backends_do_what_a_dict_of_lists_does():
    for kind in KINDS:
        need(kind)
    runs, (compared,) = in_parts(play, RUNS, STEPS)
    sizes.figures(
        "series_model",
        f"{len(KINDS)} backends, {runs} runs of up to {STEPS} steps, {compared:,} rows compared, "
        "0 different",
    )


class Wrong:
    """An engine with something changed."""

    def __init__(self, made):
        self.made = made

    def __getattr__(self, name):
        return getattr(self.made, name)


class LosesTheLastRowOfABatch(Wrong):
    def append(self, table, day, data):
        self.made.append(table, day, data[:-1] if isinstance(data, list) else data)


class FiltersBeforeItSlices(Wrong):
    def read(self, table, days, *, start=None, end=None, where=None):
        found = self.made.read(table, days, where=where)
        return {name: column[start:end] for name, column in found.items()}


class ReadsARangeBackwards(Wrong):
    def read(self, table, days, **options):
        found = self.made.read(table, days, **options)
        is_range = not isinstance(days, str)
        return {name: column[::-1] if is_range else column for name, column in found.items()}


class DoesNotDelete(Wrong):
    def delete_day(self, table, day):
        return day in self.made.days(table)


class WritesWhatItRefuses(Wrong):
    def append(self, table, day, data):
        try:
            self.made.append(table, day, data)
        except lib.SchemaError:
            self.made.append(table, day, data[:1] if isinstance(data, list) else [])
            raise


class TakesNegativeZeroForZero(Wrong):
    def read(self, table, days, **options):
        found = self.made.read(table, days, **options)
        return {n: c + 0.0 if c.dtype.kind == "f" else c for n, c in found.items()}


@pytest.mark.skipif(PEER, reason="the peer has nothing to put wrong")
@pytest.mark.parametrize("wrong", Wrong.__subclasses__())
def test_control_a_wrong_backend_is_found(wrong):
    members = {"kinds": ["flat"], "wrap": lambda self, made: wrong(made)}
    machine = type(wrong.__name__, (Machine,), members)
    # Where an error is missing, pytest raises one of its own.
    with pytest.raises((AssertionError, pytest.fail.Exception, BaseExceptionGroup)):
        run(machine, 200, 30, phases=[Phase.generate])
