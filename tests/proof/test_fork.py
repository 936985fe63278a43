"""What a fork child may do with what it inherited: nothing, and that never disturbs the parent."""

import contextlib
import os
import subprocess
import sys
import textwrap
import threading

import pytest

import chronolite as cl
from tests.proof.test_locks import in_a_fork, pid_told, tried_elsewhere


@pytest.fixture
def path(tmp_path):
    return tmp_path / "forked.chl"


def run(code, *arguments):
    """What a process with these lines prints; it has to end well and in silence otherwise."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def values(path):
    with cl.Db(path) as db:
        assert db.verify().ok
        return db["t"].scan().to_numpy()["x"].tolist()


def uses(db):
    """Everything that a child might try with what it inherited, by name."""
    table = db["t"]
    scan = table.scan()
    batches = scan.batches()
    return {
        "tables": db.tables,
        "table": lambda: db["t"],
        "create": lambda: db.create_table("u", ["x"]),
        "flush": db.flush,
        "stats": db.stats,
        "verify": db.verify,
        "row": lambda: table.append_row(99, [99.0]),
        "append": lambda: table.append({"ts": [99], "x": [99.0]}),
        "length": lambda: len(table),
        "first": lambda: table.min_ts,
        "scan": lambda: table.scan().count(),
        "last": lambda: table.last().count(),
        "an old scan": scan.count,
        "old batches": lambda: next(batches),
    }


def test_the_childs_handles_raise(path):
    with cl.Db(path) as db:
        db.create_table("t", ["x"]).append_row(1, [1.0])
        db.flush()
        db["t"].append_row(2, [2.0])
        tried = uses(db)

        def outcomes():
            out = {}
            for name, use in tried.items():
                try:
                    use()
                    out[name] = "went on"
                except cl.ChronoliteError as error:
                    out[name] = type(error).__name__
            return out

        assert in_a_fork(outcomes) == dict.fromkeys(tried, "ClosedError")
        assert len(db["t"]) == 2
        db["t"].append_row(3, [3.0])
    assert values(path) == [1.0, 2.0, 3.0]


def test_a_child_that_closes_leaves_the_parents_open(path):
    with cl.Db(path) as db:
        table = db.create_table("t", ["x"])
        table.append_row(1, [1.0])

        def close():
            with contextlib.suppress(cl.ClosedError):
                db.close()
            return "closed"

        assert in_a_fork(close) == "closed"
        assert tried_elsewhere(path) == os.getpid()
        assert path.with_name(path.name + "-wal").exists()
        table.append_row(2, [2.0])
        db.flush()
        table.append_row(3, [3.0])
    assert values(path) == [1.0, 2.0, 3.0]


def test_a_child_that_ends_does_not_free_the_parents_file(path):
    with cl.Db(path) as db:
        table = db.create_table("t", ["x"])
        for x in range(5):
            assert in_a_fork(lambda: None) is None
            assert pid_told(path) == os.getpid()
            assert tried_elsewhere(path) == os.getpid()
            table.append_row(x, [float(x)])
    assert values(path) == [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("durability", ["sync", "interval", "none"])
def test_a_child_that_ends_as_python_does(path, durability):
    """With every destructor run, and the interpreter's own clean-up; the parent goes on."""
    run(
        """
        import os, sys, chronolite as cl
        db = cl.Db(sys.argv[1], durability=sys.argv[2], sync_interval_ms=1)
        t = db.create_table("t", ["x"])
        scan = t.scan()
        for i in range(10):
            t.append_row(i, [float(i)])
            child = os.fork()
            if child == 0:
                if i % 2:
                    del scan, t, db
                sys.exit(0)
            assert os.waitpid(child, 0)[1] == 0
            if i == 5:
                db.flush()
        db.close()
        """,
        path,
        durability,
    )
    assert values(path) == [float(i) for i in range(10)]


@pytest.mark.parametrize(
    "end", ["os._exit(0)", "os.kill(os.getpid(), 9)", "db.close(); sys.exit()"]
)
def test_a_child_that_outlives_the_parent_does_not_keep_its_lock(path, end):
    """Neither if it never touches the database, nor if it tries to."""
    code = f"""
import os, sys, time, chronolite as cl
db = cl.Db(sys.argv[1])
db.create_table("t", ["x"]).append_row(1, [1.0])
out, into = os.pipe()
child = os.fork()
if child == 0:
    os.setsid()
    os.close(1)
    os.close(2)
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
{end}
"""
    done = subprocess.run(
        [sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True, check=False
    )
    child = int(done.stdout)
    try:
        os.kill(child, 0)
        assert pid_told(path) is None
        assert values(path) == [1.0]
        assert tried_elsewhere(path) is None
    finally:
        os.kill(child, 9)


def test_a_child_may_open_files_of_its_own(path):
    with cl.Db(path) as db:
        table = db.create_table("t", ["x"])
        table.append_row(1, [1.0])

        def work():
            with cl.Db(path.with_name("own.chl")) as own:
                own.create_table("t", ["x"]).append_row(7, [7.0])
                own.flush()
                return len(own["t"])

        assert in_a_fork(work) == 1
        table.append_row(2, [2.0])
    assert values(path.with_name("own.chl")) == [7.0]
    assert values(path) == [1.0, 2.0]


def test_a_child_may_open_the_file_once_the_parent_has_closed_it(path):
    db = cl.Db(path)
    db.create_table("t", ["x"]).append_row(1, [1.0])
    ours, theirs = os.pipe()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        said = b"failed"
        try:
            os.read(told, 1)
            with cl.Db(path) as again:
                again["t"].append_row(2, [2.0])
            said = b"done"
        finally:
            os.write(theirs, said)
            os._exit(0)
    db.close()
    os.write(tell, b"x")
    assert os.read(ours, 10) == b"done"
    os.waitpid(child, 0)
    assert values(path) == [1.0, 2.0]


def test_forks_while_other_threads_write(path):
    """A child must not hang on a lock that another thread held at the moment of the fork."""
    with cl.Db(path, durability="sync") as db:
        table = db.create_table("t", ["x"])
        stop = threading.Event()
        counts = [0, 0]

        def write(place):
            while not stop.is_set():
                table.append_row(counts[place], [1.0])
                counts[place] += 1
                if counts[place] % 50 == 0:
                    db.flush()

        writers = [threading.Thread(target=write, args=(place,)) for place in range(2)]
        for writer in writers:
            writer.start()
        try:
            for _ in range(20):
                child = os.fork()
                if child == 0:
                    # An alarm ends a child that hangs; its status then says so.
                    import signal

                    signal.alarm(10)
                    try:
                        len(table)
                    except cl.ClosedError:
                        os._exit(7)
                    finally:
                        os._exit(1)
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        assert len(table) == sum(counts)
    assert len(values(path)) == sum(counts)
