"""Buckets of time: where they begin, what is in them, what an argument may be."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import chronolite as cl

HOUR = 3_600_000
DAY = 24 * HOUR


def table_of(db, rows, types=None, **options):
    """A table of ``{"ts": ..., column: ...}``."""
    types = types or {name: "f64" for name in rows if name != "ts"}
    table = db.create_table("t", types, **options)
    table.append(rows)
    return table


def rows(scan):
    """The result as tuples, times as ints."""
    arrow = scan.to_arrow()
    columns = [
        column.cast("int64").to_pylist()
        if str(column.type).startswith("time")
        else column.to_pylist()
        for column in arrow.columns
    ]
    return list(zip(*columns, strict=True))


def test_buckets_are_half_open_and_named_by_their_beginning(db):
    table = table_of(db, {"ts": [-1, 0, 9, 10, 25], "x": [1.0, 2.0, 3.0, 4.0, 5.0]})
    scan = table.downsample(10, {"x": ["count", "sum"]})
    assert scan.schema.names == ["ts", "x_count", "x_sum"]
    assert scan.schema.types == ["timestamp[ms]", "i64", "f64"]
    assert rows(scan) == [(-10, 1, 1.0), (0, 2, 5.0), (10, 1, 4.0), (20, 1, 5.0)]
    assert scan.count() == 4


def test_a_range_leaves_out_rows_and_moves_no_bucket(db):
    table = table_of(db, {"ts": [0, 4, 5, 12, 13], "x": [1.0] * 5})
    assert rows(table.downsample(10, {"x": "count"}, 4, 13)) == [(0, 2), (10, 1)]
    for start, end in [(5, 5), (6, 5), (14, None), (None, -1)]:
        empty = table.downsample(10, {"x": "count"}, start, end)
        assert (rows(empty), empty.count()) == ([], 0)
        assert empty.to_arrow().schema.names == ["ts", "x_count"]


@pytest.mark.parametrize(
    "every",
    [
        90_000,
        "90s",
        "90000ms",
        "90000000us",
        dt.timedelta(seconds=90),
        np.timedelta64(90, "s"),
        pd.Timedelta("90s"),
    ],
    ids=repr,
)
def test_forms_of_one_length(db, every):
    table = table_of(db, {"ts": [0, 89_999, 90_000], "x": [1.0] * 3})
    assert rows(table.downsample(every, {"x": "count"})) == [(0, 2), (90_000, 1)]


@pytest.mark.parametrize(("text", "length"), [("1m", 60_000), ("1h", HOUR), ("1d", DAY)])
def test_units_of_length(db, text, length):
    table = table_of(db, {"ts": [0, length - 1, length], "x": [1.0] * 3})
    assert rows(table.downsample(text, {"x": "count"})) == [(0, 2), (length, 1)]


@pytest.mark.parametrize(
    ("every", "error", "word"),
    [
        (0, ValueError, "length"),
        (-5, ValueError, "length"),
        ("-5s", ValueError, "5m"),
        ("1.5h", ValueError, "5m"),
        ("h", ValueError, "5m"),
        ("", ValueError, "5m"),
        ("5 m", ValueError, "5m"),
        ("1mo", ValueError, "months"),
        ("1y", ValueError, "months"),
        ("500us", ValueError, "whole number of ms"),
        (dt.timedelta(microseconds=1), ValueError, "whole number of ms"),
        (dt.timedelta(0), ValueError, "length"),
        (np.timedelta64("NaT", "s"), ValueError, "NaT"),
        ("9" * 30 + "s", OverflowError, "long"),
        ("99999999999999999w", OverflowError, "int64"),
        (2**63, OverflowError, "int"),
        (True, TypeError, "bool"),
        (1.5, TypeError, "float"),
        (None, TypeError, "NoneType"),
    ],
    ids=repr,
)
def test_what_is_no_length_is_refused(db, every, error, word):
    table = table_of(db, {"ts": [0], "x": [1.0]})
    with pytest.raises(error, match=word):
        table.downsample(every, {"x": "count"})


def test_weeks_begin_on_mondays_and_days_at_midnight(db):
    noon = dt.datetime(2024, 5, 15, 12)  # a Wednesday
    table = table_of(db, {"ts": [noon.isoformat()], "x": [1.0]})
    for every, start in [("1w", "2024-05-13"), ("7d", "2024-05-13"), ("1d", "2024-05-15")]:
        assert table.downsample(every, {"x": "count"}).to_pandas()["ts"][0] == pd.Timestamp(start)


def test_an_origin_begins_a_bucket(db):
    table = table_of(db, {"ts": [7, 12, 13, 22], "x": [1.0] * 4})
    count = {"x": "count"}
    assert rows(table.downsample(10, count, origin=3)) == [(3, 2), (13, 2)]
    assert rows(table.downsample(10, count, origin=1003)) == [(3, 2), (13, 2)]
    assert rows(table.downsample(10, count, origin="start")) == [(7, 3), (17, 1)]
    assert rows(table.downsample(10, count, 2, origin="start")) == [(2, 1), (12, 2), (22, 1)]
    assert rows(table.downsample(10, count, origin=dt.datetime(1970, 1, 1))) == rows(
        table.downsample(10, count)
    )
    with pytest.raises(ValueError, match="ISO"):
        table.downsample(10, count, origin="end")


def test_the_ends_of_time_are_in_a_bucket(db):
    ends = [-(2**63), -(2**63) + 1, 2**63 - 2, 2**63 - 1]
    table = table_of(db, {"ts": ends, "x": [1.0] * 4})
    for every in [10, DAY, 2**63 - 1]:
        for tz in [None, "Europe/Berlin"]:
            if tz and every == 2**63 - 1:
                continue
            got = rows(table.downsample(every, {"x": "count"}, tz=tz))
            assert sum(count for _, count in got) == 4
            assert got[0][0] == -(2**63)
    assert rows(table.downsample(1, {"x": "count"}, origin=2**63 - 1)) == [(ts, 1) for ts in ends]
    with pytest.raises(cl.InvalidInputError, match="100000000"):
        table.downsample(10, {"x": "count"}, fill="null").to_arrow()


def test_local_days_follow_the_clocks(db):
    zone = ZoneInfo("America/New_York")
    index = pd.date_range("2024-03-08", "2024-03-13", freq="15min", tz=zone, inclusive="left")
    index = index.append(pd.date_range("2024-11-01", "2024-11-05", freq="15min", tz=zone))
    table = table_of(db, {"ts": index.tz_convert("UTC"), "x": np.arange(len(index), dtype=float)})
    series = pd.Series(np.arange(len(index), dtype=float), index=index)
    for every, rule in [("1d", "1D"), ("1h", "1h"), ("15m", "15min")]:
        ours = table.downsample(every, {"x": ["count", "sum"]}, tz=zone).to_pandas()
        theirs = series.resample(rule).agg(["count", "sum"])
        theirs = theirs[theirs["count"] > 0]
        utc = theirs.index.tz_convert("UTC").tz_localize(None)
        assert list(ours["ts"]) == list(utc)
        assert list(ours["x_count"]) == list(theirs["count"])
        assert list(ours["x_sum"]) == list(theirs["sum"])
    days = table.downsample("1d", {"x": "count"}, tz="America/New_York").to_pandas()["x_count"]
    assert [count for count in days if count not in (96, 1)] == [92, 100]


def test_buckets_shorter_than_a_day_are_counted_from_local_midnight(db):
    index = pd.date_range("2024-07-01", "2024-07-03", freq="1h", tz="Asia/Kolkata")
    table = table_of(db, {"ts": index, "x": [1.0] * len(index)})
    times = table.downsample("6h", {"x": "count"}, tz="Asia/Kolkata").to_pandas()["ts"]
    local = times.dt.tz_localize("UTC").dt.tz_convert("Asia/Kolkata")
    assert [(time.hour, time.minute) for time in local[:4]] == [(0, 0), (6, 0), (12, 0), (18, 0)]
    shifted = table.downsample(
        "1d", {"x": "count"}, tz="Asia/Kolkata", origin="2024-07-01T06:30+0530"
    )
    assert rows(shifted)[1][0] % DAY == HOUR


@pytest.mark.parametrize(
    ("every", "tz", "error", "word"),
    [
        ("1d", "Mars/Olympus", ValueError, "IANA"),
        ("1d", 5, TypeError, "int"),
        ("7h", "UTC", ValueError, "goes into a day"),
        ("36h", "UTC", ValueError, "goes into a day"),
    ],
)
def test_what_is_no_zone_is_refused(db, every, tz, error, word):
    table = table_of(db, {"ts": [0], "x": [1.0]})
    with pytest.raises(error, match=word):
        table.downsample(every, {"x": "count"}, tz=tz)


def test_groups_have_rows_of_their_own(db):
    table = table_of(
        db,
        {
            "ts": [0, 0, 1, 2, 10, 11, 12],
            "site": ["b", "a", None, "b", "a", "", "a"],
            "on": [True, True, False, True, None, True, False],
            "x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        },
        {"site": "utf8", "on": "bool", "x": "f64"},
    )
    assert rows(table.downsample(10, {"x": "sum"}, by="site")) == [
        (0, None, 3.0),
        (0, "a", 2.0),
        (0, "b", 5.0),
        (10, "", 6.0),
        (10, "a", 12.0),
    ]
    both = table.downsample(10, {"x": "sum"}, by=["on", "site"])
    assert both.schema.names == ["ts", "on", "site", "x_sum"]
    assert rows(both) == [
        (0, False, None, 3.0),
        (0, True, "a", 2.0),
        (0, True, "b", 5.0),
        (10, None, "a", 5.0),
        (10, False, "a", 7.0),
        (10, True, "", 6.0),
    ]
    assert both.count() == 6


@pytest.mark.parametrize("by", ["x", "ts", "nothing", ["site", "site"]])
def test_what_makes_no_groups_is_refused(db, by):
    table = table_of(db, {"ts": [0], "site": ["a"], "x": [1.0]}, {"site": "utf8", "x": "f64"})
    with pytest.raises(cl.SchemaError):
        table.downsample(10, {"x": "sum"}, by=by)


def test_a_result_has_each_name_once(db):
    names = {"x": "f64", "x_mean": "i64"}
    table = table_of(db, {"ts": [0], "x": [1.0], "x_mean": [1]}, names)
    with pytest.raises(cl.SchemaError, match="x_mean"):
        table.downsample(10, {"x": "mean"}, by="x_mean")
    with pytest.raises(cl.InvalidInputError, match="twice"):
        table.downsample(10, {"x": ["mean", "mean"]})


@pytest.mark.parametrize(
    ("aggregates", "error", "word"),
    [
        ({}, ValueError, "no column"),
        ({"x": []}, ValueError, "no aggregate"),
        ({"x": "median"}, ValueError, "median"),
        ({"y": "mean"}, cl.SchemaError, "y"),
        ({"site": "mean"}, cl.SchemaError, "utf8"),
        ({"site": "sum"}, cl.SchemaError, "site"),
        ({"ts": "std"}, cl.SchemaError, "time"),
        ("mean", TypeError, "dict"),
        ({"x": 5}, TypeError, "name"),
        ({5: "mean"}, TypeError, "text"),
    ],
    ids=repr,
)
def test_what_is_no_aggregate_is_refused(db, aggregates, error, word):
    table = table_of(db, {"ts": [0], "site": ["a"], "x": [1.0]}, {"site": "utf8", "x": "f64"})
    with pytest.raises(error, match=word):
        table.downsample(10, aggregates)


def test_where_leaves_rows_out(db):
    table = table_of(db, {"ts": range(100), "x": np.arange(100.0)})
    found = table.downsample(10, {"x": ["count", "max"]}, where="x > 44.5 and ts < 58").to_numpy()
    assert found["x_count"].tolist() == [5, 8]
    assert found["x_max"].tolist() == [49, 57]
    with pytest.raises(cl.SchemaError, match='"y"'):
        table.downsample(10, {"x": "mean"}, where="y > 1")


def test_a_result_comes_out_as_a_scan_does(db):
    table = table_of(db, {"ts": range(1000), "x": np.arange(1000.0)})
    scan = table.downsample(10, {"x": "mean"})
    assert repr(scan) == "<chronolite.Scan ts timestamp[ms], x_mean f64>"
    expected = np.arange(100) * 10 + 4.5
    assert np.array_equal(scan.to_numpy()["x_mean"], expected)
    assert scan.to_polars()["x_mean"].to_list() == list(expected)
    assert [len(batch) for batch in scan.batches(30)] == [30, 30, 30, 10]
    assert scan.aggregate({"x_mean": ["max", "count"], "ts": "max"}) == {
        "x_mean": {"max": 994.5, "count": 100},
        "ts": {"max": 990},
    }


def test_a_result_is_as_of_when_it_was_asked_for(db):
    table = table_of(db, {"ts": [0], "x": [1.0]})
    scan = table.downsample(10, {"x": "count"})
    table.append({"ts": [1], "x": [1.0]})
    db.flush()
    assert rows(scan) == [(0, 1)]
    assert rows(table.downsample(10, {"x": "count"})) == [(0, 2)]


def test_the_weather_as_pandas_has_it(db, weather_csv):
    frame = pd.read_csv(weather_csv)
    time = next(name for name in frame if "time" in name)
    frame = frame.rename(columns={time: "ts"})
    frame["ts"] = pd.to_datetime(frame["ts"], utc=True).astype("datetime64[ms, UTC]")
    types = {"origin": "utf8", "temp": "f64", "precip": "f64"}
    table = db.create_table("weather", types, key="origin")
    table.append(frame[["ts", *types]].sample(frac=1, random_state=1)[: len(frame) // 2])
    db.flush()
    table.append(frame[["ts", *types]].sample(frac=1, random_state=1)[len(frame) // 2 :])
    names = ["count", "sum", "mean", "min", "max", "std"]
    ours = table.downsample("1d", {"temp": names, "precip": "sum"}, by="origin").to_pandas()
    days = frame["ts"].dt.tz_localize(None).dt.floor("D")
    theirs = frame.groupby([days, "origin"]).agg({"temp": names, "precip": "sum"}).reset_index()
    theirs.columns = list(ours.columns)
    pd.testing.assert_frame_equal(
        ours.fillna(0.0), theirs.fillna(0.0), check_dtype=False, rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("every", [1, 3, 1000, 10**6])
@pytest.mark.parametrize("by", [[], ["site"]])
def test_many_pieces_are_one_result(db, every, by):
    rng = np.random.default_rng(7)
    n = 200_000
    frame = pd.DataFrame(
        {
            "ts": rng.integers(-60_000, 60_000, n),
            "site": rng.choice(["a", "b", "c"], n),
            "x": rng.normal(0, 1, n),
            "n": rng.integers(-(2**40), 2**40, n),
        }
    )
    frame.loc[rng.random(n) < 0.3, "x"] = np.nan
    table = db.create_table("t", {"site": "utf8", "x": "f64", "n": "i64"}, key="site")
    for part in np.array_split(np.arange(n), 3):
        table.append(frame.iloc[part])
        db.flush()
    table.append(frame.iloc[:1000])
    frame = pd.concat([frame, frame.iloc[:1000]])
    names = ["count", "sum", "mean", "min", "max", "std"]
    scan = table.downsample(every, {"x": names, "n": ["sum", "max"]}, by=by)
    ours = scan.to_pandas()
    assert scan.count() == len(ours) == sum(map(len, scan.batches(999)))
    keys = [frame["ts"] // every * every, *(frame[name] for name in by)]
    theirs = frame.groupby(keys).agg({"x": names, "n": ["sum", "max"]}).reset_index()
    theirs.columns = list(ours.columns)
    ours["ts"] = ours["ts"].astype("int64")
    # A sum of nothing but nulls is 0 there.
    theirs.loc[theirs["x_count"] == 0, "x_sum"] = np.nan
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-9, atol=1e-9)


def test_groups_that_are_met_late_have_their_place(db):
    """Descending, so that every piece brings groups that come before all others."""
    ids = np.arange(200_000)[::-1]
    table = table_of(db, {"ts": np.arange(200_000), "id": ids}, {"id": "i64"})
    for every, fill in [(10**6, None), (10**6, "null")]:
        found = table.downsample(every, {"id": ["count", "min"]}, by="id", fill=fill).to_numpy()
        assert (found["id"] == ids[::-1]).all()
        assert (found["id_min"] == found["id"]).all()
        assert found["id_count"].sum() == 200_000
    each = table.downsample(50_000, {"id": "count"}, by="id").to_numpy()
    assert [list(part) for part in np.split(each["id"], 4)] == [
        list(range(end - 50_000, end)) for end in range(200_000, 0, -50_000)
    ]
