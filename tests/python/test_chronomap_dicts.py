"""to_dict and from_dict: a map as plain data, or as compressed bytes of it."""

import pytest

from chronomap_under_test import ChronoMap, contents, lib

METHODS = ["zlib", "gzip", "bz2", "lzma"]


@pytest.fixture
def full(clock):
    cm = ChronoMap(max_history=5, **clock.options)
    cm.put("a", 1, timestamp=1.5)
    cm.put("a", [2, {"x": None}], timestamp=2)
    cm.put("b", "text", timestamp=-3, ttl=10)
    return cm


def test_the_data_holds_versions_expiries_and_options(full):
    data = full.to_dict()
    assert set(data) >= {"store", "ttl", "snapshot_time", "version", "max_history"}
    assert data["store"] == {"a": [(1.5, 1), (2.0, [2, {"x": None}])], "b": [(-3.0, "text")]}
    assert data["ttl"] == {"b": 1010.0}
    assert data["snapshot_time"] is None
    assert data["max_history"] == 5
    assert data["version"].startswith("2.")
    assert full.snapshot().to_dict()["snapshot_time"] == 1000.0


def test_a_map_comes_back_from_it(full, clock):
    again = ChronoMap.from_dict(full.to_dict(), **clock.options)
    assert again == full
    assert contents(again) == contents(full)
    for ts in range(3, 8):
        again.put("a", ts, timestamp=ts)
    assert len(again.history("a")) == 5
    clock.advance(10)
    assert list(again) == ["a"]


def test_any_key_and_value_survives():
    cm = ChronoMap()
    cm.put_many({1: "int", "1": "str", (1, "x"): (1, 2), None: {3}, 1.5: b"x"}, timestamp=1)
    assert contents(ChronoMap.from_dict(cm.to_dict())) == contents(cm)


def test_the_data_and_the_map_are_independent(full):
    data = full.to_dict()
    again = ChronoMap.from_dict(data)
    data["store"]["a"][1][1].append("changed")
    data["store"]["a"].clear()
    full["a"][1]["x"] = "changed too"
    assert again.get("a", timestamp=2) == [2, {"x": None}]
    assert len(full.history("a")) == 2


def test_parts_that_are_missing_are_empty():
    assert len(ChronoMap.from_dict({})) == 0
    assert ChronoMap.from_dict({"store": {"a": [(1.0, 2)]}}).history("a") == [(1.0, 2)]


def test_options_go_to_the_new_map(full):
    data = full.to_dict()
    bare = ChronoMap.from_dict(data, False, False, cache_size=0, enable_ttl_cleanup=False)
    assert "cache_size" not in bare.get_stats()
    assert "ttl_cleanup_count" not in bare.get_stats()


@pytest.mark.parametrize("method", [*METHODS, True])
def test_compressed_it_is_bytes_that_say_how(full, clock, method):
    packed = full.to_dict(compress=method)
    assert isinstance(packed, bytes)
    again = ChronoMap.from_dict(packed, **clock.options)
    assert contents(again) == contents(full)


def test_compression_makes_it_small(cm):
    for ts in range(2000):
        cm.put("key", "the same text", timestamp=ts)
    assert all(len(cm.to_dict(compress=method)) < 20_000 for method in METHODS)


@pytest.mark.parametrize("method", ["lz4", "ZLIB", "none", 5])
def test_an_unknown_compression_is_refused_and_named(cm, method):
    with pytest.raises(lib.ChronoMapValueError, match=f"Unknown compression method: {method}"):
        cm.to_dict(compress=method)


@pytest.mark.better
@pytest.mark.parametrize("data", [b"junk", b"", b"zlib|junk", b"gzip|", b"lz4|abc", [], 5, None])
def test_what_is_no_map_is_refused(data):
    with pytest.raises((lib.ChronoMapValueError, lib.ChronoMapTypeError)):
        ChronoMap.from_dict(data)


@pytest.mark.better
@pytest.mark.parametrize(
    "store",
    [5, {"a": 5}, {"a": [5]}, {"a": [(1, 2, 3)]}, {"a": [("soon", 1)]}, {"a": [(float("nan"), 1)]}],
)
def test_a_store_of_another_form_is_refused(store):
    with pytest.raises((lib.ChronoMapValueError, lib.ChronoMapTypeError)):
        ChronoMap.from_dict({"store": store, "ttl": {}})


@pytest.mark.better
def test_versions_in_any_order_are_put_in_order():
    cm = ChronoMap.from_dict({"store": {"a": [[3, "c"], [1, "a"], [2, "b"]]}})
    assert cm.history("a") == [(1.0, "a"), (2.0, "b"), (3.0, "c")]
    assert cm.get("a", timestamp=2.5) == "b"
