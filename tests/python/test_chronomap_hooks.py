"""Hooks are called on every put, in order; what they raise is logged."""

import logging
import threading

import pytest

from chronomap_under_test import contents, within


@pytest.fixture
def seen(cm):
    """What a hook of `cm` was called with."""
    calls = []
    cm.on_change(lambda *change: calls.append(change))
    return calls


def test_a_hook_gets_key_old_new_and_time(cm, seen):
    cm.put("a", 1, timestamp=10)
    cm.put("a", 2, timestamp="1970-01-01T00:00:20Z")
    cm["b"] = None
    assert seen == [("a", None, 1, 10.0), ("a", 1, 2, 20.0), ("b", None, None, seen[2][3])]
    assert seen[2][3] == cm.history("b")[0][0]


def test_old_is_the_latest_version_even_for_a_put_in_the_past(cm, seen):
    cm.put("a", 1, timestamp=10)
    cm.put("a", 2, timestamp=5)
    cm.put("a", 3, timestamp=20)
    assert seen == [("a", None, 1, 10.0), ("a", 1, 2, 5.0), ("a", 1, 3, 20.0)]


def test_put_many_calls_them_item_by_item(cm, seen):
    cm.put("b", 0, timestamp=1)
    cm.put_many({"c": 1, "b": 2, "a": 3}, timestamp=5)
    assert seen[1:] == [("c", None, 1, 5.0), ("b", 0, 2, 5.0), ("a", None, 3, 5.0)]


def test_only_puts_call_them(cm, other, seen):
    other["x"] = 1
    cm["a"] = 1
    del seen[:]
    cm.merge(other)
    snap = cm.snapshot()
    cm.delete("a")
    cm.delete_many(["x"])
    cm.rollback(snap)
    cm.prune_all_history(keep_last=1)
    cm.clean_expired_keys()
    cm.clear()
    assert seen == []


@pytest.mark.parametrize("options", [{"timestamp": "x"}, {"timestamp": float("inf")}, {"ttl": 0}])
def test_a_refused_put_calls_none(cm, seen, options):
    with pytest.raises(ValueError):
        cm.put("a", 1, **options)
    assert seen == []


def test_hooks_are_called_in_the_order_in_which_they_came(cm):
    order = []
    for name in "abc":
        cm.on_change(lambda *_, name=name: order.append(name))
    cm["k"] = 1
    cm.put_many({"i": 1, "j": 1})
    assert "".join(order) == "abcabcabc"


def test_a_hook_registered_twice_is_called_twice_and_removed_once(cm):
    calls = []

    def hook(*change):
        calls.append(change)

    assert cm.on_change(hook) is None
    cm.on_change(hook)
    cm["a"] = 1
    assert len(calls) == 2
    assert cm.remove_change_callback(hook) is True
    cm["a"] = 2
    assert len(calls) == 3
    assert cm.remove_change_callback(hook) is True
    assert cm.remove_change_callback(hook) is False
    cm["a"] = 3
    assert len(calls) == 3


def test_a_bound_method_can_be_removed(cm):
    class Audit:
        def __init__(self):
            self.calls = []

        def note(self, *change):
            self.calls.append(change)

    audit = Audit()
    cm.on_change(audit.note)
    cm["a"] = 1
    assert cm.remove_change_callback(audit.note) is True
    cm["a"] = 2
    assert len(audit.calls) == 1


def test_what_a_hook_raises_is_logged_and_the_others_are_called(cm, seen, caplog):
    def broken(*change):
        raise RuntimeError("out of paper")

    cm.remove_change_callback(broken)
    cm.on_change(broken)
    late = []
    cm.on_change(lambda *change: late.append(change))
    with caplog.at_level(logging.ERROR):
        cm["a"] = 1
        cm.put_many({"b": 2})
    assert cm.latest() == {"a": 1, "b": 2}
    assert len(seen) == len(late) == 2
    errors = [r for r in caplog.records if "Error in change callback" in r.getMessage()]
    assert len(errors) == 2
    assert "out of paper" in caplog.text
    assert errors[0].levelno == logging.ERROR


def test_a_hook_with_other_arguments_is_logged_too(cm, caplog):
    cm.on_change(lambda key: None)
    cm["a"] = 1
    assert cm["a"] == 1
    assert "Error in change callback" in caplog.text


@pytest.mark.better
def test_a_hook_that_removes_itself_does_not_hide_the_next(cm):
    order = []

    def once(*change):
        order.append("once")
        cm.remove_change_callback(once)

    cm.on_change(once)
    cm.on_change(lambda *change: order.append("always"))
    cm["a"] = 1
    cm["a"] = 2
    assert order == ["once", "always", "always"]


@pytest.mark.better
def test_a_hook_sees_the_new_value(cm):
    found = []
    cm.on_change(lambda key, *change: found.append((cm[key], cm.get(key, timestamp=5))))
    within(2, lambda: cm.put("a", 1, timestamp=5))
    assert found == [(1, 1)]


@pytest.mark.better
def test_the_hooks_of_a_batch_are_called_when_all_of_it_is_there(cm):
    found = []
    cm.on_change(lambda *change: found.append(contents(cm)))
    within(2, lambda: cm.put_many({"a": 1, "b": 2}, timestamp=1))
    assert found == [{"a": [(1.0, 1)], "b": [(1.0, 2)]}] * 2


@pytest.mark.better
def test_hooks_hold_no_lock(cm):
    """Another thread reads and writes while a hook waits for it."""
    finished = []

    def hook(key, *change):
        if key == "a":
            thread = threading.Thread(target=lambda: (cm.put("b", 2), cm.get("b")), daemon=True)
            thread.start()
            thread.join(1)
            finished.append(not thread.is_alive())

    cm.on_change(hook)
    within(5, lambda: cm.put("a", 1))
    assert finished == [True]


def test_a_put_in_a_hook_calls_the_hooks_again(cm):
    seen = []

    def hook(key, old, new, ts):
        seen.append((key, new))
        if new > 0:
            cm.put(key, new - 1)

    cm.on_change(hook)
    within(2, lambda: cm.put("a", 3))
    assert seen == [("a", 3), ("a", 2), ("a", 1), ("a", 0)]
    assert cm["a"] == 0
