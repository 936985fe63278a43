"""NanoTS's closed ranges, in each of their forms. What nanots-db 0.1.0 does was tried out with the
package from PyPI.
"""

import numpy as np
import pyarrow as pa
import pytest

from tests.python.nanots_batches import query_batch

I64_MIN, I64_MAX = -(2**63), 2**63 - 1


@pytest.fixture
def ends(db):
    """A series with rows at both ends of time, in a segment and in memory."""
    db.append("s", I64_MAX, 4.0)
    db.append("s", I64_MIN, 1.0)
    db.flush()
    db.append("s", 0, 2.0)
    db.append("s", I64_MAX, 5.0)
    db.append("s", I64_MAX - 1, 3.0)
    return db


@pytest.mark.parametrize(
    ("start", "end", "values"),
    [
        (I64_MIN, I64_MAX, [1.0, 2.0, 3.0, 4.0, 5.0]),
        (I64_MIN, I64_MIN, [1.0]),
        (I64_MAX, I64_MAX, [4.0, 5.0]),
        (I64_MAX - 1, I64_MAX - 1, [3.0]),
        (I64_MIN, I64_MAX - 1, [1.0, 2.0, 3.0]),
        (0, 10**18, [2.0]),
        (-1, 0, [2.0]),
        (1, 0, []),
        (I64_MAX, I64_MIN, []),
        (I64_MAX, 0, []),
    ],
)
def test_closed_ranges(ends, start, end, values):
    """nanots-db too includes both ends, i64's extremes among them; start > end is empty."""
    times, columns = ends.query_table_range_columns("s", start, end)
    assert columns == [values]
    assert ends.query_range("s", start, end) == list(zip(times, values, strict=True))
    batch = query_batch(ends, "s", start, end)
    assert batch.to_pydict() == {"ts_ms": times, "value": values}


def test_what_is_no_bound(ends):
    """None and floats are TypeErrors in nanots-db too; True, which it takes for 1, is one here."""
    for bound, error in ((None, TypeError), (1.0, TypeError), (True, TypeError),
                         (2**63, OverflowError)):  # fmt: skip
        for query in (
            ends.query_range, ends.query_table_range_columns, ends.query_table_range_arrow_capsules
        ):  # fmt: skip
            with pytest.raises(error):
                query("s", 0, bound)
            with pytest.raises(error):
                query("s", bound, 0)


def test_ranges_come_as_lists_of_pythons_own_values(db):
    """As from nanots-db: (list of int, list of lists of float), and a list of tuples."""
    db.append("s", 1, 2.0)
    result = db.query_table_range_columns("s", 0, 5)
    assert type(result) is tuple
    times, columns = result
    assert [type(x) for x in (times, times[0], columns, columns[0], columns[0][0])] == [
        list, int, list, list, float,
    ]  # fmt: skip
    pairs = db.query_range("s", 0, 5)
    assert [type(x) for x in (pairs, *pairs[0])] == [list, int, float]
    assert type(pairs[0]) is tuple
    assert db.query_table_range_columns("s", 7, 8) == ([], [[]])
    assert db.query_range("s", 7, 8) == []


def test_a_range_of_many_pieces_is_one_batch(db):
    rows = 300_000
    table = db.create_table("t", {"x": "f64", "name": "utf8"})
    ts = np.arange(rows)
    names = [f"n{i % 7}" for i in range(rows)]
    table.append({"ts": ts, "x": ts.astype("f8"), "name": names})
    db.flush()
    table.append({"ts": ts[:1000] * 2 + 1, "x": ts[:1000] * 0.5, "name": names[:1000]})
    batch = query_batch(db, "t", 0, I64_MAX)
    expected = table.scan().to_arrow()
    assert batch.num_rows == rows + 1000
    assert batch.column(0).equals(expected["ts"].cast(pa.int64()).combine_chunks())
    for name in ("x", "name"):
        assert batch.column(name).to_pylist() == expected[name].to_pylist()
    times, (_, texts) = db.query_table_range_columns("t", 0, I64_MAX)
    assert times == batch.column(0).to_pylist()
    assert texts == batch.column("name").to_pylist()
    batch.validate(full=True)
