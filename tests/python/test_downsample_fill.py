"""Buckets without rows, and what stands for their nulls."""

import math

import numpy as np
import pytest

import chronolite as cl


def rows(scan):
    arrow = scan.to_arrow()
    return list(
        zip(
            arrow.column(0).cast("int64").to_pylist(),
            *(column.to_pylist() for column in arrow.columns[1:]),
            strict=True,
        )
    )


@pytest.fixture
def table(db):
    """Rows in the buckets 0, 30 and 50; that of 30 has nothing but a null."""
    table = db.create_table("t", {"x": "f64"})
    table.append({"ts": [1, 2, 35, 51], "x": [1.0, 3.0, None, 7.0]})
    return table


@pytest.mark.parametrize(
    ("fill", "means"),
    [
        ("null", [2.0, None, None, None, None, 7.0]),
        ("previous", [2.0, 2.0, 2.0, 2.0, 2.0, 7.0]),
        ("linear", [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
        (0, [2.0, 0.0, 0.0, 0.0, 0.0, 7.0]),
        (-1.5, [2.0, -1.5, -1.5, -1.5, -1.5, 7.0]),
        (np.float64(0.5), [2.0, 0.5, 0.5, 0.5, 0.5, 7.0]),
    ],
)
def test_a_fill_stands_for_every_null(table, fill, means):
    scan = table.downsample(10, {"x": ["mean", "count"]}, fill=fill)
    counts = [2, 0, 0, 0, 0, 1]
    assert rows(scan) == list(zip(range(0, 60, 10), means, counts, strict=True))
    assert scan.count() == 6


def test_without_a_fill_there_are_only_buckets_with_rows(table):
    assert rows(table.downsample(10, {"x": "mean"})) == [(0, 2.0), (30, None), (50, 7.0)]


def test_a_range_is_filled_from_end_to_end(table):
    def filled(start, end, fill="previous"):
        return rows(table.downsample(10, {"x": "mean"}, start, end, fill=fill))

    assert filled(-15, 15) == [(-20, None), (-10, None), (0, 2.0), (10, 2.0)]
    assert filled(-15, 15, "linear") == [(-20, None), (-10, None), (0, 2.0), (10, None)]
    assert filled(-15, 10) == [(-20, None), (-10, None), (0, 2.0)]
    assert filled(None, 15) == [(0, 2.0), (10, 2.0)]
    assert filled(45, None) == [(40, None), (50, 7.0)]
    assert filled(100, 120, 1.5) == [(100, 1.5), (110, 1.5)]
    assert filled(100, None) == filled(None, 0) == filled(20, 20) == filled(20, 10) == []


def test_every_group_is_filled(db):
    table = db.create_table("t", {"site": "utf8", "n": "i64"}, key="site")
    table.append({"ts": [0, 21, 22], "site": ["b", "a", "b"], "n": [1, 5, 4]})
    filled = rows(table.downsample(10, {"n": ["sum", "count"]}, by="site", fill="previous"))
    assert filled == [
        (0, "a", None, 0),
        (0, "b", 1, 1),
        (10, "a", None, 0),
        (10, "b", 1, 0),
        (20, "a", 5, 1),
        (20, "b", 4, 1),
    ]
    linear = rows(table.downsample(10, {"n": "sum"}, by="site", fill="linear"))
    assert [row[2] for row in linear] == [None, 1, None, 3, 5, 4]
    nothing = table.downsample(10, {"n": "sum"}, 100, 200, by="site", fill=0)
    assert (rows(nothing), nothing.count()) == ([], 0)


def test_every_type_keeps_its_own(db):
    types = {
        "i8": "i8",
        "u64": "u64",
        "f32": "f32",
        "on": "bool",
        "text": "utf8",
        "bytes": "binary",
    }
    table = db.create_table("t", types)
    table.append(
        {
            "ts": [0, 20],
            "i8": [-128, 127],
            "u64": [0, 2**64 - 1],
            "f32": [0.0, 1.0],
            "on": [True, False],
            "text": ["a", "b"],
            "bytes": [b"x", b"y"],
        }
    )
    previous = table.downsample(10, dict.fromkeys(types, "first"), fill="previous")
    assert previous.schema.types[1:] == list(types.values())
    assert rows(previous)[1] == (10, -128, 0, 0.0, True, "a", b"x")
    assert rows(table.downsample(10, dict.fromkeys(types, "last"), fill="null"))[1] == (
        10,
        None,
        None,
        None,
        None,
        None,
        None,
    )
    numbers = dict.fromkeys(["i8", "u64", "f32"], "max")
    assert rows(table.downsample(10, numbers, fill="linear"))[1] == (10, 0, 2**63, 0.5)
    assert rows(table.downsample(10, {"f32": "max"}, fill=math.inf))[1] == (10, math.inf)
    times = table.downsample(10, {"ts": ["first", "count"]}, fill="null").to_pandas()
    assert times["ts_first"].isna().tolist() == [False, True, False]
    assert np.isnat(table.downsample(10, {"ts": "max"}, fill="null").to_numpy()["ts_max"][1])


@pytest.mark.parametrize(
    ("column", "fill", "error"),
    [
        ("text", "linear", cl.SchemaError),
        ("text", 0, cl.SchemaError),
        ("on", "linear", cl.SchemaError),
        ("on", 1, cl.SchemaError),
        ("ts", 0, cl.SchemaError),
        ("i8", 128, cl.SchemaError),
        ("i8", 0.5, cl.SchemaError),
        ("i8", "zero", cl.InvalidInputError),
        ("i8", True, TypeError),
        ("i8", [1], TypeError),
        ("i8", 2**64, OverflowError),
    ],
)
def test_what_does_not_fill_is_refused(db, column, fill, error):
    table = db.create_table("t", {"i8": "i8", "on": "bool", "text": "utf8"})
    with pytest.raises(error):
        table.downsample(10, {column: "max"}, fill=fill)
    table.downsample(10, {column: "count"}, fill="linear")


def test_too_many_buckets_are_refused(db):
    table = db.create_table("t", ["x"])
    table.append({"ts": [0, 10**15], "x": [1.0, 2.0]})
    scan = table.downsample(1, {"x": "mean"}, fill="null")
    with pytest.raises(cl.InvalidInputError, match="longer bucket"):
        scan.to_arrow()
    with pytest.raises(cl.InvalidInputError, match="longer bucket"):
        scan.count()
    assert len(rows(table.downsample(10**14, {"x": "mean"}, fill=0))) == 11


def test_days_of_any_length_are_filled_once(db):
    table = db.create_table("t", ["x"])
    table.append({"ts": ["2024-03-08T12:00:00Z", "2024-03-12T12:00:00Z"], "x": [0.0, 95.0]})
    scan = table.downsample("1d", {"x": "mean"}, tz="America/New_York", fill="linear")
    local = scan.to_pandas()["ts"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    assert [(time.day, time.hour) for time in local] == [(day, 0) for day in range(8, 13)]
    # A line in time: the day that lost an hour is shorter.
    assert scan.to_numpy()["x_mean"].tolist() == pytest.approx([0.0, 24.0, 48.0, 71.0, 95.0])
    hours = table.downsample("1h", {"x": "count"}, tz="America/New_York", fill=0)
    assert hours.count() == 4 * 24 + 1
