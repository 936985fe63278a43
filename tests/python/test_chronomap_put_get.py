"""put, get and delete: what is stored comes back, at any time, until it is deleted."""

import math
from fractions import Fraction

import pytest

from chronomap_under_test import lib

VALUES = [None, 0, "", False, 1.5, math.nan, b"x", [1], {"a": 1}, {1}, (1, [2]), print, object()]
KEYS = ["a", "", 1, -1.5, None, b"k", (1, "a"), frozenset({1}), Fraction(1, 3), print, str]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_any_value_comes_back_as_the_very_object(cm, value):
    assert cm.put("k", value) is None
    assert cm.get("k", default="no") is value
    assert cm.get("k", strict=True) is value
    assert cm["k"] is value
    assert cm.latest()["k"] is value
    assert cm.history("k")[0][1] is value


def test_any_hashable_is_a_key(cm):
    for number, key in enumerate(KEYS):
        cm.put(key, number)
    assert [cm.get(key) for key in KEYS] == list(range(len(KEYS)))
    assert list(cm) == KEYS


def test_keys_that_are_equal_are_one_key(cm):
    cm.put(1, "int", timestamp=1)
    cm.put(1.0, "float", timestamp=2)
    cm.put(True, "bool", timestamp=3)
    assert cm.latest() == {1: "bool"}
    assert repr(list(cm)) == "[1]"


def test_an_object_is_a_key_by_its_own_hash_and_equality(cm):
    class Point:
        def __init__(self, x):
            self.x = x

        def __hash__(self):
            return 0

        def __eq__(self, other):
            return self.x == other.x

    for x in range(20):
        cm.put(Point(x), x)
    assert [cm.get(Point(x)) for x in range(20)] == list(range(20))
    assert cm.delete(Point(3))
    assert cm.get(Point(3)) is None


def test_what_is_missing_is_the_default(cm):
    assert cm.get("k") is None
    assert cm.get("k", default=5) == 5
    assert cm.get("k", None, 6) == 6


def test_strict_raises_for_what_is_missing_whatever_the_default(cm):
    with pytest.raises(lib.ChronoMapKeyError) as error:
        cm.get("nowhere", default=5, strict=True)
    assert error.value.args == ("nowhere",)
    cm.put("k", 1, timestamp=10)
    with pytest.raises(lib.ChronoMapKeyError, match="k"):
        cm.get("k", timestamp=9, strict=True)


def test_strict_is_given_by_keyword_only(cm):
    with pytest.raises(TypeError):
        cm.get("k", None, None, True)


def test_get_at_a_time_is_the_newest_version_at_or_before_it(cm):
    for ts in (10, 20, 30):
        cm.put("k", ts, timestamp=ts)
    found = [cm.get("k", timestamp=ts) for ts in (9.9, 10, 19.9, 20, 29.9, 30, 1e12)]
    assert found == [None, 10, 10, 20, 20, 30, 30]
    assert cm.get("k", timestamp=9.9, default="none yet") == "none yet"


def test_of_versions_at_one_time_the_last_wins_and_all_are_kept(cm):
    for value in "abc":
        cm.put("k", value, timestamp=5)
    cm.put("k", "later", timestamp=6)
    cm.put("k", "d", timestamp=5)
    assert cm.get("k", timestamp=5) == "d"
    assert cm.history("k") == [(5.0, "a"), (5.0, "b"), (5.0, "c"), (5.0, "d"), (6.0, "later")]


def test_a_put_in_the_past_leaves_the_present(cm):
    cm.put("k", "new", timestamp=20)
    cm.put("k", "old", timestamp=10)
    assert cm["k"] == "new"
    assert cm.get("k", timestamp=15) == "old"


def test_a_future_version_is_invisible_to_get_and_shown_by_latest(timed, clock):
    timed.put("k", "later", timestamp=clock.now + 1)
    assert timed.get("k", default="not yet") == "not yet"
    with pytest.raises(KeyError):
        timed["k"]
    assert "k" in timed
    assert len(timed) == 1
    assert timed.latest() == {"k": "later"}
    assert list(timed.items()) == [("k", "later")]
    assert list(timed.values()) == ["later"]
    assert timed.history("k") == [(1001.0, "later")]
    assert timed.get_latest_keys(1) == [("k", 1001.0, "later")]
    assert timed.get_range("k") == []
    assert timed.query(lambda key, value: True) == {}
    assert timed.aggregate(list) is None
    assert timed.get("k", timestamp=1001) == "later"


@pytest.mark.better
def test_a_future_version_is_seen_as_soon_as_its_time_has_come(timed, clock):
    timed.put("k", "now", timestamp=clock.now)
    timed.put("k", "later", timestamp=clock.now + 1)
    assert timed.get("k") == "now"
    clock.advance(1)
    assert timed.get("k") == "later"


def test_delete_erases_the_history(cm):
    cm.put("k", 1, timestamp=10)
    cm.put("k", 2, timestamp=20)
    assert cm.delete("k") is True
    assert cm.delete("k") is False
    assert cm.get("k", timestamp=15) is None
    assert cm.history("k") == []
    assert "k" not in cm
    cm.put("k", 3, timestamp=5)
    assert cm.history("k") == [(5.0, 3)]


def test_clear_takes_everything(cm):
    cm.put_many({"a": 1, "b": 2}, ttl=100)
    assert cm.clear() is None
    assert len(cm) == 0
    assert cm.history("a") == []
    cm["c"] = 3
    assert cm.latest() == {"c": 3}


def test_an_unhashable_key_is_refused(cm):
    with pytest.raises(lib.ChronoMapTypeError, match="Key must be hashable, got list"):
        cm.put([], 1)
    with pytest.raises(lib.ChronoMapTypeError, match="Key must be hashable, got dict"):
        cm[{}] = 1
    for call in (cm.get, cm.delete, cm.history, cm.get_range, cm.__contains__, cm.__getitem__):
        with pytest.raises(TypeError, match="hashable"):
            call([])
    assert len(cm) == 0


def test_what_was_read_is_not_served_once_it_was_changed(cm):
    cm.put("k", 1, timestamp=10)
    assert [cm["k"], cm.get("k", timestamp=15)] == [1, 1]
    cm.put("k", 2, timestamp=12)
    assert [cm["k"], cm.get("k", timestamp=15), cm.get("k", timestamp=11)] == [2, 2, 1]
    cm.delete("k")
    assert [cm.get("k"), cm.get("k", timestamp=15)] == [None, None]
