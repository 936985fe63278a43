"""The memory limit: an error before it is passed, a warning before that."""

import logging

import pytest

from chronomap_under_test import ChronoMap, lib


def fill(cm, count=200_000):
    for number in range(count):
        cm.put(number, number)


def test_a_map_that_grows_too_large_says_so():
    cm = ChronoMap(max_memory_mb=1, cache_size=0)
    with pytest.raises(lib.ChronoMapMemoryError, match="Memory limit exceeded") as error:
        fill(cm)
    assert isinstance(error.value, MemoryError)
    assert "limit: 1.00MB" in str(error.value)


def test_it_warns_once_before_the_limit(caplog):
    cm = ChronoMap(max_memory_mb=1, cache_size=0)
    with caplog.at_level(logging.WARNING), pytest.raises(lib.ChronoMapMemoryError):
        fill(cm)
    warnings = [r for r in caplog.records if "Memory usage at" in r.getMessage()]
    assert len(warnings) == 1
    assert "% of limit" in warnings[0].getMessage()
    assert warnings[0].levelno == logging.WARNING


def test_a_map_that_was_full_can_be_emptied_and_filled_again():
    cm = ChronoMap(max_memory_mb=1, cache_size=0)
    with pytest.raises(lib.ChronoMapMemoryError):
        fill(cm)
    cm.clear()
    cm["a"] = 1
    assert cm.latest() == {"a": 1}


def test_without_a_limit_nothing_is_refused(cm):
    cm.put("a", bytes(3 << 20))
    fill(cm, 1000)
    assert len(cm) == 1000 + 1


@pytest.mark.better
def test_the_size_of_values_counts():
    cm = ChronoMap(max_memory_mb=1)
    cm.put("a", bytes(1 << 19))
    with pytest.raises(lib.ChronoMapMemoryError, match="Memory limit exceeded"):
        cm.put("b", bytes(1 << 20))
    with pytest.raises(lib.ChronoMapMemoryError, match="Memory limit exceeded"):
        cm.put("c", "x" * (1 << 20))
    with pytest.raises(lib.ChronoMapMemoryError, match="Memory limit exceeded"):
        cm.put("d", [b"x" * 10_000 for _ in range(100)])


@pytest.mark.better
def test_versions_count_and_what_is_taken_away_does_not():
    cm = ChronoMap(max_memory_mb=1)

    def fill_one_key():
        for number in range(200):
            cm.put("a", bytes(10_000), timestamp=number)

    with pytest.raises(lib.ChronoMapMemoryError):
        fill_one_key()
    kept = len(cm.history("a"))
    assert 80 < kept < 110
    cm.prune_history("a", keep_last=10)
    for number in range(50):
        cm.put("a", bytes(10_000), timestamp=1000 + number)
    assert len(cm.history("a")) == 60


@pytest.mark.better
def test_a_refused_put_changes_nothing():
    cm = ChronoMap(max_memory_mb=1)
    cm.put("a", 1, timestamp=1)
    seen = []
    cm.on_change(lambda *change: seen.append(change))
    with pytest.raises(lib.ChronoMapMemoryError):
        cm.put("a", bytes(2 << 20), ttl=5)
    with pytest.raises(lib.ChronoMapMemoryError):
        cm.put_many({"b": 1, "c": bytes(2 << 20)})
    assert cm.history("a") == [(1.0, 1)]
    assert list(cm) == ["a"]
    assert cm.get_stats()["writes"] == 1
    assert seen == []
    cm["b"] = 2
    assert cm["b"] == 2


@pytest.mark.better
@pytest.mark.parametrize("strategy", ["timestamp", "overwrite"])
def test_a_merge_that_would_be_too_large_changes_nothing(strategy):
    cm = ChronoMap(max_memory_mb=1, cache_size=0)
    cm["a"] = "x" * 300_000
    large = ChronoMap()
    large["b"] = "x" * 800_000
    with pytest.raises(lib.ChronoMapMemoryError):
        cm.merge(large, strategy=strategy)
    assert list(cm) == ["a"]
    same = ChronoMap()
    same["a"] = "y" * 800_000
    if strategy == "overwrite":
        cm.merge(same, strategy=strategy)
        assert cm["a"] == same["a"]
    else:
        with pytest.raises(lib.ChronoMapMemoryError):
            cm.merge(same, strategy=strategy)


@pytest.mark.better
def test_a_merge_counts_what_will_be_there():
    long = ("key" * 3000,)
    other = ChronoMap()
    for number in range(200):
        other.put(long, number, timestamp=number)
    cm = ChronoMap(max_memory_mb=1, cache_size=0)
    cm.merge(other)
    assert len(cm.history(long)) == 200
    last = ChronoMap(max_memory_mb=1, max_history=1, cache_size=0)
    heavy = ChronoMap()
    for number in range(20):
        heavy.put("a", str(number) * 50_000, timestamp=number)
    last.merge(heavy)
    assert len(last.history("a")) == 1
    with pytest.raises(lib.ChronoMapMemoryError):
        last.merge(ChronoMap.from_dict({"store": {"a": [(1, "x" * 2_000_000)]}}), "overwrite")
    with pytest.raises(lib.ChronoMapMemoryError):
        last.put_many({"b": "x" * 980_000})
