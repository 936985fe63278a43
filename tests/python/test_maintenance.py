"""What the background does to a database, and when it is there at all."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import chronolite as cl

EAGER = {
    "check_interval_ms": 1,
    "wal_min_bytes": 0,
    "wal_target_ratio": 0,
    "max_writes_per_sec": 2**64 - 1,
}


def tidiers():
    """How many threads of maintenance this process has."""
    names = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended
            names.append((task / "comm").read_text(encoding="utf-8").strip())
    return names.count("chronolite-tidy")


def until(true, seconds=10.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_the_thread_lives_from_the_first_write_to_the_close(path):
    with cl.Db(path) as db:
        assert (tidiers(), db.stats()["maintenance"]["running"]) == (0, False)
        db.append("s", 1, 1.0)
        assert db.stats()["maintenance"]["running"]
        until(lambda: tidiers() == 1)  # it names itself when it begins
    assert tidiers() == 0
    with cl.Db(path) as db:
        db["s"].scan().count()
        assert tidiers() == 0


@pytest.mark.parametrize("kept", ["db", "table", "scan", "snapshot"])
def test_dropping_the_last_handle_closes_at_once(path, kept):
    for round_ in range(6):
        db = cl.Db(path, auto_maintenance=EAGER)
        db.append("s", round_, 1.0)
        time.sleep(0.0005 * (round_))
        held = {"db": db, "table": db["s"], "scan": db["s"].scan(), "snapshot": db.snapshot()}
        last = held[kept]
        del db, held
        log = path.with_name(path.name + "-wal")
        assert log.exists()
        del last
        # Neither the thread nor its lock outlives the drop.
        assert tidiers() == 0
        assert not log.exists()


def test_it_flushes_and_packs_and_keeps_every_row(path):
    rng = np.random.default_rng(7)
    with cl.Db(path, auto_maintenance=EAGER) as db:
        t = db.create_table("t", ["x"])
        n, done = 0, db.stats()["maintenance"]
        end = time.monotonic() + 20
        while done["packs"] < 3 and time.monotonic() < end:
            late = (n + rng.integers(-500, 500, 40)).tolist()
            n += t.append({"ts": late, "x": [float(i) for i in range(n, n + 40)]})
            if n % 400 == 0:
                until(lambda: db.diagnose()["pending_rows"] == 0)
                done = db.stats()["maintenance"]
        assert done["packs"] >= 3
        assert sorted(t.scan().to_numpy()["x"].tolist()) == [float(i) for i in range(n)]
        assert done["segments_before"] > done["segments_after"] > 0
        assert done["rows_packed"] > 0
        assert done["bytes_packed"] > 0
        assert 0 < done["seconds"] < 30
        assert (done["errors"], done["last_error"]) == (0, None)
        assert db.stats()["write_amplification"] > 1
        assert db.diagnose()["maintenance_error"] is None
        assert db.verify().ok


def test_manual_mode_does_nothing_on_its_own(path):
    with cl.Db(path, auto_maintenance=False, retention_ms=0) as db:
        db.append("s", 1, 1.0)
        time.sleep(0.05)
        assert tidiers() == 0
        assert db.diagnose()["pending_rows"] == 1
        assert db.stats()["maintenance"]["rounds"] == 0


def test_appends_flushes_and_packs_beside_it(path):
    with cl.Db(path, auto_maintenance=EAGER) as db:
        tables = [db.create_table(f"t{i}", ["x"]) for i in range(3)]

        def write(t):
            for i in range(300):
                t.append_row(i % 50, [float(i)])
                if i % 100 == 99:
                    db.pack(t.name)

        threads = [threading.Thread(target=write, args=(t,)) for t in tables]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        for t in tables:
            assert sorted(t.scan().to_numpy()["x"].tolist()) == [float(i) for i in range(300)]
        assert db.verify().ok


START = """
import chronolite as cl, os, sys, time
eager = {"check_interval_ms": 1, "wal_min_bytes": 0, "wal_target_ratio": 0,
         "max_writes_per_sec": 2**63}
assert len(os.listdir("/proc/self/task")) == 1, "importing starts no thread"
db = cl.Db(sys.argv[1], auto_maintenance=eager)
t = db.create_table("t", ["x"])
for i in range(200):
    t.append_row(i, [float(i)])
    if i % 20 == 0:
        time.sleep(0.002)
"""


@pytest.mark.parametrize(
    "code", ["", "sys.exit(0)", "import builtins; builtins.keep = db, t", "os._exit(0)", "del db"]
)
def test_an_exit_with_the_database_open(run_python, path, code):
    done = run_python("-c", START + code, str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with cl.Db(path) as db:
        assert db["t"].scan().to_numpy()["x"].tolist() == [float(i) for i in range(200)]
        assert db.verify().ok


def test_a_fork_leaves_it_to_the_parent(run_python, path):
    code = (
        START
        + """
import warnings
warnings.simplefilter("ignore")
for _ in range(10):
    child = os.fork()
    if child == 0:
        assert len(os.listdir("/proc/self/task")) == 1
        try:
            t.append_row(1, [1.0])
        except cl.ClosedError:
            del t, db
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    t.append_row(1000, [1.0])
assert db.stats()["maintenance"]["running"]
db.close()
"""
    )
    done = run_python("-c", code, str(path))
    assert (done.returncode, done.stderr) == (0, "")
    with cl.Db(path) as db:
        assert len(db["t"]) == 210
