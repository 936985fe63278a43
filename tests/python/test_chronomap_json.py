"""save_json and load_json: whole, typed, compressed if asked, and replaced in one step."""

import json
import math
import threading

import pytest

from chronomap_under_test import SAMPLES, ChronoMap, contents, lib, pairs

METHODS = ["gzip", "zlib", "bz2", "lzma"]
SAVED_BY_THE_PEER = {
    "user": [
        (100.0, {"name": "Alice", "roles": ["admin"]}),
        (200.5, {"name": "Alice", "roles": ["admin", "dev"]}),
    ],
    "temp": [(0.1 + 0.2, 20.5), (1735689600.123456, 21)],
    "none": [(-5.0, None)],
    "7": [(7.0, "seven")],
    "naïve ☃": [(8.0, "é")],
    "session": [(9.0, "abc")],
}


@pytest.fixture
def at(tmp_path):
    return tmp_path / "map.json"


def saved(cm, at, **options):
    assert cm.save_json(at, **options) is None
    return ChronoMap.load_json(at)


def test_history_and_latest_values_come_back(cm, at):
    cm.put("a", 1, timestamp=1.5)
    cm.put("a", None, timestamp=2)
    cm.put("b", {"x": [1, 2.5, True, None, "é ☃"]}, timestamp=1e9)
    again = saved(cm, at)
    assert again == cm
    assert contents(again) == contents(cm)
    assert list(again) == ["a", "b"]


def test_the_path_may_be_text(cm, at):
    cm["a"] = 1
    cm.save_json(str(at))
    assert ChronoMap.load_json(str(at)).latest() == {"a": 1}


def test_the_file_is_json(cm, at):
    cm["a"] = 1
    cm.save_json(at)
    assert isinstance(json.loads(at.read_text(encoding="utf-8")), dict)


@pytest.mark.parametrize("ts", [0.1 + 0.2, 1735689600.123456, 5e-324, -1.5, 2.0**53 + 2, 1e300])
def test_times_come_back_bit_for_bit(cm, at, ts):
    cm.put("a", 1, timestamp=ts)
    assert saved(cm, at).history("a")[0][0] == ts


@pytest.mark.parametrize(
    "value", [10**40, -0.0, math.inf, -math.inf, 1e-320, "\0 \U0001f600", "", [], {}, [[[]]], False]
)
def test_values_of_json_come_back(cm, at, value):
    cm["a"] = value
    again = saved(cm, at)["a"]
    assert repr(again) == repr(value)


def test_not_a_number_comes_back(cm, at):
    cm["a"] = math.nan
    assert math.isnan(saved(cm, at)["a"])


def test_a_ttl_goes_on_after_loading(timed, clock, at):
    timed.put("a", 1, ttl=10)
    timed.put("b", 2)
    timed.save_json(at)
    clock.advance(9)
    again = ChronoMap.load_json(at, **clock.options)
    assert again.latest() == {"a": 1, "b": 2}
    clock.advance(1)
    assert again.latest() == {"b": 2}
    assert ChronoMap.load_json(at, **clock.options).latest() == {"b": 2}


def test_max_history_and_the_time_of_a_snapshot_are_kept(clock, at):
    cm = ChronoMap(max_history=2, **clock.options)
    cm.put("a", 1, timestamp=1)
    cm.snapshot().save_json(at)
    again = ChronoMap.load_json(at, **clock.options)
    assert again.snapshot_time == 1000.0
    again.put_many({"a": 2}, timestamp=2)
    again.put_many({"a": 3}, timestamp=3)
    assert again.history("a") == [(2.0, 2), (3.0, 3)]


def test_options_go_to_the_loaded_map(cm, at):
    cm["a"] = 1
    cm.save_json(at)
    bare = ChronoMap.load_json(at, False, False, cache_size=0, enable_ttl_cleanup=False)
    assert "cache_size" not in bare.get_stats()
    assert bare.get_stats()["writes"] == 0


def test_a_loaded_map_goes_on(cm, at):
    cm.put("a", 1, timestamp=10)
    again = saved(cm, at)
    again.put("a", 0, timestamp=5)
    again.put("a", 2, timestamp=20)
    assert pairs(again.history("a")) == [(5.0, 0), (10.0, 1), (20.0, 2)]
    assert again.get("a", timestamp=12) == 1


@pytest.mark.better
def test_history_is_tuples_after_loading_too(cm, at):
    cm.put("a", 1, timestamp=1)
    assert saved(cm, at).history("a") == [(1.0, 1)]


@pytest.mark.better
def test_keys_keep_their_types(cm, at):
    keys = [1, "1", 1.5, "1.5", None, "None", "null", (1, "a"), ("1", "a"), "(1, 'a')", ((),), ""]
    cm.put_many({key: number for number, key in enumerate(keys)}, timestamp=1, ttl=1000)
    again = saved(cm, at)
    assert contents(again) == contents(cm)
    assert [(type(key), key) for key in again] == [(type(key), key) for key in keys]


@pytest.mark.better
@pytest.mark.parametrize("key", [True, False, b"k", 10**30, -0.0, math.inf], ids=repr)
def test_keys_of_other_types_keep_them_too(cm, at, key):
    cm[key] = 1
    [again] = saved(cm, at)
    assert repr(again) == repr(key)


@pytest.mark.better
@pytest.mark.parametrize("method", [*METHODS, True])
def test_a_compressed_file_is_told_by_what_is_in_it(cm, at, method):
    for ts in range(500):
        cm.put("a", "the same text", timestamp=ts)
    cm.save_json(at)
    plain = at.stat().st_size
    assert contents(saved(cm, at, compress=method)) == contents(cm)
    assert at.stat().st_size < plain / 3


@pytest.mark.better
def test_an_unknown_compression_is_refused_before_anything_is_written(cm, at):
    with pytest.raises(lib.ChronoMapValueError, match="Unknown compression method: lz4"):
        cm.save_json(at, compress="lz4")
    assert not at.exists()


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", 1j], ids=lambda v: type(v).__name__)
def test_a_value_that_json_has_not_is_a_type_error(cm, at, value):
    cm["a"] = value
    with pytest.raises(TypeError):
        cm.save_json(at)


@pytest.mark.better
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(cm, at):
    cm.put("a", 1, timestamp=1)
    cm.save_json(at)
    before = at.read_bytes()
    cm.put("b", [object()], timestamp=1)
    with pytest.raises(TypeError):
        cm.save_json(at)
    assert at.read_bytes() == before
    assert [file.name for file in at.parent.iterdir()] == [at.name]


@pytest.mark.better
def test_whoever_loads_while_it_is_saved_finds_a_whole_file(at):
    maps = [ChronoMap(enable_ttl_cleanup=False) for _ in range(2)]
    for number, cm in enumerate(maps):
        cm.put_many({key: [number] * 20 for key in range(500)}, timestamp=number)
    maps[0].save_json(at)

    def save():
        for number in range(40):
            maps[number % 2].save_json(at)

    thread = threading.Thread(target=save, daemon=True)
    thread.start()
    while thread.is_alive():
        found = ChronoMap.load_json(at, enable_ttl_cleanup=False)
        assert len(found) == 500
        assert found in maps
    assert [file.name for file in at.parent.iterdir()] == [at.name]


@pytest.mark.parametrize("version", ["2.0.2", "2.1.0", "2.2.1"])
def test_what_the_peer_saved_is_loaded(clock, version):
    cm = ChronoMap.load_json(SAMPLES / f"saved_by_{version}.json", **clock.options)
    assert contents(cm) == SAVED_BY_THE_PEER
    assert cm.get("user", timestamp=150) == {"name": "Alice", "roles": ["admin"]}
    clock.advance(3600)
    assert "session" not in cm


def test_a_file_that_is_not_there_is_an_os_error(at):
    with pytest.raises(FileNotFoundError):
        ChronoMap.load_json(at)
    with pytest.raises(FileNotFoundError):
        ChronoMap().save_json(at / "no" / "folder.json")


@pytest.mark.parametrize("text", ["", "{", "no json", '{"store": {"a": [[1.0, 2]', "\x80"])
def test_a_file_that_is_no_json_is_a_value_error(at, text):
    at.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError):
        ChronoMap.load_json(at)


@pytest.mark.better
@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "5",
        '{"store": 5, "ttl": {}}',
        '{"store": {"a": 5}, "ttl": {}}',
        '{"store": {"a": [[1]]}, "ttl": {}}',
        '{"store": {"a": [["soon", 1]]}, "ttl": {}}',
        '{"store": {}, "ttl": {"a": "soon"}}',
    ],
)
def test_json_that_is_no_map_is_refused_and_the_file_named(at, text):
    at.write_text(text, encoding="utf-8")
    with pytest.raises(lib.ChronoMapError, match="map.json"):
        ChronoMap.load_json(at)
