"""The names, the arguments, and what a new map is."""

import gc
import inspect
import logging
import time
from pathlib import Path

import pytest

from chronomap_under_test import AsyncChronoMap, ChronoMap, lib

REQUIRED = inspect.Parameter.empty
SIGNATURES = {
    "aggregate": {"func": REQUIRED, "keys": None, "timestamp": None},
    "clean_expired_keys": {},
    "clear": {},
    "count": {"predicate": None, "timestamp": None},
    "delete": {"key": REQUIRED},
    "delete_many": {"keys": REQUIRED},
    "diff": {"other": REQUIRED},
    "diff_detailed": {"other": REQUIRED},
    "from_dict": {"data": REQUIRED, "debug": False, "use_rwlock": True},
    "get": {"key": REQUIRED, "timestamp": None, "default": None, "strict": False},
    "get_keys_by_value": {"value": REQUIRED, "timestamp": None},
    "get_latest_keys": {"n": REQUIRED},
    "get_range": {"key": REQUIRED, "start_ts": None, "end_ts": None},
    "get_stats": {},
    "history": {"key": REQUIRED},
    "items": {},
    "iter_history": {"key": REQUIRED},
    "keys": {},
    "latest": {},
    "load_json": {"file_path": REQUIRED, "debug": False, "use_rwlock": True},
    "load_pickle": {"file_path": REQUIRED, "debug": False, "use_rwlock": True},
    "merge": {"other": REQUIRED, "strategy": "timestamp"},
    "on_change": {"callback": REQUIRED},
    "prune_all_history": {"keep_last": None, "older_than": None},
    "prune_history": {"key": REQUIRED, "keep_last": None, "older_than": None},
    "put": {"key": REQUIRED, "value": REQUIRED, "timestamp": None, "ttl": None},
    "put_many": {"items": REQUIRED, "timestamp": None, "ttl": None},
    "query": {"predicate": REQUIRED, "timestamp": None},
    "remove_change_callback": {"callback": REQUIRED},
    "reset_stats": {},
    "rollback": {"snapshot": REQUIRED},
    "save_json": {"file_path": REQUIRED},
    "save_pickle": {"file_path": REQUIRED, "compress": False},
    "snapshot": {},
    "snapshot_context": {},
    "to_dataframe": {},
    "to_dict": {"compress": False},
    "values": {},
}
BETTER = {
    "get_or_default": {"key": REQUIRED, "default": REQUIRED},
    "get_or_set": {"key": REQUIRED, "factory": REQUIRED, "ttl": None},
    "keys_with_history_count": {},
    "subscribe": {"key": REQUIRED, "callback": REQUIRED},
    "unsubscribe": {"key": REQUIRED, "callback": REQUIRED},
}
ARGUMENTS = {
    "debug": False,
    "use_rwlock": True,
    "max_history": None,
    "cache_size": 1000,
    "enable_ttl_cleanup": True,
    "ttl_cleanup_interval": 60.0,
    "max_memory_mb": None,
}


def assert_takes(call, wanted):
    """The arguments wanted come first, with these defaults; more may follow by keyword."""
    found = {
        name: parameter
        for name, parameter in inspect.signature(call).parameters.items()
        if name != "self" and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    assert list(found)[: len(wanted)] == list(wanted)
    assert {name: found[name].default for name in wanted} == wanted
    grown = list(found.values())[len(wanted) :]
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in grown)


def threads():
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.parametrize("name", SIGNATURES)
def test_every_method_takes_the_arguments_of_the_peer(name):
    assert_takes(getattr(ChronoMap, name), SIGNATURES[name])


@pytest.mark.better
@pytest.mark.parametrize("name", BETTER)
def test_the_methods_that_are_new_take_theirs(name):
    assert_takes(getattr(ChronoMap, name), BETTER[name])


def test_the_constructor_takes_the_arguments_of_the_peer():
    assert_takes(ChronoMap, ARGUMENTS)
    assert_takes(AsyncChronoMap, {"debug": False, "max_history": None})


def test_arguments_may_be_given_by_position():
    cm = ChronoMap(False, False, 2, 10, False, 1.0, 5.0)
    for ts in range(3):
        cm.put("k", ts, ts)
    assert cm.history("k") == [(1.0, 1), (2.0, 2)]


def test_an_unknown_argument_is_refused():
    with pytest.raises(TypeError, match="colour"):
        ChronoMap(colour="red")


@pytest.mark.parametrize("name", ["SnapshotContext", "RWLock", "LRUCache", "AsyncChronoMap"])
def test_the_classes_beside_it_are_there(name):
    assert inspect.isclass(getattr(lib, name))


@pytest.mark.parametrize("use_rwlock", [True, False])
@pytest.mark.parametrize("cache_size", [0, 1, 1000])
def test_it_works_alike_with_either_lock_and_any_cache(use_rwlock, cache_size):
    cm = ChronoMap(use_rwlock=use_rwlock, cache_size=cache_size)
    for ts in range(1, 4):
        cm.put_many({"a": ts, "b": -ts}, timestamp=ts)
    for _ in range(2):
        assert [cm.get("a", timestamp=ts) for ts in (0.5, 1, 2.5, 3, 9)] == [None, 1, 2, 3, 3]
        assert [cm.get("b", timestamp=ts) for ts in (0.5, 1, 2.5, 3, 9)] == [None, -1, -2, -3, -3]
        assert cm["a"] == 3
    cm.put("a", 7, timestamp=2.2)
    assert (cm.get("a", timestamp=2.5), cm["a"]) == (7, 3)


def test_a_new_map_is_empty(cm):
    assert len(cm) == 0
    assert not cm
    assert list(cm) == []
    assert cm.latest() == {}
    assert cm.snapshot_time is None


def test_max_history_keeps_the_newest_versions_of_each_key():
    cm = ChronoMap(max_history=2)
    for ts in (1, 2, 3, 4):
        cm.put("a", ts, timestamp=ts)
    cm.put("b", 1, timestamp=1)
    assert cm.history("a") == [(3.0, 3), (4.0, 4)]
    assert cm.history("b") == [(1.0, 1)]
    assert cm.get_stats()["auto_prunes"] == 2


def test_with_max_history_a_version_older_than_all_of_them_is_not_kept():
    cm = ChronoMap(max_history=2)
    for ts in (5, 6, 1):
        cm.put("a", ts, timestamp=ts)
    assert cm.history("a") == [(5.0, 5), (6.0, 6)]


def test_debug_logs_what_is_done(caplog):
    logger = logging.getLogger(ChronoMap.__module__)
    before, handlers = logger.level, logger.handlers[:]
    try:
        cm = ChronoMap(debug=True)
        cm.put("engine", 1)
        said = [record for record in caplog.records if record.levelno == logging.DEBUG]
        assert any("'engine'" in record.getMessage() for record in said)
    finally:
        logger.setLevel(before)
        logger.handlers[:] = handlers


@pytest.mark.better
def test_no_thread_is_started_before_a_ttl_is_used():
    before = threads()
    maps = [ChronoMap() for _ in range(5)]
    assert threads() == before
    maps[0].put("k", 1, ttl=100)
    assert threads() > before


def test_a_map_that_is_dropped_leaves_no_thread_behind():
    gc.collect()
    before = threads()
    maps = [ChronoMap(ttl_cleanup_interval=0.01) for _ in range(5)]
    for cm in maps:
        cm.put("k", 1, ttl=100)
    del maps, cm
    gc.collect()
    until = time.monotonic() + 5
    while threads() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threads() <= before


def test_it_can_be_subclassed(tmp_path):
    class Config(ChronoMap):
        def shout(self, key):
            return self[key].upper()

    cm = Config(max_history=3)
    cm["name"] = "x"
    assert cm.shout("name") == "X"
    assert type(Config.from_dict(cm.to_dict())) is Config
    cm.save_json(tmp_path / "config.json")
    assert Config.load_json(tmp_path / "config.json").shout("name") == "X"
