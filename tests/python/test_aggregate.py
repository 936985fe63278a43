"""What the values of a scan come to: of each type, with nulls and NaN, past the ends of a type."""

import math
import statistics

import numpy as np
import pytest

import chronolite as cl

ALL = ["count", "sum", "mean", "min", "max", "first", "last", "std"]


def test_numbers(db):
    table = db.create_table("t", {"f": "f64", "i": "i32"})
    table.append({"ts": [3, 1, 2], "f": [1.5, 4.0, 2.0], "i": [7, -7, None]})
    result = table.scan().aggregate({"f": ALL, "i": ALL})
    assert result == {
        "f": {
            "count": 3,
            "sum": 7.5,
            "mean": 2.5,
            "min": 1.5,
            "max": 4.0,
            "first": 4.0,
            "last": 1.5,
            "std": statistics.stdev([1.5, 4.0, 2.0]),
        },
        "i": {
            "count": 2,
            "sum": 0,
            "mean": 0.0,
            "min": -7,
            "max": 7,
            "first": -7,
            "last": 7,
            "std": statistics.stdev([7, -7]),
        },
    }
    assert [type(value) for value in result["i"].values()] == [int, int, float, *[int] * 4, float]
    assert list(table.scan().aggregate({"i": "max", "f": ["sum", "min"]})["f"]) == ["sum", "min"]


def test_a_scan_says_which_rows_and_columns(db):
    table = db.create_table("t", ["x", "y"])
    table.append({"ts": range(100), "x": np.arange(100.0), "y": np.zeros(100)})
    db.flush()
    assert table[10:20].aggregate({"x": "sum"}) == {"x": {"sum": 145.0}}
    assert table.scan(limit=3).aggregate({"x": "max"}) == {"x": {"max": 2.0}}
    assert table.last(2).aggregate({"x": ["min", "count"]}) == {"x": {"min": 98.0, "count": 2}}
    assert table.scan().aggregate({"ts": ["min", "max", "count"]}) == {
        "ts": {"min": 0, "max": 99, "count": 100}
    }
    with pytest.raises(cl.SchemaError, match="there are ts, x"):
        table.scan(columns=["x"]).aggregate({"y": "sum"})


def test_nothing_comes_to_null(db):
    types = {"f": "f64", "i": "i64", "b": "bool", "s": "utf8"}
    table = db.create_table("t", types)
    nothing = dict.fromkeys(["count", "min", "max", "first", "last"])
    wanted = {name: list(nothing) for name in types} | {"f": ALL}
    for _ in range(2):
        result = table.scan().aggregate(wanted)
        for name in ["i", "b", "s"]:
            assert result[name] == nothing | {"count": 0}
        assert result["f"] == dict.fromkeys(ALL) | {"count": 0}
        table.append({"ts": [1, 2]} | {name: [None, None] for name in types})
    assert table.scan().aggregate({}) == {}


def test_nan_is_passed_over_by_min_and_max_alone(db):
    table = db.create_table("t", {"f": "f64", "g": "f32"})
    nan = np.array([np.nan, 2.0, 1.0, np.nan])
    table.append({"ts": range(4), "f": nan, "g": nan.astype("f4")})
    for column in table.scan().aggregate({"f": ALL, "g": ALL}).values():
        assert (column["count"], column["min"], column["max"]) == (4, 1.0, 2.0)
        assert all(math.isnan(column[name]) for name in ["sum", "mean", "std", "first", "last"])
    alone = table[0:1].aggregate({"f": ["min", "max", "std", "count"]})["f"]
    assert alone == {"min": None, "max": None, "std": None, "count": 1}


def test_text_bytes_and_bools(db):
    table = db.create_table("t", {"s": "utf8", "b": "binary", "on": "bool"})
    table.append(
        {
            "ts": range(4),
            "s": ["é", None, "a", "z"],
            "b": [b"\xff", b"", None, b"\x00"],
            "on": [True, False, None, True],
        }
    )
    five = ["count", "min", "max", "first", "last"]
    result = table.scan().aggregate({"s": five, "b": five, "on": ALL})
    assert list(result["s"].values()) == [3, "a", "é", "é", "z"]
    assert list(result["b"].values()) == [3, b"", b"\xff", b"\xff", b"\x00"]
    on = result["on"]
    assert (on["count"], on["sum"], on["mean"]) == (3, 2, 2 / 3)
    assert (on["min"], on["max"], on["first"], on["last"]) == (False, True, True, True)
    assert on["first"] is True
    for column in ["s", "b"]:
        for name in ["sum", "mean", "std"]:
            with pytest.raises(cl.SchemaError, match=f"{column}.*{name}"):
                table.scan().aggregate({column: name})


def test_integers_are_summed_exactly(db):
    types = {"i": "i64", "u": "u64", "small": "u8"}
    table = db.create_table("t", types)
    large = 2**62
    table.append(
        {
            "ts": range(4),
            "i": [large, large, -large, 1],
            "u": [2**63, 2**63 - 1, 0, 0],
            "small": [255] * 4,
        }
    )
    result = table.scan().aggregate({"i": ["sum", "mean"], "u": "sum", "small": "sum"})
    assert result["i"] == {"sum": large + 1, "mean": (large + 1) / 4}
    assert (result["u"]["sum"], result["small"]["sum"]) == (2**64 - 1, 1020)
    with pytest.raises(cl.ResultOverflowError, match="i_sum"):
        table.scan(end=2).aggregate({"i": "sum"})
    with pytest.raises(OverflowError, match="i64"):
        table.downsample(2, {"i": "sum"}).to_arrow()
    assert table.scan(end=2).aggregate({"i": "mean"}) == {"i": {"mean": float(large)}}


def test_large_numbers_keep_small_deviations(db):
    table = db.create_table("t", {"f": "f64", "i": "i64"})
    rng = np.random.default_rng(5)
    small = rng.integers(0, 10, 100_000)
    table.append({"ts": range(100_000), "f": 1e9 + small / 8, "i": 2**62 + small})
    db.flush()
    result = table.scan().aggregate({"f": ["std", "sum"], "i": "std"})
    assert result["f"]["std"] == pytest.approx(np.std(small / 8, ddof=1), rel=1e-12)
    assert result["i"]["std"] == pytest.approx(np.std(small, ddof=1), rel=1e-12)
    exact = math.fsum((1e9 + small / 8).tolist())
    assert abs(result["f"]["sum"] - exact) <= 1.5e-14 * exact
    hours = table.downsample(1000, {"f": "std", "i": "std"}).to_numpy()
    expected = small.reshape(100, 1000).std(axis=1, ddof=1)
    np.testing.assert_allclose(hours["i_std"], expected, rtol=1e-12)
    np.testing.assert_allclose(hours["f_std"], expected / 8, rtol=1e-9)


def test_a_closed_database_says_so(path):
    with cl.Db(path) as db:
        table = db.create_table("t", ["x"])
        scan, days = table.scan(), table.downsample("1d", {"x": "mean"}, fill=0)
    for read in [
        lambda: scan.aggregate({"x": "sum"}),
        days.to_arrow,
        days.count,
        lambda: table.downsample("1d", {"x": "mean"}),
        lambda: table.asof(1),
    ]:
        with pytest.raises(cl.ClosedError):
            read()
