"""merge joins two maps by time or by overwriting; diff and diff_detailed tell them apart."""

import threading

import pytest

from chronomap_under_test import ChronoMap, contents, lib, pairs, run_code, within

METHODS = ["merge", "diff", "diff_detailed"]


@pytest.fixture
def two(cm, other):
    cm.put("shared", "v1", timestamp=100)
    cm.put("mine", 1, timestamp=1)
    other.put("shared", "v2", timestamp=200)
    other.put("shared", "v0", timestamp=50)
    other.put("theirs", 2, timestamp=2)
    return cm, other


def test_by_time_both_histories_are_kept(two):
    cm, other = two
    before = contents(other)
    assert cm.merge(other) is None
    assert contents(cm) == {
        "shared": [(50.0, "v0"), (100.0, "v1"), (200.0, "v2")],
        "mine": [(1.0, 1)],
        "theirs": [(2.0, 2)],
    }
    assert contents(other) == before


def test_by_overwriting_the_others_history_takes_the_place_of_ours(two):
    cm, other = two
    cm.merge(other, strategy="overwrite")
    assert contents(cm) == {
        "shared": [(50.0, "v0"), (200.0, "v2")],
        "mine": [(1.0, 1)],
        "theirs": [(2.0, 2)],
    }
    cm.put("theirs", 3, timestamp=3)
    assert other.history("theirs") == [(2.0, 2)]


def test_of_versions_at_one_time_the_merged_one_wins_and_both_are_kept(cm, other):
    cm.put("a", "ours", timestamp=5)
    other.put("a", "theirs", timestamp=5)
    cm.merge(other)
    assert cm["a"] == "theirs"
    assert cm.history("a") == [(5.0, "ours"), (5.0, "theirs")]
    cm.merge(other, "timestamp")
    assert cm.history("a") == [(5.0, "ours"), (5.0, "theirs"), (5.0, "theirs")]


def test_max_history_holds_after_a_merge_by_time(other):
    cm = ChronoMap(max_history=2)
    cm.put("a", 3, timestamp=3)
    for ts in (1, 2, 4):
        other.put("a", ts, timestamp=ts)
    cm.merge(other)
    assert cm.history("a") == [(3.0, 3), (4.0, 4)]


def test_what_was_read_before_a_merge_is_not_served_after_it(two):
    cm, other = two
    assert cm["shared"] == "v1"
    cm.merge(other)
    assert cm["shared"] == "v2"


@pytest.mark.parametrize(
    ("strategy", "ours", "theirs", "left"),
    [
        ("timestamp", 10, 20, 20),
        ("timestamp", 20, 10, 20),
        ("timestamp", None, 10, 10),
        ("timestamp", 10, None, 10),
        ("overwrite", 20, 10, 10),
        ("overwrite", 10, 20, 20),
    ],
)
def test_which_ttl_is_left(clock, strategy, ours, theirs, left):
    cm, other = (ChronoMap(enable_ttl_cleanup=False, **clock.options) for _ in range(2))
    cm.put("a", 1, ttl=ours)
    other.put("a", 2, ttl=theirs)
    cm.merge(other, strategy=strategy)
    clock.advance(left - 1)
    assert cm["a"] == 2
    clock.advance(1)
    assert "a" not in cm


def test_a_merge_is_no_put(two):
    cm, other = two
    seen = []
    cm.on_change(lambda *change: seen.append(change))
    cm.merge(other)
    assert seen == []
    assert cm.get_stats()["writes"] == 2


def test_a_snapshot_can_be_merged_back(cm):
    cm.put("a", 1, timestamp=1)
    snap = cm.snapshot()
    cm.delete("a")
    cm.put("b", 2, timestamp=2)
    cm.merge(snap)
    assert contents(cm) == {"b": [(2.0, 2)], "a": [(1.0, 1)]}


@pytest.mark.parametrize("strategy", ["newest", "", None, 1])
def test_an_unknown_strategy_is_refused_and_named(two, strategy):
    cm, other = two
    with pytest.raises(lib.ChronoMapValueError, match=f"Invalid merge strategy: {strategy}"):
        cm.merge(other, strategy=strategy)
    assert "theirs" not in cm


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("wrong", [{}, None, [("a", 1)]])
def test_only_maps_are_merged_and_compared(cm, method, wrong):
    with pytest.raises(lib.ChronoMapTypeError, match=f"Expected ChronoMap instance for {method}"):
        getattr(cm, method)(wrong)


@pytest.mark.better
def test_a_map_merged_into_itself_comes_to_an_end():
    """The peer's appends to the list that it walks, until there is no memory left."""
    code = (
        "cm = lib.ChronoMap(enable_ttl_cleanup=False)\n"
        "cm.put('a', 1, timestamp=1)\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (3, 3))\n"
        "cm.merge(cm)\n"
        "print(cm.latest(), {value for _, value in cm.history('a')})\n"
    )
    assert run_code(code) == "{'a': 1} {1}\n"


def test_a_map_overwritten_by_itself_stays_as_it_is(cm):
    cm.put("a", [1], timestamp=1)
    within(5, lambda: cm.merge(cm, strategy="overwrite"))
    assert contents(cm) == {"a": [(1.0, [1])]}


def test_two_maps_may_be_merged_into_each_other_at_once(cm, other):
    def merge(into, source):
        for _ in range(5):
            into.merge(source, strategy="overwrite")

    cm.put_many(dict.fromkeys(range(50), 1), timestamp=1)
    other.put_many(dict.fromkeys(range(50), 1), timestamp=1)
    threads = [
        threading.Thread(target=merge, args=maps, daemon=True)
        for maps in ((cm, other), (other, cm))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert contents(cm) == contents(other)


def test_diff_is_the_set_of_keys_whose_latest_values_differ(two):
    cm, other = two
    cm.put("same", 1, timestamp=1)
    other.put("same", 1, timestamp=99)
    assert cm.diff(other) == other.diff(cm) == {"shared", "mine", "theirs"}
    assert cm.diff(cm) == cm.diff(cm.snapshot()) == set()


def test_diff_detailed_gives_key_the_others_value_and_ours(two):
    """A snapshot given to it is what was before: old comes before new."""
    cm, other = two
    assert sorted(cm.diff_detailed(other)) == [
        ("mine", None, 1),
        ("shared", "v2", "v1"),
        ("theirs", 2, None),
    ]
    snap = cm.snapshot()
    cm.put("mine", 5, timestamp=5)
    assert cm.diff_detailed(snap) == [("mine", 1, 5)]
    assert snap.diff_detailed(cm) == [("mine", 5, 1)]


def test_a_key_that_expired_in_one_map_only_differs(clock):
    cm, other = (ChronoMap(enable_ttl_cleanup=False, **clock.options) for _ in range(2))
    cm.put_many({"a": 1, "b": 1}, timestamp=1, ttl=10)
    other.put("a", 1, timestamp=1)
    other.put("b", 1, timestamp=1, ttl=10)
    assert cm.diff(other) == set()
    clock.advance(10)
    assert cm.diff(other) == other.diff(cm) == {"a"}


@pytest.mark.better
def test_a_key_with_the_value_none_differs_from_no_key(cm, other):
    cm["a"] = None
    assert cm.diff(other) == other.diff(cm) == {"a"}
    assert cm.diff_detailed(other) == [("a", None, None)]


def test_values_in_a_diff_are_compared_by_equality(cm, other):
    cm.put_many({"a": 1, "b": [1, {"x": 2}]})
    other.put_many({"a": 1.0, "b": [1, {"x": 2}]})
    assert cm.diff(other) == set()
    other["b"][1]["x"] = 3
    assert cm.diff_detailed(other) == [("b", [1, {"x": 3}], [1, {"x": 2}])]
    assert pairs(other.history("b"))[0][1] == [1, {"x": 3}]
