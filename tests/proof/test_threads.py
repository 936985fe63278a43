"""Several threads on one database: every row is there once, and a scan is of one moment."""

import random
import threading
import time

import numpy as np
import pytest

import chronolite as cl
from tests.proof import sizes
from tests.proof.at_once import at_once


@pytest.fixture
def path(tmp_path):
    return tmp_path / "threads.chl"


@pytest.mark.parametrize("durability", ["sync", "interval"])
def test_eight_threads_append(path, durability):
    """Single rows and batches: all there, in the order of each thread, sequence numbers unique."""
    threads, each = 8, sizes.size(300, 20_000)
    numbers: list[list[int]] = [[] for _ in range(threads)]
    written = [0] * threads

    def write(thread, table):
        rng = random.Random(thread)
        row = 0
        while row < each:
            if rng.randrange(20) == 0:
                count = min(rng.randrange(1, 50), each - row)
                table.append({"ts": [0] * count, "thread": [thread] * count,
                              "row": range(row, row + count)})  # fmt: skip
                row += count
            else:
                numbers[thread].append(table.append_row(0, [thread, row]))
                row += 1
            written[thread] = row

    def flush(db):
        while min(written) < each:
            db.flush()
            time.sleep(0.01)

    with cl.Db(path, durability=durability) as db:
        table = db.create_table("t", {"thread": "i64", "row": "i64"})
        writers = [lambda n=n: write(n, table) for n in range(threads)]
        at_once(*writers, lambda: flush(db))
        check(table, threads, each)
    with cl.Db(path) as db:
        check(db["t"], threads, each)
        assert db.verify().ok
        again = db["t"].append_row(1, [0, each])
    drawn = [number for some in numbers for number in some]
    assert len(set(drawn)) == len(drawn)
    assert all(some == sorted(some) for some in numbers)
    assert min(drawn) >= 1
    assert again == threads * each + 1
    if durability == "sync":
        sizes.figures(
            "threads",
            f"{threads} threads, {threads * each:,} rows at durability sync: all there, sequence "
            "numbers unique and in order",
        )


def check(table, threads, each):
    """Every row once; of equal times each thread's rows in the order in which it wrote them."""
    rows = table.scan().to_numpy()
    assert len(table) == len(rows["row"]) == threads * each
    for thread in range(threads):
        assert np.array_equal(rows["row"][rows["thread"] == thread], np.arange(each))


def test_arrival_is_the_order_of_sequence_numbers(path):
    """Rows of equal time from several threads stand in the order of the numbers they were given."""
    given: list[tuple[int, int, int]] = []
    with cl.Db(path) as db:
        table = db.create_table("t", {"thread": "i64", "row": "i64"})

        def write(thread):
            given.extend((table.append_row(0, [thread, row]), thread, row) for row in range(500))

        at_once(*(lambda n=n: write(n) for n in range(4)))
        rows = table.scan().to_numpy()
    found = list(zip(rows["thread"].tolist(), rows["row"].tolist(), strict=True))
    assert found == [(thread, row) for _, thread, row in sorted(given)]


def test_a_scan_is_a_prefix_of_what_one_writer_wrote(path):
    """Appends of 1 to 200 rows; what a scan sees is whole appends, from the first on, and never
    less than what was acknowledged before it began nor more than was begun when it ended."""
    appends = sizes.size(300, 20_000)
    begun, ended = [0], [0]
    scans = 0

    def write(db, table):
        rng = random.Random(sizes.SEED)
        row = 0
        for append in range(appends):
            count = 1 if append % 3 == 0 else rng.randrange(1, 200)
            n = np.arange(row, row + count)
            row += count
            begun[0] = row
            if count == 1:
                table.append_row(int(n[0] ^ 7), [append, int(n[0])])
            else:
                table.append({"ts": n ^ 7, "append": np.full(count, append), "n": n})
            ended[0] = row
            if append % 25 == 0:
                db.flush()
        begun[0] = -1

    def read(table):
        nonlocal scans
        last_seen = 0
        while begun[0] >= 0:
            at_least = ended[0]
            scan = table.scan()
            # The moment is that of the call, whenever it is read.
            at_most = begun[0] if begun[0] >= 0 else None
            count = scan.count()
            rows = scan.to_numpy()
            n = np.sort(rows["n"])
            assert np.array_equal(n, np.arange(len(n)))
            assert np.array_equal(rows["n"] ^ 7, rows["ts"].astype("i8"))
            assert np.array_equal(rows["ts"], np.sort(rows["ts"]))
            assert count == len(n)
            assert at_least <= len(n)
            assert at_most is None or len(n) <= at_most
            assert len(n) >= last_seen
            if len(n):
                # The last append that is there is there whole.
                sizes_seen.append((int(rows["append"].max()), len(n)))
            last_seen = len(n)
            scans += 1

    sizes_seen: list[tuple[int, int]] = []
    with cl.Db(path) as db:
        table = db.create_table("t", {"append": "i64", "n": "i64"})
        at_once(lambda: write(db, table), *(lambda: read(table) for _ in range(3)))
        rows = table.scan().to_numpy()
    ends = np.cumsum(np.bincount(rows["append"]))
    assert all(ends[append] == count for append, count in sizes_seen)
    assert scans > 0


def test_readers_of_several_tables_and_a_writer_that_makes_them(path):
    with cl.Db(path) as db:
        done = threading.Event()

        def write():
            for number in range(sizes.size(50, 1000)):
                table = db.create_table(f"t{number}", {"n": "i64"})
                table.append({"ts": range(10), "n": range(10)})
            done.set()

        def read():
            while not done.is_set():
                for name in db.tables():
                    # Made, and then filled by one append.
                    assert len(db[name]) in (0, 10)
                    assert db[name].scan().to_numpy()["n"].tolist() in ([], list(range(10)))

        at_once(write, read, read)
        assert all(len(db[name]) == 10 for name in db.tables())
        assert len(db.tables()) == sizes.size(50, 1000)


@pytest.mark.parametrize("durability", ["sync", "interval", "none"])
def test_closing_while_others_read_and_write(path, durability):
    """The others get ClosedError or a result; nothing hangs; what was acknowledged is there."""
    for _ in range(sizes.size(5, 100)):
        path.unlink(missing_ok=True)
        db = cl.Db(path, durability=durability)
        table = db.create_table("t", {"n": "i64"})
        acknowledged = [0]

        def write(table=table, acknowledged=acknowledged):
            try:
                while True:
                    table.append_row(0, [acknowledged[0]])
                    acknowledged[0] += 1
            except cl.ClosedError:
                pass

        def read(table=table):
            try:
                while True:
                    n = table.scan().to_numpy()["n"]
                    assert np.array_equal(n, np.arange(len(n)))
            except cl.ClosedError:
                pass

        def close(db=db):
            time.sleep(0.01)
            db.close()

        at_once(write, read, close)
        with cl.Db(path) as again:
            n = again["t"].scan().to_numpy()["n"]
        assert np.array_equal(n, np.arange(len(n)))
        assert len(n) == acknowledged[0]


def test_control_a_lost_or_doubled_row_is_seen(path):
    with cl.Db(path) as db:
        table = db.create_table("t", {"thread": "i64", "row": "i64"})
        table.append({"ts": [0, 0, 0], "thread": [0, 0, 0], "row": [0, 1, 2]})
        check(table, 1, 3)
        with pytest.raises(AssertionError):
            check(table, 1, 4)
        table.append_row(0, [0, 2])
        with pytest.raises(AssertionError):
            check(table, 1, 4)
