"""`exact=True`: sums, means and deviations of the real numbers, rounded once, however rows lie."""

import math
import random
import struct
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chronolite as cl

WANTED = ["sum", "mean", "std", "count", "min", "max"]
FINITE = st.floats(allow_nan=False, allow_infinity=False)
POWERS = st.sampled_from([-1074, -1022, -54, -53, 0, 52, 53, 54, 900, 1020])
VALUES = st.one_of(
    FINITE,
    st.floats(-1e6, 1e6),
    st.builds(math.ldexp, st.integers(-5, 5).map(float), POWERS),
    st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, -5e-324]),
)
SPECIAL = st.sampled_from([math.nan, math.inf, -math.inf])


def nearest(number):
    """The nearest float to a fraction; past the greatest it is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def root(number):
    """The nearest float to the root of a fraction: an integer root of 128 bits more, and one bit
    for what is left."""
    if number == 0:
        return 0.0
    shift = 128 + max(number.denominator.bit_length() - number.numerator.bit_length(), 0)
    scaled = number * 4**shift
    whole = math.isqrt(math.floor(scaled))
    return nearest(Fraction(2 * whole + (whole * whole != scaled), 2 ** (shift + 1)))


def model(values):
    """What `WANTED` are for a list of values."""
    values = [value for value in values if value is not None]
    count = len(values)
    numbers = [value for value in values if not math.isnan(value)]
    ends = {
        "count": count,
        "min": min(numbers, default=None),
        "max": max(numbers, default=None),
    }
    if not count:
        return ends | {"sum": None, "mean": None, "std": None}
    if not all(map(math.isfinite, values)):
        total = sum(value for value in values if not math.isfinite(value))
        return ends | {"sum": total, "mean": total, "std": math.nan if count > 1 else None}
    exact = sum(map(Fraction, values))
    total, mean = nearest(exact), nearest(exact / count)
    if all(value == 0 and math.copysign(1, value) < 0 for value in values):
        total = mean = -0.0
    std = None
    if count > 1:
        squares = sum(Fraction(value) ** 2 for value in values)
        std = root((count * squares - exact**2) / (count * (count - 1)))
    return ends | {"sum": total, "mean": mean, "std": std}


def bits(value):
    """A value to be compared with its sign of zero; any NaN is one."""
    if not isinstance(value, float):
        return value
    return "nan" if math.isnan(value) else struct.pack("d", value)


def agree(found, values):
    theirs = model(values)
    for name in ["sum", "mean", "std", "count"]:
        assert bits(found[name]) == bits(theirs[name]), (name, found[name], theirs[name])
    for name in ["min", "max"]:  # either zero
        assert found[name] == theirs[name]


def test_the_model_is_that_of_the_standard_library():
    for values in [[0.1] * 10, [1e100, 1.0, -1e100], [5e-324, 1.0, -1.0], [0.1, 0.2, 0.3]]:
        assert model(values)["sum"] == math.fsum(values)
    assert model([1e308, 1e308, -1e308])["sum"] == 1e308  # of which fsum makes an error
    assert model([1.0, 2.0, 4.0])["std"] == math.sqrt(7 / 3)
    assert root(Fraction(2)) == math.sqrt(2.0)
    assert root(Fraction(1, 2**2148)) == 5e-324


@settings(deadline=None, max_examples=150)
@given(
    batches=st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(0, 50), st.none() | VALUES), max_size=30),
            st.sampled_from(["", "flush", "pack"]),
        ),
        min_size=1,
        max_size=4,
    ),
    special=st.none() | SPECIAL,
    deleted=st.none() | st.tuples(st.integers(0, 50), st.integers(0, 50)).map(sorted),
    every=st.sampled_from([1, 7, 100]),
    keyed=st.booleans(),
)
def test_however_rows_lie(batches, special, deleted, every, keyed):
    with tempfile.TemporaryDirectory() as folder, cl.Db(Path(folder) / "m.chl") as db:
        key = {"key": "k"} if keyed else {}
        table = db.create_table("t", {"k": "i64", "x": "f64", "y": "f32"}, **key)
        rows = []
        for number, (batch, then) in enumerate(batches):
            given = [*batch, (3, special)] if special is not None and number == 0 else batch
            new = [(ts, len(rows) + at, x, narrow(x)) for at, (ts, x) in enumerate(given)]
            columns = [list(column) for column in zip(*new, strict=True)] or [[]] * 4
            arrays = map(pa.array, columns, [pa.int64(), pa.int64(), pa.float64(), pa.float32()])
            table.append(pa.table(list(arrays), names=["ts", "k", "x", "y"]))
            rows += new
            if then:
                db.flush()
            if then == "pack":
                db.pack()
        if deleted:
            table.delete(*deleted)
            rows = [row for row in rows if not deleted[0] <= row[0] < deleted[1]]
        wanted = {"x": WANTED, "y": WANTED}
        for place, found in enumerate(table.scan().aggregate(wanted, exact=True).values(), 2):
            agree(found, [row[place] for row in rows])
        part = table.scan(5, 40, where="k != 4").aggregate({"x": WANTED}, exact=True)
        agree(part["x"], [row[2] for row in rows if 5 <= row[0] < 40 and row[1] != 4])
        buckets = table.downsample(every, {"x": WANTED}, exact=True).to_arrow().to_pylist()
        starts = sorted({row[0] // every * every for row in rows})
        assert len(buckets) == len(starts)
        for start, bucket in zip(starts, buckets, strict=True):
            inside = [row[2] for row in rows if row[0] // every * every == start]
            agree({name: bucket[f"x_{name}"] for name in WANTED}, inside)


def narrow(value):
    """The value as an f32 has it."""
    with np.errstate(over="ignore"):
        return None if value is None else float(np.float32(value))


def hard(rows):
    """Values that cancel each other but for a little, and of all sizes."""
    rng = np.random.default_rng(11)
    large = rng.normal(size=rows // 2) * 10.0 ** rng.integers(-20, 20, rows // 2)
    values = np.concatenate([large, -large, rng.normal(size=rows - 2 * (rows // 2))])
    values[: rows // 100] += 1e-9
    return rng.permutation(values)


@pytest.fixture(scope="module", params=["memory", "clean", "packed", "overlapping", "deleted"])
def table(request, tmp_path_factory):
    """30,000 hard rows, and where they lie; what else was there is deleted."""
    values, kind = hard(30_000), request.param
    with cl.Db(tmp_path_factory.mktemp("exact") / "e.chl", auto_maintenance=False) as db:
        made = db.create_table("t", {"x": "f64", "i": "i64"})
        rows = {"ts": np.arange(30_000) * 2, "x": values, "i": np.arange(30_000) + 2**40}
        parts = [slice(0, None, 2), slice(1, None, 2)] if kind == "overlapping" else [slice(None)]
        for part in parts:
            made.append({name: column[part] for name, column in rows.items()})
            if kind != "memory":
                db.flush()
        if kind == "packed":
            db.pack()
        if kind == "deleted":
            made.append({"ts": [20_001], "x": [1e300], "i": [0]})
            db.flush()
            made.delete(20_001, 20_002)
        yield made, values, kind


def test_it_does_not_matter_where_rows_lie(table):
    made, values, _ = table
    agree(made.scan().aggregate({"x": WANTED}, exact=True)["x"], values.tolist())
    agree(made.scan(3_001, 50_001).aggregate({"x": WANTED}, exact=True)["x"], values[1501:25_001])
    positive = made.scan(where="x > 0").aggregate({"x": WANTED}, exact=True)["x"]
    agree(positive, values[values > 0])
    buckets = made.downsample(10_000, {"x": ["sum", "mean", "std"]}, exact=True).to_arrow()
    for at, bucket in enumerate(buckets.to_pylist()):
        theirs = model(values[at * 5000 : (at + 1) * 5000].tolist())
        for name in ["sum", "mean", "std"]:
            assert bucket[f"x_{name}"] == theirs[name]
    summed = made.downsample(10_000, {"x": "sum"}).aggregate({"x_sum": "sum"}, exact=True)
    rounded = made.downsample(10_000, {"x": "sum"}).to_numpy()["x_sum"]
    assert summed["x_sum"]["sum"] == math.fsum(rounded)


def test_sums_that_are_rounded_as_they_go_differ(table):
    made, values, _ = table
    plain = made.scan().aggregate({"x": ["sum", "mean"]})["x"]
    exact = math.fsum(values)
    assert plain["sum"] != exact
    assert plain["mean"] != exact / len(values)
    assert abs(plain["sum"] - exact) <= 131 * 2**-53 * math.fsum(np.abs(values))


def test_statistics_answer_what_they_know_exactly(table):
    made, _, kind = table
    if kind not in ("clean", "packed"):
        return

    def decoded(aggregates, **exact):
        return made.scan().explain(aggregates=aggregates, **exact)["blocks"]["decoded"]

    assert decoded({"x": ["sum", "mean"]}) == 0
    assert decoded({"x": ["count", "min", "max"], "i": ["sum", "mean"]}, exact=True) == 0
    for name in ["sum", "mean"]:
        assert decoded({"x": name}, exact=True) > 0


def test_integers_and_bools(db):
    table = db.create_table("t", {"i": "i64", "u": "u64", "on": "bool"})
    rng = random.Random(4)
    i = [rng.randrange(-(2**63), 2**63) for _ in range(3000)]
    u = [rng.randrange(2**63, 2**64) for _ in range(3000)]
    on = [value % 3 == 0 for value in u]
    table.append({"ts": range(3000), "i": i, "u": np.array(u, "u8"), "on": on})
    db.flush()
    wanted = {"i": ["mean", "std"], "u": ["mean", "std"], "on": ["sum", "mean", "std"]}
    exact = table.scan().aggregate(wanted, exact=True)
    for name, values in {"i": i, "u": u, "on": on}.items():
        mean = Fraction(sum(values), 3000)
        assert exact[name]["mean"] == float(mean)
        assert exact[name]["std"] == root(sum((value - mean) ** 2 for value in values) / 2999)
        assert table.scan().aggregate({name: "mean"})[name]["mean"] == float(mean)
    assert exact["on"]["sum"] == sum(on)
    with pytest.raises(cl.ResultOverflowError, match="u_sum"):
        table.scan().aggregate({"u": "sum"}, exact=True)


def test_it_is_said_by_name(db):
    table = db.create_table("t", ["x"])
    with pytest.raises(TypeError):
        table.scan().aggregate({"x": "sum"}, True)
    with pytest.raises(TypeError):
        table.scan().aggregate({"x": "sum"}, exact="yes")
    with pytest.raises(TypeError):
        table.downsample(1, {"x": "sum"}, exact=1)
