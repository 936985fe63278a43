"""Handles: closing, who keeps what alive, and other threads meanwhile."""

import gc
import sys
import threading
import weakref

import numpy as np
import pyarrow as pa
import pytest

import chronolite as cl


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.chl"


def filled(path, rows=3):
    db = cl.Db(path)
    table = db.create_table("t", ["x"])
    table.append({"ts": np.arange(rows), "x": np.arange(rows, dtype="f8")})
    return db, table


def can_be_opened(path) -> bool:
    try:
        cl.Db(path).close()
    except cl.DatabaseLockedError:
        return False
    return True


def test_everything_raises_once_closed(path):
    db, table = filled(path)
    scan = table.scan()
    db.close()
    db.close()
    for use in (
        db.tables, db.flush, db.stats, db.verify, lambda: db["t"], lambda: "t" in db,
        lambda: db.create_table("u", ["x"]), lambda: len(table), lambda: table.min_ts,
        table.scan, table.last, lambda: table.append_row(1, [1.0]),
        lambda: table.append({"ts": [1], "x": [1.0]}), lambda: pa.table(table),
        scan.count, scan.to_arrow, scan.to_numpy, scan.batches,
    ):  # fmt: skip
        with pytest.raises(cl.ClosedError):
            use()
    assert "closed" in repr(db)
    assert (table.name, table.columns) == ("t", ["ts", "x"])


def test_with_closes_also_after_an_error(path):
    with pytest.raises(RuntimeError), cl.Db(path) as db:
        raise RuntimeError
    with pytest.raises(cl.ClosedError):
        db.tables()
    assert can_be_opened(path)


def test_the_last_reference_closes(path):
    db, table = filled(path)
    scan = table.scan()
    del db
    assert not can_be_opened(path)
    assert len(table) == 3
    del table
    assert scan.count() == 3
    del scan
    assert can_be_opened(path)


def test_a_capsule_that_nobody_takes_lets_go(path):
    db, table = filled(path)
    capsules = [table.__arrow_c_stream__(), table.scan().__arrow_c_schema__()]
    capsules += next(table.scan().batches()).__arrow_c_array__()
    batches = table.scan().batches()
    del db, table, batches
    capsules.clear()
    assert can_be_opened(path)


def test_results_outlive_the_database(path):
    db, table = filled(path, 1000)
    batch = next(table.scan().batches(100))
    arrow, arrays, frame = (
        table.scan().to_arrow(),
        table.scan().to_numpy(),
        table.scan().to_pandas(),
    )
    db.close()
    del db, table
    gc.collect()
    assert pa.record_batch(batch)["x"].to_pylist() == list(range(100))
    assert arrow["x"].to_pylist() == list(range(1000))
    assert arrays["x"].tolist() == list(range(1000))
    assert frame["x"].tolist() == list(range(1000))


def test_a_stream_read_after_the_close_fails_cleanly(path):
    db, table = filled(path)
    reader = pa.RecordBatchReader.from_stream(table)
    db.close()
    with pytest.raises((OSError, pa.ArrowException)):
        reader.read_all()


@pytest.mark.parametrize("rows", [10, 100_000])
def test_append_keeps_nothing_of_the_caller(path, rows):
    db, table = filled(path)
    ts, x = np.arange(rows), np.arange(rows, dtype="f8")
    arrow = pa.table({"ts": ts, "x": x})
    before = sys.getrefcount(ts), sys.getrefcount(x)
    used = pa.total_allocated_bytes()
    for _ in range(3):
        table.append({"ts": ts, "x": x})
        table.append(arrow)
        with pytest.raises(cl.SchemaError):
            table.append({"ts": ts, "x": ts > 5})
    assert (sys.getrefcount(ts), sys.getrefcount(x)) == before
    assert pa.total_allocated_bytes() == used
    db.close()


def test_an_array_of_a_failed_append_is_freed(path):
    db, table = filled(path)

    class Array(np.ndarray):
        pass

    array = np.arange(100_000, dtype="f8").view(Array)
    gone = weakref.ref(array)
    with pytest.raises(cl.SchemaError):
        table.append({"ts": [1], "x": array})
    del array
    gc.collect()
    assert gone() is None
    db.close()


def test_exported_arrays_are_released(path):
    db, table = filled(path, 100_000)
    for _ in range(200):
        capsules = next(table.scan().batches()).__arrow_c_array__()
        del capsules
        pa.record_batch(next(table.scan().batches()))
        table.__arrow_c_stream__()
    db.close()


@pytest.mark.parametrize(
    "call",
    [
        lambda db, table: table.scan().count(),
        lambda db, table: next(table.scan().batches()),
        lambda db, table: table.append({"ts": [1], "x": [1.0]}),
        lambda db, table: db.flush(),
        lambda db, table: table.scan().to_arrow(),
        lambda db, table: db.verify(),
    ],
)
def test_other_threads_run_meanwhile(path, call):
    db, table = filled(path)
    gate, ran = threading.Lock(), []
    gate.acquire()
    interval = sys.getswitchinterval()
    thread = threading.Thread(target=lambda: (gate.acquire(), ran.append(True)))
    thread.start()
    try:
        # From here on the interpreter is only given up by who gives it up.
        sys.setswitchinterval(1000)
        gate.release()
        for _ in range(20_000):
            call(db, table)
            if ran:
                break
    finally:
        sys.setswitchinterval(interval)
        thread.join()
    assert ran
    db.close()


def test_threads_may_share_a_table(path):
    db, table = filled(path)
    errors = []

    def work(start):
        try:
            for i in range(200):
                table.append_row(start + i, [1.0])
                if i % 50 == 0:
                    table.append({"ts": [start], "x": [2.0]})
                    assert table.scan().count() >= 3
                    db.flush()
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(1000 * n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(table) == 3 + 4 * (200 + 4)
    db.close()


def test_threads_may_share_an_iterator(path):
    db, table = filled(path, 10_000)
    batches, rows = table.scan().batches(rows=10), []
    threads = [
        threading.Thread(target=lambda: rows.extend(len(batch) for batch in batches))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(rows) == 10_000
    db.close()
