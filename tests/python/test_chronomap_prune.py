"""Pruning takes old versions away: all but the newest, or those before a time."""

from datetime import UTC, datetime

import pytest

from chronomap_under_test import contents, lib


@pytest.fixture
def sensor(cm):
    for ts in (100, 200, 300, 400):
        cm.put("sensor", ts // 100, timestamp=ts)
    return cm


def test_keep_last_keeps_the_newest(sensor):
    assert sensor.prune_history("sensor", keep_last=3) == 1
    assert sensor.history("sensor") == [(200.0, 2), (300.0, 3), (400.0, 4)]
    assert sensor.prune_history("sensor", keep_last=3) == 0
    assert sensor.prune_history("sensor", keep_last=100) == 0
    assert sensor.prune_history("sensor", keep_last=1) == 2
    assert sensor.history("sensor") == [(400.0, 4)]


@pytest.mark.parametrize(
    "cutoff", [300, 300.0, 200.5, "1970-01-01T00:05:00Z", datetime.fromtimestamp(300, UTC)]
)
def test_older_than_takes_what_is_before_and_keeps_what_is_at_the_time(sensor, cutoff):
    assert sensor.prune_history("sensor", older_than=cutoff) == 2
    assert sensor.history("sensor") == [(300.0, 3), (400.0, 4)]


def test_what_was_pruned_cannot_be_read(sensor):
    assert sensor.get("sensor", timestamp=250) == 2
    sensor.prune_history("sensor", older_than=300)
    assert sensor.get("sensor", timestamp=250) is None
    assert sensor.get("sensor", timestamp=300) == 3


def test_both_limits_hold_at_once(sensor):
    assert sensor.prune_history("sensor", keep_last=2, older_than=400) == 3
    assert sensor.history("sensor") == [(400.0, 4)]


def test_without_a_limit_nothing_goes(sensor):
    assert sensor.prune_history("sensor") == 0
    assert sensor.prune_all_history() == 0
    assert len(sensor.history("sensor")) == 4


def test_a_missing_key_has_nothing_to_prune(cm):
    assert cm.prune_history("nowhere", keep_last=1) == 0
    assert "nowhere" not in cm


def test_all_keys_are_pruned_and_the_versions_counted(sensor):
    sensor.put("other", "a", timestamp=50)
    sensor.put("other", "b", timestamp=60)
    assert sensor.prune_all_history(keep_last=1) == 4
    assert contents(sensor) == {"sensor": [(400.0, 4)], "other": [(60.0, "b")]}
    sensor.put("other", "c", timestamp=500)
    assert sensor.prune_all_history(older_than="1970-01-01T00:01:40Z") == 1


def test_pruning_is_no_write_and_no_auto_prune(sensor):
    before = sensor.get_stats()
    sensor.prune_all_history(keep_last=1)
    after = sensor.get_stats()
    assert (after["writes"], after["auto_prunes"], after["deletes"]) == (before["writes"], 0, 0)
    assert (before["total_versions"], after["total_versions"]) == (4, 1)


def test_versions_that_come_after_a_pruning_are_kept(sensor):
    sensor.prune_history("sensor", keep_last=1)
    sensor.put("sensor", "late", timestamp=150)
    assert sensor.history("sensor") == [(150.0, "late"), (400.0, 4)]


def test_a_ttl_outlives_a_pruning(timed, clock):
    timed.put("a", 1, timestamp=1, ttl=10)
    timed.put("a", 2, timestamp=2)
    timed.prune_history("a", keep_last=1)
    clock.advance(10)
    assert "a" not in timed


@pytest.mark.better
def test_a_refused_limit_changes_nothing(sensor):
    with pytest.raises(lib.ChronoMapValueError, match="Invalid datetime string: never"):
        sensor.prune_history("sensor", keep_last=1, older_than="never")
    assert len(sensor.history("sensor")) == 4


@pytest.mark.better
@pytest.mark.parametrize("prune", ["prune_history", "prune_all_history"])
def test_a_key_without_versions_is_gone(cm, prune):
    """The peer counts it and lists it among its keys, and has neither value nor history of it."""
    cm.put("a", 1, timestamp=1)
    cm.put("b", 2, timestamp=100)
    arguments = ["a"] if prune == "prune_history" else []
    assert getattr(cm, prune)(*arguments, older_than=50) == 1
    assert "a" not in cm
    assert list(cm) == list(cm.keys()) == ["b"]
    assert len(cm) == cm.count() == cm.get_stats()["total_keys"] == 1
    assert cm.delete("a") is False
