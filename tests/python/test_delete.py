"""Deletes hide what was there before them, at once and for good, and nothing that comes later."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import chronolite as cl

LEAST, GREATEST = -(2**63), 2**63 - 1
COLUMNS: dict[str, Any] = {"site": "utf8", "lane": "i16", "n": "i64"}
KEYS: dict[str, list[str]] = {"plain": [], "one": ["site"], "two": ["lane", "site"]}

Row = tuple[int, str | None, int | None, int]

TIMES = st.integers(0, 12) | st.sampled_from([LEAST, LEAST + 1, -1, GREATEST - 1, GREATEST])
SITES = st.sampled_from([None, "", "a", "b", "b\0"])
LANES = st.sampled_from([None, -1, 0, 7])
TABLES = st.sampled_from(sorted(KEYS))
ROWS = st.lists(st.tuples(TIMES, SITES, LANES), min_size=1, max_size=12)
BOUNDS = st.none() | TIMES


def read(scan: cl.Scan) -> list[Row]:
    table = scan.to_arrow()
    columns = [table.column(0).cast(pa.int64()), *table.columns[1:]]
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def key_of(name: str, row: Row) -> tuple[Any, ...]:
    values = {"site": row[1], "lane": row[2]}
    return tuple(values[column] for column in KEYS[name])


def in_order(name: str, rows: list[Row]) -> list[Row]:
    """By time, key with null first, and arrival."""

    def order(row: Row) -> Any:
        return row[0], [(value is not None, value) for value in key_of(name, row)]

    return sorted(rows, key=order)


def inside(rows: list[Row], start: int | None, end: int | None) -> list[Row]:
    return [
        row for row in rows if (start is None or start <= row[0]) and (end is None or row[0] < end)
    ]


def make_tables(db: cl.Db) -> None:
    for name, key in KEYS.items():
        db.create_table(name, COLUMNS, key=key)


def append(table: cl.Table, rows: list[Row]) -> None:
    columns = list(zip(*rows, strict=True))
    table.append(dict(zip(["ts", "site", "lane", "n"], map(list, columns), strict=True)))


class Deletes(RuleBasedStateMachine):
    """Tables beside plain lists of their rows in the order of arrival."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="deletes"))
        self.rows: dict[str, list[Row]] = {name: [] for name in KEYS}
        self.held: list[tuple[cl.Snapshot, dict[str, list[Row]]]] = []
        self.count = 0

    @initialize()
    def open(self) -> None:
        self.db = cl.Db(self.folder / "test.chl", durability="none")
        make_tables(self.db)

    def numbered(self, rows: list[tuple[int, str | None, int | None]]) -> list[Row]:
        first = self.count
        self.count += len(rows)
        return [(*row, first + at) for at, row in enumerate(rows)]

    @rule(name=TABLES, rows=ROWS)
    def append(self, name: str, rows: list[tuple[int, str | None, int | None]]) -> None:
        numbered = self.numbered(rows)
        append(self.db[name], numbered)
        self.rows[name] += numbered
        self.compare(name)

    @rule(name=TABLES, rows=ROWS)
    def append_row(self, name: str, rows: list[tuple[int, str | None, int | None]]) -> None:
        for row in self.numbered(rows[:2]):
            self.db[name].append_row(row[0], list(row[1:]))
            self.rows[name].append(row)
        self.compare(name)

    @rule(name=TABLES, start=BOUNDS, end=BOUNDS)
    def delete(self, name: str, start: int | None, end: int | None) -> None:
        self.db[name].delete(start, end)
        gone = set(inside(self.rows[name], start, end))
        self.rows[name] = [row for row in self.rows[name] if row not in gone]
        self.compare(name)

    @rule(name=st.sampled_from(["one", "two"]), start=BOUNDS, end=BOUNDS, site=SITES, lane=LANES)
    def delete_key(
        self, name: str, start: int | None, end: int | None, site: str | None, lane: int | None
    ) -> None:
        key = key_of(name, (0, site, lane, 0))
        self.db[name].delete(start, end, key=key)
        gone = {row for row in inside(self.rows[name], start, end) if key_of(name, row) == key}
        self.rows[name] = [row for row in self.rows[name] if row not in gone]
        self.compare(name)

    @rule(name=TABLES, start=BOUNDS, end=BOUNDS, site=SITES, lane=LANES, n=st.integers(0, 9))
    def read(
        self,
        name: str,
        start: int | None,
        end: int | None,
        site: str | None,
        lane: int | None,
        n: int,
    ) -> None:
        table, rows = self.db[name], in_order(name, self.rows[name])
        assert read(table.scan(start, end)) == inside(rows, start, end)
        assert table.scan(start, end).count() == len(inside(rows, start, end))
        assert read(table.scan(start, end, limit=n)) == inside(rows, start, end)[:n]
        assert read(table.last(n)) == rows[len(rows) - min(n, len(rows)) :]
        if KEYS[name]:
            key = key_of(name, (0, site, lane, 0))
            rows = [row for row in rows if key_of(name, row) == key]
            assert read(table.scan(start, end, key=key)) == inside(rows, start, end)
            assert read(table.last(n, key=key)) == rows[len(rows) - min(n, len(rows)) :]
            ts = 5 if start is None else start
            assert read(table.asof(ts, key=key)) == [row for row in rows if row[0] <= ts][-1:]

    @rule()
    def flush(self) -> None:
        self.db.flush()
        self.compare_all()

    @rule(name=st.none() | TABLES)
    def pack(self, name: str | None) -> None:
        self.db.pack(name)
        self.compare_all()

    @rule()
    def compact(self) -> None:
        self.db.compact()
        self.compare_all()

    @rule()
    def reopen(self) -> None:
        self.db.close()
        self.held.clear()
        self.db = cl.Db(self.folder / "test.chl", durability="none")
        self.compare_all()

    @rule()
    def crash(self) -> None:
        """The file and its log as they are, in place of the closed ones."""
        files = [(file, file.read_bytes()) for file in self.folder.iterdir()]
        self.db.close()
        self.held.clear()
        for file, data in files:
            file.write_bytes(data)
        self.db = cl.Db(self.folder / "test.chl", durability="none")
        self.compare_all()

    @precondition(lambda self: len(self.held) < 3)
    @rule()
    def hold(self) -> None:
        self.held.append((self.db.snapshot(), {name: [*rows] for name, rows in self.rows.items()}))

    @precondition(lambda self: self.held)
    @rule()
    def let_go(self) -> None:
        self.held.pop(0)[0].close()

    def compare(self, name: str) -> None:
        table, rows = self.db[name], self.rows[name]
        assert read(table.scan()) == in_order(name, rows)
        times = [row[0] for row in rows]
        assert len(table) == len(rows)
        assert table.min_ts == min(times, default=None)
        assert table.max_ts == max(times, default=None)

    def compare_all(self) -> None:
        for name in KEYS:
            self.compare(name)
        for moment, then in self.held:
            for name, rows in then.items():
                assert read(moment[name].scan()) == in_order(name, rows)

    def teardown(self) -> None:
        try:
            self.compare_all()
            assert self.db.verify().ok
            self.reopen()
            assert self.db.verify().ok
        finally:
            self.db.close()
            shutil.rmtree(self.folder)


TestDeletesDoWhatAListDoes = Deletes.TestCase
TestDeletesDoWhatAListDoes.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


# --- Examples -----------------------------------------------------------------------------------


def times(table: cl.Table) -> list[int]:
    return [row[0] for row in read(table.scan())]


def some(db: cl.Db, rows: int = 10) -> cl.Table:
    make_tables(db)
    append(db["one"], [(ts, "ab"[ts % 2], None, ts) for ts in range(rows)])
    return db["one"]


@pytest.mark.parametrize("flush", [False, True])
def test_rows_that_come_later_live(db: cl.Db, flush: bool) -> None:
    table = some(db)
    if flush:
        db.flush()
    table.delete(2, 8)
    assert times(table) == [0, 1, 8, 9]
    append(table, [(5, "a", None, 50)])
    table.append_row(5, ["a", None, 51])
    for step in (db.flush, db.pack, db.compact):
        step()
        assert [row[3] for row in read(table.scan())] == [0, 1, 50, 51, 8, 9]


def test_nothing_comes_back(path: Path) -> None:
    with cl.Db(path) as db:
        some(db)
        db.flush()
        db["one"].delete(2, 8)
        db["one"].delete(None, None, key="b")
    with cl.Db(path) as db:
        assert times(db["one"]) == [0, 8]
        db.pack()
        assert times(db["one"]) == [0, 8]
    with cl.Db(path) as db:
        assert times(db["one"]) == [0, 8]
        assert db.stats("one")["rows"] == 2


def test_the_end_is_excluded_and_the_ends_of_time_are_reached(db: cl.Db) -> None:
    table = db.create_table("t", {"n": "i64"})
    table.append({"ts": [LEAST, 0, GREATEST - 1, GREATEST], "n": [1, 2, 3, 4]})
    db.flush()
    table.delete(GREATEST - 1, GREATEST)
    assert times(table) == [LEAST, 0, GREATEST]
    table.delete(GREATEST, None)
    assert times(table) == [LEAST, 0]
    table.delete(None, LEAST)
    assert times(table) == [LEAST, 0]
    table.delete(LEAST, LEAST + 1)
    assert times(table) == [0]


@pytest.mark.parametrize(("start", "end"), [(8, 2), (5, 5), (GREATEST, LEAST)])
def test_an_empty_range_deletes_nothing(db: cl.Db, start: int, end: int) -> None:
    table = some(db)
    table.delete(start, end)
    assert times(table) == list(range(10))


def test_a_scan_made_before_shows_what_there_was(db: cl.Db) -> None:
    table = some(db)
    scan = table.scan()
    table.delete(None, None)
    db.compact()
    assert scan.count() == 10
    assert len(table) == 0
    assert (table.min_ts, table.max_ts) == (None, None)


def test_all_and_then_anew(db: cl.Db) -> None:
    table = some(db)
    for step in range(5):
        table.delete(None, None)
        assert len(table) == 0
        append(table, [(step, "a", None, step)])
        db.flush()
        assert times(table) == [step]


def test_other_tables_are_not_touched(db: cl.Db) -> None:
    table = some(db)
    append(db["two"], [(1, "a", 1, 1)])
    table.delete(None, None)
    assert times(db["two"]) == [1]


@pytest.mark.parametrize("bad", [1.5, True, "not a time"])
def test_what_is_no_time_is_refused(db: cl.Db, bad: Any) -> None:
    table = some(db)
    with pytest.raises((TypeError, ValueError)):
        table.delete(bad, None)
    assert len(table) == 10


def test_a_reader_and_a_closed_database_refuse(path: Path) -> None:
    with cl.Db(path) as db:
        table = some(db)
    with pytest.raises(cl.ClosedError):
        table.delete(None, None)
    with cl.Db(path, mode="r") as db, pytest.raises(cl.ReadOnlyError):
        db["one"].delete(None, None)


def test_deletes_are_in_effect_at_all_other_reads(db: cl.Db) -> None:
    table = some(db)
    db.flush()
    table.delete(5, None)
    assert (table.min_ts, table.max_ts) == (0, 4)
    assert read(table.asof(9)) == [(4, "a", None, 4)]
    assert table.scan().aggregate({"n": ["sum", "count"]})["n"] == {"sum": 10, "count": 5}
    assert [row[0] for row in read(table.last(2))] == [3, 4]
