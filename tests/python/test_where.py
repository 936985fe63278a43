"""`where` keeps what pyarrow's own filter keeps of the same rows, and reads little for it."""

import datetime
import functools
import math
import operator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import chronolite as cl
from chronolite import col

COUNT = 40_000
KINDS = {
    "i": "i64", "small": "i16", "u": "u64", "f": "f64", "g": "f32", "on": "bool", "s": "utf8",
    "b": "binary", "up": "i64",
}  # fmt: skip
SPECIAL = [math.nan, -0.0, 0.0, math.inf, -math.inf, 1.5, 5e-324, 3e38]


def rows():
    random = np.random.default_rng(7)
    n = np.arange(COUNT)

    extremes = np.array([-(2**63), 2**63 - 1, 0, -1, 1], dtype=np.int64)
    special = np.array(SPECIAL)[random.integers(0, len(SPECIAL), COUNT)]
    floats = np.where(n % 3 == 0, special, random.integers(-400, 400, COUNT) / 4)
    big = np.array([0, 1, 2**53, 2**53 + 1, 2**64 - 1], dtype=np.uint64)
    words = np.array(["", "a", "b", "ab", "it's", "ä", "north"])[random.integers(0, 7, COUNT)]
    return pa.table(
        {
            "ts": pa.array(n // 2 * 1000, pa.timestamp("ms")),
            "i": pa.array(np.where(n % 7 == 0, extremes[n % 5], n - 20_000), mask=n % 11 == 3),
            "small": pa.array((n % 300 - 150).astype(np.int16)),
            "u": pa.array(big[n % 5]),
            "f": pa.array(floats, mask=n % 5 == 3, from_pandas=False),
            "g": pa.array(floats.astype(np.float32), from_pandas=False),
            "on": pa.array(n % 3 == 0, mask=n % 13 == 3),
            "s": pa.array(words.tolist(), mask=n % 17 == 3),
            "b": pa.array([bytes([i % 5]) for i in range(COUNT)]),
            "up": pa.array(n),
        }
    )


DATA = rows()


@pytest.fixture(scope="module", params=["flushed", "packed", "raw", "keyed", "overlapping", "new"])
def table(request, tmp_path_factory):
    """The rows, in whatever way a table may hold them."""
    path = tmp_path_factory.mktemp("where") / "w.chl"
    with cl.Db(path, auto_maintenance=False) as db:
        options = {"raw": {"storage": "raw"}, "keyed": {"key": "s"}}.get(request.param, {})
        made = db.create_table("t", KINDS, **options)
        if request.param == "overlapping":
            for part in range(3):
                made.append(DATA.take(np.arange(part, COUNT, 3)))
                if part < 2:
                    db.flush()
        else:
            made.append(DATA)
        if request.param not in ("new", "overlapping"):
            db.flush()
        if request.param in ("packed", "keyed"):
            db.pack()
        yield made


def same(found, kept):
    """Rows as sets: tables with a key order those of equal times otherwise."""
    assert found.num_rows == kept.num_rows
    order = [("up", "ascending")]
    for name in kept.column_names:
        ours, theirs = (t.sort_by(order)[name].combine_chunks() for t in (found, kept))
        if pa.types.is_floating(ours.type):
            width = {pa.float64(): pa.int64(), pa.float32(): pa.int32()}[ours.type]
            ours, theirs = ours.view(width), theirs.view(width)
        assert ours.equals(theirs), name


f, i, s = pc.field("f"), pc.field("i"), pc.field("s")
EXPRESSIONS = {
    "f > 1.5": f > 1.5,
    "f >= 0.0": f >= 0.0,
    "f != 0.0": f != 0.0,
    "not f > 1.5": ~(f > 1.5),
    "f == inf": f == math.inf,
    "f < nan": f < pc.scalar(math.nan),
    "g < 1.5 and g > -20": (pc.field("g") < 1.5) & (pc.field("g") > -20),
    "i == 9223372036854775807": i == 2**63 - 1,
    "i between -5 and 5": (i >= -5) & (i <= 5),
    "not i > 0": ~(i > 0),
    "small >= 149": pc.field("small") >= 149,
    "u == 9007199254740993": pc.field("u") == pa.scalar(2**53 + 1, pa.uint64()),
    "u >= 18446744073709551615": pc.field("u") >= pa.scalar(2**64 - 1, pa.uint64()),
    "on": pc.field("on"),
    "not \"on\"": ~pc.field("on"),
    "on == false and f is not null": (pc.field("on") == False) & f.is_valid(),  # noqa: E712
    "s == 'it''s' or s > 'b'": (s == "it's") | (s > "b"),
    "f is null or i is null": f.is_null() | i.is_null(),
    "f is nan": f.is_nan(),
    "f is null or f is nan": f.is_null(nan_is_null=True),
    "i is null or i is nan": i.is_null(nan_is_null=True),
    "not i is nan": ~i.is_nan(),
    "b = x'03'": pc.field("b") == b"\x03",
    "f < g": f < pc.field("g"),
    "up > 39990": pc.field("up") > 39_990,
    "up > 39990 or on": (pc.field("up") > 39_990) | pc.field("on"),
    "1000 >= up": pc.scalar(1000) >= pc.field("up"),
    "up < 0": pc.field("up") < 0,
    "up >= 0": pc.field("up") >= 0,
    "ts >= '1970-01-01T05:00' and ts < '1970-01-01T05:00:02'": (
        (pc.field("ts") >= pa.scalar(datetime.datetime(1970, 1, 1, 5)))
        & (pc.field("ts") < pa.scalar(datetime.datetime(1970, 1, 1, 5, 0, 2)))
    ),
    "null or s = 'a'": pc.scalar(pa.scalar(None, pa.bool_())) | (s == "a"),
}  # fmt: skip


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_text_and_expressions_keep_what_pyarrow_does(table, text):
    kept = DATA.filter(EXPRESSIONS[text])
    for where in (text, EXPRESSIONS[text]):
        scan = table.scan(where=where)
        same(scan.to_arrow(), kept)
        assert scan.count() == kept.num_rows
        assert scan.aggregate({"up": "count"})["up"]["count"] == kept.num_rows
        assert sum(batch.num_rows for batch in scan.batches(777)) == kept.num_rows
        assert pa.table(scan).num_rows == kept.num_rows


@pytest.mark.parametrize(
    "expression",
    [
        f.isin([1.5, math.inf]),
        f.isin([1.5, None]),
        ~f.isin([1.5]),
        f.isin([math.nan, 2.0]),
        i.isin([1, 2, 2**63 - 1, None]),
        s.isin(["a", "it's"]),
        ~s.isin(["a", None]),
        s.isin(pa.array([], pa.string())),
        pc.field("on").isin([True]),
    ],
    ids=str,
)
def test_isin_of_pyarrow_is_arrows(table, expression):
    same(table.scan(where=expression).to_arrow(), DATA.filter(expression))


def test_columns_ranges_limits_and_the_other_direction(table):
    where = (col("f") > 1.5) & ~col("s").isin(["a"])
    scan = table.scan(5_000_000, 9_000_000, columns=["up"], where=where)
    ts = pc.field("ts").cast("int64")
    kept = DATA.filter((ts >= 5_000_000) & (ts < 9_000_000) & (f > 1.5) & ~(s == "a"))
    assert scan.schema.names == ["ts", "up"]
    forward = scan.to_numpy()["up"]
    assert sorted(forward) == kept["up"].to_pylist()
    back = table.scan(5_000_000, 9_000_000, columns=["up"], where=where, reverse=True)
    assert np.array_equal(back.to_numpy()["up"], forward[::-1])
    few = table.scan(5_000_000, 9_000_000, columns=["up"], where=where, reverse=True, limit=7)
    assert np.array_equal(few.to_numpy()["up"], forward[::-1][:7])
    assert few.count() == 7
    everything = table.scan(columns=["up"]).to_numpy()["up"]
    assert np.array_equal(
        table.scan(columns=["up"], reverse=True).to_numpy()["up"], everything[::-1]
    )


def test_times_of_all_kinds():
    assert str(col("ts") > datetime.datetime(2024, 1, 1)) == "ts > timestamp '2024-01-01T00:00:00'"
    assert str(col("ts") > np.datetime64("2024-01-01")) == "ts > timestamp '2024-01-01T00:00:00'"
    assert str(col("ts") > datetime.date(1969, 12, 31)) == "ts > timestamp '1969-12-31T00:00:00'"
    assert str(np.float64(2) < col("f")) == "f > 2.0"
    assert str(col("f").between(1, 2) & col("on")) == "f >= 1 and f <= 2 and on"


def test_blocks_are_skipped_by_statistics(table, request):
    kind = request.node.callspec.params["table"]
    found = table.scan(where="up >= 39000").explain()
    assert found["rows"] == 1000
    if kind in ("flushed", "packed", "raw"):
        assert found["blocks"] == {
            "looked_at": 3, "skipped": 2, "decoded": 1, "from_statistics": 0
        }  # fmt: skip
        none = table.scan(where="up < 0").explain()
        assert none["segments"] == {
            "looked_at": 1, "skipped": 1, "decoded": 0, "from_statistics": 0
        }  # fmt: skip
        assert none["bytes"]["decoded"] == none["rows"] == 0
        all_rows = table.scan(columns=["i"], where="up >= 0", limit=100).explain()
        assert all_rows["rows"] == 100
    if kind == "raw":
        whole = table.scan(columns=["i", "u"]).explain()
        assert whole["bytes"]["viewed"] >= 3 * 8 * COUNT
        assert whole["bytes"]["decoded"] == whole["bytes"]["copied"] == 0
    newest = table.scan(columns=["up"], reverse=True, limit=10).explain()
    assert newest["rows"] == 10
    if kind == "flushed":
        assert newest["bytes"]["decoded"] < 2 * 16_384 * 16


@pytest.mark.parametrize(
    ("where", "error", "says"),
    [
        ("f >", cl.InvalidInputError, "character 4"),
        ("(f > 1", cl.InvalidInputError, "closing parenthesis"),
        ("temp > 1", cl.SchemaError, 'character 1: no column "temp"'),
        ("f > 'a'", cl.SchemaError, 'character 1: column "f" is f64'),
        ("s > 1", cl.SchemaError, "does not compare with an integer"),
        ("s == \"a\"", cl.SchemaError, "text stands in single quotes"),
        (col("s") > 1.5, cl.SchemaError, "does not compare with a float"),
        (col("nothere").is_null(), cl.SchemaError, '"nothere"'),
        (pc.field("f") + 1 > 2, cl.InvalidInputError, "function add"),
        (pc.field("f").cast("int64") > 2, cl.InvalidInputError, "function cast"),
        (pc.match_substring(pc.field("s"), "a"), cl.InvalidInputError, "match_substring"),
        (pc.field("s", "x") == 1, cl.InvalidInputError, "nested"),
        (pc.field(1) > 2, cl.InvalidInputError, "columns go by name"),
        (pc.field("ts") > pa.scalar(3, pa.duration("s")), cl.InvalidInputError, "duration"),
        (lambda row: True, TypeError, "where is text"),
        (3, TypeError, "not int"),
        ("not " * 1000 + "on", cl.InvalidInputError, "levels"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_predicate_is_refused(table, where, error, says):
    with pytest.raises(error, match=says):
        table.scan(where=where)
    with pytest.raises(error, match=says):
        table.downsample("1h", {"f": "mean"}, where=where)


def test_predicates_have_no_truth():
    one = col("f") > 1
    for wrong in (lambda: one and one, lambda: not one, lambda: 1 < col("f") < 3, lambda: one & 3):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(TypeError, match="is_null"):
        operator.eq(col("f"), None)
    with pytest.raises(TypeError):
        hash(col("f"))
    for beyond in (2**64, -(2**63) - 1):
        with pytest.raises(cl.InvalidInputError, match=f"{beyond} does not fit 64 bits"):
            operator.lt(col("i"), beyond)
    with pytest.raises(cl.InvalidInputError, match="too large"):
        functools.reduce(lambda deep, _: ~deep, range(100), one)


def test_snapshots_filter_as_of_then(db):
    table = db.create_table("t", {"x": "f64"})
    table.append({"ts": [1, 2, 3], "x": [1.0, 2.0, 3.0]})
    with db.snapshot() as then:
        table.append({"ts": [4], "x": [4.0]})
        table.delete(2, 3)
        assert then["t"].scan(where="x >= 2").to_numpy()["x"].tolist() == [2, 3]
        assert table.scan(where="x >= 2", reverse=True).to_numpy()["x"].tolist() == [4, 3]


def test_values_of_an_arrow_list_are_taken_whole(db: cl.Db) -> None:
    t = db.create_table("n", {"u": "u64"}, time_unit="ns")
    at = 1_704_067_200_000_000_000
    t.append({"ts": [at, at + 1, at + 2], "u": [1, 2**64 - 1, None]})

    def found(where: pc.Expression) -> list[int]:
        return [int(ts) - at for ts in t.scan(where=where).to_numpy()["ts"].astype("i8")]

    one = pa.array([at + 1], pa.timestamp("ns"))
    assert found(pc.field("ts").isin(one)) == [1]
    assert found(~pc.field("ts").isin(one)) == [0, 2]
    assert found(pc.field("u").isin(pa.array([2**64 - 1], pa.uint64()))) == [1]
    assert found(pc.field("u").isin(pa.array([None, 1], pa.uint64()))) == [0, 2]


def test_times_that_nanoseconds_cannot_hold(db: cl.Db) -> None:
    t = db.create_table("far", {"x": "i64"}, time_unit="s")
    far = [datetime.datetime(year, 1, 1) for year in (1500, 2000, 2500)]
    t.append({"ts": far, "x": [0, 1, 2]})
    for late in (
        cl.col("ts") >= far[2],
        cl.col("ts") >= np.datetime64(far[2]),
        cl.col("ts") >= np.datetime64("2500-01-01"),
        pc.field("ts") >= pa.scalar(far[2]),
        "ts >= '2500-01-01'",
    ):
        assert t.scan(where=late).to_numpy()["x"].tolist() == [2]


def test_a_block_that_is_decoded_in_parts_counts_once(db: cl.Db) -> None:
    t = db.create_table("parts", ["x"], storage="size")
    even = np.arange(0, 120_000, 2)
    t.append({"ts": even, "x": even / 8})
    db.flush()
    t.append({"ts": even + 1, "x": even / 8})
    db.flush()
    blocks = t.scan().explain()["blocks"]
    assert blocks["decoded"] == blocks["looked_at"] == 2
