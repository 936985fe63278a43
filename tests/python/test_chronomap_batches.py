"""put_many and delete_many: many keys in one call, whole or not at all."""

from collections import ChainMap
from types import MappingProxyType

import pytest

from chronomap_under_test import ChronoMap, contents, lib


def test_all_items_are_put_at_one_time(cm):
    assert cm.put_many({"a": 1, "b": None, 3: [4]}) is None
    assert cm.latest() == {"a": 1, "b": None, 3: [4]}
    assert len({cm.history(key)[0][0] for key in cm}) == 1


def test_the_time_may_be_given(cm):
    cm.put("a", 0, timestamp=2e9)
    cm.put_many({"a": 1, "b": 2}, timestamp="2020-09-13T12:26:40Z")
    assert cm.history("a") == [(1.6e9, 1), (2e9, 0)]
    assert cm.history("b") == [(1.6e9, 2)]


def test_each_call_adds_a_version(cm):
    for ts in range(3):
        cm.put_many({"a": ts, "b": -ts}, timestamp=ts)
    assert cm.history("b") == [(0.0, 0), (1.0, -1), (2.0, -2)]
    assert cm.get_stats()["writes"] == 6


@pytest.mark.parametrize("kind", [dict, MappingProxyType, ChainMap])
def test_any_mapping_will_do(cm, kind):
    cm.put_many(kind({"a": 1, "b": 2}))
    assert cm.latest() == {"a": 1, "b": 2}


def test_a_map_may_be_put_into_another(cm, other):
    other.put_many({"a": 1, "b": 2}, timestamp=1)
    cm.put_many(other, timestamp=5)
    assert contents(cm) == {"a": [(5.0, 1)], "b": [(5.0, 2)]}


def test_nothing_is_a_batch(cm):
    cm.put_many({})
    assert cm.delete_many([]) == 0
    assert len(cm) == 0
    assert cm.get_stats()["writes"] == 0


def test_a_ttl_holds_for_every_key(timed, clock):
    timed.put_many({"a": 1, "b": 2}, ttl=10)
    clock.advance(9)
    assert len(timed) == 2
    clock.advance(1)
    assert len(timed) == 0


def test_max_history_holds_for_every_key():
    cm = ChronoMap(max_history=2)
    for ts in range(5):
        cm.put_many({"a": ts, "b": ts}, timestamp=ts)
    assert contents(cm) == {"a": [(3.0, 3), (4.0, 4)], "b": [(3.0, 3), (4.0, 4)]}


@pytest.mark.parametrize(
    "options",
    [
        {"timestamp": "x"},
        {"timestamp": float("nan")},
        pytest.param({"ttl": 0}, marks=pytest.mark.better),
        pytest.param({"ttl": -1}, marks=pytest.mark.better),
        pytest.param({"ttl": "soon"}, marks=pytest.mark.better),
    ],
)
def test_a_refused_batch_changes_nothing(cm, options):
    cm.put("a", 0, timestamp=1)
    seen = []
    cm.on_change(lambda *change: seen.append(change))
    with pytest.raises((ValueError, TypeError)):
        cm.put_many({"a": 1, "b": 2}, **options)
    assert contents(cm) == {"a": [(1.0, 0)]}
    assert cm.get_stats()["writes"] == 1
    assert seen == []


@pytest.mark.better
def test_items_that_fail_halfway_change_nothing(cm):
    class Broken(dict):
        def items(self):
            yield "a", 1
            raise OSError("the other end is gone")

    with pytest.raises(OSError, match="the other end is gone"):
        cm.put_many(Broken())
    assert len(cm) == 0
    assert cm.get_stats()["writes"] == 0


@pytest.mark.better
def test_a_key_that_cannot_be_hashed_stops_the_whole_batch(cm):
    class Pairs:
        def items(self):
            return [("a", 1), ([], 2)]

    with pytest.raises(lib.ChronoMapTypeError, match="Key must be hashable, got list"):
        cm.put_many(Pairs())
    assert len(cm) == 0
    cm["b"] = 1
    with pytest.raises(TypeError, match="hashable"):
        cm.delete_many(["b", []])
    assert "b" in cm


def test_delete_many_counts_the_keys_that_were_there(cm):
    cm.put_many({"a": 1, "b": 2, "c": 3, None: 4})
    assert cm.delete_many(["a", "b", "a", "nowhere", None]) == 3
    assert list(cm) == ["c"]
    assert cm.get_stats()["deletes"] == 3
    assert cm.history("a") == []


@pytest.mark.parametrize(
    "kind", [tuple, set, dict.fromkeys, pytest.param(iter, marks=pytest.mark.better)]
)
def test_keys_to_delete_come_in_any_collection(cm, kind):
    cm.put_many({"a": 1, "b": 2, "c": 3})
    assert cm.delete_many(kind(["a", "b"])) == 2
    assert list(cm) == ["c"]


@pytest.mark.parametrize("use_rwlock", [True, False])
def test_a_large_batch(use_rwlock):
    cm = ChronoMap(use_rwlock=use_rwlock, cache_size=0)
    cm.put_many({number: str(number) for number in range(20_000)}, timestamp=1)
    assert len(cm) == 20_000
    assert cm.get(19_999, timestamp=1) == "19999"
    assert cm.delete_many(list(range(0, 20_000, 2))) == 10_000
    assert list(cm)[:2] == [1, 3]
