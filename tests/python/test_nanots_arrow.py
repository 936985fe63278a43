"""NanoTS's calls with Arrow capsules. What nanots-db 0.1.0 does was tried out with
the package from PyPI.
"""

import re

import pyarrow as pa
import pyarrow.lib
import pytest

import chronolite as cl
from tests.python.nanots_batches import append_batch, batch_of, query_batch


def test_arrow_out(db):
    """From nanots-db too: `ts_ms` first, int64, and only columns that hold a null are nullable."""
    db.create_table("t", ["temp", "humidity"])
    db.append_row("t", 2, [1.0, 2.0])
    db.append_row("t", 1, [3.0, None])
    assert query_batch(db, "t", 0, 9).schema == pa.schema(
        [
            pa.field("ts_ms", pa.int64(), nullable=False),
            pa.field("temp", pa.float64(), nullable=False),
            pa.field("humidity", pa.float64()),
        ]
    )
    assert query_batch(db, "t", 5, 9).to_pydict() == {"ts_ms": [], "temp": [], "humidity": []}
    capsules = db.query_table_range_arrow_capsules("t", 0, 9)
    assert type(capsules) is tuple
    assert ['"arrow_schema"' in repr(capsules[0]), '"arrow_array"' in repr(capsules[1])] == [
        True
    ] * 2
    batch = query_batch(db, "t", 0, 9)
    db.close()
    assert batch.to_pydict() == {"ts_ms": [1, 2], "temp": [3.0, 1.0], "humidity": [None, 2.0]}


def test_arrow_out_keeps_a_name_that_is_not_in_milliseconds(db):
    db.create_table("us", ["x"], time_unit="us", time_column="when")
    db.append_row("us", 1, [1.0])
    assert query_batch(db, "us", 0, 9).to_pydict() == {"when": [1], "x": [1.0]}
    db.create_table("taken", ["ts_ms"])
    db.append_row("taken", 1, [2.0])
    assert query_batch(db, "taken", 0, 9).to_pydict() == {"ts": [1], "ts_ms": [2.0]}
    db.create_table("own", ["x"], time_column="when")
    db.append_row("own", 1, [2.0])
    assert query_batch(db, "own", 0, 9).to_pydict() == {"ts_ms": [1], "x": [2.0]}


def test_capsules_that_nobody_takes(db):
    db.append("s", 1, 1.0)
    for _ in range(3):
        db.query_table_range_arrow_capsules("s", 0, 5)


@pytest.mark.parametrize("name", ["ts_ms", "ts", "when"])
def test_arrow_in_by_the_names_of_the_time(db, name):
    db.create_table("t", ["x", "y"], time_column="when")
    batch = batch_of(**{"y": [2.0], name: [7], "x": [1.0]})
    assert append_batch(db, "t", batch) == 1
    assert db.query_table_range_columns("t", 7, 7) == ([7], [[1.0], [2.0]])


def test_arrow_in_with_two_times(db):
    """nanots-db takes `ts_ms` before `ts`; the table's own name, which it does not have, is before
    both.
    """
    both = batch_of(ts=[9], ts_ms=[8], value=[1.0])
    db.create_table("s", ["value"])
    append_batch(db, "s", both)
    db.create_table("t", ["value"], time_column="when")
    append_batch(db, "t", both.append_column("when", pa.array([7])))
    assert db.query_range("s", 0, 9) == [(8, 1.0)]
    assert db.query_range("t", 0, 9) == [(7, 1.0)]


def test_arrow_in_where_a_value_has_a_name_of_the_time(db):
    db.create_table("t", ["ts_ms"], time_column="when")
    append_batch(db, "t", batch_of(ts_ms=[1.0], ts=[5]))
    assert db.query_table_range_columns("t", 0, 9) == ([5], [[1.0]])
    with pytest.raises(cl.SchemaError, match="time column is missing"):
        append_batch(db, "t", batch_of(ts_ms=[1.0]))


def test_arrow_in_leaves_out_what_the_table_does_not_have(db):
    """As nanots-db does."""
    db.create_table("t", ["value"])
    batch = batch_of(ts_ms=[1], value=[2.0], extra=["x"])
    assert append_batch(db, "t", batch) == 1
    assert db.query_range("t", 0, 9) == [(1, 2.0)]
    with pytest.raises(cl.SchemaError, match="extra"):
        db["t"].append(batch_of(ts=[1], value=[2.0], extra=["x"]))


def test_arrow_in_converts_as_table_append_does(db):
    """nanots-db takes int64 times and float64 values only."""
    db.create_table("t", ["value"])
    stamps = pa.array([1000, 2000], pa.timestamp("us", "UTC"))
    append_batch(db, "t", batch_of(ts_ms=stamps, value=pa.array([1, None], pa.int32())))
    append_batch(db, "t", batch_of(ts=pa.array([3], pa.int16()), value=pa.array([0.5], "f4")))
    assert db.query_range("t", 0, 9) == [(1, 1.0), (2, None), (3, 0.5)]
    sliced = batch_of(ts_ms=[20, 21, 22], value=[20.0, 21.0, 22.0]).slice(1, 1)
    assert append_batch(db, "t", sliced) == 1
    assert append_batch(db, "t", sliced.slice(0, 0)) == 0
    assert db.query_range("t", 20, 22) == [(21, 21.0)]


@pytest.mark.parametrize("ty", ["int64", "int32", "uint8"])
def test_ts_ms_is_in_milliseconds_whatever_the_table(db, ty):
    db.create_table("us", ["value"], time_unit="us")
    append_batch(db, "us", batch_of(ts_ms=pa.array([5], ty), value=[1.0]))
    append_batch(db, "us", batch_of(ts=pa.array([5], ty), value=[2.0]))
    append_batch(db, "us", batch_of(ts_ms=pa.array([5], pa.timestamp("us")), value=[3.0]))
    assert db.query_range("us", 0, 9999) == [(5, 2.0), (5, 3.0), (5000, 1.0)]
    db.create_table("s", ["value"], time_unit="s")
    with pytest.raises(cl.SchemaError, match="not a whole number"):
        append_batch(db, "s", batch_of(ts_ms=pa.array([5], ty), value=[1.0]))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"value": [1.0]}, 'the time column is missing: it is called "ts_ms", "ts"'),
        ({"time": [1], "value": [1.0]}, "the data has time, value"),
        ({"ts_ms": [1], "val": [1.0]}, 'column "value" is missing'),
        ({"ts_ms": [1, None], "value": [1.0, 2.0]}, "row 1: a time cannot be null"),
        ({"ts_ms": [1.0], "value": [1.0]}, "times are timestamps or 64-bit integers"),
        ({"ts_ms": ["1"], "value": [1.0]}, "times are timestamps or 64-bit integers"),
        ({"ts_ms": [1], "value": ["a"]}, 'column "value"'),
        ({"ts_ms": [1], "value": [2**60 + 1]}, 'column "value", row 0'),
    ],
)
def test_arrow_in_refuses(db, columns, message):
    """nanots-db refuses all of these too."""
    db.create_table("t", ["value"])
    with pytest.raises(cl.SchemaError, match=re.escape(message)):
        append_batch(db, "t", batch_of(**columns))
    assert len(db["t"]) == 0


def test_a_pair_of_capsules_serves_once(db):
    """nanots-db panics at the second time."""
    db.create_table("t", ["value"])
    batch = batch_of(ts_ms=[1], value=[1.0])
    capsules = batch.__arrow_c_array__()
    assert db.append_rows_arrow_capsules("t", *capsules) == 1
    with pytest.raises(cl.InvalidInputError, match="already"):
        db.append_rows_arrow_capsules("t", *capsules)
    capsules = batch.__arrow_c_array__()
    pyarrow.lib.RecordBatch._import_from_c_capsule(*capsules)
    with pytest.raises(cl.InvalidInputError, match="already"):
        db.append_rows_arrow_capsules("t", *capsules)
    assert batch.to_pydict() == {"ts_ms": [1], "value": [1.0]}


def test_what_are_no_capsules(db):
    """nanots-db panics at an array without columns."""
    db.create_table("t", ["value"])
    schema, array = batch_of(ts_ms=[1], value=[1.0]).__arrow_c_array__()
    for pair in ((None, 5), (schema, None), (array, schema), (schema, schema)):
        with pytest.raises(TypeError):
            db.append_rows_arrow_capsules("t", *pair)
    with pytest.raises(cl.SchemaError, match="no columns"):
        db.append_rows_arrow_capsules("t", *pa.array([1.0]).__arrow_c_array__())
    assert db.append_rows_arrow_capsules("t", schema, array) == 1


def test_from_one_database_to_another(db, tmp_path):
    db.append("s", 1, 1.0)
    db.append("s", 2, 2.0)
    with cl.Db(tmp_path / "other.ntt") as other:
        other.create_table("copy", ["value"])
        capsules = db.query_table_range_arrow_capsules("s", 0, 10**18)
        assert other.append_rows_arrow_capsules("copy", *capsules) == 2
        assert other.query_range("copy", 0, 9) == [(1, 1.0), (2, 2.0)]
