"""get_or_set and get_or_default: read a key, or store what it should be."""

import threading

import pytest

from chronomap_under_test import lib, within

pytestmark = pytest.mark.better


def test_the_factory_is_called_for_a_missing_key_only(cm):
    calls = []

    def factory():
        calls.append(1)
        return [len(calls)]

    made = cm.get_or_set("a", factory)
    assert made == [1]
    assert cm.get_or_set("a", factory) is made
    assert cm.get_or_set(key="a", factory=factory, ttl=None) is made
    assert cm["a"] is made
    assert len(calls) == len(cm.history("a")) == 1


def test_a_stored_none_is_there(cm):
    cm["a"] = None
    assert cm.get_or_set("a", lambda: 1) is None
    assert cm.get_or_default("a", 1) is None
    assert cm.get_or_set("b", lambda: None) is None
    assert "b" in cm


def test_an_expired_key_is_missing(timed, clock):
    timed.put("a", "old", ttl=10)
    assert timed.get_or_set("a", lambda: "new") == "old"
    clock.advance(10)
    assert timed.get_or_set("a", lambda: "new", ttl=5) == "new"
    assert timed.history("a") == [(1010.0, "new")]
    clock.advance(5)
    assert "a" not in timed


def test_get_or_default_stores_the_default(cm):
    default = {"x": 1}
    assert cm.get_or_default("a", default) is default
    assert cm["a"] is default
    assert cm.get_or_default("a", 5) is default
    assert len(cm.history("a")) == 1


def test_it_is_a_write_once_and_a_read_after(cm):
    seen = []
    cm.on_change(lambda *change: seen.append(change[:3]))
    cm.get_or_set("a", lambda: 1)
    cm.get_or_set("a", lambda: 2)
    cm.get_or_default("b", 3)
    stats = cm.get_stats()
    assert (stats["writes"], stats["reads"]) == (2, 1)
    assert seen == [("a", None, 1), ("b", None, 3)]


def test_what_is_wrong_is_refused_before_the_factory_is_called(cm):
    calls = []
    with pytest.raises(lib.ChronoMapTypeError, match="Key must be hashable, got list"):
        cm.get_or_set([], lambda: calls.append(1))
    with pytest.raises(lib.ChronoMapTypeError, match="callable"):
        cm.get_or_set("a", 5)
    with pytest.raises(lib.ChronoMapValueError, match="TTL must be positive, got 0"):
        cm.get_or_set("a", lambda: calls.append(1), ttl=0)
    assert calls == []
    assert len(cm) == 0


def test_what_the_factory_raises_comes_through_and_stores_nothing(cm):
    with pytest.raises(ZeroDivisionError):
        cm.get_or_set("a", lambda: 1 / 0)
    assert "a" not in cm
    assert cm.get_or_set("a", lambda: 1) == 1


def test_the_factory_may_read_and_write_the_map(cm):
    def factory():
        cm["b"] = 2
        return cm["b"] + cm.get_or_set("c", lambda: 3)

    assert within(2, lambda: cm.get_or_set("a", factory)) == 5
    assert cm.latest() == {"b": 2, "c": 3, "a": 5}


def test_threads_that_ask_at_once_get_one_value(cm):
    barrier = threading.Barrier(8)
    found = []

    def ask():
        barrier.wait()
        found.append(cm.get_or_set("a", object))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(found) == 8
    assert set(map(id, found)) == {id(cm["a"])}
    assert len(cm.history("a")) == 1
