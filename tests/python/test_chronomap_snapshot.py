"""Snapshots are maps of their own; rollback brings one back; a context does so on errors."""

import threading
from array import array
from collections import deque
from dataclasses import dataclass

import numpy as np
import pytest

from chronomap_under_test import ChronoMap, contents, lib, within


@dataclass
class Settings:
    names: list


# A mutable value, how it is changed, and what it was.
MUTABLE = {
    "list": (lambda: [1], lambda v: v.append(2)),
    "dict": (lambda: {"a": 1}, lambda v: v.update({len(v): 2})),
    "set": (lambda: {1}, lambda v: v.add(len(v) + 1)),
    "bytearray": (lambda: bytearray(b"a"), lambda v: v.extend(b"b")),
    "deque": (lambda: deque([1]), lambda v: v.append(2)),
    "array": (lambda: array("i", [1]), lambda v: v.append(2)),
    "list in a tuple": (lambda: (1, [1]), lambda v: v[1].append(2)),
    "dict in a list": (lambda: [{"b": 1}], lambda v: v[0].update({len(v[0]): 2})),
    "object": (lambda: Settings(["a"]), lambda v: v.names.append("b")),
    "numpy": (lambda: np.arange(3), lambda v: v.__iadd__(1)),
}


def test_a_snapshot_is_a_map_that_knows_its_time(timed, clock):
    timed.put("a", 1, timestamp=10)
    timed.put("a", 2, timestamp=20)
    snap = timed.snapshot()
    assert isinstance(snap, ChronoMap)
    assert snap.snapshot_time == clock.now
    assert timed.snapshot_time is None
    assert snap == timed
    assert contents(snap) == {"a": [(10.0, 1), (20.0, 2)]}
    assert snap.get("a", timestamp=15) == 1


def test_later_changes_do_not_reach_a_snapshot(cm):
    cm.put_many({"a": 1, "b": 2}, timestamp=1)
    snap = cm.snapshot()
    cm.put("a", 3, timestamp=2)
    cm.put("a", 4, timestamp=0)
    cm.put("c", 5, timestamp=1)
    del cm["b"]
    assert contents(snap) == {"a": [(1.0, 1)], "b": [(1.0, 2)]}
    cm.clear()
    assert contents(snap) == {"a": [(1.0, 1)], "b": [(1.0, 2)]}


def test_a_snapshot_may_be_written_to_and_that_stays_in_it(cm):
    cm.put("a", 1, timestamp=1)
    snap = cm.snapshot()
    snap["b"] = 2
    snap.delete("a")
    assert cm.latest() == {"a": 1}
    assert snap.latest() == {"b": 2}


@pytest.mark.parametrize("kind", MUTABLE)
def test_changes_inside_a_mutable_value_do_not_reach_a_snapshot(cm, kind):
    make, change = MUTABLE[kind]
    cm["k"] = make()
    snap = cm.snapshot()
    change(cm["k"])
    assert repr(snap["k"]) == repr(make())
    again = cm.snapshot()
    assert repr(again["k"]) == repr(cm["k"]) != repr(make())
    change(snap["k"])
    assert repr(again["k"]) == repr(cm["k"])
    cm.rollback(snap)
    assert repr(cm["k"]) == repr(snap["k"])
    change(cm["k"])
    assert repr(cm["k"]) != repr(snap["k"])


def test_older_versions_are_independent_too(cm):
    cm.put("k", ["old"], timestamp=1)
    cm.put("k", ["new"], timestamp=2)
    snap = cm.snapshot()
    cm.get("k", timestamp=1).append("changed")
    assert snap.history("k") == [(1.0, ["old"]), (2.0, ["new"])]
    cm.rollback(snap)
    assert cm.history("k") == [(1.0, ["old"]), (2.0, ["new"])]


@pytest.mark.parametrize(
    "value",
    [
        "a" * 1000,
        10**40,
        ("a", (1.5, b"c"), None),
        print,
        pytest.param(frozenset({1}), marks=pytest.mark.better),
        pytest.param((1, frozenset({(2, "a")})), marks=pytest.mark.better),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_immutable_value_is_shared_not_copied(cm, value):
    cm["k"] = value
    snap = cm.snapshot()
    assert snap["k"] is value
    cm.rollback(snap)
    assert cm["k"] is value


def test_a_snapshot_leaves_hooks_and_counts_behind(cm):
    seen = []
    cm.on_change(lambda *change: seen.append(change))
    cm["a"] = 1
    snap = cm.snapshot()
    snap["a"] = 2
    assert len(seen) == 1
    assert snap.get_stats()["writes"] == 1
    assert cm.get_stats()["snapshots"] == 1
    assert "cache_size" not in snap.get_stats()


def test_a_snapshot_keeps_max_history():
    cm = ChronoMap(max_history=2)
    snap = cm.snapshot()
    for ts in range(4):
        snap.put("k", ts, timestamp=ts)
    assert snap.history("k") == [(2.0, 2), (3.0, 3)]


def test_a_snapshot_of_a_snapshot(cm):
    cm.put("a", 1, timestamp=1)
    first = cm.snapshot()
    second = first.snapshot()
    first["a"] = 2
    assert second.latest() == cm.latest() == {"a": 1}


def test_rollback_brings_back_what_was_there_and_takes_what_was_not(cm):
    cm.put("a", 1, timestamp=1)
    cm.put("b", 2, timestamp=1)
    snap = cm.snapshot()
    cm.put("a", 3, timestamp=2)
    cm.put("a", 0, timestamp=0)
    cm.put("c", 4, timestamp=1)
    cm.delete("b")
    assert cm["a"] == 3
    assert cm.rollback(snap) is None
    assert contents(cm) == {"a": [(1.0, 1)], "b": [(1.0, 2)]}
    assert list(cm) == ["a", "b"]
    assert cm.get("a") == 1


def test_a_snapshot_can_be_rolled_back_to_again_and_again(cm):
    cm.put("a", 1, timestamp=1)
    snap = cm.snapshot()
    for value in range(3):
        cm["a"] = value
        cm["b"] = value
        cm.rollback(snap)
        assert contents(cm) == {"a": [(1.0, 1)]} == contents(snap)


def test_rollback_goes_forward_too(cm):
    cm["a"] = 1
    first = cm.snapshot()
    cm["a"] = 2
    second = cm.snapshot()
    cm.rollback(first)
    assert cm["a"] == 1
    cm.rollback(second)
    assert cm["a"] == 2


def test_rollback_brings_back_the_ttl(timed, clock):
    timed.put("a", 1, ttl=10)
    timed.put("b", 1)
    snap = timed.snapshot()
    timed.put("a", 2, ttl=100)
    timed.put("b", 2, ttl=1)
    timed.rollback(snap)
    clock.advance(9)
    assert timed.latest() == {"a": 1, "b": 1}
    clock.advance(1)
    assert timed.latest() == {"b": 1}
    assert snap.latest() == {"b": 1}


def test_rollback_keeps_hooks_and_does_not_call_them(cm):
    seen = []
    cm.on_change(lambda *change: seen.append(change[2]))
    cm["a"] = 1
    snap = cm.snapshot()
    cm["a"] = 2
    cm.rollback(snap)
    cm["a"] = 3
    assert seen == [1, 2, 3]


def test_any_map_can_be_rolled_back_to(cm, other):
    cm["a"] = 1
    other.put("b", [2], timestamp=5)
    cm.rollback(other)
    assert contents(cm) == {"b": [(5.0, [2])]}
    other["b"].append(3)
    assert cm["b"] == [2]


def test_rollback_to_itself_changes_nothing(cm):
    cm.put("a", 1, timestamp=1)
    within(5, lambda: cm.rollback(cm))
    assert contents(cm) == {"a": [(1.0, 1)]}


@pytest.mark.parametrize("wrong", [None, {}, "snapshot", 5])
def test_rollback_takes_a_map_only(cm, wrong):
    cm["a"] = 1
    with pytest.raises(lib.ChronoMapTypeError, match="Expected ChronoMap instance for rollback"):
        cm.rollback(wrong)
    assert cm.latest() == {"a": 1}


def test_the_context_gives_the_map_and_keeps_what_went_well(cm):
    with cm.snapshot_context() as inside:
        assert inside is cm
        cm["a"] = 1
    assert cm.latest() == {"a": 1}
    assert cm.get_stats()["snapshots"] == 1


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_the_context_rolls_back_on_any_exception_and_lets_it_through(cm, kind):
    cm.put("counter", 10, timestamp=1)

    def work():
        with cm.snapshot_context():
            cm["counter"] = 100
            cm["temp"] = "data"
            raise kind("no")

    with pytest.raises(kind, match="no"):
        work()
    assert contents(cm) == {"counter": [(1.0, 10)]}
    assert cm.get("temp") is None


def test_contexts_may_be_nested(cm):
    cm["a"] = 1
    with cm.snapshot_context():
        cm["b"] = 2
        with pytest.raises(ZeroDivisionError), cm.snapshot_context():
            cm["c"] = 1 / 0
        assert cm.latest() == {"a": 1, "b": 2}
    assert cm.latest() == {"a": 1, "b": 2}


def test_a_context_may_be_entered_again(cm):
    context = cm.snapshot_context()
    assert isinstance(context, lib.SnapshotContext)
    for number in range(2):
        with context:
            cm["a"] = number

    def fail():
        with context:
            cm["a"] = 9
            cm["b"] = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail()
    assert cm.latest() == {"a": 1}


def test_a_context_can_be_made_by_its_class(cm):
    context = lib.SnapshotContext(cm)
    assert context.chronomap is cm
    assert context.snapshot is None
    with context:
        cm["a"] = 1
        assert context.snapshot.latest() == {}
    assert cm.latest() == {"a": 1}


@pytest.mark.better
def test_a_context_undoes_its_own_writes_not_those_of_other_threads(cm):
    """Issue 8: rollback undoes only what it should when other threads write."""
    cm.put("mine", 1, timestamp=1)

    def work():
        with cm.snapshot_context():
            cm.put("mine", 3, timestamp=3)
            thread = threading.Thread(target=lambda: cm.put("theirs", 2, timestamp=2))
            thread.start()
            thread.join()
            cm["temp"] = 1 / 0

    with pytest.raises(ZeroDivisionError):
        work()
    assert contents(cm) == {"mine": [(1.0, 1)], "theirs": [(2.0, 2)]}


CHANGES = {
    "prune_history": lambda cm: cm.prune_history("a", keep_last=1),
    "prune_all_history": lambda cm: cm.prune_all_history(keep_last=1),
    "merge": lambda cm: cm.merge(ChronoMap.from_dict({"store": {"a": [(5, 9)], "z": [(1, 1)]}})),
    "rollback": lambda cm: cm.rollback(ChronoMap.from_dict({"store": {"b": [(1, 1)]}})),
    "clear": lambda cm: cm.clear(),
    "delete_many": lambda cm: cm.delete_many(["a", "b"]),
    "put_many": lambda cm: cm.put_many({"a": 5, "y": 6}),
}


@pytest.mark.better
@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("durable", [False, True])
def test_a_context_undoes_every_change_of_its_own_and_none_of_others(name, durable, tmp_path):
    cm = ChronoMap(**({"path": tmp_path / "map.chl"} if durable else {}))
    for ts in range(3):
        cm.put_many({"a": ts, "b": -ts}, timestamp=ts)
    before = contents(cm)

    def work():
        with cm.snapshot_context():
            thread = threading.Thread(target=lambda: cm.put("theirs", 2, timestamp=2))
            thread.start()
            thread.join()
            CHANGES[name](cm)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert contents(cm) == {**before, "theirs": [(2.0, 2)]}
    if durable:
        cm.close()
        with ChronoMap(path=tmp_path / "map.chl") as cm:
            assert contents(cm) == {**before, "theirs": [(2.0, 2)]}


@pytest.mark.better
@pytest.mark.parametrize("name", CHANGES)
def test_a_context_keeps_what_others_did_to_its_keys(cm, name):
    cm.put_many({"a": 1, "b": 1}, timestamp=1)

    def work():
        with cm.snapshot_context():
            cm.put_many({"a": 2, "b": 2, "z": 2, "y": 2}, timestamp=2)
            thread = threading.Thread(target=CHANGES[name], args=[cm])
            thread.start()
            thread.join()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    found = contents(cm)
    if name == "clear":
        assert found == {}
    if name == "delete_many":
        assert "a" not in found
        assert "b" not in found
    if name == "put_many":
        assert [value for _, value in found["a"]] == [1, 5]
        assert [value for _, value in found["y"]] == [6]


@pytest.mark.better
def test_a_map_that_is_in_itself_is_copied_once(cm):
    cm["self"] = cm
    snap = within(5, cm.snapshot)
    inner = snap["self"]
    assert inner is not cm
    assert inner["self"] is inner


@pytest.mark.better
@pytest.mark.parametrize("durable", [False, True])
def test_what_others_merge_and_prune_is_done_again_on_what_was_there(durable, tmp_path):
    cm = ChronoMap(**({"path": tmp_path / "map.chl"} if durable else {}))
    for ts in (1, 2, 3):
        cm.put("a", ts, timestamp=ts)
        cm.put("b", ts, timestamp=ts)
    writes = cm.get_stats()["writes"]
    other = ChronoMap.from_dict({"store": {"a": [(2.5, "merged")], "new": [(1, "new")]}})

    def theirs():
        cm.merge(other)
        cm.prune_history("a", older_than=2)
        cm.prune_all_history(keep_last=2)
        cm.put("b", "theirs", timestamp=9)

    def work():
        with cm.snapshot_context():
            cm.put("a", "mine", timestamp=2.2)
            cm.delete("b")
            cm.put("b", "mine", timestamp=4)
            cm.put("new", "mine", timestamp=7)
            thread = threading.Thread(target=theirs)
            thread.start()
            thread.join()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert contents(cm) == {
        "a": [(2.5, "merged"), (3.0, 3)],
        "b": [(2.0, 2), (3.0, 3), (9.0, "theirs")],
        "new": [(1.0, "new")],
    }
    # What was done again was counted when it was done.
    assert cm.get_stats()["writes"] == writes + 4
