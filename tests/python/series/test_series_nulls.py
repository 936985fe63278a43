"""None and its like: NaN in floats, NaT in times, and refused elsewhere or kept as a null."""

import datetime as dt
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from series_under_test import DAY, NEXT, empty, lib, same, says, schema

pytestmark = pytest.mark.ours

NAT = np.datetime64("NaT")
NOTHING = {"None": None, "NA": pd.NA, "NaT": pd.NaT, "datetime64 NaT": NAT}
MOMENT = np.datetime64("2025-06-14T09:30", "s")
NULLABLE = "time:q n:i/null big:Q/null ok:?/null side:4s/null x:d/null when:M8[ms]/null"
# Of each column a value, a null, a value.
WITH_NULLS = {
    "time": [1, 2, 3],
    "n": [7, None, -(2**31)],
    "big": [2**64 - 1, None, 0],
    "ok": [True, None, False],
    "side": [b"B", None, b""],
    "x": [0.5, None, -0.5],
    "when": [dt.datetime(2025, 6, 14), None, dt.datetime(2025, 6, 15)],
}


def as_arrow(data):
    """An Arrow table of these; it would take 2**64 - 1 for no integer of its own accord."""
    types = {"big": pa.uint64()}
    return pa.table({name: pa.array(data[name], types.get(name)) for name in data})


@pytest.fixture(params=["packed-one", "packed-day"])
def kind(request):
    """Only packed files keep nulls; tests of all backends ask for `every_kind`."""
    return request.param


def check(engine):
    """What `WITH_NULLS` reads as."""
    found = engine.read("ES", DAY)
    assert list(found) == list(WITH_NULLS)
    for name in ("n", "big", "ok", "side"):
        assert isinstance(found[name], np.ma.MaskedArray), name
        assert found[name].dtype == schema(NULLABLE).numpy_dtype[list(found).index(name)][1]
        assert np.ma.getmaskarray(found[name]).tolist() == [False, True, False]
        assert found[name].tolist() == WITH_NULLS[name]
    assert not np.ma.is_masked(found["time"])
    np.testing.assert_array_equal(found["x"], [0.5, math.nan, -0.5])
    assert np.isnat(found["when"]).tolist() == [False, True, False]
    assert engine.read_arrow("ES", DAY).to_pylist() == as_arrow(WITH_NULLS).to_pylist()


WAYS = {
    "dict of lists": dict,
    "list of dicts": lambda data: as_arrow(data).to_pylist(),
    "Arrow": as_arrow,
    "polars": lambda data: pl.from_arrow(as_arrow(data)),
    "objects": lambda data: pd.DataFrame(
        {name: pd.Series(values, dtype=object) for name, values in data.items()}
    ),
    "nullable pandas": lambda data: as_arrow(data).to_pandas(types_mapper=pd.ArrowDtype),
}


@pytest.mark.parametrize("way", WAYS)
def test_nullable_columns_keep_nulls(make, way):
    engine = make(NULLABLE)
    engine.append("ES", DAY, WAYS[way](WITH_NULLS))
    check(engine)
    engine.close()
    check(make(NULLABLE))


def test_a_row_may_be_all_null(make):
    engine = make(NULLABLE)
    engine.append("ES", DAY, {"time": 1} | dict.fromkeys(list(WITH_NULLS)[1:]))
    row = engine.read_arrow("ES", DAY).to_pylist()
    assert row == [{"time": 1} | dict.fromkeys(list(WITH_NULLS)[1:])]


@pytest.mark.parametrize("nothing", NOTHING)
def test_each_kind_of_nothing_is_a_null(make, nothing):
    engine = make(NULLABLE)
    columns = list(WITH_NULLS)[1:]
    engine.append("ES", DAY, [{"time": 1} | dict.fromkeys(columns, NOTHING[nothing])])
    assert all(engine.read_arrow("ES", DAY)[name].null_count == 1 for name in columns)


def test_a_mask_is_nulls(make):
    engine = make("time:q n:i/null x:d/null")
    mask = [False, True, False]
    n = np.ma.masked_array([1, 2, 3], mask)
    x = np.ma.masked_array([1.0, 2.0, 3.0], mask)
    engine.append("ES", DAY, {"time": [1, 2, 3], "n": n, "x": x})
    found = engine.read("ES", DAY)
    assert found["n"].tolist() == [1, None, 3]
    np.testing.assert_array_equal(found["x"], [1.0, math.nan, 3.0])


def test_what_was_read_can_be_appended(make):
    engine = make(NULLABLE)
    engine.append("ES", DAY, WITH_NULLS)
    first = engine.read("ES", DAY)
    engine.append("ES", NEXT, first)
    again = engine.read("ES", NEXT)
    for name in ("time", "n", "big", "ok", "side"):
        assert again[name].tolist() == WITH_NULLS[name]
    # A NaN of NumPy is a NaN, whatever it was before.
    same(
        {name: again[name] for name in ("x", "when")}, {name: first[name] for name in ("x", "when")}
    )
    assert engine.read_arrow("ES", NEXT)["n"].null_count == 1


def test_nulls_are_there_over_days_and_in_slices(make):
    engine = make("time:q n:i/null")
    engine.append("ES", DAY, {"time": [1, 2], "n": [None, 2]})
    engine.append("ES", NEXT, {"time": [3, 4], "n": [3, None]})
    assert engine.read("ES", (DAY, NEXT))["n"].tolist() == [None, 2, 3, None]
    assert engine.read("ES", (DAY, NEXT), start=-3, end=-1)["n"].tolist() == [2, 3]
    assert engine.read("ES", NEXT, start=1)["n"].tolist() == [None]


def test_nulls_pass_no_comparison(make):
    engine = make("time:q n:i/null")
    engine.append("ES", DAY, {"time": [1, 2, 3], "n": [1, None, 5]})
    for where in ("n > 2", "n <= 2", "n != 5"):
        assert 2 not in engine.read("ES", DAY, where=where)["time"]
    assert engine.read("ES", DAY, where="n is null")["time"].tolist() == [2]
    assert engine.read("ES", DAY, where=lambda data: data["time"] < 3)["n"].tolist() == [1, None]


def test_nulls_are_missing_in_a_frame(make):
    engine = make(NULLABLE)
    engine.append("ES", DAY, WITH_NULLS)
    frame = engine.read_dataframe("ES", DAY)
    for name in list(WITH_NULLS)[1:]:
        assert frame[name].isna().tolist() == [False, True, False], name


def test_other_columns_of_the_same_table_stay_strict(make):
    engine = make("time:q n:i/null")
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, {"time": [1, None], "n": [None, None]})
    says(error, "time", "row 1")
    assert empty(engine)


class TestOnEveryBackend:
    """What does not need a nullable column."""

    @pytest.fixture(params=["flat", "lmdb", "packed-one", "packed-day"])
    def kind(self, request):
        if request.param == "lmdb":
            pytest.importorskip("lmdb")
        return request.param

    @pytest.mark.parametrize("nothing", NOTHING)
    @pytest.mark.parametrize("fmt", ["d", "f", "e"])
    def test_nothing_is_nan_in_a_float(self, make, fmt, nothing):
        engine = make(f"time:q x:{fmt}")
        engine.append("ES", DAY, [{"time": 1, "x": 0.5}, {"time": 2, "x": NOTHING[nothing]}])
        engine.append("ES", DAY, {"time": 3, "x": NOTHING[nothing]})
        engine.append("ES", DAY, {"time": [4, 5], "x": [NOTHING[nothing], 1]})
        found = engine.read("ES", DAY)["x"]
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, [0.5, math.nan, math.nan, math.nan, 1])

    @pytest.mark.parametrize("nothing", NOTHING)
    @pytest.mark.parametrize("unit", ["D", "s", "ns"])
    def test_nothing_is_nat_in_a_time(self, make, unit, nothing):
        engine = make(f"time:q when:M8[{unit}]")
        engine.append("ES", DAY, [{"time": 1, "when": 0}, {"time": 2, "when": NOTHING[nothing]}])
        engine.append("ES", DAY, {"time": 3, "when": NOTHING[nothing]})
        engine.append("ES", DAY, {"time": [4, 5], "when": [NOTHING[nothing], "2025-06-14"]})
        found = engine.read("ES", DAY)["when"]
        assert np.isnat(found).tolist() == [False, True, True, True, False]
        assert engine.read_arrow("ES", DAY)["when"].null_count == 3

    @pytest.mark.parametrize("fmt", ["q", "B", "?", "4s", "c", "5p"])
    @pytest.mark.parametrize("nothing", NOTHING)
    def test_nothing_is_refused_elsewhere(self, make, fmt, nothing):
        engine = make(f"time:q what:{fmt}")
        good = {"?": True, "4s": b"a", "c": b"a", "5p": b"a"}.get(fmt, 1)
        bad = NOTHING[nothing]
        for data in (
            [{"time": 1, "what": good}, {"time": 2, "what": bad}],
            {"time": [1, 2], "what": [good, bad]},
        ):
            with pytest.raises(lib.SchemaError) as error:
                engine.append("ES", DAY, data)
            says(error, "what", "row 1")
        with pytest.raises(lib.SchemaError) as error:
            engine.append("ES", DAY, {"time": 1, "what": bad})
        says(error, "what")
        assert empty(engine)

    @pytest.mark.parametrize(
        "n",
        [
            pa.array([1, None]),
            pd.array([1, None], dtype="Int64"),
            pl.Series([1, None]),
            np.ma.masked_array([1, 2], [False, True]),
        ],
        ids=["arrow", "pandas", "polars", "mask"],
    )
    def test_nulls_of_libraries(self, make, n):
        engine = make("n:q x:d")
        with pytest.raises(lib.SchemaError) as error:
            engine.append("ES", DAY, {"n": n, "x": [1.0, 2.0]})
        says(error, "n", "row 1")
        assert empty(engine)
        engine.append("ES", DAY, {"n": [1, 2], "x": n})
        same(engine.read("ES", DAY), {"n": [1, 2], "x": [1, math.nan]})

    def test_nat_in_arrays(self, make):
        engine = make("when:M8[s]")
        times = np.array([MOMENT, NAT], "M8[ns]")
        for values in (times, pd.Series(times), pa.array(times)):
            engine.append("ES", DAY, {"when": values})
        assert np.isnat(engine.read("ES", DAY)["when"]).tolist() == [False, True] * 3
