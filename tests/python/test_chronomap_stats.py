"""get_stats counts what was done and what is there."""

from chronomap_under_test import ChronoMap

COUNTED = ["reads", "writes", "deletes", "snapshots", "auto_prunes", "cache_hits", "cache_misses"]
CACHE = ["cache_size", "cache_hit_rate"]
SIZES = ["total_keys", "total_versions", "expired_keys"]


def picked(cm, *names):
    stats = cm.get_stats()
    return [stats[name] for name in names]


def test_the_keys_depend_on_the_cache_and_the_sweep():
    assert set(ChronoMap().get_stats()) == {*COUNTED, *CACHE, "ttl_cleanup_count", *SIZES}
    assert set(ChronoMap(enable_ttl_cleanup=False).get_stats()) == {*COUNTED, *CACHE, *SIZES}
    bare = ChronoMap(enable_ttl_cleanup=False, cache_size=0)
    assert set(bare.get_stats()) == {*COUNTED, *SIZES}


def test_a_new_map_has_done_nothing():
    assert set(ChronoMap().get_stats().values()) == {0}


def test_reads_that_found_something_and_writes_are_counted(cm):
    cm["a"] = 1
    cm.put("a", 2)
    cm.put_many({"b": 3, "c": 4})
    for _ in range(3):
        cm.get("a")
    cm["b"]
    cm.get("a", timestamp=1)
    cm.get("nowhere")
    assert picked(cm, "writes", "reads") == [4, 4]


def test_deletes_count_the_keys_that_were_there(cm):
    cm.put_many(dict.fromkeys("abcd", 1))
    cm.delete("a")
    cm.delete("a")
    cm.delete_many(["b", "c", "nowhere"])
    assert picked(cm, "deletes", "total_keys") == [3, 1]
    cm.clear()
    assert picked(cm, "deletes", "total_keys") == [3, 0]


def test_snapshots_and_contexts_are_counted(cm):
    cm.snapshot()
    with cm.snapshot_context():
        pass
    assert picked(cm, "snapshots") == [2]


def test_keys_and_versions_are_counted(cm):
    for ts in range(3):
        cm.put("a", ts, timestamp=ts)
    cm["b"] = 1
    assert picked(cm, "total_keys", "total_versions", "expired_keys") == [2, 4, 0]


def test_the_cache_tells_hits_from_misses(cm):
    cm["a"] = 1
    for _ in range(4):
        cm.get("a")
    hits, misses, rate, size = picked(
        cm, "cache_hits", "cache_misses", "cache_hit_rate", "cache_size"
    )
    assert (hits, misses, rate, size) == (3, 1, 75.0, 1)


def test_without_a_cache_its_counts_are_zero():
    cm = ChronoMap(cache_size=0)
    cm["a"] = 1
    for _ in range(4):
        cm.get("a")
    assert picked(cm, "reads", "cache_hits", "cache_misses") == [4, 0, 0]


def test_reset_sets_the_counts_to_zero_and_keeps_the_data():
    cm = ChronoMap(max_history=1)
    cm["a"] = cm["a"] = 1
    cm.get("a")
    cm.snapshot()
    cm.delete("b")
    assert cm.reset_stats() is None
    assert picked(cm, *COUNTED, *CACHE, "ttl_cleanup_count") == [0] * 10
    assert picked(cm, "total_keys", "total_versions") == [1, 1]
    cm["a"] = 2
    assert picked(cm, "writes", "auto_prunes") == [1, 1]


def test_the_counts_given_are_a_copy(cm):
    cm.get_stats()["writes"] = 99
    assert picked(cm, "writes") == [0]
