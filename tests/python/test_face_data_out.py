"""What a scan becomes: Arrow by capsule, pandas, polars, NumPy, batches."""

import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import chronolite as cl

TYPES = {"i": "i32", "u": "u64", "f": "f64", "g": "f32", "b": "bool", "s": "utf8", "y": "binary"}
ROWS = {
    "ts": [10, 20, 30],
    "i": [1, None, -3],
    "u": [2**64 - 1, 0, None],
    "f": [1.5, None, float("inf")],
    "g": [None, 0.5, -0.0],
    "b": [True, False, None],
    "s": ["a", None, "日本"],
    "y": [b"\x00", b"", None],
}


@pytest.fixture
def db(tmp_path):
    with cl.Db(tmp_path / "a.chl") as db:
        yield db


@pytest.fixture
def table(db):
    table = db.create_table("t", TYPES)
    table.append(ROWS)
    return table


def test_arrow(table):
    result = table.scan().to_arrow()
    assert result.schema.field("ts").type == pa.timestamp("ms")
    assert result.column_names == ["ts", *TYPES]
    for name in TYPES:
        assert result[name].to_pylist() == ROWS[name], name
    result.validate(full=True)


def test_capsules_into_other_libraries(table):
    expected = table.scan().to_arrow()
    for source in (table, table.scan(), table[:]):
        assert pa.table(source) == expected
        assert pa.RecordBatchReader.from_stream(source).read_all() == expected
        assert pl.DataFrame(source).equals(table.scan().to_polars())
    assert pa.schema(table.scan()) == expected.schema
    assert pa.schema(table.schema) == expected.schema
    frame = pd.DataFrame.from_arrow(table) if hasattr(pd.DataFrame, "from_arrow") else None
    assert frame is None or len(frame) == 3


def test_a_requested_schema_is_honoured_where_nothing_is_lost(table):
    scan = table.scan(columns=["ts", "i", "s"])
    wanted = pa.schema(
        [("ts", pa.timestamp("us", "UTC")), ("i", pa.int64()), ("s", pa.large_string())]
    )
    result = pa.RecordBatchReader.from_stream(scan, schema=wanted).read_all()
    assert result.schema == wanted
    assert result["ts"].cast(pa.int64()).to_pylist() == [10_000, 20_000, 30_000]
    assert result["s"].to_pylist() == ROWS["s"]
    narrow = pa.schema([("ts", pa.timestamp("s")), ("i", pa.int8()), ("s", pa.string())])
    capsule = scan.__arrow_c_stream__(narrow.__arrow_c_schema__())
    assert capsule is not None


def test_numpy(table):
    result = table.scan().to_numpy()
    assert list(result) == ["ts", *TYPES]
    assert result["ts"].dtype == "M8[ms]"
    assert result["ts"].astype("i8").tolist() == [10, 20, 30]
    assert isinstance(result["i"], np.ma.MaskedArray)
    assert result["i"].dtype == "i4"
    assert result["i"].tolist() == ROWS["i"]
    assert result["u"].tolist() == ROWS["u"]
    assert result["b"].tolist() == ROWS["b"]
    assert np.isnan(result["f"]).tolist() == [False, True, False]
    assert result["g"].dtype == "f4"
    assert np.signbit(result["g"][2])
    assert result["s"].tolist() == ROWS["s"]
    assert result["y"].tolist() == ROWS["y"]


def test_nothing_is_written_to_the_table_through_an_array(db):
    table = db.create_table("t", ["x"])
    table.append({"ts": [1, 2], "x": [1.0, 2.0]})
    array = table.scan().to_numpy()["x"]
    assert array.flags.c_contiguous
    if array.flags.writeable:
        array[0] = 7.0
    assert table.scan().to_numpy()["x"][0] == 1.0


@pytest.mark.parametrize("rows", [100, 700_000, 2_500_000])
@pytest.mark.parametrize("where", ["memory", "flushed", "raw"])
def test_a_result_is_the_callers_to_write_to(db, rows, where):
    """Whatever its size and however many segments it comes from; a view of the file is not."""
    options = {"storage": "raw"} if where == "raw" else {}
    table = db.create_table("t", {"x": "f64", "n": "i32"}, **options)
    column = np.arange(rows)
    table.append({"ts": column, "x": column / 4, "n": column.astype("i4")})
    if where != "memory":
        db.flush()
    arrays = table.scan().to_numpy()
    is_view = where == "raw" and rows < 1_000_000
    for name, array in arrays.items():
        assert len(array) == rows
        assert array.flags.writeable or is_view, name
    if not is_view:
        arrays["x"][:] = -1.0
        frame = table.scan().to_pandas()
        frame.loc[0, "x"] = 5.0
        frame["n"] *= 2
        assert frame["x"][0] == 5.0
    assert (table.scan().to_numpy()["x"] == column / 4).all()


def test_pandas(table):
    frame = table.scan().to_pandas()
    assert list(frame) == ["ts", *TYPES]
    assert frame["ts"].dtype == "datetime64[ms]"
    assert str(frame["i"].dtype) == "Int32"
    assert frame["i"].tolist() == [1, pd.NA, -3]
    assert frame["u"][0] == 2**64 - 1
    assert str(frame["b"].dtype) == "boolean"
    assert frame["f"].isna().tolist() == [False, True, False]
    assert frame["s"].isna().tolist() == [False, True, False]
    assert frame["s"][2] == "日本"
    assert frame["y"].tolist() == ROWS["y"]
    assert isinstance(frame.index, pd.RangeIndex)


def test_pandas_without_nulls_has_plain_dtypes(db):
    table = db.create_table("t", {"i": "i64", "b": "bool"})
    table.append({"ts": [1], "i": [1], "b": [True]})
    assert table.scan().to_pandas().dtypes.astype(str).tolist() == [
        "datetime64[ms]", "int64", "bool",
    ]  # fmt: skip


def test_polars(table):
    frame = table.scan().to_polars()
    assert frame.columns == ["ts", *TYPES]
    assert frame["ts"].dtype == pl.Datetime("ms")
    assert frame["s"].to_list() == ROWS["s"]
    assert frame["u"].to_list() == ROWS["u"]


def test_no_rows(table):
    scan = table.scan(100)
    assert scan.count() == 0
    assert scan.to_arrow().num_rows == 0
    assert scan.to_arrow().schema == table.scan().to_arrow().schema
    assert scan.to_polars().schema == table.scan().to_polars().schema
    assert {k: v.dtype for k, v in scan.to_numpy().items()} == {
        k: v.dtype for k, v in table.scan().to_numpy().items()
    }
    assert scan.to_pandas().shape == (0, 8)
    assert list(scan.batches()) == []


def test_batches(table):
    batches = table.scan().batches(rows=2)
    assert iter(batches) is batches
    first = next(batches)
    assert (first.num_rows, len(first), first.schema.names[0]) == (2, 2, "ts")
    rest = list(batches)
    whole = pa.Table.from_batches([pa.record_batch(batch) for batch in [first, *rest]])
    assert whole == table.scan().to_arrow()
    assert pa.schema(first) == whole.schema
    with pytest.raises(StopIteration):
        next(batches)
    for rows in (0, -1):
        with pytest.raises((ValueError, OverflowError)):
            table.scan().batches(rows)


def test_ranges_columns_and_limits(table):
    assert table.scan(10, 30).count() == 2
    assert table[20:].count() == 2
    assert table[:20].count() == 1
    assert table[:].count() == 3
    assert table["1970-01-01T00:00:00.020":].count() == 2
    assert table.scan(30, 10).count() == 0
    assert table.scan(limit=2).to_numpy()["ts"].astype("i8").tolist() == [10, 20]
    assert table.scan(limit=0).count() == 0
    assert table.last().to_arrow()["s"].to_pylist() == ["日本"]
    assert table.last(2).count() == 2
    assert table.last(0).count() == 0
    assert table.last(99).count() == 3
    scan = table.scan(columns=["f", "ts"])
    assert scan.schema.names == ["f", "ts"]
    assert scan.to_arrow().column_names == ["f", "ts"]
    assert scan.to_polars().columns == ["f", "ts"]
    assert table.scan(columns=["f"]).schema.names == ["ts", "f"]
    assert table.scan(columns=[]).to_arrow().column_names == ["ts"]
    assert (len(table), table.min_ts, table.max_ts) == (3, 10, 30)


def test_arguments_of_a_scan_are_checked(table):
    with pytest.raises(cl.SchemaError, match="nope"):
        table.scan(columns=["nope"])
    with pytest.raises(cl.InvalidInputError):
        table.scan(columns=["f", "f"])
    with pytest.raises(TypeError):
        table.scan(columns="f")
    with pytest.raises(cl.InvalidInputError):
        table.scan(limit=-1)
    with pytest.raises(cl.InvalidInputError):
        table.last(-1)
    with pytest.raises(ValueError, match="step"):
        table[1:5:2]
    for key in (5, "2024", (1, 2)):
        with pytest.raises(TypeError):
            table[key]


def test_a_scan_is_of_its_moment_and_can_be_read_again(table):
    scan = table.scan()
    table.append_row(15, [None] * 7)
    assert scan.count() == 3
    assert scan.to_arrow() == scan.to_arrow()
    assert len(table) == 4


def test_rows_are_in_the_order_of_time_then_arrival(db):
    table = db.create_table("t", {"n": "i64"})
    table.append({"ts": [5, 1, 5], "n": [0, 1, 2]})
    table.append_row(1, [3])
    assert table.scan().to_arrow()["n"].to_pylist() == [1, 3, 0, 2]


def test_a_million_rows(db):
    table = db.create_table("big", {"x": "f64", "n": "i64"})
    n = np.random.default_rng(1).permutation(1_000_000)
    assert table.append({"ts": n, "x": n / 4, "n": n}) == 1_000_000
    result = table.scan().to_numpy()
    assert (result["n"] == np.arange(1_000_000)).all()
    assert (result["x"] == np.arange(1_000_000) / 4).all()
    assert table.scan().to_pandas()["n"].sum() == n.sum()
    assert pa.table(table)["n"].to_numpy().tolist() == result["n"].tolist()


def test_importing_loads_nothing_else():
    import subprocess

    code = (
        "import sys; before = set(sys.modules); import chronolite; "
        "print(*(set(sys.modules) - before))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "chronolite" in loaded
    assert not loaded & {"numpy", "pandas", "pyarrow", "polars", "asyncio", "rich"}
    # Little of Python's own either, which is what an import takes its time for.
    assert len(loaded) < 60, loaded
