"""How a process ends with a database open: rows are there, nothing is said, nothing is left."""

import textwrap

import pytest

import chronolite as cl

START = """
import gc, os, sys, threading, time
import chronolite as cl
db = cl.Db(sys.argv[1], durability=sys.argv[2])
t = db.create_table("t", ["x"])
t.append_row(1, [1.0])
t.append({"ts": [2, 3], "x": [2.0, 3.0]})
"""
DURABILITY = ["sync", "interval", "none"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "exit.chl"


def values(path):
    with cl.Db(path, mode="r") as db:
        return db["t"].scan().to_numpy()["x"].tolist()


@pytest.fixture
def ends(run_python, path):
    """Runs these lines after the start; how they ended and the rows that are there."""

    def run(code, durability="interval"):
        done = run_python("-c", START + textwrap.dedent(code), str(path), durability)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize("durability", DURABILITY)
@pytest.mark.parametrize(
    "code",
    [
        "",
        "sys.exit(0)",
        "del db",
        "del db, t",
        "scan = t.scan(); batches = scan.batches(); next(batches)",
        "cl.keep = db, t",
        "import atexit; atexit.register(lambda: t.append_row(4, [4.0]))",
        "class Keep: pass\nk = Keep(); k.k = k; k.db = db; k.t = t; del k, db, t",
        "import builtins; builtins.keep = db",
        "threading.Thread(target=lambda: t.append_row(4, [4.0])).start()",
        "class Last:\n    def __del__(self, t=t): t.append_row(4, [4.0])\nlast = Last()",
    ],
)
def test_rows_are_there_and_nothing_is_said(ends, path, code, durability):
    assert ends(code, durability) == (0, "", "")
    rows = values(path)
    assert rows[:3] == [1.0, 2.0, 3.0]
    assert rows[3:] in ([], [4.0])
    assert rows[3:] == [4.0] or "4.0" not in code


@pytest.mark.parametrize("code", ["", "sys.exit(0)", "del t", "cl.keep = db, t"])
def test_the_one_file_is_left(ends, path, code):
    assert ends(code) == (0, "", "")
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("durability", DURABILITY)
def test_an_exception_closes_too(ends, path, durability):
    code, _, said = ends("raise ValueError('the end')", durability)
    assert code == 1
    assert said.count("Traceback") == 1
    assert said.endswith("ValueError: the end\n")
    assert values(path) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("durability", ["sync", "interval"])
def test_an_end_without_clean_up_is_as_a_kill(ends, path, durability):
    assert ends("os._exit(3)", durability) == (3, "", "")
    with cl.Db(path) as db:
        assert db["t"].scan().to_numpy()["x"].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("durability", DURABILITY)
def test_a_daemon_thread_that_writes_until_the_end(ends, path, durability):
    code = """
    def write():
        n = 4
        while True:
            t.append_row(n, [float(n)])
            n += 1
    threading.Thread(target=write, daemon=True).start()
    time.sleep(0.05)
    """
    assert ends(code, durability) == (0, "", "")
    with cl.Db(path) as db:
        rows = db["t"].scan().to_numpy()["x"].tolist()
        assert db.verify().ok
    assert rows == [float(n) for n in range(1, len(rows) + 1)]
    assert len(rows) >= 3


@pytest.mark.parametrize("order", ["db t scan", "scan t db", "t db scan", "t scan db"])
def test_handles_may_be_dropped_in_any_order(ends, path, order):
    code = "scan = t.scan()\n" + "".join(
        f"assert os.path.exists(sys.argv[1] + '-wal')\ndel {name}\n" for name in order.split()
    )
    code += "assert not os.path.exists(sys.argv[1] + '-wal')\ncl.Db(sys.argv[1]).close()\n"
    assert ends(code) == (0, "", "")
    assert values(path) == [1.0, 2.0, 3.0]


def test_a_cycle_is_closed_by_the_collector(ends, path):
    code = """
    class Keep: pass
    k = Keep(); k.k = k; k.db = db; k.t = t
    del k, db, t
    gc.collect()
    cl.Db(sys.argv[1]).close()
    """
    assert ends(code) == (0, "", "")
    assert values(path) == [1.0, 2.0, 3.0]


def test_many_databases_at_once(run_python, tmp_path):
    code = """
import chronolite as cl, sys
dbs = [cl.Db(f"{n}.chl") for n in range(40)]
for n, db in enumerate(dbs):
    db.create_table("t", ["x"]).append_row(n, [float(n)])
"""
    done = run_python("-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    for n in range(40):
        assert values(tmp_path / f"{n}.chl") == [float(n)]
