"""Timelog: how one is made, what it is called, and the ways to append one object."""

import collections.abc
import copy
import inspect
import pickle
import time

import numpy as np
import pytest

from timelog_under_test import (
    MAX,
    MIN,
    NO_TIMES,
    TOO_LARGE,
    Thing,
    Timelog,
    TimelogBusyError,
    TimelogError,
    manual,
    objects,
    timelog,
    times,
)

UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def test_every_public_name_is_there():
    for name in [
        *["Timelog", "TimelogError", "TimelogBusyError", "TimelogIter"],
        *["PageSpan", "PageSpanIter", "PageSpanObjectsView"],
        *["Record", "RecordIter", "RecordBatch", "__version__"],
    ]:
        assert hasattr(timelog, name), name
    assert (timelog.TL_TS_MIN, timelog.TL_TS_MAX) == (MIN, MAX)
    assert issubclass(TimelogBusyError, TimelogError)
    assert issubclass(TimelogError, Exception)


METHODS = [
    *["all", "append", "at", "bulk_append", "close", "compact", "configure", "cutoff", "delete"],
    *["delete_before", "delete_range", "equal", "extend", "flush", "for_bulk_ingest"],
    *["for_low_latency", "for_streaming", "maint_step", "max_ts", "min_ts", "next_ts"],
    *["page_spans", "point", "prev_ts", "range", "reopen", "since", "start_maintenance", "stats"],
    *["stop_maintenance", "to_dict", "to_numpy", "until", "validate", "views"],
]

PROPERTIES = {
    "closed": False,
    "time_unit": "ms",
    "maintenance_mode": "disabled",
    "busy_policy": "raise",
    "busy_events": 0,
    "extend_skipped": 0,
    "min_ts_floor": None,
    "alloc_failures": 0,
    "retired_queue_len": 0,
}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_there_and_documented(name):
    assert callable(getattr(Timelog, name))
    assert inspect.getdoc(getattr(Timelog, name))


@pytest.mark.parametrize(("name", "first"), PROPERTIES.items())
def test_properties_have_a_first_value_and_cannot_be_set(name, first):
    log = manual()
    assert getattr(log, name) == first
    assert type(getattr(log, name)) is type(first)
    with pytest.raises(AttributeError):
        setattr(log, name, first)


@pytest.mark.better
def test_save_and_load_are_there():
    assert callable(Timelog.save)
    assert callable(Timelog.load)


def test_defaults_are_milliseconds_a_worker_and_raise():
    with Timelog() as log:
        assert (log.time_unit, log.maintenance_mode, log.busy_policy) == (
            "ms",
            "background",
            "raise",
        )
        assert log.stats()["config"]["mostly_ordered_default"] is True


@pytest.mark.parametrize(
    ("preset", "mode", "policy"),
    [
        ("for_streaming", "background", "flush"),
        ("for_bulk_ingest", "disabled", "flush"),
        ("for_low_latency", "background", "raise"),
    ],
)
def test_presets_differ_in_worker_and_policy_and_take_overrides(preset, mode, policy):
    make = getattr(Timelog, preset)
    with make() as log:
        assert type(log) is Timelog
        assert (log.maintenance_mode, log.busy_policy, log.time_unit) == (mode, policy, "ms")
    with make(busy_policy="silent", maintenance="disabled", time_unit="ns", min_ts=5) as log:
        assert log.stats()["config"] == {
            "time_unit": "ns",
            "maintenance": "disabled",
            "busy_policy": "silent",
            "min_ts": 5,
            "mostly_ordered_default": True,
        }
    with pytest.raises(TypeError, match="positional"):
        make("ms")
    with pytest.raises(TypeError, match="nonsense"):
        make(nonsense=1)


@pytest.mark.better
def test_the_first_parameters_are_positional_and_none_is_the_default():
    with Timelog("us", "disabled", "flush", 5, None) as log:
        assert log.stats()["config"] == {
            "time_unit": "us",
            "maintenance": "disabled",
            "busy_policy": "flush",
            "min_ts": 5,
            "mostly_ordered_default": True,
        }


WRONG = [
    ({"time_unit": "m"}, ValueError, "Invalid time_unit: 'm'"),
    ({"time_unit": 5}, TypeError, "str"),
    ({"time_unit": None}, TypeError, "str"),
    ({"maintenance": "x"}, ValueError, "Invalid maintenance mode: 'x'"),
    ({"maintenance": None}, TypeError, "str"),
    ({"busy_policy": "x"}, ValueError, "Invalid busy_policy: 'x'"),
    ({"busy_policy": None}, TypeError, "str"),
    ({"mostly_ordered_default": 1}, TypeError, "mostly_ordered_default must be bool"),
    ({"min_ts": 1.5}, TypeError, "float"),
    ({"min_ts": True}, TypeError, "bool not allowed"),
    ({"min_ts": "a"}, TypeError, "integer"),
    ({"min_ts": MAX + 1}, OverflowError, "int64"),
    ({"nonsense": 1}, TypeError, "nonsense"),
    ({"memtable_max_bytes": -1}, ValueError, "memtable_max_bytes must be >= 0"),
    ({"memtable_max_bytes": 1.5}, TypeError, "integer"),
    ({"target_page_bytes": -1}, ValueError, "target_page_bytes must be >= 0"),
    ({"sealed_max_runs": -1}, ValueError, "sealed_max_runs must be >= 0"),
    ({"ooo_budget_bytes": -1}, ValueError, "ooo_budget_bytes must be >= 0"),
    ({"sealed_wait_ms": -1}, ValueError, "sealed_wait_ms must be 0-4294967295"),
    ({"sealed_wait_ms": 2**32}, ValueError, "sealed_wait_ms must be 0-4294967295"),
    ({"maintenance_wakeup_ms": 2**32}, ValueError, "maintenance_wakeup_ms must be 0-4294967295"),
    ({"drain_batch_limit": -1}, ValueError, "drain_batch_limit must be 0-4294967295"),
    ({"max_delta_segments": -1}, ValueError, "max_delta_segments must be >= 0"),
    ({"window_size": -1}, ValueError, "window_size"),
    ({"window_size": 2**63}, OverflowError, None),
    ({"window_origin": 2**63}, OverflowError, None),
    ({"delete_debt_threshold": 1.5}, ValueError, r"delete_debt_threshold must be in \[0.0, 1.0\]"),
    ({"delete_debt_threshold": float("nan")}, ValueError, "delete_debt_threshold must be finite"),
    ({"delete_debt_threshold": "a"}, TypeError, "real number"),
    ({"compaction": 5}, TypeError, "compaction must be a dict or None"),
    ({"compaction": {"foo": 1}}, ValueError, "Unknown key 'foo' in compaction dict"),
    ({"compaction": {5: 1}}, TypeError, "compaction keys must be str"),
    ({"compaction": {"target_bytes": -1}}, ValueError, "must be >= 0"),
    ({"compaction": {"max_inputs": 1.5}}, TypeError, "integer"),
    ({"compaction": {"max_inputs": 1}, "max_compaction_inputs": 1}, ValueError, "both"),
    ({"compaction": {"target_bytes": 1}, "compaction_target_bytes": 1}, ValueError, "both"),
    ({"adaptive": 5}, TypeError, "adaptive must be a dict or None"),
    ({"adaptive": {"foo": 1}}, ValueError, "Unknown key 'foo' in adaptive dict"),
    ({"adaptive": {"target_records": -1}}, ValueError, "must be >= 0"),
    ({"adaptive": {"alpha": 2}}, ValueError, r"alpha must be in \[0.0, 1.0\]"),
    ({"adaptive": {"alpha": 0.1}, "adaptive_alpha": 0.1}, ValueError, "both"),
    (
        {"adaptive": {"target_records": 9, "min_window": 5, "max_window": 1}},
        ValueError,
        None,
    ),
]


@pytest.mark.parametrize(("options", "error", "words"), WRONG)
def test_a_wrong_option_is_refused_by_name(options, error, words):
    with pytest.raises(error, match=words):
        Timelog(**options)


SIZES = [
    *["memtable_max_bytes", "target_page_bytes", "sealed_max_runs", "ooo_budget_bytes"],
    *["sealed_wait_ms", "drain_batch_limit", "maintenance_wakeup_ms", "max_delta_segments"],
    *["window_size", "window_origin", "delete_debt_threshold", "compaction_target_bytes"],
    *["max_compaction_inputs", "max_compaction_windows", "adaptive_target_records"],
    *["adaptive_min_window", "adaptive_max_window", "adaptive_hysteresis_pct"],
    *["adaptive_window_quantum", "adaptive_alpha", "adaptive_warmup_flushes"],
    *["adaptive_stale_flushes", "adaptive_failure_backoff_threshold"],
    *["adaptive_failure_backoff_pct"],
]


@pytest.mark.parametrize("name", SIZES)
def test_nought_leaves_an_option_to_the_engine(name):
    with manual(3, 1, 2, **{name: 0}) as log:
        log.flush()
        assert times(log) == [1, 2, 3]


def test_the_dicts_of_options_are_taken():
    compaction = {"target_bytes": 1 << 20, "max_inputs": 4, "max_windows": 0}
    adaptive = {
        "target_records": 10_000,
        "min_window": 10,
        "max_window": 10**6,
        "hysteresis_pct": 10,
        "window_quantum": 0,
        "alpha": 0.3,
        "warmup_flushes": 1,
        "stale_flushes": 0,
        "failure_backoff_threshold": 3,
        "failure_backoff_pct": 50,
    }
    for options in [
        {"compaction": compaction, "adaptive": adaptive},
        {"compaction": None, "adaptive": None},
        {"compaction": {}, "adaptive": {}},
    ]:
        with manual(1, **options) as log:
            log.flush()
            assert list(log) == [(1, 1)]


def test_append_takes_a_time_and_an_object():
    log = manual()
    assert log.append(2, "b") is None
    log.append("a", ts=1)
    log[3] = "c"
    log.append(4, None)
    log.append(obj_or_ts=5, obj_or_none="e")
    assert list(log) == [(1, "a"), (2, "b"), (3, "c"), (4, None), (5, "e")]


def test_two_positional_arguments_are_a_time_and_an_object_whatever_ts_says():
    log = manual()
    log.append(3, "c", ts=4)
    assert list(log) == [(3, "c")]


@pytest.mark.parametrize("unit", UNITS)
def test_one_object_is_appended_at_the_present_moment(unit):
    log = manual(time_unit=unit)
    before = time.time_ns() // UNITS[unit]
    log.append("now")
    log.append(7)
    log.append({"event": 1}, ts=None)
    after = time.time_ns() // UNITS[unit]
    assert sorted(map(repr, objects(log))) == ["'now'", "7", "{'event': 1}"]
    assert before <= log.min_ts() <= log.max_ts() <= after


@pytest.mark.parametrize("ts", [5, np.int64(5), np.int8(5), np.uint64(5), np.array(5)])
def test_any_integer_is_a_time_and_comes_back_as_int(ts):
    log = manual()
    log.append(ts, "a")
    log.append("b", ts=ts)
    log[ts] = "c"
    assert [type(found) for found in times(log)] == [int] * 3
    assert sorted(log[ts]) == ["a", "b", "c"]


def test_a_subclass_of_int_and_an_index_are_times():
    class Number(int):
        pass

    class Index:
        def __index__(self):
            return 5

    log = manual()
    log.append(Number(5), "a")
    log.append(Index(), "b")
    assert [type(ts) for ts in times(log)] == [int, int]
    assert log.at(5) == ["a", "b"]


APPENDS = {
    "append(ts, obj)": lambda log, ts: log.append(ts, "x"),
    "append(obj, ts=ts)": lambda log, ts: log.append("x", ts=ts),
    "log[ts] = obj": lambda log, ts: log.__setitem__(ts, "x"),
}


@pytest.mark.parametrize("form", APPENDS)
@pytest.mark.parametrize("ts", NO_TIMES, ids=repr)
def test_what_is_no_integer_is_no_time(form, ts):
    log = manual(1)
    if form == "append(obj, ts=ts)" and ts is None:
        return
    with pytest.raises(TypeError):
        APPENDS[form](log, ts)
    assert list(log) == [(1, 1)]


@pytest.mark.parametrize("form", APPENDS)
@pytest.mark.parametrize("ts", TOO_LARGE)
def test_a_time_past_int64_overflows(form, ts):
    log = manual(1)
    with pytest.raises(OverflowError, match=f"timestamp {ts} is outside int64 range"):
        APPENDS[form](log, ts)
    assert list(log) == [(1, 1)]


@pytest.mark.parametrize(
    ("ts", "words"),
    [
        (True, "bool not allowed"),
        (1.5, "timestamps are integers in the log's time_unit, not float"),
        (np.float64(2), "not float"),
        (np.bool_(True), "integer"),
        (np.datetime64("2020-01-01"), "integer"),
        (np.array([5]), "integer"),
        ("2020-01-01", "integer"),
    ],
    ids=repr,
)
def test_the_message_says_what_a_time_is(ts, words):
    with pytest.raises(TypeError, match=words):
        manual().append(ts, "x")


def test_a_datetime_is_refused_with_the_way_to_an_integer():
    import datetime as dt

    with pytest.raises(TypeError, match=r"integers .*datetime.* int\(dt.timestamp\(\) \* 1000\)"):
        manual().append(dt.datetime(2020, 1, 1), "x")


def test_append_refuses_what_it_cannot_read():
    log = manual()
    with pytest.raises(TypeError, match="missing required argument"):
        log.append()
    with pytest.raises(TypeError, match="missing required argument"):
        log.append(ts=5)
    with pytest.raises(TypeError, match="1 or 2 positional arguments but 3"):
        log.append(1, 2, 3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'obj'"):
        log.append(obj=5)
    with pytest.raises(TypeError, match="integer"):
        log[1:2] = "x"
    assert len(log) == 0


def test_the_ends_of_int64_are_times():
    log = manual(MAX, 0, MIN)
    assert times(log) == [MIN, 0, MAX]
    log.flush()
    assert times(log) == [MIN, 0, MAX]


def test_a_floor_refuses_what_is_below_it():
    log = manual(min_ts=3)
    assert (log.min_ts_floor, log.min_ts()) == (3, None)
    log.append(3, "at")
    for write in APPENDS.values():
        with pytest.raises(ValueError, match=r"timestamp 2 is below min_ts boundary \(3\)"):
            write(log, 2)
    assert list(log) == [(3, "at")]
    assert list(log[:3]) == log[1] == []
    log.delete(1)
    with pytest.raises(ValueError, match="below min_ts"):
        manual(min_ts=MAX).append("now")


def test_equal_times_and_any_object_are_kept():
    log = manual()
    kept = [None, True, 1, 1, 1.5, "x", b"x", [1], {}, set(), (), len, Thing]
    for value in kept:
        log.append(1, value)
    assert log[1] == kept
    assert all(found is value for found, value in zip(log[1], kept, strict=True))


def test_length_truth_and_membership_are_of_rows_and_times():
    log = manual()
    assert (len(log), bool(log)) == (0, False)
    log.extend([(1, "a"), (1, "b"), (2, "c")])
    assert (len(log), bool(log)) == (3, True)
    assert (1 in log, 3 in log, MAX in log) == (True, False, False)
    for other in [True, "a", (1, "a"), 1.0, None]:
        with pytest.raises(TypeError):
            _ = other in log
    with pytest.raises(OverflowError, match="int64"):
        _ = MAX + 1 in log


def test_it_shows_itself():
    log = manual(time_unit="us")
    assert repr(log) == "<Timelog len~0 time_unit='us'>"
    log.extend([(1, "a"), (5, "b")])
    assert repr(log) == "<Timelog len~2 time_unit='us' [1..5]>"
    log.close()
    assert repr(log) == "<Timelog closed>"


def test_it_is_iterated_forward_from_the_start_each_time():
    log = manual(2, 1)
    assert isinstance(log, collections.abc.Iterable)
    assert list(log) == list(log) == [(1, 1), (2, 2)]
    assert type(iter(log)) is timelog.TimelogIter
    with pytest.raises(TypeError, match=r"reversed\(\).*prev_ts"):
        reversed(log)


def test_it_equals_and_hashes_by_identity_and_cannot_be_copied():
    log = manual()
    assert log == log  # noqa: PLR0124
    assert log != manual()
    assert len({log, manual()}) == 2
    for copied in [copy.copy, copy.deepcopy, pickle.dumps]:
        with pytest.raises(TypeError, match="pickle"):
            copied(log)


def test_it_has_no_other_attributes():
    with pytest.raises(AttributeError):
        manual().other = 1


def test_a_subclass_is_made_by_the_presets_and_may_override():
    class Mine(Timelog):
        def append(self, *_):
            raise RuntimeError("mine")

    with Mine.for_streaming() as log:
        assert type(log) is Mine
        log.other = 1
        log[1] = "a"
        log.extend([(2, "b")])
        assert list(log) == [(1, "a"), (2, "b")]
        assert repr(log).startswith("<Mine len~2")


@pytest.mark.parametrize("name", ["TimelogIter", "PageSpan", "PageSpanIter", "PageSpanObjectsView"])
def test_the_types_of_results_cannot_be_made_by_hand(name):
    with pytest.raises(TypeError, match="cannot create|No constructor"):
        getattr(timelog, name)()
