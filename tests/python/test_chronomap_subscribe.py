"""Subscriptions are hooks of one key. chronomap 2.2.1 of PyPI has none: API.md gives their form."""

import logging

import pytest

from chronomap_under_test import lib, within

pytestmark = pytest.mark.better


def test_a_subscriber_gets_old_new_and_time_of_its_key_only(cm):
    seen = []
    assert cm.subscribe("a", lambda old, new, ts: seen.append((old, new, ts))) is None
    cm.put("a", 1, timestamp=10)
    cm.put("b", 5, timestamp=10)
    cm.put("a", 2, timestamp=20)
    assert seen == [(None, 1, 10.0), (1, 2, 20.0)]


def test_a_key_need_not_be_there_yet_and_outlives_its_values(cm):
    seen = []
    cm.subscribe(("k", 1), lambda *change: seen.append(change[1]))
    cm[("k", 1)] = 1
    cm.delete(("k", 1))
    cm[("k", 1)] = 2
    cm.clear()
    cm[("k", 1)] = 3
    assert seen == [1, 2, 3]


def test_put_many_and_get_or_set_call_it(cm):
    seen = []
    cm.subscribe("a", lambda *change: seen.append(("a", *change[:2])))
    cm.subscribe("b", lambda *change: seen.append(("b", *change[:2])))
    cm.put_many({"b": 1, "c": 2, "a": 3})
    cm.get_or_set("a", lambda: 4)
    cm.delete("a")
    cm.get_or_set("a", lambda: 5)
    assert seen == [("b", None, 1), ("a", None, 3), ("a", None, 5)]


def test_hooks_of_the_map_come_before_those_of_the_key(cm):
    order = []
    cm.subscribe("a", lambda *change: order.append("key"))
    cm.on_change(lambda *change: order.append("map"))
    cm["a"] = 1
    assert order == ["map", "key"]


def test_unsubscribe_says_whether_it_was_there(cm):
    first, second = [], []

    def one(old, new, ts):
        first.append(new)

    cm.subscribe("a", one)
    cm.subscribe("a", lambda old, new, ts: second.append(new))
    assert cm.unsubscribe("b", one) is False
    assert cm.unsubscribe("a", one) is True
    assert cm.unsubscribe("a", one) is False
    cm["a"] = 1
    assert (first, second) == ([], [1])


def test_what_a_subscriber_raises_is_logged_and_the_others_are_called(cm, caplog):
    seen = []
    cm.subscribe("a", lambda old, new, ts: 1 / 0)
    cm.subscribe("a", lambda old, new, ts: seen.append(new))
    with caplog.at_level(logging.ERROR):
        cm["a"] = 1
    assert cm["a"] == 1
    assert seen == [1]
    assert "Error in key subscriber callback" in caplog.text


def test_what_is_no_key_or_no_function_is_refused(cm):
    with pytest.raises(lib.ChronoMapTypeError, match="Key must be hashable, got list"):
        cm.subscribe([], print)
    with pytest.raises(lib.ChronoMapTypeError, match="callable"):
        cm.subscribe("a", 5)
    with pytest.raises(lib.ChronoMapTypeError, match="Key must be hashable, got list"):
        cm.unsubscribe([], print)


def test_a_subscriber_that_unsubscribes_does_not_hide_the_next(cm):
    order = []

    def once(old, new, ts):
        order.append("once")
        cm.unsubscribe("a", once)

    cm.subscribe("a", once)
    cm.subscribe("a", lambda *change: order.append("always"))
    within(2, lambda: cm.put("a", 1))
    within(2, lambda: cm.put("a", 2))
    assert order == ["once", "always", "always"]


def test_a_snapshot_has_no_subscribers(cm):
    seen = []
    cm.subscribe("a", lambda *change: seen.append(change))
    cm.snapshot()["a"] = 1
    assert seen == []
