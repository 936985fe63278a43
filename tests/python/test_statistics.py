"""Aggregates that statistics answer for are those of the rows, and little is read for them."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import chronolite as cl

COUNT = 50_000
ALL = ["count", "sum", "min", "max", "mean", "first", "last", "std"]


def columns():
    random = np.random.default_rng(3)
    n = np.arange(COUNT)
    floats = random.normal(size=COUNT)
    with_nan = np.where(n % 5000 == 4, math.nan, floats)
    zeros = np.where(n < 20_000, -0.0, 0.0)
    extremes = np.array([-(2**63), 2**63 - 1])[n % 2]
    return {
        "ts": pa.array(n * 1000, pa.timestamp("ms")),
        "f": pa.array(floats),
        "nan": pa.array(with_nan, from_pandas=False),
        "null": pa.array(floats, mask=n % 3 == 0),
        "both": pa.array(with_nan, mask=n % 7 == 0, from_pandas=False),
        "late": pa.array(floats, mask=n < 30_000),
        "none": pa.array([None] * COUNT, pa.float64()),
        "zero": pa.array(zeros),
        "big": pa.array(extremes.astype(np.int64)),
        "u": pa.array((n % 200).astype(np.uint8)),
        "on": pa.array(n % 3 == 0),
        "inf": pa.array(np.where(n == 7, math.inf, floats)),
    }


DATA = pa.table(columns())
TYPES = {"big": "i64", "u": "u8", "on": "bool"}


@pytest.fixture(scope="module", params=["clean", "overlapping", "deleted", "memory", "keyed"])
def table(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("statistics") / "s.chl"
    kinds = {name: TYPES.get(name, "f64") for name in DATA.column_names[1:]}
    with cl.Db(path, auto_maintenance=False) as db:
        key = {"key": "u"} if request.param == "keyed" else {}
        made = db.create_table("t", kinds, **key)
        if request.param == "overlapping":
            made.append(DATA.take(np.arange(0, COUNT, 2)))
            db.flush()
            made.append(DATA.take(np.arange(1, COUNT, 2)))
        elif request.param == "memory":
            made.append(DATA.slice(0, 40_000))
            db.flush()
            made.append(DATA.slice(40_000))
        else:
            made.append(DATA)
        if request.param != "memory":
            db.flush()
        if request.param == "deleted":
            extra = {name: [None] for name in kinds} | {"ts": [5_000_500]}
            made.append(extra)
            made.delete(5_000_001, 5_000_999)
        if request.param == "keyed":
            db.pack()
        yield made


def expected(data, name, aggregate):
    """By the book, over the rows in order."""
    column = data[name].combine_chunks().drop_null()
    values = column.to_numpy(zero_copy_only=False)
    if aggregate == "count":
        return len(values)
    if aggregate in ("min", "max"):
        numbers = values[~np.isnan(values)] if values.dtype.kind == "f" else values
        return None if not len(numbers) else getattr(numbers, aggregate)().item()
    if not len(values):
        return None
    if aggregate in ("first", "last"):
        return values[0 if aggregate == "first" else -1].item()
    if aggregate == "std":
        return float(np.std(values.astype(float), ddof=1)) if len(values) > 1 else None
    if values.dtype.kind == "f":
        total = math.fsum(values) if np.isfinite(values).all() else float(values.sum())
    else:
        total = sum(values.tolist())
    return total if aggregate == "sum" else total / len(values)


def close(found, wanted, magnitude):
    if found is None or wanted is None:
        return found is wanted
    if isinstance(found, int):  # of bools too
        return found == wanted
    if math.isnan(found) or math.isinf(found):
        return found == wanted or (math.isnan(found) and math.isnan(wanted))
    return abs(found - wanted) <= 1e-12 * max(magnitude, 1e-300)


@pytest.mark.parametrize(
    "span", [(None, None), (0, 1024), (1024, 2048), (1500, 33_333), (16_384, 49_152)]
)
@pytest.mark.parametrize("where", [None, "u < 250", "f > 0 and ts > 40000000", "ts >= 30000000"])
def test_aggregates_are_those_of_the_rows(table, span, where):
    start, end = (None if at is None else at * 1000 for at in span)
    rows = DATA.slice(span[0] or 0, None if span[1] is None else span[1] - (span[0] or 0))
    ts = pc.field("ts").cast("int64")
    if where and "f > 0" in where:
        rows = rows.filter((pc.field("f") > 0) & (ts > 40_000_000))
    elif where and "ts >=" in where:
        rows = rows.filter(ts >= 30_000_000)
    scan = table.scan(start, end, where=where)
    for name in DATA.column_names[1:]:
        wanted = [one for one in ALL if not (name == "big" and one in ("sum", "std"))]
        # In one call, and each by itself: what is asked besides decides what is decoded.
        together = scan.aggregate({name: wanted})[name]
        values = rows[name].drop_null().to_numpy().astype(float)
        magnitude = float(np.abs(values[np.isfinite(values)]).sum())
        for one in wanted:
            alone = scan.aggregate({name: one})[name][one]
            right = expected(rows, name, one)
            for found in (together[one], alone):
                assert close(found, right, magnitude), (name, one, found, right)
    assert scan.aggregate({"ts": "count"})["ts"]["count"] == rows.num_rows


@pytest.mark.parametrize("seconds", [100, 1000, 1024, 3600, 36_000, 10**6])
def test_buckets_are_those_of_the_rows(table, seconds):
    wanted = {
        "f": ["count", "min", "max", "mean"], "null": ["sum", "count"], "late": ["first"],
        "nan": ["min", "last"], "both": ["count", "max"], "big": ["min", "max"], "on": ["sum"],
        "none": ["max"], "zero": ["sum"],
    }  # fmt: skip
    for each in [wanted, {"f": ["max"]}, {"u": ["first", "last"]}]:
        found = table.downsample(f"{seconds}s", each, 3_000, 47_111_000).to_arrow()
        starts = range(0, 47_111, seconds)
        assert found.num_rows == len(starts)
        for place, start in enumerate(starts):
            rows = DATA.slice(max(start, 3), min(start + seconds, 47_111) - max(start, 3))
            for name, aggregates in each.items():
                for one in aggregates:
                    ours = found[f"{name}_{one}"][place].as_py()
                    right = expected(rows, name, one)
                    assert close(ours, right, 1e3 * seconds), (start, name, one, ours, right)


def test_little_is_decoded_for_them(table, request):
    asked = {"f": ["sum", "min", "max", "mean", "count"]}
    found = table.scan().explain(aggregates=asked)
    if request.node.callspec.params["table"] == "clean":
        assert found["blocks"] == {
            "looked_at": 4, "skipped": 0, "decoded": 0, "from_statistics": 4
        }  # fmt: skip
        assert found["segments"]["from_statistics"] == 1
        assert found["bytes"]["decoded"] == 0
        ends = table.scan().explain(aggregates={"f": ["first", "last"]})
        assert 0 < ends["bytes"]["decoded"] <= 2 * 1024 * 8
        part = table.scan(500_000, 40_500_000).explain(aggregates=asked)
        assert 0 < part["bytes"]["decoded"] <= 2 * 1024 * 8
        hours = table.downsample("1h", asked).explain()
        assert hours["rows"] == 14
        assert hours["bytes"]["decoded"] <= 14 * 1024 * 16
        assert hours["blocks"]["from_statistics"] <= 1
    if request.node.callspec.params["table"] == "overlapping":
        assert found["blocks"]["from_statistics"] == 0
    deviations = table.scan().explain(aggregates={"f": "std"})
    # Noise is stored raw: it is read where it lies.
    read = deviations["bytes"]["decoded"] + deviations["bytes"]["viewed"]
    in_segments = table.scan().count() - deviations["memory_rows"]
    assert 0 < 8 * in_segments <= read
