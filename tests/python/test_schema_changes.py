"""Tables are dropped and given columns while they are used; what is there is told from what was."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import chronolite as cl
from tests.python import spec_reader as spec

BIG = 300_000


def rows(data: Any) -> list[dict[str, Any]]:
    ts = pa.table(data)
    return ts.set_column(0, "ts", ts["ts"].cast("int64")).to_pylist()


# --- Columns that are added ---------------------------------------------------------------------


@pytest.mark.parametrize("flushes", [(), ("before",), ("after",), ("before", "after")])
def test_rows_from_before_are_null_wherever_they_stand(path: Path, flushes: tuple[str]) -> None:
    wanted = [
        {"ts": 1, "v": 1.5, "note": None, "n": None},
        {"ts": 2, "v": 2.5, "note": "new", "n": None},
        {"ts": 3, "v": 3.5, "note": None, "n": 7},
    ]
    with cl.Db(path) as db:
        table = db.create_table("t", ["v"])
        table.append_row(1, [1.5])
        if "before" in flushes:
            db.flush()
        table.add_column("note", "utf8")
        table.append({"ts": [2], "v": [2.5], "note": ["new"]})
        table.add_column("n", pa.int64())
        if "after" in flushes:
            db.flush()
        table.append_row(3, {"v": 3.5, "note": None, "n": 7})
        assert rows(table) == wanted
        assert table.columns == ["ts", "v", "note", "n"]
        assert db.verify().ok
    with cl.Db(path) as db:
        assert rows(db["t"]) == wanted
        db.pack()
        db.compact()
        assert rows(db["t"]) == wanted
        assert rows(db["t"].scan(columns=["n"], start=3)) == [{"ts": 3, "n": 7}]
        assert db["t"].scan().aggregate({"n": ["count", "sum"]})["n"] == {"count": 1, "sum": 7}


def test_handles_from_before_go_on_with_the_new_schema(db: cl.Db) -> None:
    old = db.create_table("t", ["v"])
    db["t"].add_column("site", "utf8")
    assert old.columns == ["ts", "v", "site"]
    with pytest.raises(cl.SchemaError, match="site"):
        old.append({"ts": [1], "v": [1.0]})
    with pytest.raises(cl.SchemaError, match="site"):
        old.append_row(1, [1.0])
    assert len(old) == 0
    old.append({"ts": [1], "v": [1.0], "site": [None]})
    old.append_row(2, [2.0, "a"])
    assert [row["site"] for row in rows(old)] == [None, "a"]
    assert len(db.create_table("t", {"v": "f64", "site": "utf8"})) == 2
    with pytest.raises(cl.SchemaError, match="another schema"):
        db.create_table("t", ["v"])


def test_snapshots_and_scans_keep_the_schema_they_have(db: cl.Db) -> None:
    table = db.create_table("t", ["v"])
    table.append_row(1, [1.0])
    scan = table.scan()
    with db.snapshot() as moment:
        table.add_column("w", "f64")
        table.append_row(2, [2.0, 3.0])
        assert rows(moment["t"]) == rows(scan) == [{"ts": 1, "v": 1.0}]
        assert moment["t"].columns == ["ts", "v"]
        with pytest.raises(cl.ReadOnlyError):
            moment["t"].add_column("x", "f64")
    assert len(table) == 2


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [
        ("v", "f64", cl.SchemaError),
        ("ts", "f64", cl.SchemaError),
        ("", "f64", cl.SchemaError),
        ("w", "decimal", cl.SchemaError),
        ("w", 3, TypeError),
    ],
)
def test_a_column_that_cannot_be_changes_nothing(
    path: Path, name: str, kind: Any, error: type[Exception]
) -> None:
    with cl.Db(path) as db:
        table = db.create_table("t", ["v"])
        with pytest.raises(error):
            table.add_column(name, kind)
        assert table.columns == ["ts", "v"]
    with cl.Db(path, mode="r") as db:
        assert db["t"].columns == ["ts", "v"]
        with pytest.raises(cl.ReadOnlyError):
            db["t"].add_column("w", "f64")
        with pytest.raises(cl.ReadOnlyError):
            db.drop_table("t")


# --- Tables that are dropped --------------------------------------------------------------------


@pytest.mark.parametrize("flushed", [False, True])
def test_a_table_of_the_same_name_is_another_one(path: Path, flushed: bool) -> None:
    with cl.Db(path) as db:
        old = db.create_table("t", ["v"])
        old.append({"ts": [1, 2], "v": [1.0, 2.0]})
        if flushed:
            db.flush()
        db.drop_table("t")
        assert (db.tables(), "t" in db) == ([], False)
        new = db.create_table("t", {"v": "utf8"})
        new.append_row(5, ["x"])
        for use in (
            lambda: len(old),
            lambda: old.append_row(3, [3.0]),
            lambda: old.append({"ts": [3], "v": [3.0]}),
            lambda: old.delete(None, None),
            lambda: old.add_column("w", "f64"),
            lambda: old.scan(),
        ):
            with pytest.raises(cl.TableNotFoundError, match=r'"t" was dropped'):
                use()
        assert rows(new) == [{"ts": 5, "v": "x"}]
    with cl.Db(path) as db:
        assert rows(db["t"]) == [{"ts": 5, "v": "x"}]
        db.drop_table("t")
    with cl.Db(path) as db:
        assert db.tables() == []
        with pytest.raises(cl.TableNotFoundError, match='"t"'):
            db.drop_table("t")


def test_its_space_comes_back_once_no_snapshot_needs_it(path: Path) -> None:
    with cl.Db(path) as db:
        empty = path.stat().st_size
        table = db.create_table("t", {"v": "f64"}, storage="raw")
        table.append({"ts": range(BIG), "v": [float(i) for i in range(BIG)]})
        db.flush()
        full = path.stat().st_size
        with db.snapshot() as moment:
            db.drop_table("t")
            db.flush()
            db.compact()
            assert path.stat().st_size >= full
            assert len(moment["t"]) == BIG
            assert moment["t"].scan().aggregate({"v": "max"})["v"] == {"max": BIG - 1}
        del moment, table
        db.compact()
        assert path.stat().st_size < empty + 64 * 1024
        assert db.verify().ok


def test_a_table_that_is_dropped_while_others_write_pack_and_flush_stays_gone(path: Path) -> None:
    with cl.Db(path) as db:
        kept = db.create_table("kept", ["v"])
        stop = threading.Event()

        def write() -> None:
            n = 0
            while not stop.is_set():
                with contextlib.suppress(cl.TableNotFoundError):
                    db["t"].append({"ts": range(n, n + 500), "v": [1.0] * 500})
                kept.append_row(n, [1.0])
                n += 1

        def tidy() -> None:
            while not stop.is_set():
                db.flush()
                db.pack()

        threads = [threading.Thread(target=work) for work in (write, tidy)]
        for thread in threads:
            thread.start()
        for _ in range(60):
            db.create_table("t", ["v"])
            db["t"].append({"ts": range(2000), "v": [0.0] * 2000})
            db.drop_table("t")
        stop.set()
        for thread in threads:
            thread.join()
        count = len(kept)
        assert db.tables() == ["kept"]
        db.compact()
        assert db.verify().ok
    with cl.Db(path) as db:
        assert (db.tables(), len(db["kept"])) == (["kept"], count)


# --- The file -----------------------------------------------------------------------------------


def test_the_file_is_as_the_specification_says(path: Path, tmp_path: Path) -> None:
    def check(at: str) -> None:
        copy = tmp_path / f"{at}.chl"
        copy.write_bytes(path.read_bytes())
        log = path.with_name(path.name + "-wal")
        if log.exists():
            copy.with_name(copy.name + "-wal").write_bytes(log.read_bytes())
        found = spec.read(copy)
        names = {table.definition.name for table in found.tables.values()}
        with cl.Db(copy) as db:
            assert names == set(db.tables())
            for name in names:
                table = found[name].rows()
                columns = found[name].definition.columns
                listed = [table.values[column.id].listed() for column in columns]
                wanted = [list(row.values()) for row in rows(db[name])]
                assert [list(row) for row in zip(table.times, *listed, strict=True)] == wanted

    with cl.Db(path, durability="none") as db:
        table = db.create_table("t", {"n": "i64"})
        table.append({"ts": [1, 2], "n": [1, None]})
        db.create_table("gone", {"n": "i64"}).append({"ts": [1], "n": [1]})
        table.add_column("m", "i64")
        check("a column in the log")
        table.append_row(3, [3, 33])
        db.drop_table("gone")
        db.create_table("gone", {"x": "bool"})
        check("a dropped table in the log")
        db.flush()
        check("flushed")
        table.add_column("k", "i64")
        db.drop_table("gone")
        check("in the log again")
        db.flush()
        db.create_table("last", {"x": "bool"})
        db.drop_table("last")
    check("closed")
    with cl.Db(path, durability="none") as db:
        db.create_table("next", {"x": "bool"})
        table = db["t"]
        table.append_row(4, [4, 44, 444])
    check("closed again")
