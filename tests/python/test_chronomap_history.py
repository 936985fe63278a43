"""History, ranges and what is newest."""

import pytest

from chronomap_under_test import lib


@pytest.fixture
def sensor(cm):
    for ts, value in ((100, 10), (200, 15), (300, 20)):
        cm.put("sensor", value, timestamp=ts)
    return cm


def test_history_is_a_list_of_times_and_values_in_time_order(sensor):
    sensor.put("sensor", 12, timestamp=150)
    history = sensor.history("sensor")
    assert history == [(100.0, 10), (150.0, 12), (200.0, 15), (300.0, 20)]
    assert type(history) is list
    assert all(type(version) is tuple and type(version[0]) is float for version in history)
    assert sensor.history("nowhere") == []


def test_history_is_a_copy(sensor):
    sensor.history("sensor").clear()
    assert len(sensor.history("sensor")) == 3


def test_iter_history_gives_the_same_one_by_one(sensor):
    versions = sensor.iter_history("sensor")
    assert iter(versions) is versions
    assert next(versions) == (100.0, 10)
    sensor.delete("sensor")
    assert list(versions) == [(200.0, 15), (300.0, 20)]
    assert list(sensor.iter_history("nowhere")) == []


def test_a_range_holds_both_its_ends(sensor):
    assert sensor.get_range("sensor", 100, 200) == [(100.0, 10), (200.0, 15)]
    assert sensor.get_range("sensor", start_ts=150, end_ts=250) == [(200.0, 15)]
    assert sensor.get_range("sensor", 200, 200) == [(200.0, 15)]
    assert sensor.get_range("sensor", 201, 299) == []


def test_a_range_may_be_open_at_either_end(sensor):
    assert sensor.get_range("sensor", start_ts=200) == [(200.0, 15), (300.0, 20)]
    assert sensor.get_range("sensor", end_ts=200) == [(100.0, 10), (200.0, 15)]
    assert sensor.get_range("sensor") == sensor.history("sensor")


def test_a_range_takes_text(sensor):
    found = sensor.get_range("sensor", "1970-01-01T00:02:00Z", "1970-01-01T00:03:20Z")
    assert found == [(200.0, 15)]


def test_a_range_that_ends_before_it_starts_is_empty(sensor):
    assert sensor.get_range("sensor", 300, 100) == []
    assert sensor.get_range("nowhere", 100, 300) == []


def test_a_range_ends_now_unless_it_is_told(timed, clock):
    timed.put("a", 1, timestamp=clock.now)
    timed.put("a", 2, timestamp=clock.now + 1)
    assert timed.get_range("a") == [(1000.0, 1)]
    assert timed.get_range("a", end_ts=2000) == [(1000.0, 1), (1001.0, 2)]


def test_the_newest_keys_come_newest_first(cm):
    for key, ts in (("a", 5), ("b", 9), ("c", 7)):
        cm.put(key, key.upper(), timestamp=ts)
    cm.put("a", "again", timestamp=8)
    assert cm.get_latest_keys(2) == [("b", 9.0, "B"), ("a", 8.0, "again")]
    assert [key for key, _, _ in cm.get_latest_keys(100)] == ["b", "a", "c"]
    assert cm.get_latest_keys(0) == []


def test_keys_of_one_time_come_in_their_own_order(cm):
    cm.put("z", 1, timestamp=1)
    cm.put_many(dict.fromkeys("dbac", 0), timestamp=5)
    assert [key for key, _, _ in cm.get_latest_keys(5)] == ["d", "b", "a", "c", "z"]


def test_keys_are_found_by_value(cm):
    cm.put_many({"user1": "active", "user2": "active", "user3": "inactive"}, timestamp=10)
    cm.put("user1", "inactive", timestamp=20)
    assert cm.get_keys_by_value("active") == ["user2"]
    assert cm.get_keys_by_value("inactive") == ["user1", "user3"]
    assert cm.get_keys_by_value("active", timestamp=15) == ["user1", "user2"]
    assert cm.get_keys_by_value("gone") == []


def test_values_are_found_by_equality(cm):
    cm.put_many({"a": 1, "b": 1.0, "c": True, "d": [1], "e": {"x": [1]}})
    assert cm.get_keys_by_value(1) == ["a", "b", "c"]
    assert cm.get_keys_by_value([1]) == ["d"]
    assert cm.get_keys_by_value({"x": [1]}) == ["e"]


@pytest.mark.better
def test_keys_of_the_value_none_have_that_value(cm):
    cm.put("a", None, timestamp=10)
    cm.put("b", 1, timestamp=20)
    assert cm.get_keys_by_value(None) == ["a"]
    assert cm.get_keys_by_value(None, timestamp=15) == ["a"]
    assert cm.get_keys_by_value(None, timestamp=5) == []


@pytest.mark.better
def test_keys_with_history_count(timed, clock):
    timed.put("a", 1, timestamp=1)
    timed.put("a", 2, timestamp=2)
    timed.put("later", 1, timestamp=clock.now + 1)
    timed.put("short", 1, ttl=5)
    assert timed.keys_with_history_count() == {"a": 2, "later": 1, "short": 1}
    clock.advance(5)
    assert timed.keys_with_history_count() == {"a": 2, "later": 1}


def test_what_is_read_of_an_expired_key_is_empty(timed, clock):
    timed.put("a", 1, ttl=10)
    clock.advance(10)
    assert timed.history("a") == timed.get_range("a") == list(timed.iter_history("a")) == []
    assert timed.get_latest_keys(5) == []
    assert timed.get_keys_by_value(1) == []


def test_a_bound_that_is_no_time_is_refused(sensor):
    for bounds in ({"start_ts": "soon"}, {"end_ts": "soon"}):
        with pytest.raises(lib.ChronoMapValueError, match="Invalid datetime string: soon"):
            sensor.get_range("sensor", **bounds)
