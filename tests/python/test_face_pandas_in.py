"""pandas in: what every dtype means, with pyarrow and without it."""

import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import chronolite as cl


@pytest.fixture
def db(tmp_path):
    with cl.Db(tmp_path / "a.chl") as db:
        yield db


TS = [1, 2, 3]
arrow = pd.ArrowDtype


def stored(db, kind, values, name="t"):
    table = db.create_table(name, {"v": kind})
    table.append(pd.DataFrame({"ts": TS, "v": values}))
    return table.scan().to_arrow()["v"].to_pylist()


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("f64", [1.5, np.nan, 2.0], [1.5, None, 2.0]),
        ("f32", np.array([1.5, np.nan, 2.0], "f4"), [1.5, None, 2.0]),
        ("i64", [1, 2, 3], [1, 2, 3]),
        ("i64", pd.array([1, None, 2**62 + 1], "Int64"), [1, None, 2**62 + 1]),
        ("u8", pd.array([1, None, 255], "UInt8"), [1, None, 255]),
        ("f64", pd.array([1, None, 2], "Int32"), [1.0, None, 2.0]),
        ("f64", pd.array([1.5, None, 2.5], "Float64"), [1.5, None, 2.5]),
        ("bool", [True, False, True], [True, False, True]),
        ("bool", pd.array([True, None, False], "boolean"), [True, None, False]),
        ("bool", pd.Series([True, None, False], dtype=object), [True, None, False]),
        ("utf8", ["a", None, "b"], ["a", None, "b"]),
        ("utf8", pd.array(["a", None, "b"], "string"), ["a", None, "b"]),
        ("utf8", pd.array(["a", None, "b"], pd.StringDtype("python")), ["a", None, "b"]),
        ("utf8", pd.Series(["a", np.nan, pd.NA], dtype=object), ["a", None, None]),
        ("utf8", pd.Categorical(["a", None, "a"]), ["a", None, "a"]),
        ("i64", pd.Categorical([7, None, 5]), [7, None, 5]),
        ("utf8", pd.Categorical([None, None, None]), [None, None, None]),
        ("binary", [b"a", None, b"b"], [b"a", None, b"b"]),
        ("i64", pd.array([1, None, 2], "int64[pyarrow]"), [1, None, 2]),
        ("utf8", pd.array(["a", None, "b"], "string[pyarrow]"), ["a", None, "b"]),
        ("f64", np.array([1.5, np.nan, 2.0], "f2"), [1.5, None, 2.0]),
        ("f64", pd.arrays.SparseArray([1.5, np.nan, 2.0]), [1.5, None, 2.0]),
        ("i64", pd.arrays.SparseArray([0, 1, 0]), [0, 1, 0]),
        ("f64", pd.Series([1.5, 2, None], dtype=object), [1.5, 2.0, None]),
        ("f32", pd.array([1.5, None, 2], "Float32"), [1.5, None, 2.0]),
        ("utf8", pd.Categorical(pd.array(["a", None, "b"], "string")), ["a", None, "b"]),
        (
            "utf8",
            pd.array(["a", None, "a"], arrow(pa.dictionary(pa.int8(), pa.string()))),
            ["a", None, "a"],
        ),
        (
            "f64",
            pd.array([Decimal("1.5"), None, Decimal(2)], arrow(pa.decimal128(5, 2))),
            [1.5, None, 2.0],
        ),
        ("bool", pd.array([True, None, False], arrow(pa.bool_())), [True, None, False]),
        ("f64", pd.array([None] * 3, arrow(pa.null())), [None] * 3),
    ],
)
def test_dtypes(db, kind, values, expected):
    assert stored(db, kind, values) == expected


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("i64", [1.0, np.nan, 2.0]),
        ("f64", ["a", "b", "c"]),
        ("i64", pd.to_timedelta([1, 2, 3], unit="s")),
        ("i64", pd.period_range("2024", periods=3, freq="D")),
        ("f64", pd.arrays.IntervalArray.from_breaks([0, 1, 2, 3])),
        ("i64", pd.to_datetime([1, 2, 3])),
        ("i64", pd.Categorical(pd.to_datetime([1, 2, 3]))),
        ("i64", pd.Series([1, True, 2], dtype=object)),
        ("f64", pd.Series([1.5, "a", None], dtype=object)),
        ("utf8", pd.Series(["a", 1, None], dtype=object)),
        ("f64", pd.array([[1], None, [2]], pd.ArrowDtype(pa.list_(pa.int64())))),
        ("f64", pd.Series(np.ones(3, "c16"))),
    ],
)
def test_dtypes_that_do_not_fit(db, kind, values):
    with pytest.raises(cl.SchemaError, match="v"):
        stored(db, kind, values)


@pytest.mark.parametrize(
    "times",
    [
        pd.to_datetime([1, 2, 3], unit="ms"),
        pd.to_datetime([1, 2, 3], unit="ms", utc=True),
        pd.to_datetime([1, 2, 3], unit="ms", utc=True).tz_convert("Europe/Paris"),
        pd.Series(pd.to_datetime([1, 2, 3], unit="ms")).astype("datetime64[us]"),
        pd.Series([pd.Timestamp(1, unit="ms"), 2, 3], dtype=object),
        pd.array([1, 2, 3], "Int64"),
        pd.Series(pd.to_datetime([1, 2, 3], unit="ms")).astype("timestamp[ns][pyarrow]"),
    ],
)
def test_times(db, times):
    table = db.create_table("t", ["v"])
    table.append(pd.DataFrame({"ts": times, "v": [1.0, 2.0, 3.0]}))
    assert (table.min_ts, table.max_ts, len(table)) == (1, 3, 3)


def test_not_a_time(db):
    table = db.create_table("t", ["v"])
    for times in [pd.to_datetime([1, None], unit="ms"), pd.to_datetime([1, 2], unit="ns")]:
        with pytest.raises(cl.SchemaError, match='"ts", row'):
            table.append(pd.DataFrame({"ts": times, "v": [1.0, 2.0]}))


def test_the_index_counts_only_if_it_is_the_time(db):
    table = db.create_table("t", ["v"])
    frame = pd.DataFrame({"ts": [1, 2], "v": [1.0, 2.0]}, index=["x", "y"])
    assert table.append(frame) == 2
    assert table.append(frame.set_index("ts")) == 2
    levels = pd.MultiIndex.from_arrays([[5, 6], ["a", "b"]], names=["ts", "site"])
    assert table.append(pd.DataFrame({"v": [1.0, 2.0]}, index=levels)) == 2
    assert len(table) == 6
    frame.index.name = "ts"
    with pytest.raises(cl.SchemaError, match="twice"):
        table.append(frame)


def test_names_that_cannot_be(db):
    table = db.create_table("t", ["v"])
    for frame, word in [
        (pd.DataFrame([[1, 2.0, 3.0]], columns=["ts", "v", "v"]), '"v".*twice'),
        (pd.DataFrame([[1, 2.0]], columns=["ts", 5]), "text, not 5"),
        (pd.DataFrame([[1, 2.0]], columns=pd.MultiIndex.from_tuples([("ts", "a"), ("v", "b")])),
         "text, not \\('ts', 'a'\\)"),
        (pd.DataFrame({"v": [1.0]}, pd.MultiIndex.from_arrays([[1], [2]], names=["ts", "ts"])),
         '"ts"'),
        (pd.Series([1.0, 2.0], name="v").to_frame(), '"ts"'),
    ]:  # fmt: skip
        with pytest.raises(cl.SchemaError, match=word):
            table.append(frame)
    assert len(table) == 0


def test_a_clock_that_was_put_back_is_taken_to_utc(db):
    """02:30 was twice in Berlin on 2024-10-27."""
    table = db.create_table("t", ["v"])
    utc = pd.to_datetime(["2024-10-27T00:30Z", "2024-10-27T01:30Z", "2024-03-31T01:00Z"])
    local = utc.tz_convert("Europe/Berlin")
    assert local[0].replace(fold=0).hour == local[1].hour
    table.append(pd.DataFrame({"v": [1.0, 2.0, 3.0]}, index=local.rename("ts")))
    table.append(pd.DataFrame({"ts": pd.Series(list(local), dtype=object), "v": [1.0, 2.0, 3.0]}))
    expected = sorted([*utc.tz_localize(None)] * 2)
    assert table.scan().to_pandas()["ts"].tolist() == expected


def test_no_rows_of_any_dtype(db):
    table = db.create_table("t", ["v"])
    assert table.append(pd.DataFrame({"ts": [], "v": []})) == 0
    empty = pd.DataFrame({"ts": pd.to_datetime([]), "v": pd.array([], "Float64")})
    assert table.append(empty) == 0
    assert table.append(empty.set_index("ts")) == 0


def test_a_series_is_a_column(db):
    table = db.create_table("t", ["v"])
    table.append({"ts": pd.Index([1, 2]), "v": pd.Series([1.0, np.nan], index=[7, 8])})
    assert table.scan().to_arrow()["v"].to_pylist() == [1.0, None]


def test_what_came_out_goes_in(db):
    types = {"i": "i64", "b": "bool", "f": "f64", "s": "utf8", "y": "binary"}
    table, copy = db.create_table("t", types), db.create_table("copy", types)
    table.append({"ts": [1, 2], "i": [2**60 + 1, None], "b": [None, True], "f": [None, 1.5],
                  "s": ["a", None], "y": [None, b"z"]})  # fmt: skip
    copy.append(table.scan().to_pandas())
    assert copy.scan().to_arrow() == table.scan().to_arrow()


WITHOUT = """
import sys
sys.modules["pyarrow"] = None
import numpy as np, pandas as pd, chronolite as cl
db = cl.Db(sys.argv[1])
t = db.create_table("t", {"f": "f64", "i": "i64", "s": "utf8", "b": "bool"})
frame = pd.DataFrame({
    "ts": pd.to_datetime([1, 2], unit="ms", utc=True), "f": [1.5, np.nan],
    "i": pd.array([1, None], "Int64"), "s": pd.Series(["a", None], dtype=object),
    "b": [True, False],
})
assert t.append(frame) == 2
result = t.scan().to_pandas()
assert result["i"].tolist() == [1, pd.NA], result
assert result["s"][0] == "a" and result["s"].isna().tolist() == [False, True]
assert result["f"].isna().tolist() == [False, True] and result["b"].tolist() == [True, False]
assert result["ts"].dtype == "datetime64[ms]"
db.close()
"""


def test_without_pyarrow(tmp_path):
    command = [sys.executable, "-c", WITHOUT, str(tmp_path / "w.chl")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
