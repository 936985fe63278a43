"""NanoTS's calls for columns of other types than floats. What nanots-db 0.1.0 does was tried out
with the package from PyPI.
"""

import decimal

import numpy as np
import pytest

import chronolite as cl
from tests.python.nanots_batches import append_batch, batch_of, query_batch

I64_MIN, I64_MAX = -(2**63), 2**63 - 1
COLUMNS = [("f", "f64"), ("i", "i64"), ("b", "bool"), ("s", "utf8")]


@pytest.mark.parametrize(
    ("name", "ty"),
    [
        *((name, "f64") for name in ("f64", "float", "double", "F64", " f64", "Double")),
        *((name, "i64") for name in ("i64", "int", "integer", "INT")),
        *((name, "bool") for name in ("bool", "boolean")),
        *((name, "utf8") for name in ("utf8", "string", "str", "STRING")),
        *(
            (name, name)
            for name in ("i8", "i16", "i32", "u8", "u16", "u32", "u64", "f32", "binary")
        ),
    ],
)
def test_names_of_types(db, name, ty):
    """nanots-db takes all but those of the last line, in letters of either case."""
    assert db.create_table_typed("t", [("c", name)]).schema["c"] == ty


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ([("c", "text")], cl.SchemaError),
        ([("c", "decimal")], cl.SchemaError),
        ([("c", "")], cl.SchemaError),
        ([], cl.SchemaError),
        ([("ts", "i64")], cl.SchemaError),
        ([("c", "i64"), ("c", "f64")], cl.SchemaError),
        ([("", "i64")], cl.SchemaError),
        ([("c", "i64", 1)], TypeError),
        ([("c", float)], TypeError),
        ([(1, "f64")], TypeError),
        (["ab"], TypeError),
        ({"c": "f64"}, TypeError),
        ("c", TypeError),
        (None, TypeError),
    ],
)
def test_what_is_no_list_of_columns(db, columns, error):
    """nanots-db takes a column called ts, one named twice and one without a name; it refuses the
    others as here, RuntimeError standing for SchemaError.
    """
    with pytest.raises(error):
        db.create_table_typed("t", columns)
    assert db.tables() == []


def test_the_same_table_again(db):
    """As nanots-db, which also takes its other way of saying the same."""
    db.create_table_typed("t", (("a", "double"), ("b", "f64")))
    assert db.create_table_typed(table="t", columns=[("a", "f64"), ("b", "float")]).name == "t"
    assert db.create_table("t", ["a", "b"]).name == "t"
    with pytest.raises(cl.SchemaError, match="exists with another schema"):
        db.create_table_typed("t", [("a", "i64"), ("b", "f64")])


def test_rows(db):
    """As nanots-db: None is null in every column; lists in the order of the columns."""
    db.create_table_typed("t", COLUMNS)
    rows = [
        [1.5, 2, True, "x"],
        [None, None, None, None],
        (1.5, 2, True, "x"),
        [float("inf"), I64_MIN, False, ""],
        [-0.0, I64_MAX, True, "a\0é"],
    ]
    assert [db.append_row_typed("t", 7, row) for row in rows] == [1, 2, 3, 4, 5]
    for _ in range(2):
        times, columns = db.query_table_range_typed("t", 7, 7)
        assert times == [7] * 5
        assert list(zip(*columns, strict=True)) == [tuple(row) for row in rows]
        assert [type(value) for value in (column[0] for column in columns)] == [
            float, int, bool, str,
        ]  # fmt: skip
        db.flush()
    assert str(columns[0][4]) == "-0.0"


def test_what_widens(db):
    """nanots-db has a row of typed values be of the very types: an int is no float, and NumPy's
    numbers are none. Here integers are floats where that is exact, as everywhere.
    """
    db.create_table_typed("t", COLUMNS)
    db.append_row_typed("t", 1, [1, np.int64(2), np.bool_(True), np.str_("x")])
    db.append_row_typed("t", "1970-01-01T00:00:00.002", {"s": "y", "b": None, "i": 3, "f": 2.5})
    expected = ([1, 2], [[1.0, 2.5], [2, 3], [True, None], ["x", "y"]])
    assert db.query_table_range_typed("t", 0, 9) == expected
    assert type(db.query_table_range_typed("t", 0, 9)[1][0][0]) is float


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ([True, 2, True, "x"], cl.SchemaError),
        ([2**60 + 1, 2, True, "x"], cl.SchemaError),
        (["1.5", 2, True, "x"], cl.SchemaError),
        ([1.5, True, True, "x"], cl.SchemaError),
        ([1.5, 2.0, True, "x"], cl.SchemaError),
        ([1.5, "2", True, "x"], cl.SchemaError),
        ([1.5, 2, 1, "x"], cl.SchemaError),
        ([1.5, 2, "true", "x"], cl.SchemaError),
        ([1.5, 2, True, 5], cl.SchemaError),
        ([1.5, 2, True, b"x"], cl.SchemaError),
        ([1.5, 2, True], cl.SchemaError),
        ([1.5, 2, True, "x", 1], cl.SchemaError),
        ([1.5, 2**63, True, "x"], cl.SchemaError),
        ([1.5, 2**64, True, "x"], OverflowError),
        ([decimal.Decimal("1.5"), 2, True, "x"], TypeError),
        ("abcd", TypeError),
        (None, TypeError),
        (5, TypeError),
    ],
)
def test_what_is_no_row(db, row, error):
    """nanots-db refuses all of these."""
    db.create_table_typed("t", COLUMNS)
    with pytest.raises(error):
        db.append_row_typed("t", 1, row)
    assert len(db["t"]) == 0


def test_what_is_no_time(db):
    """nanots-db takes True for 1."""
    db.create_table_typed("t", [("x", "f64")])
    for ts, error in (
        (True, TypeError),
        (1.0, TypeError),
        (None, TypeError),
        (2**63, OverflowError),
    ):
        with pytest.raises(error):
            db.append_row_typed("t", ts, [1.0])
        with pytest.raises(error):
            db.query_table_range_typed("t", 0, ts)


def test_ranges(db):
    """As nanots-db, also for tables of floats: closed, and empty if they end before they begin."""
    db.append("s", 1, 1.0)
    db.append("s", I64_MAX, 2.0)
    for start, end, expected in (
        (1, 1, ([1], [[1.0]])),
        (2, I64_MAX, ([I64_MAX], [[2.0]])),
        (2, 5, ([], [[]])),
        (5, 0, ([], [[]])),
    ):
        assert db.query_table_range_typed("s", start, end) == expected
    assert db.query_table_range_typed(table="s", start_ms=0, end_ms=1) == ([1], [[1.0]])


def test_missing_tables(db):
    for call in (
        lambda: db.append_row_typed("t", 1, [1.0]),
        lambda: db.query_table_range_typed("t", 0, 1),
        lambda: db.table_time_range("t"),
    ):
        with pytest.raises(cl.TableNotFoundError):
            call()
    assert db.tables() == []


def test_arrow_both_ways(db):
    """As nanots-db, schema and all."""
    db.create_table_typed("t", COLUMNS[1:])
    batch = batch_of(ts_ms=[1, 2], i=[1, None], b=[True, None], s=["a", None])
    assert append_batch(db, "t", batch) == 2
    assert db.query_table_range_typed("t", 0, 5) == ([1, 2], [[1, None], [True, None], ["a", None]])
    schema = str(query_batch(db, "t", 0, 5).schema)
    assert schema == "ts_ms: int64 not null\ni: int64\nb: bool\ns: string"


def test_the_range_of_times(db):
    """nanots-db tells None until the rows are flushed; rows that are there count here."""
    table = db.create_table_typed("t", [("x", "f64")])
    assert db.table_time_range("t") is None
    db.append_row("t", 5, [1.0])
    assert db.table_time_range("t") == (5, 5)
    db.append_row("t", -3, [1.0])
    db.flush()
    db.append_row("t", I64_MIN, [None])
    assert db.table_time_range(table="t") == (I64_MIN, 5) == (table.min_ts, table.max_ts)
    with pytest.raises(TypeError):
        db.table_time_range(5)
