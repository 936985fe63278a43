"""polars, duckdb and arro3, in and out: what each of them calls its types."""

import datetime as dt
from decimal import Decimal

import arro3.core
import duckdb
import polars as pl
import pytest

import chronolite as cl


def stored(db, kind, data):
    table = db.create_table("t", {"v": kind})
    table.append(data)
    return table.scan().to_polars()["v"].to_list()


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("utf8", pl.Series(["a", None], dtype=pl.Categorical), ["a", None]),
        ("utf8", pl.Series(["b", None], dtype=pl.Enum(["a", "b"])), ["b", None]),
        ("utf8", pl.Series(["", "longer than a view"]), ["", "longer than a view"]),
        ("binary", pl.Series([b"a", None]), [b"a", None]),
        ("f64", pl.Series([Decimal("1.5"), None]), [1.5, None]),
        ("f64", pl.Series([1.5, None], dtype=pl.Float32), [1.5, None]),
        ("f64", pl.Series([None, None]), [None, None]),
        ("bool", pl.Series([True, None]), [True, None]),
        ("i32", pl.Series([dt.date(2024, 1, 1), None]), [19723, None]),
        ("u64", pl.Series([2**64 - 1, None], dtype=pl.UInt64), [2**64 - 1, None]),
    ],
)  # fmt: skip
def test_polars_in(db, kind, values, expected):
    assert stored(db, kind, pl.DataFrame({"ts": [1, 2], "v": values})) == expected
    table = db.create_table("by series", {"v": kind})
    table.append({"ts": pl.Series([1, 2]), "v": values})
    assert table.scan().to_polars()["v"].to_list() == expected


@pytest.mark.parametrize(
    ("kind", "values", "word"),
    [
        ("binary", pl.Series([object(), None], dtype=pl.Object), "Object"),
        ("i64", pl.Series([1, None], dtype=pl.Int128), "i128"),
        ("i64", pl.Series([dt.timedelta(1)] * 2), "Duration"),
        ("i64", pl.Series([dt.time(1)] * 2), "Time64"),
        ("i64", pl.Series([[1], [2]]), "List"),
        ("f64", pl.Series([[1.0], [2.0]], dtype=pl.Array(pl.Float64, 1)), "FixedSizeList"),
        ("i64", pl.Series([{"a": 1}] * 2), "Struct"),
    ],
)
def test_polars_that_does_not_fit(db, kind, values, word):
    for data in (
        pl.DataFrame({"ts": [1, 2], "v": values}),
        {"ts": [1, 2], "v": values},
        [pl.DataFrame({"ts": [1, 2], "v": values})],
    ):
        with pytest.raises(cl.SchemaError, match=word):
            stored(db, kind, data)
    assert len(db["t"]) == 0


def test_polars_times_in_and_out(db):
    table = db.create_table("t", ["v"], time_unit="ns")
    times = pl.Series([1, 2], dtype=pl.Int64).cast(pl.Datetime("ns", "America/New_York"))
    table.append(pl.DataFrame({"ts": times, "v": [1.0, 2.0]}))
    table.append(pl.DataFrame({"ts": pl.Series([dt.date(1970, 1, 2)]), "v": [3.0]}))
    frame = table.scan().to_polars()
    assert frame["ts"].dtype == pl.Datetime("ns")
    assert frame["ts"].cast(pl.Int64).to_list() == [1, 2, 86_400_000_000_000]


@pytest.mark.parametrize(
    ("kind", "expression", "expected"),
    [
        ("i64", "-5::HUGEINT", -5),
        ("i64", "sum(7)", 7),
        ("u64", "18446744073709551615::UHUGEINT", 2**64 - 1),
        ("f64", "1.5::DECIMAL(5, 2)", 1.5),
        ("f64", "1.5::FLOAT", 1.5),
        ("f64", "NULL", None),
        ("bool", "true", True),
        ("utf8", "'a'::ENUM('a', 'b')", "a"),
        ("utf8", "'12345678-1234-5678-1234-567812345678'::UUID",
         "12345678-1234-5678-1234-567812345678"),
        ("binary", "'ab'::BLOB", b"ab"),
        ("i32", "DATE '2024-01-01'", 19723),
    ],
)  # fmt: skip
def test_duckdb_in(db, kind, expression, expected):
    with duckdb.connect() as con:
        assert stored(db, kind, con.sql(f"SELECT 1::BIGINT AS ts, {expression} AS v")) == [expected]


@pytest.mark.parametrize(
    ("kind", "expression", "word"),
    [
        ("f64", "1.1::DECIMAL(5, 2)", "row 0.*1.10"),
        ("i64", "100000000000000000000::HUGEINT", "row 0"),
        ("i64", "INTERVAL 1 DAY", "Interval"),
        ("i64", "[1]", "List"),
        ("i64", "{'a': 1}", "Struct"),
        ("i64", "TIME '10:00'", "Time64"),
        ("i64", "now()", "Timestamp"),
    ],
)
def test_duckdb_that_does_not_fit(db, kind, expression, word):
    with duckdb.connect() as con, pytest.raises(cl.SchemaError, match=f'"v".*{word}'):
        stored(db, kind, con.sql(f"SELECT 1::BIGINT AS ts, {expression} AS v"))


@pytest.mark.parametrize(
    "time",
    [
        "TIMESTAMP '2024-01-01'", "TIMESTAMP_S '2024-01-01'", "TIMESTAMP_MS '2024-01-01'",
        "TIMESTAMP_NS '2024-01-01'", "TIMESTAMPTZ '2024-01-01 02:00:00+02'", "DATE '2024-01-01'",
        "1704067200000", "1704067200000::HUGEINT",
    ],
)  # fmt: skip
def test_duckdb_times(db, time):
    with duckdb.connect() as con:
        assert stored(db, "f64", con.sql(f"SELECT {time} AS ts, 1.0::DOUBLE AS v")) == [1.0]
    assert db["t"].min_ts == 1704067200000


def test_duckdb_reads_a_scan(db):
    table = db.create_table("t", {"v": "f64", "s": "utf8"})
    table.append({"ts": [1, 2, 3], "v": [1.5, None, 2.5], "s": ["a", "b", None]})
    scan = table.scan()
    with duckdb.connect() as con:
        result = con.from_arrow(scan)
        assert result.aggregate("count(*), sum(v), max(s)").fetchall() == [(3, 4.0, "b")]
        # DuckDB 2.0.1 fails at epoch_ms of a TIMESTAMP_MS, whoever gives it.
        times = con.sql("SELECT epoch_ms(ts::TIMESTAMP) FROM scan ORDER BY 1").fetchall()
        assert times == [(1,), (2,), (3,)]


def test_arro3_in_and_out(db):
    table = db.create_table("t", {"v": "f64"})
    times = arro3.core.Array([1, 2], arro3.core.DataType.int64())
    values = arro3.core.Array([1.5, None], arro3.core.DataType.float64())
    columns = {"ts": times, "v": values}
    assert table.append(arro3.core.Table.from_pydict(columns)) == 2
    assert table.append(arro3.core.RecordBatch.from_pydict(columns)) == 2
    assert table.append(columns) == 2
    result = arro3.core.Table(table.scan())
    assert (result.num_rows, result.schema.names) == (6, ["ts", "v"])
    assert table.append(arro3.core.RecordBatchReader.from_arrow(table.scan())) == 6
    assert arro3.core.Schema.from_arrow(table.schema).names == ["ts", "v"]
    assert arro3.core.RecordBatch.from_arrow(next(table.scan().batches())).num_rows == 12
