"""Columns of times, `M8[unit]`: what they take, and that nothing of it is lost in silence."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from series_under_test import DAY, empty, lib, same, says

pytestmark = pytest.mark.ours

HALF_PAST_NINE = np.datetime64("2025-06-14T09:30:00", "s")
MOMENTS = {
    "datetime": dt.datetime(2025, 6, 14, 9, 30),
    "datetime of UTC": dt.datetime(2025, 6, 14, 9, 30, tzinfo=dt.UTC),
    "datetime of a zone": dt.datetime(
        2025, 6, 14, 11, 30, tzinfo=dt.timezone(dt.timedelta(hours=2))
    ),
    "datetime64[s]": HALF_PAST_NINE,
    "datetime64[ns]": HALF_PAST_NINE.astype("M8[ns]"),
    "Timestamp": pd.Timestamp("2025-06-14 09:30"),
    "Timestamp of a zone": pd.Timestamp("2025-06-14 05:30", tz="America/New_York"),
    "text": "2025-06-14T09:30:00",
    "text with Z": "2025-06-14T09:30:00Z",
    "text with an offset": "2025-06-14T11:30:00+02:00",
}
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@pytest.mark.parametrize("unit", PER_SECOND)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_moment_in_any_form(make, unit, moment):
    engine = make(f"when:M8[{unit}]")
    engine.append("ES", DAY, {"when": MOMENTS[moment]})
    engine.append("ES", DAY, [{"when": MOMENTS[moment]}])
    engine.append("ES", DAY, {"when": [MOMENTS[moment]]})
    found = engine.read("ES", DAY)["when"]
    assert found.dtype == np.dtype(f"M8[{unit}]")
    assert found.tolist() == np.full(3, HALF_PAST_NINE, f"M8[{unit}]").tolist()


@pytest.mark.parametrize("unit", PER_SECOND)
def test_an_integer_is_a_count_of_the_unit(make, unit):
    engine = make(f"when:M8[{unit}]")
    count = 1_749_893_400 * PER_SECOND[unit]
    engine.append("ES", DAY, {"when": count})
    engine.append("ES", DAY, {"when": np.array([count, -1, 0])})
    engine.append("ES", DAY, {"when": pa.array([count])})
    assert engine.read("ES", DAY)["when"].astype("i8").tolist() == [count, count, -1, 0, count]


def test_a_day_is_a_time(make):
    engine = make("day:M8[D]")
    for day in ("2025-06-14", dt.datetime(2025, 6, 14), np.datetime64("2025-06-14"), 20_253):
        engine.append("ES", DAY, {"day": day})
    same(engine.read("ES", DAY), {"day": [np.datetime64("2025-06-14")] * 4})


ARRAYS = {
    "numpy": lambda times: times,
    "numpy in ns": lambda times: times.astype("M8[ns]"),
    "numpy in s": lambda times: times.astype("M8[s]"),
    "pandas": lambda times: pd.Series(times.astype("M8[ns]")),
    "pandas of a zone": lambda times: (
        pd.Series(times.astype("M8[ns]")).dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    ),
    "polars": lambda times: pl.Series(times.astype("M8[us]")),
    "arrow": pa.array,
    "arrow of a zone": lambda times: pa.array(times.astype("M8[ns]")).cast(
        pa.timestamp("ns", "UTC")
    ),
    "objects": lambda times: times.astype(object),
    "text": lambda times: [str(time) for time in times],
}


@pytest.mark.parametrize("unit", PER_SECOND)
@pytest.mark.parametrize("kind_of_array", ARRAYS)
def test_arrays_of_times_are_converted(make, unit, kind_of_array):
    engine = make(f"when:M8[{unit}] n:q")
    times = np.array(["2025-06-14T09:30:00", "1969-12-31T23:59:59"], "M8[ms]")
    engine.append("ES", DAY, {"when": ARRAYS[kind_of_array](times), "n": [1, 2]})
    engine.append("ES", DAY, pd.DataFrame({"when": times, "n": [3, 4]}))
    same(engine.read("ES", DAY), {"when": [*times, *times], "n": [1, 2, 3, 4]})


@pytest.mark.parametrize(
    ("unit", "bad"),
    [
        ("s", dt.datetime(2025, 6, 14, 9, 30, 0, 1)),
        ("ms", np.datetime64("2025-06-14T09:30:00.000001")),
        ("us", pd.Timestamp("2025-06-14 09:30:00.000000001")),
        ("s", "2025-06-14T09:30:00.5"),
        ("D", dt.datetime(2025, 6, 14, 9, 30)),
        ("D", np.datetime64("2025-06-14T00:00:01")),
    ],
)
def test_a_loss_of_precision_is_refused(make, unit, bad):
    engine = make(f"n:q when:M8[{unit}]")
    good = "2025-06-14"
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, [{"n": 1, "when": good}, {"n": 2, "when": bad}])
    says(error, "when", "row 1")
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, {"n": 2, "when": bad})
    says(error, "when")
    assert empty(engine)


@pytest.mark.parametrize("kind_of_array", ["numpy", "pandas", "polars", "arrow"])
def test_a_loss_of_precision_in_an_array_is_refused(make, kind_of_array):
    engine = make("when:M8[s]")
    times = np.array(["2025-06-14T09:30:00", "2025-06-14T09:30:00.001"], "M8[ms]")
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, {"when": ARRAYS[kind_of_array](times)})
    says(error, "when", "row 1")
    assert empty(engine)


@pytest.mark.parametrize(
    "bad",
    ["3000-01-01", np.datetime64("1500-01-01"), dt.datetime(9999, 1, 1), 2**63, -(2**63) - 1],
)
def test_a_time_that_does_not_fit_is_refused(make, bad):
    engine = make("n:q when:M8[ns]")
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, [{"n": 1, "when": "2025-06-14"}, {"n": 2, "when": bad}])
    says(error, "when", "row 1")
    assert empty(engine)


@pytest.mark.parametrize("bad", ["soon", "", "2025-02-30", 1.0, True, b"2025-06-14", [1], object()])
def test_other_things_are_no_time(make, bad):
    engine = make("n:q when:M8[ms]")
    with pytest.raises(lib.SchemaError) as error:
        engine.append("ES", DAY, [{"n": 1, "when": 0}, {"n": 2, "when": bad}])
    says(error, "when", "row 1")
    assert empty(engine)


def test_times_come_out_as_times(make):
    engine = make("when:M8[us] x:d")
    engine.append("ES", DAY, {"when": ["2025-06-14T09:30:00.000001"], "x": [1.0]})
    assert engine.read_arrow("ES", DAY).schema.field("when").type == pa.timestamp("us")
    assert engine.read_dataframe("ES", DAY)["when"].dtype.kind == "M"
    found = engine.read("ES", DAY, where=lambda data: data["when"] > np.datetime64(DAY))
    assert len(found["x"]) == 1
