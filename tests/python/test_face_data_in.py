"""What `append` takes: every kind of data, matched by name and checked before it is written."""

import array
import collections
import datetime as dt
import math
import types

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import chronolite as cl

TYPES = {
    "i8": "i8", "i16": "i16", "i32": "i32", "i64": "i64",
    "u8": "u8", "u16": "u16", "u32": "u32", "u64": "u64",
    "f32": "f32", "f64": "f64", "b": "bool", "s": "utf8", "y": "binary",
}  # fmt: skip
ARROW = {
    "i8": pa.int8(), "i16": pa.int16(), "i32": pa.int32(), "i64": pa.int64(),
    "u8": pa.uint8(), "u16": pa.uint16(), "u32": pa.uint32(), "u64": pa.uint64(),
    "f32": pa.float32(), "f64": pa.float64(), "bool": pa.bool_(), "utf8": pa.string(),
    "binary": pa.binary(),
}  # fmt: skip


@pytest.fixture
def db(tmp_path):
    with cl.Db(tmp_path / "a.chl") as db:
        yield db


@pytest.fixture
def pair(db):
    """A table of an integer and a float."""
    return db.create_table("pair", {"n": "i64", "x": "f64"})


def everything() -> pa.Table:
    columns = {"ts": pa.array([3, 1, 2], pa.timestamp("ms"))}
    for name, kind in TYPES.items():
        if kind in ("f32", "f64"):
            values = [1.5, None, float("nan")]
        elif kind == "bool":
            values = [True, None, False]
        elif kind == "utf8":
            values = ["", None, "日本"]
        elif kind == "binary":
            values = [b"\x00\xff", None, b""]
        else:
            bits = int(kind[1:])
            top = 2**bits - 1 if kind[0] == "u" else 2 ** (bits - 1) - 1
            values = [top, None, 0 if kind[0] == "u" else -top - 1]
        columns[name] = pa.array(values, ARROW[kind])
    return pa.table(columns)


def comparable(values) -> list:
    """The values, with a NaN as text."""
    return ["nan" if isinstance(v, float) and math.isnan(v) else v for v in values]


def rows_of(table) -> list[list]:
    columns = pa.table(table.scan()).to_pydict().values()
    return [comparable(row) for row in zip(*columns, strict=True)]


def pairs(table) -> list[tuple]:
    result = table.scan().to_arrow()
    times = result["ts"].cast(pa.int64()).to_pylist()
    return list(zip(times, result["n"].to_pylist(), result["x"].to_pylist(), strict=True))


def test_every_type_comes_back_as_it_was(db):
    table = db.create_table("all", TYPES)
    data = everything()
    assert table.append(data) == 3
    expected = data.take([1, 2, 0])
    result = table.scan().to_arrow()
    assert result.schema == expected.schema
    for name in expected.column_names:
        ours, theirs = result[name].to_pylist(), expected[name].to_pylist()
        assert comparable(ours) == comparable(theirs), name


@pytest.mark.parametrize(
    "convert",
    [
        lambda table: table,
        lambda table: table.combine_chunks().to_batches()[0],
        lambda table: pa.RecordBatchReader.from_batches(table.schema, table.to_batches(2)),
        pl.from_arrow,
        lambda table: pl.from_arrow(table).select(reversed(table.column_names)),
        lambda table: pa.concat_tables([table.slice(0, 1), table.slice(1)]),
        lambda table: table.combine_chunks().to_batches()[0].to_struct_array(),
        lambda table: {name: table[name] for name in table.column_names},
        lambda table: {name: table[name].to_pylist() for name in table.column_names},
        lambda table: {name: tuple(table[name].to_pylist()) for name in table.column_names},
        lambda table: {name: pl.from_arrow(table[name]) for name in table.column_names},
        lambda table: table.to_pylist(),
        lambda table: {
            name: np.array(table[name].to_pylist(), dtype=object) for name in table.column_names
        },
    ],
)
def test_every_kind_of_data_gives_the_same_rows(db, convert):
    table = db.create_table("all", TYPES)
    expected = db.create_table("expected", TYPES)
    data = everything()
    expected.append(data)
    assert table.append(convert(data)) == 3
    assert rows_of(table) == rows_of(expected)


def test_scans_and_tables_are_data_too(db, pair):
    pair.append({"ts": [1, 2], "n": [1, 2], "x": [0.5, None]})
    copy = db.create_table("copy", {"n": "i64", "x": "f64"})
    assert copy.append(pair) == 2
    assert copy.append(pair.scan(2)) == 1
    assert pair.append(pair) == 2
    assert pairs(copy) == [(1, 1, 0.5), (2, 2, None), (2, 2, None)]
    assert len(pair) == 4


def test_structured_array(pair):
    rows = np.array([(5, 1, 0.5), (6, 2, np.nan)], [("ts", "i8"), ("n", "i4"), ("x", "f4")])
    assert pair.append(rows) == 2
    result = pairs(pair)
    assert result[0] == (5, 1, 0.5)
    assert result[1][2] != result[1][2]


def test_strided_swapped_and_reversed_arrays(pair):
    n = np.arange(20, dtype=">i8")[::2]
    x = np.arange(10, dtype="<f8")[::-1]
    ts = np.arange(30).reshape(10, 3)[:, 1]
    pair.append({"ts": ts, "n": n, "x": x})
    expected = [(3 * i + 1, 2 * i, float(9 - i)) for i in range(10)]
    assert pairs(pair) == expected


def test_a_mask_is_null_and_a_nan_stays_one(pair):
    n = np.ma.array([1, 2, 3], mask=[False, True, False])
    x = np.array([1.0, np.nan, 2.0])
    pair.append({"ts": np.arange(3), "n": n, "x": x})
    result = pairs(pair)
    assert [row[1] for row in result] == [1, None, 3]
    assert result[1][2] != result[1][2]
    pair.append({"ts": [9], "n": [np.ma.masked], "x": [float("nan")]})
    assert pairs(pair)[-1][1] is None


def test_other_iterables_and_buffers(pair):
    pair.append({"ts": range(3), "n": iter([1, 2, 3]), "x": array.array("d", [1, 2, 3])})
    assert pairs(pair) == [(0, 1, 1.0), (1, 2, 2.0), (2, 3, 3.0)]


@pytest.mark.parametrize("dtype", ["U5", "S5", object, np.dtypes.StringDType()])
def test_numpy_text(db, dtype):
    table = db.create_table("text", {"s": "utf8"})
    table.append({"ts": np.arange(3), "s": np.array(["a", "", "bcd"], dtype=dtype)})
    assert table.scan().to_arrow()["s"].to_pylist() == ["a", "", "bcd"]


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(), pa.large_string(), pa.string_view(),
        pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.uint32(), pa.large_string()),
    ],
)  # fmt: skip
def test_arrow_text_in_every_layout(db, kind):
    table = db.create_table("text", {"s": "utf8"})
    text = pa.array(["a", None, "a text too long for a view", "a"]).cast(kind)
    table.append({"ts": range(3), "s": text[1:]})
    table.append(pa.table({"ts": [9], "s": pa.array([None], pa.null())}))
    expected = [None, "a text too long for a view", "a", None]
    assert table.scan().to_arrow()["s"].to_pylist() == expected


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(2)])
def test_arrow_bytes_in_every_layout(db, kind):
    table = db.create_table("bytes", {"y": "binary"})
    table.append({"ts": range(2), "y": pa.array([b"ab", None], kind)})
    table.append({"ts": [5, 6], "y": [bytearray(b"x"), memoryview(b"yz")]})
    assert table.scan().to_arrow()["y"].to_pylist() == [b"ab", None, b"x", b"yz"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("i64", pa.array([1, 2], pa.int8())),
        ("i64", pa.array([1, 2], pa.uint32())),
        ("i16", np.array([1, 2], "u1")),
        ("f64", np.array([1, 2], "i4")),
        ("f64", np.array([1, 2], "i8")),
        ("f64", np.array([1, 2], "f4")),
        ("f64", np.array([1, 2], "f2")),
        ("f32", np.array([1, 2], ">f2")),
        ("f32", np.array([1, 2], "i2")),
        ("f64", [1, 2.0]),
        ("u8", [1, np.uint64(2)]),
        ("u64", [np.int8(1), 2]),
    ],
)
def test_numbers_widen(db, kind, values):
    table = db.create_table("t", {"v": kind})
    table.append({"ts": [1, 2], "v": values})
    assert table.scan().to_arrow()["v"].to_pylist() == [1, 2]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("i8", np.array([1], "i2")),
        ("i64", np.array([1], "u8")),
        ("u64", np.array([1], "i8")),
        ("i64", np.array([1.0])),
        ("f32", np.array([1.0])),
        ("f64", np.array([2**53 + 1])),
        ("f64", [2**53 + 1]),
        ("i8", [128]),
        ("u8", [-1]),
        ("i64", [2**63]),
        ("u64", [2**64]),
        ("i64", [1.0]),
        ("i64", [True]),
        ("i64", np.array([True])),
        ("bool", [1]),
        ("bool", np.array([1])),
        ("f64", ["1.0"]),
        ("utf8", [1]),
        ("utf8", [b"a"]),
        ("utf8", pa.array([b"a"])),
        ("binary", ["a"]),
        ("binary", pa.array(["a"])),
        ("f32", [1e300]),
        ("i64", np.array([1], "f2")),
        ("f64", np.array([1], "g")),
        ("f64", np.array([1], "c16")),
        ("f64", np.array([1], "m8[s]")),
        ("i64", np.array([1], "M8[s]")),
        ("i64", pa.array([1], pa.timestamp("s"))),
        ("f64", [object()]),
        ("f64", "a"),
        ("f64", 1.0),
        ("f64", {1.0}),
        ("f64", {"a": 1.0}),
        ("f64", b"1"),
        ("f64", np.array(1.0)),
        ("f64", np.ones((1, 1))),
        ("f64", np.array([(1, 2)], "i4,i4")),
        ("i64", np.ma.array([1], mask=[0]).astype("M8[ms]")),
        ("i64", np.array([2**65], object)),
        ("utf8", np.array([b"\xff"], "S1")),
        ("utf8", np.array([1], object)),
    ],
)
def test_nothing_else_is_taken(db, kind, values):
    table = db.create_table("t", {"other": "f64", "v": kind})
    with pytest.raises(cl.SchemaError, match='"v"'):
        table.append({"ts": [1], "other": [1.0], "v": values})
    assert len(table) == 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"n": [1], "x": [1.0]}, ['"ts"']),
        ({"ts": [1], "n": [1]}, ['"x"', "missing"]),
        ({"ts": [1], "n": [1], "x": [1.0], "y": [1]}, ['"y"']),
        ({"ts": [1], "n": [1, 2], "x": [1.0]}, ['"n"', "2", "1"]),
        ({"ts": [1, 2], "n": [1, 2], "x": [1.0, "a"]}, ['"x"', "row 1"]),
        ({"ts": [1, None], "n": [1, 2], "x": [1.0, 2.0]}, ['"ts"', "row 1"]),
        ({"ts": [1, "soon"], "n": [1, 2], "x": [1.0, 2.0]}, ['"ts"', "row 1"]),
        ({1: [1], "ts": [1], "n": [1], "x": [1.0]}, ["1"]),
        ([{"ts": 1, "n": 1, "x": 1.0}, {"ts": 1, "n": 1}], ['"x"', "row 1"]),
        ([{"ts": 1, "n": 1, "x": 1.0}, {"ts": 1, "n": 1, "x": 1, "z": 1}], ["'z'", "row 1"]),
        ([{"ts": 1, "n": 1, "x": 1.0}, 5], ["row 1"]),
        (np.arange(3), ["fields"]),
        (pa.array([1, 2]), ["columns"]),
        (pa.table({"ts": [1], "n": [1], "x": ["a"]}), ['"x"']),
        (pa.table([[1], [1], [1], [1.0]], ["ts", "n", "n", "x"]), ['"n"', "twice"]),
        ({"ts": np.zeros((2, 2)), "n": [1], "x": [1.0]}, ['"ts"', "dimension"]),
    ],
)
def test_an_error_says_what_and_where_and_writes_nothing(pair, data, words):
    with pytest.raises(cl.SchemaError) as caught:
        pair.append(data)
    for word in words:
        assert word in str(caught.value), word
    assert len(pair) == 0


def test_rows_count_over_all_batches(pair):
    good = pa.table({"ts": [1, 2, 3], "n": [1, 2, 3], "x": [1.0, 2.0, 3.0]})
    bad = pa.table({"ts": pa.array([4, None]), "n": [1, 2], "x": [1.0, 2.0]})
    with pytest.raises(cl.SchemaError, match="row 4"):
        pair.append(pa.concat_tables([good, bad]))
    assert len(pair) == 0


@pytest.mark.parametrize("data", [None, 5, "text", b"bytes", object()])
def test_what_is_no_data_is_a_type_error(pair, data):
    with pytest.raises(TypeError):
        pair.append(data)


def test_nothing_is_no_rows(pair):
    assert pair.append([]) == 0
    assert pair.append({"ts": [], "n": [], "x": []}) == 0
    assert pair.append(pa.table({"ts": [], "n": [], "x": []}).cast(pa.schema(
        [("ts", pa.int64()), ("n", pa.int64()), ("x", pa.float64())]))) == 0  # fmt: skip
    assert len(pair) == 0


@pytest.mark.parametrize(
    "times",
    [
        np.array(["2024-01-01", "2024-01-02"], "M8[D]"),
        np.array([1704067200000000, 1704153600000000], "M8[us]"),
        np.array(["2024-01-01", "2024-01-02"], ">M8[ns]"),
        np.array([1704067200, 1704153600], "M8[s]")[::1],
        np.array([1704067200000, 1704153600000]),
        pa.array([1704067200, 1704153600], pa.timestamp("s", "Europe/Paris")),
        pa.array([dt.date(2024, 1, 1), dt.date(2024, 1, 2)]),
        pa.array([dt.date(2024, 1, 1), dt.date(2024, 1, 2)], pa.date64()),
        ["2024-01-01T00:00:00Z", dt.datetime(2024, 1, 2)],
        [np.datetime64("2024-01-01"), 1704153600000],
    ],
)
def test_times_of_every_kind(pair, times):
    pair.append({"ts": times, "n": [1, 2], "x": [None, None]})
    assert (pair.min_ts, pair.max_ts) == (1704067200000, 1704153600000)


@pytest.mark.parametrize(
    "times",
    [
        np.array([1, 1001], "M8[us]"),
        np.array([0, 1], "M8[ns]"),
        pa.array([1000, 1001], pa.timestamp("us")),
        np.array(["2024-01-01", "NaT"], "M8[ms]"),
        [0, dt.datetime(2024, 1, 1, microsecond=1)],
        [0, True],
        [0, 1.0],
        [0, 2**63],
    ],
)
def test_times_that_the_unit_has_not(pair, times):
    with pytest.raises(cl.SchemaError, match='"ts", row [01]'):
        pair.append({"ts": times, "n": [1, 2], "x": [None, None]})


@pytest.mark.parametrize(
    "wrap", [types.MappingProxyType, lambda data: collections.ChainMap(data, {})]
)
def test_mappings_that_are_no_dict(pair, wrap):
    assert pair.append(wrap({"ts": [1], "n": [1], "x": [0.5]})) == 1
    assert pair.append([wrap({"ts": 2, "n": 2, "x": None})]) == 1
    assert pairs(pair) == [(1, 1, 0.5), (2, 2, None)]
    with pytest.raises(cl.SchemaError, match='"x", row 0'):
        pair.append([wrap({"ts": 2, "n": 2})])


def test_signs_and_bits_of_floats_are_kept(pair):
    bits = np.array([0x8000000000000000, 0x7FF8000000000123, 0xFFF0000000000000], "u8")
    pair.append({"ts": [1, 2, 3], "n": [1, 2, 3], "x": bits.view("f8")})
    assert pair.scan().to_numpy()["x"].view("u8").tolist() == bits.tolist()


@pytest.mark.parametrize("rows", [10, 200_000])
def test_what_is_stored_is_a_copy(pair, rows):
    ts, n, x = np.arange(rows), np.arange(rows), np.arange(rows, dtype="f8")
    pair.append({"ts": ts, "n": n, "x": x})
    ts[:], n[:], x[:] = -1, -1, -1
    result = pair.scan().to_numpy()
    assert (result["n"] == np.arange(rows)).all()
    assert (result["x"] == np.arange(rows)).all()
