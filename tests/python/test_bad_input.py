"""Wrong names, types, lengths and times: an error of the right kind that names them, and nothing
is written. The content is compared before and after, with rows in the file and in the log."""

import datetime as dt
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import chronolite as cl

NAN = float("nan")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.chl"


@pytest.fixture
def table(path):
    """A table that has rows, in the file and in the log; after the test they are all it has."""
    with cl.Db(path) as db:
        table = db.create_table("t", {"n": "i32", "x": "f64", "s": "utf8"}, key="s")
        table.append({"ts": [1, 2], "n": [1, None], "x": [0.5, NAN], "s": ["a", None]})
        db.flush()
        table.append_row(3, [3, -0.0, "c"])
        before = everything(db)
        yield table
        assert everything(db) == before
        assert table.append_row(4, [4, 4.0, "d"]) == 4
    with cl.Db(path) as db:
        assert everything(db)[0] == before[0] + [("4", "4", "4.0", "d")]
        assert db.verify().ok


def everything(db):
    rows = db["t"].scan().to_arrow()
    times = rows["ts"].cast(pa.int64()).to_pylist()
    values = [rows[name].to_pylist() for name in ("n", "x", "s")]
    written = [tuple(map(str, row)) for row in zip(times, *values, strict=True)]
    return written, db.tables(), (len(db["t"]), db["t"].min_ts, db["t"].max_ts)


GOOD = {"ts": [10, 11], "n": np.array([1, 2], "i4"), "x": [1.0, 2.0], "s": ["a", "b"]}
FORMS = {
    "dict": lambda data: data,
    "list of dicts": lambda data: [
        dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)
    ],
    "pandas": pd.DataFrame,
    "polars": lambda data: pl.DataFrame(data, strict=False),
    "arrow": pa.table,
}


def without(name):
    return {key: values for key, values in GOOD.items() if key != name}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("data", "named"),
    [
        (without("x"), "x"),
        (without("ts"), "ts"),
        (without("s"), "s"),
        ({**GOOD, "more": [1, 2]}, "more"),
        ({**without("x"), "X": [1.0, 2.0]}, "[xX]"),
        ({**without("x"), "x ": [1.0, 2.0]}, "x"),
    ],
)
def test_a_wrong_name(table, form, data, named):
    with pytest.raises(cl.SchemaError, match=named):
        table.append(FORMS[form](data))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("n", [1.5, 2.5]), ("n", ["1", "2"]), ("n", [True, False]), ("n", [1, 2**31]),
        ("n", [1, -(2**31) - 1]),
        ("x", ["1.0", "2.0"]), ("x", [True, False]), ("x", [2**53 + 1, 0]),
        ("s", [1, 2]), ("s", [b"a", b"b"]), ("s", [1.5, 2.5]),
        ("ts", [1.5, 2.5]), ("ts", [1.0, 2.0]), ("ts", [True, False]), ("ts", [b"1", b"2"]),
        ("ts", [NAN, NAN]),
    ],
)  # fmt: skip
def test_a_wrong_type(table, form, name, values):
    with pytest.raises(cl.SchemaError, match=f"\"{name}\"|'{name}'"):
        table.append(FORMS[form]({**GOOD, name: values}))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({**GOOD, "x": [1.0]}, '"x".*'),
        ({**GOOD, "x": [1.0, 2.0, 3.0]}, '"x".*'),
        ({**GOOD, "s": []}, '"s".*'),
        ({**GOOD, "ts": [10]}, ".*"),
        ({**GOOD, "x": np.array([1.0, 2.0, 3.0])}, '"x".*'),
        ({**GOOD, "x": np.zeros((2, 1))}, '"x".*'),
        ({**GOOD, "x": np.float64(1)}, '"x".*'),
        ({**GOOD, "x": 1.0}, '"x".*'),
        ({**GOOD, "s": "ab"}, '"s".*'),
        ({**GOOD, "x": None}, '"x".*'),
        ({**GOOD, "x": pa.array([1.0])}, '"x".*'),
        ({**GOOD, "x": pd.Series([1.0])}, '"x".*'),
    ],
)
def test_a_wrong_length(table, data, words):
    with pytest.raises(cl.SchemaError, match=words):
        table.append(data)


# A time of one row, what it is, and the kind of error beside SchemaError in a batch.
TIMES = {
    "bool": (True, TypeError),
    "NumPy bool": (np.True_, TypeError),
    "float": (10.0, TypeError),
    "NumPy float": (np.float64(10), TypeError),
    "NaN": (NAN, TypeError),
    "infinity": (math.inf, TypeError),
    "bytes": (b"2024-01-01", TypeError),
    "date text of no date": ("2024-13-01", ValueError),
    "text": ("soon", ValueError),
    "empty text": ("", ValueError),
    "NaT": (np.datetime64("NaT", "ms"), ValueError),
    "pandas NaT": (pd.NaT, ValueError),
    "too large": (2**63, OverflowError),
    "too small": (-(2**63) - 1, OverflowError),
    "very large": (10**30, OverflowError),
    "too fine": (np.datetime64(1, "us"), ValueError),
    "too fine datetime": (dt.datetime(2024, 1, 1, microsecond=999), ValueError),
    "timedelta": (dt.timedelta(1), TypeError),
    "complex": (1j, TypeError),
    "list": ([1], TypeError),
}


@pytest.mark.parametrize("name", TIMES)
def test_a_wrong_time_of_a_row(table, name):
    time, kind = TIMES[name]
    with pytest.raises(kind):
        table.append_row(time, [1, 1.0, "a"])


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", TIMES)
def test_a_wrong_time_in_a_batch(table, name, place):
    times = [10, 11]
    times[place] = TIMES[name][0]
    for form in ("dict", "list of dicts"):
        with pytest.raises(cl.SchemaError, match=f'"ts", row {place}'):
            table.append(FORMS[form]({**GOOD, "ts": times}))


@pytest.mark.parametrize(
    "time", [None, *(pytest.param(time, id=name) for name, (time, _) in TIMES.items())]
)
def test_a_wrong_bound(table, time):
    """A bound that is None is open; everything else is a time or an error."""
    if time is None or time is pd.NaT:
        return
    for scan in (
        lambda: table.scan(time),
        lambda: table.scan(None, time),
        lambda: table[time:],
        lambda: table[:time],
    ):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            scan()


@pytest.mark.parametrize(
    ("values", "kind", "named"),
    [
        ([], cl.SchemaError, "3"),
        ([1, 1.0], cl.SchemaError, "3"),
        ([1, 1.0, "a", 4], cl.SchemaError, "3"),
        ({"n": 1, "x": 1.0}, cl.SchemaError, '"s"'),
        ({"n": 1, "x": 1.0, "s": "a", "more": 1}, cl.SchemaError, "more"),
        ([True, 1.0, "a"], cl.SchemaError, '"n"'),
        ([1.0, 1.0, "a"], cl.SchemaError, '"n"'),
        ([2**31, 1.0, "a"], cl.SchemaError, '"n"'),
        ([1, "1.0", "a"], cl.SchemaError, '"x"'),
        ([1, True, "a"], cl.SchemaError, '"x"'),
        ([1, 1.0, 5], cl.SchemaError, '"s"'),
        ([1, 1.0, b"a"], cl.SchemaError, '"s"'),
        ([1, 1.0, "\ud800"], ValueError, None),
        ([1, 1.0, object()], TypeError, None),
        (5, TypeError, None),
        ("abc", TypeError, None),
        (None, TypeError, None),
    ],
)
def test_a_wrong_row(table, values, kind, named):
    with pytest.raises(kind, match=named):
        table.append_row(5, values)


def test_a_late_row_of_a_large_batch_is_named(table):
    n = np.arange(100_000)
    times = np.array(n, dtype=object)
    times[77_777] = None
    data = {"ts": times, "n": n.astype("i4"), "x": n / 2, "s": np.full(len(n), "a")}
    with pytest.raises(cl.SchemaError, match=r'"ts", row 77[,_]?777\b'):
        table.append(data)


def test_an_iterator_that_fails(table):
    def values():
        yield 1.0
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        table.append({**GOOD, "x": values()})


def test_a_value_that_fails(table):
    class Bad:
        def __index__(self):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        table.append_row(Bad(), [1, 1.0, "a"])
    with pytest.raises(ZeroDivisionError):
        table.append_row(5, [Bad(), 1.0, "a"])


@pytest.mark.parametrize("limit", [-1, 1.5, "2", 2**64])
def test_a_wrong_limit(table, limit):
    with pytest.raises((TypeError, ValueError, OverflowError)):
        table.scan(limit=limit)
    with pytest.raises((TypeError, ValueError, OverflowError)):
        table.last(limit)


def test_columns_that_are_not_there(table):
    with pytest.raises(cl.SchemaError, match="nope"):
        table.scan(columns=["x", "nope"])


@pytest.mark.parametrize("value", [1e300, -1e300, 3.5e38])
def test_a_float_past_f32_does_not_become_infinite(path, value):
    """Nothing narrows in silence: not in a batch, and not in a row."""
    with cl.Db(path) as db:
        table = db.create_table("t", {"x": "f32"})
        with pytest.raises(cl.SchemaError, match='"x"'):
            table.append({"ts": [1], "x": [value]})
        with pytest.raises(cl.SchemaError, match='"x"'):
            table.append_row(1, [value])
        assert len(table) == 0


@pytest.mark.parametrize(
    "name",
    ["", "a" * 100_000, "\ud800", "line\nbreak", "nul\0", None, 5, b"t"],
    ids=lambda name: repr(name)[:10],
)
def test_a_wrong_name_of_a_table(path, name):
    """It is refused, or it is a name that comes back as it was."""
    with cl.Db(path) as db:
        try:
            db.create_table(name, ["x"]).append_row(1, [1.0])
        except (ValueError, TypeError):
            assert db.tables() == []
            name = "none"
    with cl.Db(path) as db:
        assert db.tables() == ([] if name == "none" else [name])


@pytest.mark.parametrize("name", ["日本", "with space", "a/b", "..", "'\""])
def test_any_text_is_a_name(path, name):
    with cl.Db(path) as db:
        db.create_table(name, {name: "f64"}).append_row(1, [1.0])
    with cl.Db(path) as db:
        assert db.tables() == [name]
        assert db[name].columns == ["ts", name]
        assert db[name].scan().to_numpy()[name].tolist() == [1.0]
