"""What a second row of the same time and key means: `on_conflict`, by examples.

That all ways to read agree with a list, whatever is flushed, packed, deleted or reopened, is for
the models (`tests/proof/test_model.py`, `tests/model.rs`); here are the uses that people have.
"""

import threading

import numpy as np
import pyarrow as pa
import pytest

import chronolite as cl
from tests.proof.model import assert_same

RULES = ["all", "last", "first", "error"]
KEEPING = ["last", "first"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plant.chl"


@pytest.fixture
def db(path):
    with cl.Db(path, auto_maintenance=False) as db:
        yield db


def rows(scan):
    table = scan.to_arrow()
    times = table.column(0).cast(pa.int64()).to_pylist()
    return list(zip(times, *(column.to_pylist() for column in table.columns[1:]), strict=True))


def keyed(db, rule, name="t"):
    return db.create_table(name, {"site": "utf8", "v": "i64"}, key="site", on_conflict=rule)


def settle(db, how):
    """The rows as they came, in segments, or packed."""
    if how != "memtable":
        db.flush()
    if how == "packed":
        db.pack()


EVERYWHERE = pytest.mark.parametrize("how", ["memtable", "flushed", "packed"])


@EVERYWHERE
@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("all", [(1, "a", 1), (1, "a", 3), (1, "b", 2), (2, "a", 4)]),
        ("last", [(1, "a", 3), (1, "b", 2), (2, "a", 4)]),
        ("first", [(1, "a", 1), (1, "b", 2), (2, "a", 4)]),
    ],
)
def test_one_row_of_each_time_and_key(db, rule, left, how):
    t = keyed(db, rule)
    for ts, site, v in [(1, "a", 1), (1, "b", 2), (1, "a", 3), (2, "a", 4)]:
        t.append_row(ts, [site, v])
        settle(db, how)
    assert rows(t.scan()) == left
    assert len(t) == t.scan().count() == db.stats("t")["rows"] == len(left)
    assert rows(t.scan(key="a")) == [row for row in left if row[1] == "a"]
    assert rows(t.scan(1, 2, limit=2)) == left[:2]
    assert rows(t.last(2)) == left[-2:]
    assert rows(t.asof(1, key="a")) == [row for row in left if row[:2] == (1, "a")][-1:]
    assert db.verify().ok


@pytest.mark.parametrize("rule", KEEPING)
@pytest.mark.parametrize("key", [None, "site"])
def test_a_retry_changes_nothing(db, rule, key):
    """Whatever became of the batch before: in the memtable, flushed, packed."""
    t = db.create_table("t", {"site": "utf8", "v": "i64"}, key=key, on_conflict=rule)
    count = 500
    batch = {
        "ts": list(range(count)),
        "site": ["ab"[n % 2] for n in range(count)],
        "v": [n * n for n in range(count)],
    }
    wanted = list(zip(*batch.values(), strict=True))
    for how in ["memtable", "memtable", "flushed", "memtable", "packed", "memtable"]:
        assert t.append(batch) == count, "what was given is told"
        assert_same(rows(t.scan()), wanted)
        assert len(t) == count
        settle(db, how)
        assert_same(rows(t.scan()), wanted)
        assert (len(t), t.min_ts, t.max_ts) == (count, 0, count - 1)
        assert t.scan().aggregate({"v": "sum"})["v"]["sum"] == sum(batch["v"])
    assert db.stats()["next_seq"] == 6 * count + 1, "row numbers count as ever"


@pytest.mark.parametrize("rule", KEEPING)
def test_a_large_batch_has_one_row_of_each_too(path, rule):
    """Written as segments at once, its last row among those that give way, and the log replayed."""
    count = 1_200_000
    ts = np.arange(count, dtype=np.int64) // 2
    ts[-1] = 0
    with cl.Db(path, auto_maintenance=False) as db:
        t = db.create_table("t", {"v": "i64"}, on_conflict=rule)
        t.append({"ts": ts, "v": np.arange(count)})
        db.flush()
        before = path.with_name("before.chl")
        assert len(t) == count // 2
        t.append({"ts": ts, "v": np.arange(count) + count})
        assert len(t) == count // 2
        found = t.scan().to_numpy()["v"]
        # A copy of the file and its log, as a kill would leave them.
        for name in [path.name, path.name + "-wal"]:
            copy = before.with_name(name.replace(path.name, before.name))
            copy.write_bytes(path.with_name(name).read_bytes())
    last = np.arange(count).reshape(-1, 2)[:, 1] + count
    last[0], last[-1] = 2 * count - 1, 2 * count - 2
    wanted = last if rule == "last" else np.arange(0, count, 2)
    assert np.array_equal(found, wanted)
    with cl.Db(before) as db:
        assert np.array_equal(db["t"].scan().to_numpy()["v"], wanted)
        assert db["t"].append_row(0, [1]) == 2 * count + 1, "no row number is given twice"
        assert db.verify().ok
        db.pack()
        assert len(db["t"]) == count // 2
        assert db.verify().ok


@EVERYWHERE
def test_late_upserts_out_of_order(db, how):
    """Readings that are put right, later ones before earlier ones, against a dict."""
    t, model = keyed(db, "last"), {}
    order = np.random.default_rng(1)
    for turn in range(20):
        ts = order.integers(0, 200, 50).tolist()
        site = [["a", "b", None][n] for n in order.integers(0, 3, 50)]
        v = list(range(turn * 50, turn * 50 + 50))
        t.append({"ts": ts, "site": site, "v": v})
        model |= {(a, b): c for a, b, c in zip(ts, site, v, strict=True)}
        if turn % 4 == 3:
            settle(db, how)
    wanted = sorted(
        ((a, b, c) for (a, b), c in model.items()), key=lambda row: (row[0], row[1] or "")
    )
    assert_same(rows(t.scan()), wanted)
    assert len(t) == len(wanted)
    for start, end in [(0, 50), (17, 18), (150, None), (40, 40)]:
        inside = [row for row in wanted if row[0] >= start and (end is None or row[0] < end)]
        assert_same(rows(t.scan(start, end)), inside)
        assert t.scan(start, end).count() == len(inside)
    assert_same(rows(t.last(7, key="b")), [row for row in wanted if row[1] == "b"][-7:])
    null = [row for row in wanted if row[1] is None]
    assert_same(rows(t.scan(key={"site": None})), null)
    downsampled = t.downsample(50, {"v": ["count", "sum", "last"]}).to_arrow().to_pylist()
    for place, bucket in enumerate(downsampled):
        inside = [row[2] for row in wanted if row[0] // 50 == place]
        assert (bucket["v_count"], bucket["v_sum"]) == (len(inside), sum(inside))
        assert bucket["v_last"] == inside[-1]


@EVERYWHERE
@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [("last", [(1, "a", 2), (1, "b", 3)], 5), ("first", [(1, "a", 1), (1, "b", 3)], 4)],
)
def test_deletes_between(db, rule, before, after, how):
    """A delete hides whatever came before it, also what had given way; what comes later lives."""
    t = keyed(db, rule)
    for v, site in [(1, "a"), (2, "a"), (3, "b")]:
        t.append_row(1, [site, v])
        settle(db, how)
    assert rows(t.scan()) == before
    t.delete(1, 2, key="a")
    assert rows(t.scan()) == [(1, "b", 3)]
    assert len(t) == 1
    settle(db, how)
    for v in (4, 5):
        t.append_row(1, ["a", v])
        settle(db, how)
    assert rows(t.scan()) == [(1, "a", after), (1, "b", 3)]
    t.delete(0, 10)
    assert rows(t.scan()) == []
    assert (len(t), t.min_ts) == (0, None)
    t.append_row(1, ["b", 6])
    settle(db, how)
    assert rows(t.scan()) == [(1, "b", 6)]


@pytest.mark.parametrize("rule", KEEPING)
def test_a_snapshot_holds_the_version_it_saw(path, rule):
    with cl.Db(path, auto_maintenance=False) as db:
        t = keyed(db, rule)
        t.append_row(1, ["a", 1])
        with db.snapshot() as then:
            t.append_row(1, ["a", 2])
            for change in (db.flush, db.pack, lambda: t.delete(0, 5), db.flush, db.pack):
                change()
                assert rows(then.table("t").scan()) == [(1, "a", 1)]
            t.append_row(1, ["a", 3])
            assert (rows(t.scan()), len(then.table("t"))) == ([(1, "a", 3)], 1)
    with cl.Db(path) as db:
        assert rows(db["t"].scan()) == [(1, "a", 3)]


@pytest.mark.parametrize("rule", ["last", "first", "error"])
def test_the_log_alone(path, rule):
    """Not closed: the rows are read back from the log, in a reader and in a writer."""
    with cl.Db(path, auto_maintenance=False) as db:
        t = keyed(db, rule)
        t.append({"ts": [2, 1], "site": ["a", "a"], "v": [1, 2]})
        if rule != "error":
            t.append({"ts": [1, 2], "site": ["a", "a"], "v": [3, 4]})
        copy = path.with_name("copy.chl")
        copy.write_bytes(path.read_bytes())
        log = copy.with_name("copy.chl-wal")
        log.write_bytes(path.with_name("plant.chl-wal").read_bytes())
        wanted = rows(t.scan())
    for mode in ("r", "rw"):
        with cl.Db(copy, mode=mode, auto_maintenance=False) as db:
            assert rows(db["t"].scan()) == wanted
            if mode == "rw" and rule == "error":
                with pytest.raises(cl.ConflictError):
                    db["t"].append_row(2, ["a", 9])


@EVERYWHERE
def test_an_error_names_the_row_and_writes_nothing(db, how):
    t = keyed(db, "error")
    t.append({"ts": [10, 20, 20], "site": ["a", "a", "b"], "v": [1, 2, 3]})
    settle(db, how)
    before, number = rows(t.scan()), db.stats()["next_seq"]
    with pytest.raises(cl.ConflictError) as caught:
        t.append({"ts": [30, 20], "site": ["a", "b"], "v": [4, 5]})
    assert isinstance(caught.value, cl.SchemaError)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value) == (
        'columns "ts", "site", row 1: 20 ms, "b" is there already, and on_conflict is "error"; '
        "nothing was appended"
    )
    with pytest.raises(cl.ConflictError, match='row 2: 40 ms, "c" is in row 0 already'):
        t.append({"ts": [40, 41, 40], "site": ["c", "c", "c"], "v": [4, 5, 6]})
    with pytest.raises(cl.ConflictError, match='^columns "ts", "site": 10 ms, "a" is there'):
        t.append_row(10, ["a", 7])
    assert (rows(t.scan()), db.stats()["next_seq"]) == (before, number)
    # Late rows of their own, and the same times with other keys, null among them.
    t.append({"ts": [10, 15, 10], "site": ["b", "a", None], "v": [8, 9, 10]})
    t.append_row(20, [None, 11])
    with pytest.raises(cl.ConflictError, match="row 0: 10 ms, null is there already"):
        t.append({"ts": [10], "site": [None], "v": [12]})
    assert len(t) == 7


@EVERYWHERE
def test_what_was_deleted_is_no_conflict(db, how):
    t = keyed(db, "error")
    t.append({"ts": [1, 1, 2], "site": ["a", "b", "a"], "v": [1, 2, 3]})
    settle(db, how)
    t.delete(1, 2, key="a")
    t.append_row(1, ["a", 4])
    for row in (["a", 5], ["b", 5]):
        with pytest.raises(cl.ConflictError):
            t.append_row(1, row)
    settle(db, how)
    t.delete(None, None)
    t.append({"ts": [2, 1, 1], "site": ["a", "b", "a"], "v": [6, 7, 8]})
    settle(db, how)
    assert rows(t.scan()) == [(1, "a", 8), (1, "b", 7), (2, "a", 6)]
    with pytest.raises(cl.ConflictError):
        t.append({"ts": [5, 2], "site": ["a", "a"], "v": [0, 0]})
    assert db.verify().ok


def test_large_batches_are_checked_too(db):
    t = db.create_table("t", {"v": "f64"}, on_conflict="error")
    count = 700_000
    t.append({"ts": np.arange(count) * 2, "v": np.zeros(count)})
    late = {"ts": np.arange(count) * 2 + 1, "v": np.ones(count)}
    for row in (0, count // 2, count - 1):
        wrong = {name: column.copy() for name, column in late.items()}
        wrong["ts"][row] = 4
        with pytest.raises(cl.ConflictError, match=f"row {row}: 4 ms is there already"):
            t.append(wrong)
    wrong["ts"][-1] = 1
    with pytest.raises(cl.ConflictError, match=f"row {count - 1}: 1 ms is in row 0 already"):
        t.append(wrong)
    t.append(late)
    assert len(t) == 2 * count
    with pytest.raises(cl.ConflictError):
        t.append_row(count + 1, [0.0])
    t.append_row(2 * count, [0.0])


@pytest.mark.parametrize("large", [False, True])
def test_of_threads_with_the_same_rows_one_wins(db, large):
    t = db.create_table("t", {"v": "i64"}, on_conflict="error")
    count = 400_000 if large else 300
    won, lost = [], []
    ready = threading.Barrier(5)

    def write(me):
        ready.wait()
        for turn in range(3 if large else 40):
            ts = np.arange(count) + turn * count
            try:
                t.append({"ts": ts[::-1].copy(), "v": np.full(count, me)})
                won.append(turn)
            except cl.ConflictError:
                lost.append(turn)

    def flush():
        ready.wait()
        for _ in range(20):
            db.flush()

    threads = [threading.Thread(target=write, args=(me,)) for me in range(4)]
    threads.append(threading.Thread(target=flush))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    turns = 3 if large else 40
    assert (sorted(won), len(lost)) == (list(range(turns)), 3 * turns)
    found = t.scan().to_numpy()
    assert np.array_equal(found["ts"].astype("int64"), np.arange(turns * count))
    # Whole batches: those of a winner.
    assert all(len(set(part)) == 1 for part in np.split(found["v"], turns))


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_is_part_of_the_schema(path, rule):
    with cl.Db(path) as db:
        keyed(db, rule)
    with cl.Db(path) as db:
        t = keyed(db, rule)
        shown = "" if rule == "all" else f"; on_conflict {rule}"
        assert repr(t).endswith(f"; key site{shown}>")
        other = RULES[RULES.index(rule) - 1]
        with pytest.raises(cl.SchemaError, match=f"its on_conflict: \\[{rule}\\]"):
            keyed(db, other)


@pytest.mark.parametrize("rule", ["last", "first", "error"])
def test_salvage_keeps_one_row_of_each(path, rule):
    with cl.Db(path, auto_maintenance=False) as db:
        t = keyed(db, rule)
        for v in range(6):
            if rule == "error":
                t.delete(1, 2)
            t.append({"ts": [1, v + 2], "site": ["a", "a"], "v": [v, v]})
            settle(db, ["memtable", "flushed", "packed"][v % 3])
        wanted = rows(t.scan())
    report = cl.salvage(path, path.with_name("whole.chl"))
    assert report.ok
    with cl.Db(path.with_name("whole.chl")) as db:
        assert rows(db["t"].scan()) == wanted
    # Without its header, by what its segments say: those that others took the place of as well.
    damaged = bytearray(path.read_bytes())
    damaged[:8192] = bytes(8192)
    path.write_bytes(damaged)
    cl.salvage(path, path.with_name("parts.chl"))
    with cl.Db(path.with_name("parts.chl")) as db:
        found = rows(db["t"].scan())
        assert found == wanted
        db.pack()
        assert rows(db["t"].scan()) == wanted
        assert db.verify().ok


@EVERYWHERE
@pytest.mark.parametrize("rule", KEEPING)
def test_a_filter_sees_the_rows_that_stay(db, rule, how):
    """A row that gave way to another does not come back because that one fails the filter."""
    t = keyed(db, rule)
    for ts, site, v in [(1, "a", 10), (1, "b", 20), (2, "a", 30), (3, "a", 5)]:
        t.append_row(ts, [site, v])
    settle(db, how)
    for ts, site, v in [(1, "a", 99), (2, "a", 1), (3, "b", 40)]:
        t.append_row(ts, [site, v])
    settle(db, "memtable" if how == "memtable" else "flushed")
    if how == "packed":
        db.pack()
    left = {
        "last": [(1, "a", 99), (1, "b", 20), (2, "a", 1), (3, "a", 5), (3, "b", 40)],
        "first": [(1, "a", 10), (1, "b", 20), (2, "a", 30), (3, "a", 5), (3, "b", 40)],
    }[rule]
    filters = {
        "v < 50": lambda row: row[2] < 50,
        "v >= 30": lambda row: row[2] >= 30,
        "v == 10 or v == 30": lambda row: row[2] in (10, 30),
        "v > 1000": lambda row: row[2] > 1000,
        "site == 'a' and v < 20": lambda row: row[1] == "a" and row[2] < 20,
        "ts >= 2 and v <= 5": lambda row: row[0] >= 2 and row[2] <= 5,
    }
    for where, keep in filters.items():
        kept = [row for row in left if keep(row)]
        scan = t.scan(where=where)
        assert rows(scan) == kept, where
        assert scan.count() == len(kept), where
        assert rows(t.scan(where=where, reverse=True)) == kept[::-1], where
        assert t.scan(where=where, reverse=True).count() == len(kept), where
        assert rows(t.scan(where=where, limit=1)) == kept[:1], where
        assert rows(t.scan(where=where, limit=1, reverse=True)) == kept[::-1][:1], where
        # Of columns that the filter is not about.
        sites = t.scan(where=where, columns=["site"])
        assert [row[1] for row in rows(sites)] == [row[1] for row in kept], where
        of_key = [row for row in kept if row[1] == "a"]
        assert rows(t.scan(where=where, key="a")) == of_key, where
        summary = t.scan(where=where).aggregate({"v": ["count", "sum"]})["v"]
        assert summary["count"] == len(kept), where
        buckets = t.downsample("1s", {"v": "count"}, where=where)
        assert sum(row[1] for row in rows(buckets)) == len(kept), where


@pytest.mark.parametrize("rule", ["all", *KEEPING])
@pytest.mark.parametrize("key", [None, "site"])
def test_runs_that_overlap_backwards_and_filtered(db, rule, key):
    """Many rows of several runs, against a dict."""
    t = db.create_table("t", {"site": "utf8", "v": "i64"}, key=key, on_conflict=rule)
    random = np.random.default_rng(3)
    all_rows = []
    for run in range(4):
        ts = np.sort(random.integers(0, 30_000, 20_000))
        site = random.integers(0, 3, 20_000)
        v = random.integers(0, 1000, 20_000)
        names = np.array(["a", "b", "c"])[site]
        t.append({"ts": ts, "site": names.tolist(), "v": v})
        all_rows += zip(ts.tolist(), names.tolist(), v.tolist(), strict=True)
        if run < 3:
            db.flush()
    order = sorted(
        range(len(all_rows)), key=lambda i: (all_rows[i][0], all_rows[i][1] if key else "")
    )
    expected = [all_rows[i] for i in order]
    if rule != "all":
        one = {}
        for row in all_rows:
            place = row[:2] if key else row[0]
            if rule == "last" or place not in one:
                one[place] = row
        expected = [one[place] for place in sorted(one)]
    assert rows(t.scan(reverse=True)) == expected[::-1]
    for where, keep in {
        "v < 3": lambda row: row[2] < 3,
        "v >= 10": lambda row: row[2] >= 10,
        "site != 'b' and ts < 12500": lambda row: row[1] != "b" and row[0] < 12_500,
    }.items():
        kept = [row for row in expected if keep(row)]
        assert rows(t.scan(where=where)) == kept, where
        assert rows(t.scan(where=where, reverse=True)) == kept[::-1], where
        assert t.scan(where=where).count() == len(kept), where
        assert t.scan(where=where).explain()["rows"] == len(kept), where
        assert rows(t.scan(5000, 6000, where=where)) == [r for r in kept if 5000 <= r[0] < 6000]
        total = t.scan(where=where).aggregate({"v": "sum"})["v"]["sum"]
        assert total == sum(row[2] for row in kept), where
