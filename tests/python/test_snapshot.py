"""A snapshot shows one moment, whatever becomes of the database, for as long as it is held."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import chronolite as cl


def fill(table: cl.Table, first: int, rows: int = 1000) -> None:
    table.append({"ts": np.arange(first, first + rows), "x": np.arange(first, first + rows)})


def shown(table: Any) -> list[int]:
    column: list[int] = table.scan(columns=["x"]).to_arrow().column(1).to_pylist()
    return column


@pytest.fixture
def table(db: cl.Db) -> cl.Table:
    """Two segments that overlap, and rows in the log."""
    table = db.create_table("t", {"x": "i64"}, storage="raw")
    fill(table, 0)
    db.flush()
    fill(table, 500)
    db.flush()
    fill(table, 2000)
    return table


STEPS: dict[str, Any] = {
    "append": lambda db: fill(db["t"], 100),
    "delete": lambda db: db["t"].delete(None, None),
    "flush": lambda db: db.flush(),
    "pack": lambda db: db.pack(),
    "compact": lambda db: db.compact(),
    "create": lambda db: db.create_table("other", ["x"]),
}


@pytest.mark.parametrize("step", STEPS)
def test_it_holds_through_each_step(db: cl.Db, table: cl.Table, step: str) -> None:
    before = shown(table)
    with db.snapshot() as moment:
        STEPS[step](db)
        assert shown(moment["t"]) == before
        assert len(moment["t"]) == 3000
        assert (moment["t"].min_ts, moment["t"].max_ts) == (0, 2999)
        assert moment.tables() == ["t"]


def test_it_holds_through_all_of_them(db: cl.Db, table: cl.Table) -> None:
    before = shown(table)
    moments = []
    for _ in range(3):
        for step in STEPS.values():
            moments.append((db.snapshot(), shown(table)))
            step(db)
    assert moments[0][1] == before
    for moment, then in moments:
        assert shown(moment["t"]) == then
        moment.close()
    db.compact()
    assert len(table) == 0


def test_a_snapshot_of_before_a_table_has_no_such_table(db: cl.Db) -> None:
    moment = db.snapshot()
    db.create_table("t", ["x"])
    assert "t" in db
    assert "t" not in moment
    with pytest.raises(cl.TableNotFoundError):
        moment.table("t")


def test_two_tables_are_of_one_moment(db: cl.Db) -> None:
    tables = [db.create_table(name, ["x"]) for name in "ab"]
    for ts in range(5):
        for table in tables:
            table.append_row(ts, [0.5])
    moment = db.snapshot()
    tables[0].append_row(5, [0.5])
    tables[1].delete(None, None)
    assert [len(moment[name]) for name in "ab"] == [5, 5]


def test_a_table_of_a_snapshot_is_read_only(db: cl.Db, table: cl.Table) -> None:
    held = db.snapshot()["t"]
    for call in (
        lambda: held.append({"ts": [1], "x": [1]}),
        lambda: held.append_row(1, [1]),
        lambda: held.delete(None, None),
    ):
        with pytest.raises(cl.ReadOnlyError):
            call()
    assert len(table) == len(held) == 3000


def test_closed(db: cl.Db, table: cl.Table) -> None:
    with db.snapshot() as moment:
        held, scan = moment["t"], moment["t"].scan()
    for call in (moment.tables, lambda: moment["t"], lambda: "t" in moment):
        with pytest.raises(cl.ClosedError):
            call()
    moment.close()
    assert "closed" in repr(moment)
    # What was taken of it goes on showing it.
    table.delete(None, None)
    db.compact()
    assert len(held) == scan.count() == 3000


def test_when_the_database_is_closed(path: Path) -> None:
    with cl.Db(path) as db:
        db.create_table("t", {"x": "i64"})
        fill(db["t"], 0)
        moment = db.snapshot()
        held = moment["t"]
    for call in (lambda: moment["t"], held.scan, lambda: len(held), db.snapshot):
        with pytest.raises(cl.ClosedError):
            call()


def test_all_reads_of_a_held_table(db: cl.Db) -> None:
    table = db.create_table("t", {"site": "utf8", "x": "i64"}, key="site")
    table.append({"ts": range(10), "site": ["a", "b"] * 5, "x": range(10)})
    held = db.snapshot()["t"]
    table.delete(None, None)
    db.pack()
    assert held.scan(2, 5).count() == 3
    assert held[2:5].count() == 3
    assert held.scan(key="a").count() == 5
    assert held.last(2, key="b").to_arrow().column(2).to_pylist() == [7, 9]
    assert held.asof(4).to_arrow().column(2).to_pylist() == [4]
    assert held.scan().aggregate({"x": "sum"}) == {"x": {"sum": 45}}


@pytest.mark.parametrize("key", [None, "k"])
def test_exported_buffers_stay_right(path: Path, key: str | None) -> None:
    """Of a raw table, whose buffers are the file's own pages: nothing is written over them."""
    rows = 50_000
    columns: dict[str, Any] = {"k": "u8", "x": "i64"}
    with cl.Db(path) as db:
        table = db.create_table("t", columns, key=key, storage="raw")
        table.append(
            {
                "ts": np.arange(rows),
                "k": np.zeros(rows, np.uint8),
                "x": np.arange(rows) * 7,
            }
        )
        db.flush()
        exported = [pa.table(table.scan())]
        for round_ in range(4):
            table.delete(round_ * 1000, round_ * 1000 + 500)
            db.pack()
            exported.append(pa.table(table.scan()))
            db.compact()
            table.append({"ts": [round_] * 3000, "k": [1] * 3000, "x": [-1] * 3000})
            db.flush()
        table.delete(None, None)
        db.compact()
        check_exported(exported, rows)
    check_exported(exported, rows)


def check_exported(exported: list[pa.Table], rows: int) -> None:
    for rounds, table in enumerate(exported):
        ts, k, x = (
            column.to_numpy() for column in (table.column(0).cast(pa.int64()), *table.columns[1:])
        )
        first = k == 0
        gone = [ts for n in range(rounds) for ts in range(n * 1000, n * 1000 + 500)]
        assert np.array_equal(ts[first], np.setdiff1d(np.arange(rows), gone))
        assert np.array_equal(x[first], ts[first] * 7)
        assert (x[~first] == -1).all()
        assert len(x[~first]) <= 3000 * max(rounds - 1, 0)
