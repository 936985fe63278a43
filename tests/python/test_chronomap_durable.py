"""`path=` keeps a map in a file: puts, deletes and expiries, through closing, kills and crashes.

The documents give `path`, `as_of` and `known_at`. Taken from `Db`, as nothing else is said: the map
is a context manager with `close()`, `mode="r"` reads beside a writer, and the errors are those of
`Db`.
"""

import gc
import math
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from chronomap_under_test import MODULE, ChronoMap, contents, fake_clock, lib, reader, run_code

pytestmark = pytest.mark.better
VALUES = [
    None,
    True,
    0,
    2**63,
    -(10**30),
    1.5,
    -0.0,
    math.inf,
    "",
    "naïve ☃ \0",
    b"\0\xff",
    [1, [2, None], {"a": [b"x"]}],
    {"a": {"b": 1}, "c": []},
]
KEYS = ["a", "", 1, "1", -1.5, None, b"k", (1, "a"), 2**70]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "map.chl"


@pytest.fixture
def durable(path):
    with ChronoMap(path=path) as cm:
        yield cm


def reopened(path, **options):
    """All that the file says, read by a map of its own."""
    with ChronoMap(path=path, **options) as cm:
        return contents(cm)


def test_what_was_put_is_there_when_it_is_opened_again(path):
    with ChronoMap(path=path) as cm:
        cm.put("a", 1, timestamp=10)
        cm.put("a", 2, timestamp=20)
        cm.put("a", 1.5, timestamp=15)
        cm.put_many({"b": [1], "c": None}, timestamp=5)
        before = contents(cm)
    with ChronoMap(path=path) as cm:
        assert contents(cm) == before
        assert list(cm) == ["a", "b", "c"]
        assert cm.get("a", timestamp=17) == 1.5
        assert cm.get_range("a", 10, 15) == [(10.0, 1), (15.0, 1.5)]
        cm.put("a", 3, timestamp=30)
    assert reopened(path)["a"][-1] == (30.0, 3)


def test_a_path_may_be_text(path):
    with ChronoMap(path=str(path)) as cm:
        cm["a"] = 1
    assert list(reopened(str(path))) == ["a"]
    assert path.is_file()


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_of_json_and_bytes_come_back(path, value):
    with ChronoMap(path=path) as cm:
        cm.put("a", value, timestamp=1)
    with ChronoMap(path=path) as cm:
        assert repr(cm["a"]) == repr(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="int16").reshape(2, 3),
        np.array([1.5, np.nan]),
        np.zeros((0, 3), dtype="float32"),
        np.array(["2025-01-01"], dtype="datetime64[D]"),
        np.array([True, False]),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_arrays_come_back_with_type_and_shape(path, array):
    with ChronoMap(path=path) as cm:
        cm["a"] = array
    with ChronoMap(path=path) as cm:
        again = cm["a"]
    assert again.dtype == array.dtype
    assert again.shape == array.shape
    np.testing.assert_array_equal(again, array)


def test_keys_keep_their_types(path):
    with ChronoMap(path=path) as cm:
        cm.put_many({key: number for number, key in enumerate(KEYS)}, timestamp=1)
    with ChronoMap(path=path) as cm:
        assert [(type(key), key) for key in cm] == [(type(key), key) for key in KEYS]
        assert [cm[key] for key in KEYS] == list(range(len(KEYS)))


@pytest.mark.parametrize("value", [object(), {1, 2}, print, 1j, np.array([object()])], ids=repr)
def test_a_value_that_cannot_be_kept_is_refused_and_stores_nothing(durable, value):
    durable["a"] = 1
    for call in (lambda: durable.put("a", value), lambda: durable.put_many({"b": 1, "c": value})):
        with pytest.raises(lib.ChronoMapTypeError, match=type(value).__name__):
            call()
    assert durable.latest() == {"a": 1}


def test_what_was_deleted_stays_deleted(path):
    with ChronoMap(path=path) as cm:
        cm.put_many({"a": 1, "b": 2, "c": 3}, timestamp=1)
        cm.delete("a")
        cm.delete_many(["b"])
    assert reopened(path) == {"c": [(1.0, 3)]}
    with ChronoMap(path=path) as cm:
        cm.put("a", 9, timestamp=0)
        cm.clear()
        cm.put("d", 4, timestamp=1)
    assert reopened(path) == {"d": [(1.0, 4)]}


def test_a_ttl_goes_on_while_it_is_closed(path):
    with fake_clock() as clock:
        with ChronoMap(path=path, **clock.options) as cm:
            cm.put("a", 1, ttl=10)
            cm.put("b", 2, ttl=100)
            cm.put("c", 3)
        clock.advance(10)
        with ChronoMap(path=path, **clock.options) as cm:
            assert cm.latest() == {"b": 2, "c": 3}
            cm.put("a", 4)
        clock.advance(90)
        with ChronoMap(path=path, **clock.options) as cm:
            assert cm.latest() == {"c": 3, "a": 4}
            assert len(cm.history("a")) == 1


def test_pruning_merging_and_rolling_back_are_kept(path):
    with ChronoMap(path=path) as cm:
        for ts in range(5):
            cm.put("a", ts, timestamp=ts)
        cm.prune_history("a", keep_last=2)
        snap = cm.snapshot()
        cm["a"] = "changed"
        cm["new"] = 1
        cm.rollback(snap)
        other = ChronoMap()
        other.put("b", [1], timestamp=7)
        cm.merge(other)
        wanted = contents(cm)
    assert wanted == {"a": [(3.0, 3), (4.0, 4)], "b": [(7.0, [1])]} == reopened(path)


def test_max_history_holds_when_it_is_opened_again(path):
    with ChronoMap(path=path, max_history=2) as cm:
        for ts in range(5):
            cm.put("a", ts, timestamp=ts)
    with ChronoMap(path=path, max_history=2) as cm:
        cm.put("a", 5, timestamp=5)
    assert reopened(path, max_history=2) == {"a": [(4.0, 4), (5.0, 5)]}


def test_hooks_and_counts_are_of_the_open_map_only(path):
    seen = []
    with ChronoMap(path=path) as cm:
        cm.on_change(lambda *change: seen.append(change))
        cm["a"] = 1
    with ChronoMap(path=path) as cm:
        cm["a"] = 2
        assert cm.get_stats()["writes"] == 1
    assert len(seen) == 1


def test_a_second_writer_is_refused(path, durable):
    durable["a"] = 1
    with pytest.raises(lib.DatabaseLockedError, match=str(os.getpid())):
        ChronoMap(path=path)
    assert durable["a"] == 1


def test_a_reader_beside_the_writer_sees_what_was_put_and_cannot_write(path, durable):
    durable.put("a", 1, timestamp=1)
    with reader(path) as cm:
        assert contents(cm) == {"a": [(1.0, 1)]}
        for call in (lambda: cm.put("b", 1), lambda: cm.delete("a"), cm.clear):
            with pytest.raises(lib.ReadOnlyError):
                call()
        assert cm.latest() == {"a": 1}


def test_a_reader_in_another_process(path, durable):
    durable.put_many({"a": [1, b"x"], "b": None}, timestamp=1)
    code = (
        "from chronomap_under_test import reader\n"
        "with reader(sys.argv[1]) as cm:\n"
        "    print(cm.latest(), cm.history('b'))\n"
    )
    assert run_code(code, path) == "{'a': [1, b'x'], 'b': None} [(1.0, None)]\n"


def test_a_closed_map_says_so_and_may_be_closed_again(path):
    cm = ChronoMap(path=path)
    cm["a"] = 1
    cm.close()
    cm.close()
    for call in (lambda: cm["a"], lambda: cm.put("a", 1), lambda: len(cm), cm.snapshot):
        with pytest.raises(lib.ClosedError):
            call()


def test_dropping_the_last_reference_closes_it(path):
    cm = ChronoMap(path=path)
    cm.put("a", 1, timestamp=1)
    del cm
    gc.collect()
    assert reopened(path) == {"a": [(1.0, 1)]}
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_snapshot_outlives_the_changes_of_a_durable_map(durable):
    durable.put_many({"a": [1], "b": 2}, timestamp=1)
    snap = durable.snapshot()
    durable.clear()
    durable["c"] = 3
    assert contents(snap) == {"a": [(1.0, [1])], "b": [(1.0, 2)]}
    snap["d"] = 4
    assert "d" not in durable


def test_what_was_acknowledged_survives_a_kill(path):
    code = (
        "import importlib, sys\n"
        f"lib = importlib.import_module({MODULE!r})\n"
        "cm = lib.ChronoMap(path=sys.argv[1])\n"
        "for number in range(10**9):\n"
        "    cm.put(number % 7, number, timestamp=number)\n"
        "    if number % 3 == 0:\n"
        "        cm.put('gone', number)\n"
        "        cm.delete('gone')\n"
        "    print(number, flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for _ in range(200):
            assert child.stdout.readline()
        time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
        said = child.stdout.read().splitlines()
    acknowledged = int(said[-1] if said else 199)
    found = reopened(path)
    found.pop("gone", None)
    numbers = sorted(value for versions in found.values() for _, value in versions)
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > acknowledged
    assert all(value % 7 == key for key, versions in found.items() for _, value in versions)


def test_saving_and_exporting_work_as_in_memory(durable, tmp_path):
    durable.put("a", 1, timestamp=1)
    durable.save_json(tmp_path / "a.json")
    assert contents(ChronoMap.load_json(tmp_path / "a.json")) == contents(durable)
    assert contents(ChronoMap.from_dict(durable.to_dict())) == contents(durable)
    assert durable.to_dataframe()["value"].tolist() == [1]


def test_a_file_that_is_something_else_is_refused_and_left_alone(path):
    path.write_bytes(b"no database" * 100)
    with pytest.raises(lib.CorruptionError):
        ChronoMap(path=path)
    assert path.read_bytes() == b"no database" * 100


class Point:
    def __init__(self, x):
        self.x = x

    def __repr__(self):
        return f"Point({self.x})"


def encoded(value):
    if not isinstance(value, Point):
        raise TypeError(f"no point: {value!r}")
    return str(value.x).encode()


def decoded(data):
    return Point(int(data))


def test_other_values_are_kept_by_an_encoder(path):
    coder = {"encoder": encoded, "decoder": decoded}
    with ChronoMap(path=path, **coder) as cm:
        cm.put("a", Point(1), timestamp=1)
        cm.put("a", 2, timestamp=2)
        with pytest.raises(TypeError, match="no point"):
            cm.put("b", {1})
        snap = cm.snapshot()
        cm.clear()
        cm.rollback(snap)
        assert list(cm) == ["a"]
    with ChronoMap(path=path, **coder) as cm:
        assert repr(cm.history("a")) == "[(1.0, Point(1)), (2.0, 2)]"
    with ChronoMap(path=path) as cm, pytest.raises(lib.ChronoMapTypeError, match="decoder"):
        cm.get("a")


def test_an_encoder_gives_bytes_and_is_for_a_path(path):
    with ChronoMap(path=path, encoder=lambda value: "text") as cm:
        with pytest.raises(lib.ChronoMapTypeError, match="bytes, not str"):
            cm.put("a", {1})
        assert len(cm) == 0
    for options in ({"encoder": encoded}, {"path": path, "decoder": 5}):
        with pytest.raises(lib.ChronoMapTypeError, match="a function, for a map with a path"):
            ChronoMap(**options)


def test_keys_that_are_equal_are_one_key(path):
    with ChronoMap(path=path) as cm:
        cm.put(1, "int", timestamp=1)
        cm.put("1", "text", timestamp=1)
    with ChronoMap(path=path) as cm:
        cm.put(True, "bool", timestamp=2)
        cm.put(1.0, "float", timestamp=3)
        assert list(cm) == [1, "1"]
    assert reopened(path)[1] == [(1.0, "int"), (2.0, "bool"), (3.0, "float")]


@pytest.mark.parametrize("key", [float("nan"), frozenset({1}), print, (1, (2, 3)), object()])
def test_a_key_that_cannot_be_kept_is_refused(durable, key):
    with pytest.raises(lib.ChronoMapTypeError, match="cannot be kept"):
        durable.put(key, 1)
    assert len(durable) == 0


def test_keys_are_read_when_they_are_touched(path):
    with ChronoMap(path=path) as cm:
        for number in range(20):
            cm.put_many(dict.fromkeys(range(50), number), timestamp=number)
    with ChronoMap(path=path) as cm:
        # A key alone, then one of which another put is made, then all.
        assert cm.get(3) == 19
        cm.put(4, "new", timestamp=99)
        cm.delete(5)
        cm.prune_history(6, keep_last=1)
        assert list(cm) == [key for key in range(50) if key != 5]
        wanted = contents(cm)
    assert wanted[4][-1] == (99.0, "new")
    assert wanted[6] == [(19.0, 19)]
    assert len(wanted[3]) == 20
    assert reopened(path) == wanted


def test_a_reader_moves_on_when_told(path, durable):
    durable.put("a", 1, timestamp=1)
    with reader(path) as cm:
        assert contents(cm) == {"a": [(1.0, 1)]}
        durable.put("a", 2, timestamp=2)
        durable.put("b", 3, timestamp=3)
        cm.refresh()
        assert contents(cm) == {"a": [(1.0, 1), (2.0, 2)], "b": [(3.0, 3)]}


def test_what_is_known_is_only_read_and_lives_in_its_time(path, clock):
    with ChronoMap(path=path, **clock.options) as cm:
        cm.put("a", 1, ttl=10)
        clock.advance(5)
        cm.delete("a")
        known = cm.known_at(1000)
        assert known.latest() == {"a": 1}
        assert cm.known_at(1005).latest() == {}
        with pytest.raises(lib.ReadOnlyError):
            known.put("a", 2)
    with pytest.raises(lib.ChronoMapValueError, match="path"):
        ChronoMap().known_at(5)


def test_an_end_that_was_taken_away_stays_away(path):
    with fake_clock() as clock:
        with ChronoMap(path=path, **clock.options) as cm:
            cm.put("a", 1, ttl=10)
            cm.put("a", 2, ttl=math.inf)
            cm.put_many({"b": 1}, ttl=10)
            cm.put_many({"b": 2}, ttl=math.inf)
        clock.advance(100)
        with ChronoMap(path=path, **clock.options) as cm:
            assert cm.latest() == {"a": 2, "b": 2}
            assert cm.to_dict()["ttl"] == {}


def test_a_reader_shows_one_moment_whatever_it_reads_when(path, durable):
    durable.put_many({"x": 1, "y": -1}, timestamp=1)
    with reader(path) as cm:
        assert cm["x"] == 1
        durable.put_many({"x": 2, "y": -2}, timestamp=2)
        durable.put("z", 1)
        assert cm["y"] == -1
        assert cm.latest() == {"x": 1, "y": -1}
        cm.refresh()
        assert list(cm.latest()) == ["x", "y", "z"]


def test_what_is_flushed_is_in_the_file(path):
    with ChronoMap(path=path, durability="none") as cm:
        cm.put("a", 1, timestamp=1)
        cm.flush()
    assert reopened(path) == {"a": [(1.0, 1)]}
    ChronoMap().flush()


def test_what_is_known_at_a_reading_of_the_clock_is_all_that_was_done_by_then(path, clock):
    with ChronoMap(path=path, **clock.options) as cm:
        cm.put_many({"a": 1, "b": 2, "c": 3})
        cm.delete("b")
        clock.advance(1)
        cm.put("a", 4)
        assert cm.known_at(999.9).latest() == {}
        assert cm.known_at(1000).latest() == {"a": 1, "c": 3}
        assert cm.known_at(1001).latest() == {"a": 4, "c": 3}


@pytest.mark.parametrize("now", [1e300, -1e300, 9.3e9, -9.3e9])
def test_a_wild_clock_is_refused_and_does_no_harm(path, clock, now):
    with ChronoMap(path=path, **clock.options) as cm:
        cm.put("a", 1, timestamp=1)
        clock.now = now
        with pytest.raises(ValueError, match="the clock says"):
            cm.put("b", 1)
        clock.now = 1000.0
        cm.put("c", 1, timestamp=1)
    assert reopened(path) == {"a": [(1.0, 1)], "c": [(1.0, 1)]}


def test_keys_keep_their_order_before_1970(path, clock):
    clock.now = -1e9
    keys = [f"key {number}" for number in range(50)]
    with ChronoMap(path=path, **clock.options) as cm:
        for key in keys:
            cm.put(key, 1, ttl=10 if key == "key 7" else None)
        clock.advance(10)
        assert cm.clean_expired_keys() == 1
        wanted = [key for key in keys if key != "key 7"]
        assert list(cm) == wanted
    with ChronoMap(path=path, **clock.options) as cm:
        assert list(cm) == wanted
        assert cm.clean_expired_keys() == 0


def test_changes_of_many_keys_beside_puts_lose_nothing(path):
    """The file says what the map says, whoever was first."""
    keys = [(number, "k") for number in range(200)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ChronoMap(path=path) as cm:
            cm.put_many(dict.fromkeys(keys, 0), timestamp=1)
            snap = cm.snapshot()
            puts = threading.Thread(
                target=lambda: [cm.put(key, n, timestamp=2) for n in range(10) for key in keys]
            )
            puts.start()
            for number in range(12):
                cm.delete_many(keys[number::3])
                cm.prune_all_history(keep_last=3)
                if number % 4 == 0:
                    cm.rollback(snap)
                cm.merge(snap)
                with pytest.raises(lib.ChronoMapTypeError):
                    cm.merge(ChronoMap.from_dict({"store": {"x": [(1, {1})]}}))
            puts.join()
            wanted = contents(cm)
    finally:
        sys.setswitchinterval(before)
    assert wanted
    assert reopened(path) == wanted


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        ({"kind": 7, "text": "{"}, "value"),
        ({"kind": 3, "text": "zz"}, "value"),
        ({"kind": 8, "text": "[1]"}, "value"),
        ({"kind": 200}, "value"),
        ({"key": "[1]"}, "key"),
        ({"key": "{"}, "key"),
        ({"key": "[" * 5000}, "key"),
    ],
)
def test_a_table_that_says_nonsense_is_corrupt_and_named(path, cells, word):
    ChronoMap(path=path).close()
    row = {"place": 1, "key": '"a"', "what": 1, "number": 1, "recorded": 1, "at": 1.0, "end": None}
    row |= {
        "most": 0,
        "since": 0,
        "kind": 0,
        "whole": 0,
        "real": 0.0,
        "text": "",
        "bytes": b"",
    } | cells
    with lib.Db(path) as db:
        db["chronomap"].append([row])
    with ChronoMap(path=path) as cm, pytest.raises(lib.CorruptionError, match=word) as error:
        cm.latest()
    assert error.value.file == str(path)


def test_a_table_of_other_columns_or_keys_is_refused(path):
    ChronoMap(path=path).close()
    with lib.Db(path) as db:
        columns = dict(zip(db["chronomap"].columns[1:], ["f64"] * 20, strict=False))
        db.drop_table("chronomap")
        db.create_table("chronomap", columns, time_column="place", time_unit="ns")
    for mode in ("rw", "r"):
        with pytest.raises(lib.SchemaError):
            ChronoMap(path=path, mode=mode)


def test_a_key_that_no_file_keeps_is_not_there(durable):
    for key in (float("nan"), frozenset({1}), (1, (2, 3))):
        assert key not in durable
        assert durable.get(key) is None
        assert durable.delete(key) is False
        assert durable.history(key) == []


def test_a_closed_map_is_shown_as_such_and_sweeps_no_more(path, caplog):
    cm = ChronoMap(path=path, ttl_cleanup_interval=0.01)
    cm.put("a", 1, ttl=100)
    cm.close()
    assert repr(cm) == "ChronoMap(closed)"
    time.sleep(0.05)
    assert caplog.text == ""


def test_to_forget_keeps_what_the_map_is(path, clock):
    with ChronoMap(path=path, max_history=3, **clock.options) as cm:
        for number in range(50):
            clock.advance(1)
            cm.put("a", number, timestamp=number)
            cm.put(("gone", number), number)
            cm.delete(("gone", number))
        cm.put("ends", b"x", ttl=10_000)
        cm.put("ended", 1, ttl=1)
        cm.put_many({"b": [1, 2], 7: None})
        clock.advance(4000)
        wanted, order = contents(cm), list(cm)
        cm.compact()
        assert (contents(cm), list(cm)) == (wanted, order)
        assert cm.known_at(clock.now).latest() == cm.latest()
        with pytest.raises(lib.ChronoMapValueError, match="forgotten by compact"):
            cm.known_at(clock.now - 1)
        clock.advance(5)
        cm.put("a", "after", timestamp=100)
        cm.put("new", 1)
        assert cm.known_at(clock.now - 1).get("a") == 49
        cm.compact()
    with lib.Db(path, mode="r") as db:
        assert db.tables() == ["chronomap.2"]
        # A row for each version that is there, and one that says when this was.
        assert len(db["chronomap.2"]) == 1 + 3 + 1 + 2 + 1
    with ChronoMap(path=path, **clock.options) as cm:
        assert list(cm) == [*order, "new"]
        assert cm["a"] == "after"
        clock.advance(10_000)
        assert "ends" not in cm


def test_to_forget_makes_the_file_smaller_and_readers_go_on(path):
    cm = ChronoMap(path=path, durability="none")
    for number in range(20_000):
        cm.put(f"key:{number % 10}", f"value {number * 7919}")
        if number % 10 == 0:
            cm.delete(f"key:{number % 7}")
    cm.flush()
    wanted = cm.latest()
    reader = ChronoMap(path=path, mode="r")
    assert reader.latest() == wanted
    cm.prune_all_history(keep_last=1)
    cm.compact()
    assert reader.history("key:9")[-1][1] == wanted["key:9"]
    reader.refresh()
    assert reader.latest() == cm.latest() == wanted
    with pytest.raises(lib.ReadOnlyError):
        reader.compact()
    reader.close()
    before = path.stat().st_size
    cm.compact()
    cm.close()
    assert path.stat().st_size < before / 2
    assert reopened(path).keys() == wanted.keys()
    with pytest.raises(lib.ClosedError):
        cm.compact()
    ChronoMap().compact()


def compacted_beside(cm, times, writes):
    """Compact so often while threads call each of `writes` with 0, 1, 2 and so on."""
    done = threading.Event()

    def run(write):
        number = 0
        while not done.is_set():
            write(number)
            number += 1
            if number % 10 == 0:
                time.sleep(0.001)

    threads = [threading.Thread(target=run, args=[write]) for write in writes]
    for thread in threads:
        thread.start()
    for _ in range(times):
        cm.compact()
    done.set()
    for thread in threads:
        thread.join()


def test_others_write_while_a_map_forgets(path):
    cm = ChronoMap(path=path, durability="none")
    cm.put_many(dict.fromkeys(range(2000), 0))
    compacted_beside(cm, 5, [lambda number: cm.put(("more", number % 100), number)] * 2)
    wanted = cm.latest()
    cm.close()
    with ChronoMap(path=path) as cm:
        assert cm.latest() == wanted


def test_a_key_is_found_without_the_others(path):
    with ChronoMap(path=path, durability="none") as cm:
        for version in range(20):
            cm.put_many(dict.fromkeys(range(5000), version))
    with ChronoMap(path=path) as cm:
        assert cm[4321] == 19
        assert len(cm.history(17)) == 20
        assert (5000 in cm, -1 in cm) == (False, False)


@pytest.mark.parametrize("change", ["merge", "clear", "prune", "put_many", "rollback"])
def test_a_change_of_many_keys_while_a_map_forgets_is_kept(path, change):
    cm = ChronoMap(path=path, durability="none")
    for version in range(10):
        cm.put_many(dict.fromkeys(range(10_000), version), timestamp=version)
    other = ChronoMap()
    other.put_many(dict.fromkeys(range(5), "other"), timestamp=99)
    changes = {
        "merge": lambda: cm.merge(other),
        "clear": cm.clear,
        "prune": lambda: cm.prune_all_history(keep_last=2),
        "put_many": lambda: cm.put_many({"new": 1, 3: "new"}),
        "rollback": lambda: cm.rollback(other),
    }
    began = threading.Event()

    def forget():
        began.set()
        cm.compact()

    thread = threading.Thread(target=forget)
    thread.start()
    began.wait()
    time.sleep(0.01)
    changes[change]()
    thread.join()
    wanted = contents(cm)
    cm.close()
    assert reopened(path) == wanted


def test_an_encoder_may_write_while_a_map_changes_many_keys(path):
    lock = threading.Lock()

    class Own:
        pass

    def encode(value):
        if isinstance(value, Own):
            with lock:
                return b"own"
        raise TypeError

    cm = ChronoMap(path=path, encoder=encode, decoder=bytes, durability="none")
    other = ChronoMap()
    other.put_many({number: Own() for number in range(200)})
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            with lock:
                cm.put("b", number)
            number += 1
            time.sleep(0.001)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        cm.compact()
        cm.merge(other)
    finally:
        stop.set()
        thread.join()
    assert len(cm) == 201
    cm.close()


def test_keys_of_another_map_come_in_their_order(path):
    with ChronoMap(path=path.with_name("other.chl")) as source, ChronoMap(path=path) as cm:
        source.put("x", 1)
        for number in range(500):
            source.put("x", number)
        source.put_many({"y": 1, "z": 1})
        cm.put("first", 1)
        cm.rollback(source.snapshot())
        cm.put("new", 1)
        assert list(cm) == ["x", "y", "z", "new"]
    with ChronoMap(path=path) as cm:
        assert list(cm) == ["x", "y", "z", "new"]


def test_no_version_is_there_twice_when_others_write_while_a_map_forgets(path):
    cm = ChronoMap(path=path, durability="none")
    writes = [lambda number, key=key: cm.put(key, number, timestamp=number) for key in "abc"]
    compacted_beside(cm, 30, writes)
    wanted = contents(cm)
    cm.close()
    assert reopened(path) == wanted
