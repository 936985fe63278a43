"""Reads and deletes of one key: what a key may be given as, and what it picks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import chronolite as cl

FORMS: list[Any] = [("b", 1), {"site": "b", "lane": 1}, {"lane": 1, "site": "b"}]


def read(scan: cl.Scan) -> list[tuple[Any, ...]]:
    table = scan.to_arrow()
    columns = [table.column(0).cast(pa.int64()), *table.columns[1:]]
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


@pytest.fixture
def one(db: cl.Db) -> cl.Table:
    """Keyed by site: half of it packed, a part flushed, the rest in the log."""
    table = db.create_table("one", {"site": "utf8", "x": "i64"}, key="site")
    rows = [(ts, ["a", "b", None][ts % 3], ts) for ts in range(30)]
    for part in (rows[:15], rows[20:], rows[15:20]):
        table.append(dict(zip(["ts", "site", "x"], zip(*part, strict=True), strict=True)))
        if part[0][0] == 0:
            db.pack()
        elif part[0][0] == 20:
            db.flush()
    return table


@pytest.fixture
def two(db: cl.Db) -> cl.Table:
    """Keyed by two columns that are not next to each other, and not in this order."""
    columns: dict[str, Any] = {"lane": "u8", "x": "i64", "site": "utf8"}
    table = db.create_table("two", columns, key=["site", "lane"])
    table.append(
        {
            "ts": range(12),
            "lane": [0, 1, None] * 4,
            "x": range(12),
            "site": ["a"] * 3 + ["b"] * 6 + [None] * 3,
        }
    )
    return table


@pytest.fixture(params=["log", "flushed", "packed"])
def state(request: pytest.FixtureRequest, db: cl.Db) -> Any:
    """Where the rows are, once it was called."""
    return {"log": lambda: None, "flushed": db.flush, "packed": db.pack}[request.param]


@pytest.mark.parametrize("key", ["a", ("a",), {"site": "a"}])
def test_a_key_of_one_column(one: cl.Table, key: Any) -> None:
    assert [row[0] for row in read(one.scan(key=key))] == list(range(0, 30, 3))
    assert [row[0] for row in read(one.scan(4, 13, key=key))] == [6, 9, 12]
    assert [row[0] for row in read(one.last(2, key=key))] == [24, 27]
    assert [row[0] for row in read(one.asof(14, key=key))] == [12]


@pytest.mark.parametrize("key", [(None,), {"site": None}])
def test_null_is_a_key(one: cl.Table, key: Any) -> None:
    assert [row[0] for row in read(one.scan(key=key))] == list(range(2, 30, 3))
    one.delete(0, 10, key=key)
    assert [row[0] for row in read(one.scan(0, 12))] == [0, 1, 3, 4, 6, 7, 9, 10, 11]


def test_none_alone_means_no_key(one: cl.Table) -> None:
    assert one.scan(key=None).count() == 30


@pytest.mark.parametrize("key", FORMS)
def test_a_key_of_two_columns(two: cl.Table, state: Any, key: Any) -> None:
    state()
    assert read(two.scan(key=key)) == [(4, 1, 4, "b"), (7, 1, 7, "b")]
    assert read(two.last(key=key)) == [(7, 1, 7, "b")]
    assert read(two.asof(6, key=key)) == [(4, 1, 4, "b")]
    two.delete(5, None, key=key)
    assert read(two.scan(key=key)) == [(4, 1, 4, "b")]
    assert len(two) == 11


def test_each_column_of_a_key_may_be_null(two: cl.Table, state: Any) -> None:
    state()
    assert read(two.scan(key=("a", None))) == [(2, None, 2, "a")]
    assert read(two.scan(key=(None, 0))) == [(9, 0, 9, None)]
    two.delete(None, None, key=(None, None))
    assert [row[0] for row in read(two.scan())] == list(range(11))


def test_the_key_need_not_be_among_the_columns(one: cl.Table) -> None:
    assert read(one.scan(columns=["x"], key="b", limit=2)) == [(1, 1), (4, 4)]


def test_a_key_that_is_not_there(one: cl.Table) -> None:
    assert read(one.scan(key="zebra")) == []
    assert read(one.last(key="zebra")) == []
    assert read(one.asof(100, key="")) == []
    one.delete(None, None, key="A")
    assert len(one) == 30


def test_deleting_each_key_leaves_nothing(db: cl.Db, one: cl.Table) -> None:
    for key in ("a", "b", (None,)):
        one.delete(None, None, key=key)
    assert len(one) == 0
    db.pack()
    assert len(one) == 0


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("i8", [-128, -1, 0, 127]),
        ("u64", [0, 1, 2**63, 2**64 - 1]),
        ("i64", [-(2**63), -1, 0, 2**63 - 1]),
        ("bool", [False, True]),
        ("binary", [b"", b"\0", b"\0\xff", b"\0\0", b"\xff"]),
        ("utf8", ["", "\0", "\0a", "日本", "x" * 400]),
    ],
)
def test_keys_of_every_kind(db: cl.Db, state: Any, kind: Any, values: list[Any]) -> None:
    table = db.create_table("t", {"k": kind}, key="k")
    table.append({"ts": [1] * len(values) + [2] * len(values), "k": values * 2})
    state()
    for value in values:
        assert read(table.scan(key=value)) == [(1, value), (2, value)]
    table.delete(2, 3, key=values[-1])
    assert sorted(row[0] for row in read(table.scan())).count(2) == len(values) - 1
    assert read(table.scan(key=values[-1])) == [(1, values[-1])]


@pytest.mark.parametrize(
    "key", [("b",), ("b", 1, 2), (), {"site": "b"}, {"site": "b", "lane": 1, "x": 2}, {}]
)
def test_a_wrong_count_or_name_is_refused(two: cl.Table, key: Any) -> None:
    for call in calls(two, key):
        with pytest.raises(cl.SchemaError):
            call()
    assert len(two) == 12


@pytest.mark.parametrize("key", [(1, 1), ("b", "1"), ("b", 256), ("b", -1), ("b", 1.5)])
def test_a_value_of_another_type_is_refused(two: cl.Table, key: Any) -> None:
    for call in calls(two, key):
        with pytest.raises((cl.SchemaError, TypeError)):
            call()
    assert len(two) == 12


def test_one_value_for_two_columns_is_refused(two: cl.Table) -> None:
    for call in calls(two, "b"):
        with pytest.raises(TypeError, match="site, lane"):
            call()


@pytest.mark.parametrize("key", ["a", ("a",), {"site": "a"}])
def test_a_table_without_a_key_has_none(db: cl.Db, key: Any) -> None:
    table = db.create_table("t", {"site": "utf8"})
    table.append_row(1, ["a"])
    for call in calls(table, key):
        with pytest.raises((cl.InvalidInputError, cl.SchemaError)):
            call()
    assert len(table) == 1


def calls(table: cl.Table, key: Any) -> list[Any]:
    return [
        lambda: table.scan(key=key),
        lambda: table.last(1, key=key),
        lambda: table.asof(1, key=key),
        lambda: table.delete(None, None, key=key),
    ]


def test_segments_of_wide_rows_are_small(path):
    """They are put into the order of time as a whole, and batches of them fit 256 MiB."""
    names = [f"c{number}" for number in range(100)]
    with cl.Db(path, auto_maintenance=False) as db:
        table = db.create_table("t", {"site": "utf8", **dict.fromkeys(names, "f64")}, key="site")
        rows = 100_000
        values = np.arange(rows) % 7 / 4
        columns = {"ts": np.arange(rows), "site": [f"s{row % 9}" for row in range(rows)]}
        for _ in range(2):
            table.append(columns | dict.fromkeys(names, values))
        db.pack()
        # 48 MiB have 59,353 rows of these, 59,352 where no time is torn: of the rows up to where
        # the appends were cut there are two segments and two rows, behind that two more.
        assert db.stats("t")["segments"] == 5
        db.pack()
        assert db.stats("t")["segments"] == 5
        assert sum(len(batch) for batch in table.scan().batches()) == 2 * rows
