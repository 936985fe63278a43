"""The change feed: rows as they arrive, each once, from a cursor on."""

import datetime as dt
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chronolite as cl

SOON = 10


@pytest.fixture
def table(db):
    return db.create_table("t", {"id": "i64", "tag": "utf8"})


def fill(table, ids, times=None):
    ids = list(ids)
    times = ids if times is None else times
    table.append({"ts": list(times), "id": ids, "tag": [str(i) for i in ids]})


def ids(batch):
    return batch.to_numpy()["id"].tolist()


def there(table, cursor):
    return [i for batch in table.tail(cursor=cursor, timeout=0) for i in ids(batch)]


def test_rows_come_in_the_order_of_arrival_with_a_cursor(table):
    feed = table.tail(timeout=0)
    assert iter(feed) is feed
    assert (list(feed), feed.cursor) == ([], 0)
    fill(table, [5, 3, 9])
    fill(table, [1])
    (batch,) = feed
    assert (ids(batch), batch.cursor, feed.cursor) == ([5, 3, 9, 1], 4, 4)
    assert batch.schema.names == ["ts", "id", "tag"]
    assert table.append_row(0, [7, "x"]) == 5
    assert (ids(next(feed)), feed.cursor) == ([7], 5)
    assert there(table, 0) == [5, 3, 9, 1, 7]
    assert there(table, 2) == [9, 1, 7]
    assert there(table, 5) == there(table, 99) == []
    assert there(table, None) == []


def test_a_batch_is_arrow_and_what_becomes_of_it(table):
    fill(table, [2, 1])
    batch = next(table.tail(cursor=0))
    assert (len(batch), batch.num_rows) == (2, 2)
    assert pa.record_batch(batch).to_pydict()["tag"] == ["2", "1"]
    assert batch.to_arrow().equals(pa.Table.from_batches([pa.record_batch(batch)]))
    assert batch.to_pandas()["ts"].tolist() == [np.datetime64(2, "ms"), np.datetime64(1, "ms")]
    assert batch.to_polars()["id"].to_list() == [2, 1]
    assert batch.to_numpy()["tag"].tolist() == ["2", "1"]
    assert next(table.scan().batches()).cursor is None


def test_what_is_kept_by_a_later_process(path):
    with cl.Db(path) as db:
        table = db.create_table("t", {"id": "i64", "tag": "utf8"})
        fill(table, range(10))
        cursor = next(table.tail(cursor=0)).cursor
        fill(table, range(10, 20), times=range(20, 10, -1))
    with cl.Db(path) as db:
        assert there(db["t"], cursor) == list(range(10, 20))
        db.compact()
        fill(db["t"], [20])
        assert there(db["t"], cursor) == list(range(10, 21))
    with cl.Db(path, mode="r") as db:
        assert there(db["t"], cursor) == list(range(10, 21))
        assert list(db["t"].tail(timeout=0.02)) == []


def test_many_rows_come_in_batches(table):
    fill(table, range(200_000), times=[i * 7919 % 200_003 for i in range(200_000)])
    cursor, seen = 0, []
    for batch in table.tail(cursor=0, timeout=0):
        assert len(batch) <= 65_536
        assert batch.cursor == cursor + len(batch)
        cursor = batch.cursor
        seen += ids(batch)
    assert seen == list(range(200_000))


def test_rows_of_other_tables_are_not_in_it(db, table):
    other = db.create_table("other", ["x"])
    for n in range(10):
        fill(table, [n])
        other.append_row(n, [0.0])
    feed = table.tail(cursor=3, timeout=0)
    assert ids(next(feed)) == list(range(2, 10))
    assert (list(feed), feed.cursor) == ([], 19)


def test_rows_that_are_deleted_meanwhile_do_not_come(table):
    fill(table, range(10))
    table.delete(3, 6)
    feed = table.tail(cursor=0, timeout=0)
    assert ids(next(feed)) == [0, 1, 2, 6, 7, 8, 9]
    fill(table, [4])
    table.delete(None, None)
    assert list(feed) == []
    fill(table, [5])
    assert ids(next(feed)) == [5]


def test_a_column_that_is_added(table):
    fill(table, [1])
    feed = table.tail(cursor=0, timeout=0)
    assert next(feed).schema.names == ["ts", "id", "tag"]
    fill(table, [2])
    table.add_column("more", "f64")
    table.append({"ts": [3], "id": [3], "tag": ["3"], "more": [0.5]})
    rows = next(feed).to_arrow().to_pydict()
    assert (rows["id"], rows["more"]) == ([2, 3], [None, 0.5])


def test_of_a_snapshot(db, table):
    fill(table, [1])
    with db.snapshot() as moment:
        fill(table, [2])
        assert [ids(batch) for batch in moment["t"].tail(cursor=0)] == [[1]]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("rows"), st.lists(st.integers(0, 99), min_size=1, max_size=30)),
        st.tuples(st.just("many"), st.integers(0, 99)),
        st.tuples(st.just("delete"), st.integers(0, 99), st.integers(1, 50)),
        st.sampled_from([("flush",), ("pack",), ("compact",), ("reopen",), ("read",), ("retain",)]),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.booleans())
def test_it_has_what_a_list_has(tmp_path_factory, steps, keyed):
    path = tmp_path_factory.mktemp("model") / "t.chl"
    db = cl.Db(path, auto_maintenance=False)
    db.create_table("t", {"id": "i64", "tag": "utf8"}, key="tag" if keyed else ())
    live, seen, next_id = [], [], 0
    feed = db["t"].tail(cursor=0, timeout=0)

    def read():
        """What is live and not seen yet, in order; it is seen then."""
        found = [i for batch in feed for i in ids(batch)]
        known = set(seen)
        assert found == [i for i, _ in live if i not in known]
        seen.extend(found)

    for step, *of in steps:
        table = db["t"]
        match step:
            case "rows" | "many":
                # So many that they are written as a segment at once.
                times = of[0] if step == "rows" else [(of[0] + 7 * n) % 100 for n in range(20_000)]
                new = range(next_id, next_id + len(times))
                tags = [f"{i % 7}{'long' * 60 if step == 'many' else ''}" for i in new]
                table.append({"ts": times, "id": list(new), "tag": tags})
                live += zip(new, times, strict=True)
                next_id += len(times)
            case "delete":
                table.delete(of[0], of[0] + of[1])
                live = [row for row in live if not of[0] <= row[1] < of[0] + of[1]]
            case "retain":
                table.retain(20)
                live = [row for row in live if row[1] >= 20]
            case "flush":
                db.flush()
            case "pack":
                db.pack("t")
            case "compact":
                db.compact()
            case "read":
                read()
            case "reopen":
                cursor = feed.cursor
                db.close()
                db = cl.Db(path, auto_maintenance=False)
                feed = db["t"].tail(cursor=cursor, timeout=0)
    read()
    db.close()


@pytest.mark.parametrize("durability", ["sync", "interval", "none"])
def test_threads_append_while_one_follows(path, durability):
    threads, each = 4, 400
    with cl.Db(path, durability=durability) as db:
        table = db.create_table("t", {"id": "i64", "tag": "utf8"})
        feed = table.tail(timeout=SOON)

        def write(thread):
            for n in range(each):
                table.append_row(n * 31 % 97, [thread * each + n, ""])
                if n % 100 == 99:
                    db.flush()
                    db.pack("t")

        writers = [threading.Thread(target=write, args=(n,)) for n in range(threads)]
        for writer in writers:
            writer.start()
        seen = []
        while len(seen) < threads * each:
            seen += ids(next(feed))
            assert feed.cursor == len(seen)
        for writer in writers:
            writer.join()
    assert sorted(seen) == list(range(threads * each))


def follow(feed):
    """Iterates in a thread; what it found, and what it ended with."""
    found = []

    def run():
        try:
            for batch in feed:
                found.append(ids(batch))  # noqa: PERF401  (it is looked at meanwhile)
            found.append("end")
        except cl.ChronoliteError as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, found


def ends(thread):
    begun = time.monotonic()
    thread.join(SOON)
    assert not thread.is_alive()
    return time.monotonic() - begun


def test_a_wait_ends_with_a_row(table):
    thread, found = follow(feed := table.tail())
    time.sleep(0.05)
    fill(table, [1])
    for _ in range(1000):
        if found:
            break
        time.sleep(0.005)
    assert found == [[1]]
    feed.close()
    ends(thread)
    assert found == [[1], "end"]
    assert repr(feed) == "<chronolite.Tail behind row 1, closed>"
    assert list(feed) == []


def test_a_wait_ends_when_the_table_or_the_database_goes(db, table):
    thread, found = follow(table.tail())
    time.sleep(0.05)
    db.drop_table("t")
    ends(thread)
    assert isinstance(found[0], cl.TableNotFoundError)
    again = db.create_table("t", {"id": "i64", "tag": "utf8"})
    thread, found = follow(feed := again.tail())
    time.sleep(0.05)
    begun = time.monotonic()
    db.close()
    assert time.monotonic() - begun < SOON / 2
    ends(thread)
    assert isinstance(found[0], cl.ClosedError)
    for _ in range(2):
        with pytest.raises(cl.ClosedError):
            next(feed)
    with pytest.raises(cl.ClosedError):
        again.tail()


def test_a_feed_keeps_its_database_open_until_it_is_closed(path):
    db = cl.Db(path)
    table = db.create_table("t", {"id": "i64", "tag": "utf8"})
    feed = table.tail(cursor=0, timeout=0)
    fill(table, [1])
    del db, table
    assert ids(next(feed)) == [1]
    with pytest.raises(cl.DatabaseLockedError):
        cl.Db(path)
    feed.close()
    cl.Db(path).close()


@pytest.mark.parametrize(
    "timeout",
    [0.05, dt.timedelta(milliseconds=50), "50ms", np.timedelta64(50, "ms"), np.float32(0.05)],
)
def test_a_timeout(table, timeout):
    begun = time.monotonic()
    feed = table.tail(timeout=timeout)
    assert list(feed) == []
    assert 0.05 <= time.monotonic() - begun < SOON
    fill(table, [3])
    assert [ids(batch) for batch in feed] == [[3]], "it goes on"


@pytest.mark.parametrize("timeout", [1, float("inf"), 1e300, None])
def test_a_timeout_that_is_not_needed(table, timeout):
    fill(table, [3])
    assert ids(next(table.tail(0, timeout))) == [3]


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"cursor": -1}, cl.InvalidInputError, "cursor is at least 0, not -1"),
        ({"cursor": True}, TypeError, "not a bool"),
        ({"cursor": 1.0}, TypeError, "float"),
        ({"cursor": "1"}, TypeError, "str"),
        ({"cursor": 2**63}, OverflowError, "too large"),
        ({"timeout": -0.1}, cl.InvalidInputError, "timeout is at least 0 seconds, not -0.1"),
        ({"timeout": float("nan")}, cl.InvalidInputError, "timeout"),
        ({"timeout": dt.timedelta(seconds=-1)}, cl.InvalidInputError, "timeout"),
        ({"timeout": False}, TypeError, "timeout is a number of seconds, .*, not bool"),
        ({"timeout": "soon"}, cl.InvalidInputError, "timeout"),
        ({"timeout": [1]}, TypeError, "not list"),
    ],
)
def test_arguments_that_make_no_sense(table, arguments, error, says):
    with pytest.raises(error, match=says):
        table.tail(**arguments)


def test_an_interrupt_from_the_keyboard(run_python, path):
    code = """
    import os, signal, sys, threading, time
    import chronolite as cl
    db = cl.Db(sys.argv[1])
    table = db.create_table("t", ["x"])
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    feed = table.tail()
    try:
        next(feed)
    except KeyboardInterrupt:
        print("interrupted")
    table.append_row(1, [0.5])
    print(len(next(feed)))
    """
    done = run_python("-c", textwrap.dedent(code), str(path), timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n1\n", "")


@pytest.mark.parametrize("end", ["", "db.close()", "sys.exit(0)", "del db, table"])
def test_a_process_ends_while_a_thread_waits(run_python, path, end):
    code = f"""
    import sys, threading, time
    import chronolite as cl
    db = cl.Db(sys.argv[1])
    table = db.create_table("t", ["x"])
    table.append_row(1, [0.5])
    def wait(feed=table.tail()):
        try:
            next(feed)
        except cl.ClosedError:
            pass
    threading.Thread(target=wait, daemon=True).start()
    time.sleep(0.2)
    {end}
    """
    done = run_python("-c", textwrap.dedent(code), str(path), timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with cl.Db(path) as db:
        assert len(db["t"]) == 1


def test_a_fork_child_is_told(path):
    code = f"""
import os, sys, threading, time
import chronolite as cl
db = cl.Db({str(path)!r})
table = db.create_table("t", ["x"])
feed, quick = table.tail(), table.tail(timeout=0)
threading.Thread(target=lambda: next(feed, None), daemon=True).start()
time.sleep(0.2)
child = os.fork()
if child == 0:
    told = 0
    for inherited in (feed, quick):
        try:
            next(inherited)
        except cl.ClosedError as error:
            told += "before a fork" in str(error)
        inherited.close()
    os._exit(told)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
table.append_row(1, [0.5])
print(len(next(quick)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["2", "1"], done.stderr
