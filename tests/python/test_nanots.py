"""NanoTS's calls: the examples of its document as they stand, and the corners of each call.

What nanots-db 0.1.0 does was tried out with the package from PyPI; where that is the reason for
what is expected here, the docstring says so.
"""

import decimal
import re
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import numpy as np
import pytest

import chronolite as cl
from tests.python.nanots_batches import append_batch, batch_of

I64_MIN, I64_MAX = -(2**63), 2**63 - 1
T0 = 1704067200000

# From the document, word for word but for the import.
BASIC = """
import chronolite as nanots

db = nanots.Db("./my_db.ntt", 3600 * 1000)  # retention: 1 hour (ms)
db.append("sensor_x", 1704067200000, 25.5)
db.flush()
"""
MULTI_COLUMN = """
import chronolite as nanots

db = nanots.Db("./my_db.ntt")
db.create_table("sensor", ["temp", "humidity"])

t0 = 1704067200000
for i in range(10000):
    ts = t0 + i * 1000
    db.append_row("sensor", ts, [25.0 + i * 0.001, 60.0])

db.flush()
ts_ms, cols = db.query_table_range_columns("sensor", t0, t0 + 60000)
print("rows:", len(ts_ms), "cols:", len(cols))
"""
ARROW_OUT = """
import chronolite as nanots
import pyarrow.lib

db = nanots.Db("./my_db.ntt")
schema_capsule, array_capsule = db.query_table_range_arrow_capsules("sensor", 0, 10**18)
batch = pyarrow.lib.RecordBatch._import_from_c_capsule(schema_capsule, array_capsule)

df = batch.to_pandas()  # zero-copy where possible on the Arrow side
print(df.head())
"""
ARROW_IN = """
import chronolite as nanots
import pyarrow as pa

db = nanots.Db("./my_db.ntt")
batch = pa.record_batch(
    [
        pa.array([1000, 1001, 1002], type=pa.int64()),
        pa.array([1.0, 2.0, 3.0], type=pa.float64()),
    ],
    names=["ts_ms", "value"],
)
schema_capsule, array_capsule = batch.__arrow_c_array__()
db.append_rows_arrow_capsules("sensor", schema_capsule, array_capsule)
"""


def run(code, folder):
    """The example as a program of its own, which never closes its database."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_documents_examples_in_its_order(tmp_path):
    run(BASIC, tmp_path)
    assert run(MULTI_COLUMN, tmp_path) == "rows: 61 cols: 2\n"
    head = run(ARROW_OUT, tmp_path)
    assert re.search(r"ts_ms +temp +humidity", head)
    assert re.search(r"1 +1704067201000 +25\.001 +60\.0", head)
    with cl.Db(tmp_path / "my_db.ntt") as db:
        assert db.tables() == ["sensor", "sensor_x"]
        assert db.query_range("sensor_x", 0, I64_MAX) == [(T0, 25.5)]


@pytest.mark.parametrize("columns", [["value"], None])
def test_the_documents_arrow_append(tmp_path, columns):
    """With a table of its columns: nanots-db refuses the example on an empty database ("table
    schema not found"), and after the examples above it, whose table "sensor" has other columns.
    """
    with cl.Db(tmp_path / "my_db.ntt") as db:
        if columns:
            db.create_table("sensor", columns)
        else:
            db.append("sensor", 999, 0.5)
    run(ARROW_IN, tmp_path)
    with cl.Db(tmp_path / "my_db.ntt") as db:
        expected = ([1000, 1001, 1002], [[1.0, 2.0, 3.0]])
        assert db.query_table_range_columns("sensor", 1000, 1002) == expected


def test_sequence_numbers_count_the_rows_of_all_tables(tmp_path):
    """As in nanots-db, whose Arrow append too takes a number for each row and returns how many."""
    with cl.Db(tmp_path / "a.ntt") as db:
        db.create_table("a", ["x"])
        assert db.append_row("a", 1, [1.0]) == 1
        assert db.append("b", 1, 1.0) == 2
        assert db.append_row("a", 2, [1.0]) == 3
        db.flush()
        assert db.append("b", 2, 1.0) == 4
        assert append_batch(db, "a", batch_of(ts_ms=[3, 4], x=[3.0, 4.0])) == 2
        assert db.append(series="b", ts_ms=3, value=1.0) == 7
        db.create_table("c", ["x"])
        with pytest.raises(cl.SchemaError):
            db.append_row("a", 1, [1.0, 2.0])
        assert db.append_row(table="a", ts_ms=3, values=[1.0]) == 8
    with cl.Db(tmp_path / "a.ntt") as db:
        assert db.append("b", 9, 1.0) == 9


def test_a_series_is_a_table(db):
    db.append("s", 1000, 1.5)
    db.append("s", 1001, 2)
    db.append("s", 500, 2.5)
    db.append("s", 1001, 9.0)
    assert db["s"].schema.names == ["ts", "value"]
    assert db["s"].schema.types == ["timestamp[ms]", "f64"]
    assert db.query_table_range_columns("s", 1000, 1001) == ([1000, 1001, 1001], [[1.5, 2.0, 9.0]])
    assert db.query_range("s", 0, 1000) == [(500, 2.5), (1000, 1.5)]
    assert db.create_table("s", ["value"]).name == "s"


def test_append_to_a_table_that_was_made_otherwise(db):
    """nanots-db appends to any table with one column, and refuses one with more; query_range only
    reads those whose column is called "value".
    """
    db.create_table("one", ["foo"])
    db.append("one", 1, 1.0)
    with pytest.raises(cl.SchemaError, match="not a series"):
        db.query_range("one", 0, 5)
    db.create_table("two", ["value", "b"])
    with pytest.raises(cl.SchemaError):
        db.append("two", 1, 1.0)
    with pytest.raises(cl.SchemaError, match="not a series"):
        db.query_range("two", 0, 5)
    db.create_table("us", {"value": "i64"}, time_unit="us")
    db.append("us", "1970-01-01T00:00:01Z", 3)
    assert db.query_range("us", 0, I64_MAX) == [(1_000_000, 3)]


@pytest.mark.parametrize(
    ("value", "float_"),
    [
        (1.5, 1.5),
        (3, 3.0),
        (-0.0, -0.0),
        (True, 1.0),
        (False, 0.0),
        (np.float32(1.5), 1.5),
        (np.int8(-3), -3.0),
        (np.bool_(True), 1.0),
        (np.array(2.5), 2.5),
        (decimal.Decimal("1.5"), 1.5),
        (float("inf"), float("inf")),
    ],
)
def test_numbers(db, value, float_):
    """nanots-db takes what float() takes, but text."""
    db.append("s", 1, value)
    db.create_table("t", ["x", "y"])
    db.append_row("t", 1, [value, 2.0])
    (_, got), (_, (x, _y)) = db.query_range("s", 1, 1)[0], db.query_table_range_columns("t", 1, 1)
    for found in (got, x[0]):
        assert type(found) is float
        assert (found, str(found)) == (float_, str(float_))


def test_nan_stays_one(db):
    db.append("s", 1, float("nan"))
    ((_, value),) = db.query_range("s", 1, 1)
    assert value != value  # noqa: PLR0124


@pytest.mark.parametrize(
    ("ts", "value", "error"),
    [
        (1, None, TypeError),
        (1, "1", TypeError),
        (1, b"1", TypeError),
        (1, [1.0], TypeError),
        (1, 2**60 + 1, cl.SchemaError),
        (1, 10**400, OverflowError),
        (True, 1.0, TypeError),
        (1.0, 1.0, TypeError),
        (None, 1.0, TypeError),
        ("yesterday", 1.0, cl.InvalidInputError),
        (2**63, 1.0, OverflowError),
        (-(2**63) - 1, 1.0, OverflowError),
    ],
)
def test_what_is_refused_makes_no_table(db, ts, value, error):
    """nanots-db rounds 2**60 + 1 and takes True for the time 1; here nothing narrows in silence,
    and a time is not a bool.
    """
    with pytest.raises(error):
        db.append("s", ts, value)
    assert db.tables() == []


def test_a_series_needs_a_name(db):
    """nanots-db takes an empty one; here it is that of no table."""
    with pytest.raises(cl.SchemaError):
        db.append("", 1, 1.0)
    with pytest.raises(TypeError):
        db.append(5, 1, 1.0)


def test_times_in_every_way(db):
    for ts in (1, np.int64(2), datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC), "1970-01-01T00:00:04",
               np.datetime64(5, "s")):  # fmt: skip
        db.append("s", ts, 1.0)
    assert db.query_table_range_columns("s", 0, "1970-01-01T00:00:04")[0] == [1, 2, 3000, 4000]
    assert db.query_range("s", datetime(1970, 1, 1, 0, 0, 4), np.datetime64(5, "s")) == [
        (4000, 1.0), (5000, 1.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "values", [[1.0, 2.0], (1.0, 2), np.array([1.0, 2.0]), range(1, 3), {"y": 2.0, "x": 1.0}]
)
def test_rows(db, values):
    """nanots-db takes sequences of numbers, NumPy's arrays among them."""
    db.create_table("t", ["x", "y"])
    assert db.append_row("t", 1, values) == 1
    assert db.query_table_range_columns("t", 1, 1) == ([1], [[1.0], [2.0]])


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ([1.0], cl.SchemaError),
        ([1.0, 2.0, 3.0], cl.SchemaError),
        ([], cl.SchemaError),
        ([1.0, "2"], ValueError),
        ("ab", TypeError),
        (5, TypeError),
        ([decimal.Decimal(1)], cl.SchemaError),
        ([decimal.Decimal(1), "2"], TypeError),
    ],
)
def test_what_is_no_row(db, values, error):
    db.create_table("t", ["x", "y"])
    with pytest.raises(error):
        db.append_row("t", 1, values)
    assert len(db["t"]) == 0


def test_rows_of_other_types(db):
    """A null is a TypeError in nanots-db's rows and stops its query_table_range_columns when it
    came from Arrow; here it is None. Columns that are not floats, which that call refuses there,
    are lists of what they are.
    """
    columns = {name: name for name in ("i8", "u64", "f32", "bool", "utf8", "binary")}
    db.create_table("t", columns, time_unit="ns")
    assert db.append_row("t", 5, [-1, 2**64 - 1, 0.5, True, "a", b"b"]) == 1
    db.append_row("t", 6, [None] * 6)
    times, values = db.query_table_range_columns("t", 5, 6)
    assert times == [5, 6]
    assert values == [
        [-1, None], [2**64 - 1, None], [0.5, None], [True, None], ["a", None], [b"b", None],
    ]  # fmt: skip
    assert values[3][0] is True


def test_a_missing_table(db):
    """nanots-db refuses all of these, and the Arrow append as well."""
    batch = batch_of(ts_ms=[1], value=[1.0])
    capsules = batch.__arrow_c_array__()
    for call in (
        lambda: db.append_row("t", 1, [1.0]),
        lambda: db.query_range("t", 0, 1),
        lambda: db.query_table_range_columns("t", 0, 1),
        lambda: db.query_table_range_arrow_capsules("t", 0, 1),
        lambda: db.append_rows_arrow_capsules("t", *capsules),
    ):
        with pytest.raises(cl.TableNotFoundError):
            call()
    assert db.tables() == []
    db.create_table("t", ["value"])
    assert db.append_rows_arrow_capsules("t", *capsules) == 1


def test_closed_and_read_only(tmp_path):
    path = tmp_path / "a.ntt"
    with cl.Db(path) as db:
        db.append("s", 1, 1.0)
    for call in (
        lambda: db.append("s", 1, 1.0),
        lambda: db.append("new", 1, 1.0),
        lambda: db.query_range("s", 0, 1),
        lambda: db.query_table_range_arrow_capsules("s", 0, 1),
    ):
        with pytest.raises(cl.ClosedError):
            call()
    with cl.Db(path, mode="r") as reader:
        assert reader.query_range("s", 0, 1) == [(1, 1.0)]
        for series in ("s", "new"):
            with pytest.raises(cl.ReadOnlyError):
                reader.append(series, 1, 1.0)


@pytest.mark.parametrize(
    "append",
    [
        lambda db: db.append("t", T0, 1.0),
        lambda db: db.append_row("t", T0, [1.0]),
        lambda db: db.append_row("t", T0, [True]),
        lambda db: db.append_row_typed("t", T0, [1.0]),
    ],
)
def test_other_threads_run_while_a_row_waits_for_the_disk(tmp_path, append):
    """The first row makes the log, which is synced. Python is told not to switch threads by itself,
    so that another one runs only if the call lets it."""
    turns, over = 0, threading.Event()

    def spin():
        nonlocal turns
        while not over.is_set():
            turns += 1
            time.sleep(0)

    def seen_running(attempt):
        with cl.Db(tmp_path / f"{attempt}.chl") as db:
            db.create_table("t", ["value"])
        with cl.Db(tmp_path / f"{attempt}.chl") as db:
            before = turns
            append(db)
            return turns > before

    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)
    spinner = threading.Thread(target=spin)
    spinner.start()
    try:
        assert any(seen_running(attempt) for attempt in range(50))
    finally:
        sys.setswitchinterval(interval)
        over.set()
        spinner.join()


def test_a_relative_name_ending_in_ntt(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with cl.Db("./my_db.ntt") as db:
        db.append("s", 1, 1.0)
    assert [file.name for file in tmp_path.iterdir()] == ["my_db.ntt"]
