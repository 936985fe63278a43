"""Reading while another process writes."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import chronolite as cl
from tests.python.other_process import Other

Start = Callable[..., Other]
WRITER = "db = cl.Db(path); t = db['t']"
READER = "db = cl.Db(path, mode='r'); t = db['t']"
APPEND = "t.append({{'ts': np.arange({0}, {1}), 'x': np.arange({0}, {1})}})"
# Everything that moves what is there.
STEPS = [
    APPEND.format(100, 300),
    "t.delete(0, 50)",
    "db.flush()",
    APPEND.format(2000, 4000),
    "db.pack()",
    "db.compact()",
    "t.retain(150)",
    "db.flush(); db.pack(); db.compact()",
    "db.create_table('other', ['y']).append({'ts': [1], 'y': [0.5]})",
    "t.add_column('more', 'utf8')",
    "db.drop_table('t'); db.flush(); db.compact()",
    "u = db.create_table('t', {'x': 'i64'}); u.append({'ts': [5], 'x': [5]}); db.compact()",
]


@pytest.fixture
def start(path: Path) -> Iterator[Start]:
    """Starts processes about the database; none outlives the test."""
    started: list[Other] = []

    def run(first: str = "") -> Other:
        started.append(Other(path, first))
        return started[-1]

    yield run
    for process in started:
        process.kill()


@pytest.fixture
def filled(path: Path) -> Path:
    """A table `t` of 1000 rows in segments; `raw`, so that what is read is the file itself."""
    with cl.Db(path) as db:
        table = db.create_table("t", {"x": "i64"}, storage="raw")
        table.append({"ts": np.arange(1000), "x": np.arange(1000)})
    return path


def shown(table: Any) -> list[Any]:
    """The rows, as (ts, x)."""
    rows = table.scan(columns=["x"]).to_numpy()
    return list(zip(rows["ts"].astype("i8").tolist(), rows["x"].tolist(), strict=True))


def names(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir())


def test_rows_in_the_log_are_seen(filled: Path, start: Start) -> None:
    writer = start(WRITER)
    writer.do("t.append_row(5000, [7])")
    with cl.Db(filled, mode="r") as db:
        table = db["t"]
        assert (len(table), table.max_ts) == (1001, 5000)
        writer.do("t.append_row(5001, [8])")
        assert table.last().to_numpy()["x"].tolist() == [8]
        assert len(table) == table.scan().count() == db.stats("t")["rows"] == 1002
        writer.do("db.create_table('u', ['y'])")
        assert db.tables() == ["t", "u"]
        assert "u" in db


def test_a_reader_sees_each_step_and_a_snapshot_none(filled: Path, start: Start) -> None:
    writer, reader = start(WRITER), start(READER)
    first = reader.do("moment = db.snapshot()") or reader.do("shown(moment['t'])")
    scan = reader.do("scan = t.scan()") or reader.do("scan.count()")
    with cl.Db(filled, mode="r") as db:
        held: list[tuple[Any, Any]] = []
        for step in STEPS:
            writer.do(step)
            held.append((db.snapshot(), shown(db["t"]) if "t" in db else None))
            for moment, then in held:
                if then is not None:
                    assert shown(moment["t"]) == then, step
            assert reader.do("shown(moment['t'])") == first, step
            assert reader.do("scan.count()") == scan
            assert reader.do("db.tables()") == writer.do("db.tables()") == db.tables()
            if "t" in db:
                assert reader.do("shown(db['t'])") == writer.do("shown(db['t'])")
                assert len(db["t"]) == writer.do("len(db['t'])")


def test_a_scan_and_an_iterator_go_on_through_a_drop(filled: Path, start: Start) -> None:
    writer = start(WRITER)
    with cl.Db(filled, mode="r") as db:
        batches = db["t"].scan().batches(100)
        first = next(batches)
        writer.do("db.drop_table('t'); db.flush(); db.compact()")
        writer.do("u = db.create_table('u', {'x': 'i64'}, storage='raw')")
        writer.do("u.append({'ts': np.arange(5000), 'x': -np.arange(5000)}); db.compact()")
        rest = [pa.record_batch(batch) for batch in batches]
        xs = [x for batch in [pa.record_batch(first), *rest] for x in batch.column("x").to_pylist()]
        assert xs == list(range(1000))
        with pytest.raises(cl.TableNotFoundError):
            db["t"]


def test_refresh(filled: Path, start: Start) -> None:
    with cl.Db(filled, mode="r") as db:
        writer = start(WRITER)
        for row in range(10):
            writer.do(f"t.append_row({row}, [1]); db.flush()")
            db.refresh()
            assert len(db["t"]) == 1001 + row
    with pytest.raises(cl.ClosedError):
        db.refresh()
    writer.end()
    with cl.Db(filled) as db:
        db.refresh()


def test_nothing_is_left_and_nothing_is_made(filled: Path, start: Start) -> None:
    with cl.Db(filled, mode="r") as alone:
        assert len(alone["t"]) == 1000
        assert names(filled) == [filled.name]
    writer = start(WRITER)
    writer.do("t.append_row(1, [1])")
    with cl.Db(filled, mode="r") as db:
        moment = db.snapshot()
        writer.do("db.flush(); db.close()")
        assert names(filled) == [filled.name]
        assert len(db["t"]) == 1001
        assert len(moment["t"]) == 1001
        # And the next writer, here.
        with cl.Db(filled) as again:
            again["t"].append_row(2, [2])
            assert len(db["t"]) == 1002
            assert len(moment["t"]) == 1001
        assert len(db["t"]) == 1002
    assert names(filled) == [filled.name]


def test_it_does_not_write(filled: Path, start: Start) -> None:
    writer = start(WRITER)
    writer.do("t.append_row(1, [1])")
    with cl.Db(filled, mode="r") as db:
        table = db["t"]
        for call in (
            lambda: table.append_row(1, [1]),
            lambda: table.append({"ts": [1], "x": [1]}),
            lambda: table.delete(None, None),
            lambda: table.retain(1),
            lambda: table.add_column("y", "f64"),
            lambda: db.create_table("u", ["x"]),
            lambda: db.drop_table("t"),
            lambda: db.append("u", 1, 1.0),
            lambda: db.execute("INSERT INTO t VALUES (1, 1)"),
            db.flush,
            db.pack,
            db.compact,
            db.compact_retention_now,
        ):
            with pytest.raises(cl.ReadOnlyError):
                call()
        assert db.verify().ok
        with pytest.raises(cl.DatabaseLockedError) as caught:
            cl.Db(filled)
        assert caught.value.pid == writer.pid


def test_a_killed_readers_place_is_taken_back(filled: Path, start: Start) -> None:
    reader = start(READER)
    reader.do("moment = db.snapshot()")
    with cl.Db(filled) as db:
        table = db["t"]
        table.delete(None, None)
        table.append({"ts": np.arange(10), "x": np.arange(10)})
        db.compact()
        assert db.stats()["readers"] == 1
        kept = db.stats()["kept_for_readers"]
        assert kept > 16_000
        assert reader.do("len(moment['t'])") == 1000
        before = filled.stat().st_size
        reader.kill()
        db.compact()
        assert (db.stats()["readers"], db.stats()["kept_for_readers"]) == (0, 0)
        assert filled.stat().st_size <= before - kept // 2


def test_a_stopped_reader_holds_nobody_up(filled: Path, start: Start) -> None:
    reader = start(READER)
    os.kill(reader.pid, signal.SIGSTOP)
    began = time.monotonic()
    with cl.Db(filled) as db:
        for row in range(5):
            db["t"].append_row(row, [1])
            db.compact()
    assert time.monotonic() - began < 20
    os.kill(reader.pid, signal.SIGCONT)
    assert reader.do("len(t)") == 1005


def test_opening_in_a_storm_of_flushes(filled: Path, start: Start) -> None:
    writer = start(WRITER)
    writer.tell(
        "began = time.time()\n"
        "rows = 1000\n"
        "while time.time() - began < 3:\n"
        "    t.append_row(rows, [rows]); rows += 1\n"
        "    t.append_row(rows, [rows]); rows += 1\n"
        "    db.flush() if rows % 7 else db.pack()\n"
    )
    opened, last = 0, 1000
    until = time.monotonic() + 3
    while time.monotonic() < until:
        with cl.Db(filled, mode="r") as db:
            for _ in range(3):
                rows = shown(db["t"])
                assert rows == [(at, at) for at in range(len(rows))]
                assert len(rows) >= last
                last = len(rows)
        opened += 1
    writer.answer()
    with cl.Db(filled, mode="r") as db:
        assert len(db["t"]) == writer.do("rows")
    assert opened > 5
    assert last > 1000


def test_rows_while_they_are_written(filled: Path, start: Start) -> None:
    """What a reader sees is a prefix of what is written, row by row and batch by batch."""
    writer = start("db = cl.Db(path, durability='sync'); t = db['t']")
    writer.tell(
        "for row in range(1000, 4000, 10):\n"
        "    for one in range(row, row + 5): t.append_row(one, [one])\n"
        "    t.append({'ts': np.arange(row + 5, row + 10), 'x': np.arange(row + 5, row + 10)})\n"
    )
    last = 1000
    with cl.Db(filled, mode="r") as db:
        while last < 4000:
            rows = shown(db["t"])
            assert rows == [(at, at) for at in range(len(rows))]
            assert len(rows) >= last
            # A batch is whole.
            assert len(rows) % 10 not in (6, 7, 8, 9)
            last = len(rows)
    writer.answer()


def test_a_killed_writers_log_is_read(filled: Path, start: Start) -> None:
    writer = start(WRITER)
    writer.do("t.append_row(5000, [7])")
    beside = cl.Db(filled, mode="r")
    writer.kill()
    log = filled.with_name(filled.name + "-wal")
    before = filled.read_bytes(), log.read_bytes()
    with cl.Db(filled, mode="r") as db:
        assert len(db["t"]) == len(beside["t"]) == 1001
        assert db.verify().ok
    assert (filled.read_bytes(), log.read_bytes()) == before
    with cl.Db(filled) as db:
        db["t"].append_row(5001, [8])
        assert len(beside["t"]) == 1002
    assert len(beside["t"]) == 1002
    beside.close()
    assert names(filled) == [filled.name]


def test_a_folder_that_cannot_be_written(filled: Path, start: Start) -> None:
    if os.geteuid() == 0:
        # Root may write anywhere: so the reader gives that up.
        # What is imported late may be where nobody else may look.
        drop = f"{READER}; shown(t); db.close(); os.setgid(65534); os.setuid(65534)"
        for folder in (filled.parent, *filled.parent.parents):
            if folder.stat().st_mode & 0o5 != 0o5:
                folder.chmod(folder.stat().st_mode | 0o5)
    else:
        drop = "pass"
    filled.chmod(0o444)
    filled.parent.chmod(0o555)
    try:
        reader = start(drop)
        assert "PermissionError" in reader.fails("open(path, 'r+b')")[0]
        reader.do(READER)
        assert reader.do("len(t)") == 1000
        if os.geteuid() == 0:
            moment = reader.do("moment = db.snapshot(); scan = t.scan()") or reader.do("shown(t)")
            with cl.Db(filled) as db:
                db["t"].append_row(5000, [7])
                Path(f"{filled}-wal").chmod(0o444)
                assert reader.do("len(t)") == 1001
                db["t"].delete(None, None)
                db.compact()
                assert reader.do("len(t)") == 0
                assert reader.do("shown(moment['t'])") == moment
    finally:
        filled.parent.chmod(0o755)
        filled.chmod(0o644)


@pytest.mark.parametrize("mode", ["rw", "r"])
def test_buffers_outlive_their_database(path: Path, start: Start, mode: Any) -> None:
    # Large enough that what is handed out is the file itself.
    rows = 131_072
    with cl.Db(path) as db:
        table = db.create_table("t", {"x": "i64"}, storage="raw")
        table.append({"ts": np.arange(rows), "x": np.arange(rows)})
    db = cl.Db(path, mode=mode)
    exported = pa.table(db["t"].scan())
    db.close()
    del db, table
    assert names(path) == [path.name]
    writer = start(WRITER)
    for _ in range(3):
        writer.do(f"t.delete(None, None); t.append({{'ts': np.arange({rows}), 'x': -np.ones({rows})"
                  ".astype('i8')}); db.compact()")  # fmt: skip
        writer.do("db.close()")
        assert names(path) == [path.name]
        writer.do(WRITER)
    assert writer.do("db.stats()['readers']") == 1
    assert (exported.column("x").to_numpy() == np.arange(rows)).all()
    del exported
    gc.collect()
    assert writer.do("db.stats()['readers']") == 0
    writer.do("db.compact()")
    assert writer.do("db.stats()['kept_for_readers']") == 0


def test_a_forked_child_has_no_part_in_it(filled: Path, start: Start) -> None:
    reader = start(READER)
    code = """
import signal
def in_a_child():
    child = os.fork()
    if child == 0:
        try:
            len(t)
            os._exit(1)
        except cl.ClosedError:
            # It lives on, and keeps no place of its parent's.
            ours = cl.Db(path, mode="r")
            fine = len(ours["t"]) == 1000
            ours.close()
            del ours
            if not fine:
                os._exit(2)
            os.closerange(0, 3)  # its parent's pipes end with its parent
            time.sleep(30)
            os._exit(0)
    time.sleep(1)
    return child
child = None
"""
    reader.do(code)
    # The functions of the child need the names of the process.
    reader.do("in_a_child.__globals__.update(globals())")
    child = reader.do("in_a_child()")
    with cl.Db(filled) as db:
        db["t"].append_row(1, [1])
        assert reader.do("len(t)") == 1001
        assert db.stats()["readers"] == 1
        reader.kill()
        assert Path(f"/proc/{child}").exists()
        assert db.stats()["readers"] == 0
    os.kill(child, 9)


def test_a_committed_row_is_soon_seen(filled: Path, start: Start) -> None:
    """A row of another process, from before its append to when a new scan has it."""
    writer = start(WRITER)
    took = []
    with cl.Db(filled, mode="r") as db:
        table = db["t"]
        for row in range(1000, 1100):
            writer.tell(
                f"began = time.monotonic_ns(); t.append_row({row}, [1]); done = time.monotonic_ns()"
            )
            while len(table) <= row:
                pass
            seen = time.monotonic_ns()
            writer.answer()
            took.append((seen - writer.do("began")) / 1e6)
    took.sort()
    print(f"\na row is seen after {took[50]:.3f} ms (median), {took[94]:.3f} ms (95 of 100)")
    assert took[50] < 5


def test_many_readers_and_one_of_the_same_process(filled: Path, start: Start) -> None:
    readers = [start(READER) for _ in range(4)]
    with cl.Db(filled) as db, cl.Db(filled, mode="r") as here:
        db["t"].append_row(5000, [1])
        assert db.stats()["readers"] == 5
        assert [reader.do("len(t)") for reader in readers] == [1001] * 4
        assert len(here["t"]) == 1001
        for reader in readers:
            reader.do("db.close()")
        assert db.stats()["readers"] == 1
    assert names(filled) == [filled.name]
