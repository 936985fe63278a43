"""A key with a time to live is gone when it is over; a sweep takes its memory back."""

import time

import pytest

from chronomap_under_test import ChronoMap, lib


def test_a_key_is_gone_when_its_time_is_over(timed, clock):
    timed.put("a", 1, ttl=10)
    timed.put("b", 2)
    clock.advance(9.9)
    assert timed["a"] == 1
    clock.advance(0.1)
    assert timed.get("a") is None
    assert timed.get("a", default="gone") == "gone"
    assert timed.get("a", timestamp=1005) is None
    assert "a" not in timed
    assert len(timed) == 1
    assert list(timed) == list(timed.keys()) == ["b"]
    assert list(timed.values()) == [2]
    assert list(timed.items()) == [("b", 2)]
    assert timed.latest() == {"b": 2}
    assert repr(timed) == "ChronoMap(keys=['b'])"
    with pytest.raises(lib.ChronoMapKeyError, match="a"):
        timed["a"]
    with pytest.raises(lib.ChronoMapKeyError, match="a"):
        timed.get("a", strict=True)


def test_a_map_whose_last_key_expired_is_false(timed, clock):
    timed.put("a", 1, ttl=1)
    assert timed
    clock.advance(1)
    assert not timed


def test_the_time_counts_from_the_call_whatever_the_timestamp(timed, clock):
    timed.put("a", 1, timestamp=1, ttl=10)
    timed.put("b", 1, timestamp="2100-01-01", ttl=10)
    clock.advance(9)
    assert len(timed) == 2
    clock.advance(1)
    assert len(timed) == 0


def test_a_later_ttl_takes_the_place_of_an_earlier(timed, clock):
    timed.put("longer", 1, ttl=10)
    timed.put("longer", 2, ttl=20)
    timed.put("shorter", 1, ttl=20)
    timed.put("shorter", 2, ttl=10)
    clock.advance(10)
    assert list(timed) == ["longer"]
    clock.advance(10)
    assert list(timed) == []


def test_a_put_without_a_ttl_leaves_the_one_that_is_there(timed, clock):
    timed.put("a", 1, ttl=10)
    timed.put("a", 2)
    clock.advance(10)
    assert "a" not in timed


def test_a_ttl_goes_with_its_key(timed, clock):
    timed.put("a", 1, ttl=10)
    timed.delete("a")
    timed.put("a", 2)
    timed.put("b", 1, ttl=10)
    timed.clear()
    timed.put("b", 2)
    clock.advance(100)
    assert timed.latest() == {"b": 2}
    timed.put("c", 1, ttl=10)
    timed.delete_many(["c"])
    timed.put("c", 2)
    clock.advance(100)
    assert timed.latest() == {"b": 2, "c": 2}


@pytest.mark.parametrize("ttl", [0, -1, -0.5])
def test_a_ttl_is_positive(timed, ttl):
    with pytest.raises(lib.ChronoMapValueError, match=f"TTL must be positive, got {ttl}"):
        timed.put("a", 1, ttl=ttl)
    with pytest.raises(lib.ChronoMapValueError, match=f"TTL must be positive, got {ttl}"):
        timed.put_many({"b": 1}, ttl=ttl)


@pytest.mark.better
@pytest.mark.parametrize("ttl", [0, -1, "soon", [1]])
def test_a_refused_ttl_stores_nothing(timed, clock, ttl):
    timed.put("b", 1, ttl=10)
    with pytest.raises((ValueError, TypeError)):
        timed.put("a", 1, ttl=ttl)
    with pytest.raises((ValueError, TypeError)):
        timed.put("b", 2, ttl=ttl)
    assert timed.latest() == {"b": 1}
    assert timed.get_stats()["writes"] == 1
    clock.advance(10)
    assert len(timed) == 0


@pytest.mark.better
def test_a_put_after_the_end_is_visible_and_has_no_end(timed, clock):
    """An expired key is a deleted one, whether a sweep has come by or not."""
    timed.put("a", "old", ttl=10)
    clock.advance(10)
    timed.put("a", "new")
    assert timed["a"] == "new"
    assert timed.history("a") == [(1010.0, "new")]
    clock.advance(1000)
    assert timed["a"] == "new"


@pytest.mark.better
def test_a_put_with_a_ttl_after_the_end_does_not_bring_the_old_history_back(timed, clock):
    seen = []
    timed.put("a", "old", ttl=10)
    clock.advance(10)
    timed.on_change(lambda *change: seen.append(change))
    timed.put_many({"a": "new"}, ttl=10)
    assert timed.history("a") == [(1010.0, "new")]
    assert seen == [("a", None, "new", 1010.0)]


def test_clean_expired_keys_counts_what_it_takes(timed, clock):
    timed.put_many({"a": 1, "b": 2}, ttl=10)
    timed.put("c", 3, ttl=20)
    timed.put("d", 4)
    assert timed.clean_expired_keys() == 0
    clock.advance(10)
    stats = timed.get_stats()
    assert (stats["expired_keys"], stats["total_keys"], stats["total_versions"]) == (2, 2, 4)
    assert timed.clean_expired_keys() == 2
    assert timed.clean_expired_keys() == 0
    stats = timed.get_stats()
    assert (stats["expired_keys"], stats["total_keys"], stats["total_versions"]) == (0, 2, 2)
    assert stats["deletes"] == 0


def test_after_a_cleaning_a_key_starts_anew(timed, clock):
    timed.put("a", 1, ttl=10)
    clock.advance(10)
    timed.clean_expired_keys()
    timed.put("a", 2)
    assert timed.history("a") == [(1010.0, 2)]
    clock.advance(1000)
    assert timed["a"] == 2


def test_without_the_sweep_expired_keys_stay_until_they_are_cleaned():
    cm = ChronoMap(enable_ttl_cleanup=False, ttl_cleanup_interval=0.01)
    cm.put("a", 1, ttl=0.02)
    time.sleep(0.15)
    assert "a" not in cm
    stats = cm.get_stats()
    assert stats["expired_keys"] == 1
    assert "ttl_cleanup_count" not in stats
    assert cm.clean_expired_keys() == 1


def test_the_sweep_takes_expired_keys_away_by_itself():
    cm = ChronoMap(ttl_cleanup_interval=0.05)
    cm.put_many({"a": 1, "b": 2}, ttl=0.5)
    cm["c"] = 3
    assert cm.get_stats()["total_versions"] == 3
    until = time.monotonic() + 5
    while cm.get_stats()["ttl_cleanup_count"] < 2 and time.monotonic() < until:
        time.sleep(0.02)
    stats = cm.get_stats()
    assert (stats["ttl_cleanup_count"], stats["total_versions"], stats["expired_keys"]) == (2, 1, 0)
    assert cm.latest() == {"c": 3}


def test_real_time_passes():
    cm = ChronoMap()
    cm.put("a", 1, ttl=0.5)
    assert cm["a"] == 1
    time.sleep(0.55)
    assert "a" not in cm
