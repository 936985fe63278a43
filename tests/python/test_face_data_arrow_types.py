"""Arrow's types going in: converted where nothing is lost, refused by name everywhere else."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

import chronolite as cl


def append(db, kind, values, ts=None):
    table = db.create_table("t", {"v": kind})
    table.append({"ts": range(len(values)) if ts is None else ts, "v": values})
    return table.scan().to_arrow()["v"].to_pylist()


def decimals(kind, *values):
    return pa.array([None if v is None else Decimal(v) for v in values], kind)


def runs(ends, values, kind=None):
    return pa.RunEndEncodedArray.from_arrays(pa.array(ends, kind or pa.int32()), values)


DAY = dt.date(2024, 1, 1)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("f64", pa.array(np.array([1.5, np.inf], "f2")), [1.5, np.inf]),
        ("f32", pa.array(np.array([1.5, -0.0], "f2")), [1.5, -0.0]),
        ("f64", decimals(pa.decimal32(5, 2), "1.50", None), [1.5, None]),
        ("f32", decimals(pa.decimal64(12, 2), "-0.25", None), [-0.25, None]),
        ("i64", decimals(pa.decimal128(38, 0), "-5", None), [-5, None]),
        ("u64", decimals(pa.decimal128(38, 0), str(2**64 - 1)), [2**64 - 1]),
        ("u8", decimals(pa.decimal256(60, 2), "7.00", None), [7, None]),
        ("i16", decimals(pa.decimal128(5, -2), "300"), [300]),
        ("i32", pa.array([DAY, None]), [19723, None]),
        ("i64", pa.array([DAY, None]), [19723, None]),
        ("i64", pa.array([DAY], pa.date64()), [1704067200000]),
        ("i64", pa.nulls(2), [None, None]),
        ("utf8", pa.nulls(2), [None, None]),
        ("i64", pa.array([7, None, 7]).dictionary_encode(), [7, None, 7]),
        ("bool", pa.array([True, None]).dictionary_encode(), [True, None]),
        ("f64", pa.array([7, 8]).dictionary_encode(), [7.0, 8.0]),
        ("utf8", runs([2, 3], pa.array(["a", None])), ["a", "a", None]),
        ("utf8", runs([2, 3, 9], pa.array(["a", None, "c"]))[1:5], ["a", None, "c", "c"]),
        ("f64", runs([1, 2], pa.array([1.5, None]), pa.int16()), [1.5, None]),
        ("i64", runs([2], pa.array([5]), pa.int64())[2:], []),
        ("binary", pa.array([b"", None], pa.binary(0)), [b"", None]),
    ],
)
def test_taken(db, kind, values, expected):
    assert append(db, kind, values) == expected


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("f64", decimals(pa.decimal128(5, 2), None, "1.10"), ["row 1", "1.10"]),
        ("i64", decimals(pa.decimal128(5, 2), "2.00", "1.10"), ["row 1", "1.10"]),
        ("i64", decimals(pa.decimal128(38, 0), str(2**64)), ["row 0", str(2**64)]),
        ("u8", decimals(pa.decimal32(5, 0), "-1"), ["row 0", "-1"]),
        ("f64", decimals(pa.decimal256(76, 0), "1" + "0" * 70), ["row 0"]),
        ("utf8", decimals(pa.decimal128(5, 2), "1.10"), ["Decimal128(5, 2)"]),
        ("i64", pa.array(np.array([1.0], "f2")), ["Float16"]),
        ("f64", pa.array([DAY]), ["Date32"]),
        ("i32", pa.array([DAY], pa.date64()), ["Date64"]),
        ("i64", pa.array([1], pa.time32("s")), ["Time32", "time column"]),
        ("i64", pa.array([1], pa.duration("ms")), ["Duration"]),
        ("i64", pa.array([1], pa.timestamp("ms", "UTC")), ["Timestamp"]),
        ("i64", pa.array([pa.MonthDayNano([1, 2, 3])]), ["Interval"]),
        ("i64", pa.array([[1]]), ["List"]),
        ("i64", pa.array([[1]], pa.large_list(pa.int64())), ["LargeList"]),
        ("i64", pa.array([[1]], pa.list_view(pa.int64())), ["ListView"]),
        ("i64", pa.array([[1]], pa.list_(pa.int64(), 1)), ["FixedSizeList"]),
        ("i64", pa.array([{"a": 1}]), ["Struct"]),
        ("i64", pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), ["Map"]),
        ("i64", runs([1], pa.array([[1]])),
         ["List"]),
        ("i64", pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]), ["Union"]),
        ("i64", pa.array([2**63], pa.uint64()), ["UInt64"]),
        ("f64", pa.array([True]), ["Boolean"]),
        ("f64", pa.array([5, 2**53 + 1]).dictionary_encode(), ["row 1", str(2**53 + 1)]),
        ("f64", runs([2, 3], pa.array([5, 2**53 + 1])), ["row 2", str(2**53 + 1)]),
    ],
)  # fmt: skip
def test_refused_by_name(db, kind, values, words):
    with pytest.raises(cl.SchemaError, match='"v"') as caught:
        append(db, kind, values)
    for word in words:
        assert word in str(caught.value), word
    assert len(db["t"]) == 0


def test_an_entry_that_no_row_has_does_no_harm(db):
    entries = pa.array([5, 2**53 + 1])
    values = pa.DictionaryArray.from_arrays(pa.array([0, None, 0], pa.int8()), entries)
    assert append(db, "f64", values) == [5.0, None, 5.0]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("i64", pa.array([None if i % 3 == 0 else i for i in range(50)])),
        ("f64", pa.array([None if i % 3 == 0 else i for i in range(50)], pa.int8())),
        ("bool", pa.array([None, True, False] * 17)),
        ("utf8", pa.array([None, "", "日本"] * 17)),
        ("utf8", pa.array([None, "", "longer than a view's twelve"] * 17, pa.string_view())),
        ("utf8", pa.array([None, "", "日本"] * 17).dictionary_encode()),
        ("binary", pa.array([None, b"ab", b"cd"] * 17, pa.binary(2))),
        ("binary", pa.array([None, b"", b"cd"] * 17, pa.large_binary())),
        ("f64", decimals(pa.decimal128(9, 1), *[None, "1.5", "2.0"] * 17)),
    ],
)
def test_slices_at_any_bit(db, kind, values):
    """Offsets within bytes of the null bitmap, in several chunks."""
    parts = pa.chunked_array([values[5:9], values[:0], values[3:20], values[41:]])
    expected = [
        float(value) if isinstance(value, Decimal) else value for value in parts.to_pylist()
    ]
    assert append(db, kind, parts) == expected


@pytest.mark.parametrize(
    ("kind", "arrow"),
    [
        ("utf8", pa.string()), ("utf8", pa.large_string()), ("utf8", pa.string_view()),
        ("binary", pa.binary()), ("binary", pa.large_binary()), ("binary", pa.binary(1)),
    ],
)  # fmt: skip
def test_a_batch_without_rows_between_others(db, kind, arrow):
    """pyarrow cuts the text where the times' chunks end, so an empty piece begins within it."""
    values = ["a", "b", "c"] if kind == "utf8" else [b"a", b"b", b"c"]
    times = pa.chunked_array([[1], [], [2, 3]], pa.int64())
    assert append(db, kind, pa.chunked_array([pa.array(values, arrow)]), ts=times) == values


def test_memory_that_is_not_aligned(db):
    memory = pa.py_buffer(b"\0" + np.arange(3).tobytes())[1:]
    values = pa.Array.from_buffers(pa.int64(), 3, [None, memory])
    assert append(db, "i64", values) == [0, 1, 2]


def offsets(kind, *ends):
    return pa.Array.from_buffers(
        kind, len(ends) - 1, [None, pa.py_buffer(np.array(ends, "i4")), pa.py_buffer(b"abcdef")]
    )


@pytest.mark.parametrize(
    ("kind", "values", "word"),
    [
        ("utf8", pa.DictionaryArray.from_arrays(
            pa.array([0, 5], pa.int8()), pa.array(["a"]), safe=False), "row 1"),
        ("utf8", pa.DictionaryArray.from_arrays(
            pa.array([0, -1], pa.int8()), pa.array(["a"]), safe=False), "row 1"),
        ("utf8", offsets(pa.string(), 0, 5, 2, 6), "offsets"),
        ("binary", offsets(pa.binary(), 0, 5, 2, 6), "offsets"),
        ("utf8", pa.Array.from_buffers(pa.string(), 1, [
            None, pa.py_buffer(np.array([0, 2], "i4")), pa.py_buffer(b"\xff\xfe")]), "row 0"),
    ],
)  # fmt: skip
def test_damaged_arrays_are_errors(db, kind, values, word):
    with pytest.raises(cl.SchemaError, match=word):
        append(db, kind, values)


@pytest.mark.parametrize(
    "times",
    [
        pa.array([1, 2], pa.timestamp("s")).dictionary_encode(),
        runs([1, 2], pa.array([1, 2], pa.timestamp("s", "Asia/Tokyo"))),
        pa.array([1000, 2000], pa.decimal128(10, 0)),
        pa.array([1000, 2000], pa.uint32()),
        pa.chunked_array([pa.array([1000000], pa.timestamp("us"))] * 2),
    ],
)
def test_times(db, times):
    assert append(db, "f64", [1.5, 1.5], ts=times) == [1.5, 1.5]
    assert db["t"].min_ts == 1000


@pytest.mark.parametrize(
    ("times", "word"),
    [
        (pa.array([1, None], pa.timestamp("s")).dictionary_encode(), "row 1"),
        (runs([1, 2], pa.array([1, None], pa.timestamp("s"))), "row 1"),
        (pa.array([1, 1001], pa.timestamp("us")).dictionary_encode(), "row 0"),
        (pa.array([1, 2**62], pa.timestamp("s")), "row 1"),
        (pa.nulls(2), "row 0"),
        (pa.array([1, 2], pa.uint64()), "UInt64"),
        (pa.array([1.0, 2.0]), "Float64"),
        (pa.array([1, 2], pa.duration("ms")), "Duration"),
        (pa.array(["2024-01-01"] * 2), "Utf8"),
    ],
)
def test_not_times(db, times, word):
    with pytest.raises(cl.SchemaError, match=f'"ts".*{word}'):
        append(db, "f64", [1.5, 1.5], ts=times)
